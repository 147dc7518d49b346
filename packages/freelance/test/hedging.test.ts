import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HedgeBudget, Hedging } from "../src/hedging.js";
import { Handicap, LatencyWindow, SmoothedLatency } from "../src/latency.js";
import { HEDGE_BURST } from "../src/machine.js";
import { ClientDriver } from "./client-driver.js";

const hedging = { hedgeAfterMs: 50, timeoutMs: 1000 };

describe("a hedge", () => {
  it("goes to another server than the first, and the first reply wins", () => {
    const client = new ClientDriver(hedging).alive("a", "b", "c");
    client.request();
    client.until(49, "a", "b", "c");
    expect(client.sends).toHaveLength(1);
    client.until(50, "a", "b", "c");
    const [first, second] = client.sends.map((send) => send.at(-1) as string) as [string, string];
    expect(second).not.toBe(first);
    expect(client.statuses).toContain("request-hedged");
    client.reply(1, second);
    expect(client.answered).toEqual([1]);
    expect(client.server(first)).toMatchObject({ outstanding: 1 });
    client.until(80, "a", "b", "c").reply(1, first);
    expect(client.answered).toEqual([1]);
    expect(client.machine.stats).toMatchObject({ hedges: 1, hedgesWon: 1, duplicateReplies: 1 });
    expect(client.server(first)).toMatchObject({ outstanding: 0, latencyMs: 80, hedges: 0 });
    expect(client.server(second)).toMatchObject({ latencyMs: 0, hedges: 1 });
  });

  it("is not made once there is a reply", () => {
    const client = new ClientDriver(hedging).alive("a", "b");
    client.request();
    client.until(40, "a", "b").reply(1, client.sends[0]?.at(-1) as string);
    expect(client.until(500, "a", "b").sends).toHaveLength(1);
    expect(client.machine.stats.hedgesWon).toBe(0);
  });

  it("is not made where there is no other server", () => {
    const client = new ClientDriver(hedging).alive("a");
    client.request();
    expect(client.until(999, "a").sends).toHaveLength(1);
    expect(client.machine.stats).toMatchObject({ hedges: 0, hedgesWithheld: 0 });
  });

  it("is no attempt: the timeout stays, and each attempt may have one", () => {
    const client = new ClientDriver({ ...hedging, attempts: 2 }).alive("a", "b");
    client.request({ attempts: 2 });
    client.until(5000, "a", "b");
    expect(client.of("failed")[0]?.failure).toMatchObject({ attempts: 2, sent: 4 });
    expect(client.machine.stats).toMatchObject({ retries: 1, hedges: 2 });
  });

  it("a retry goes to those that did not have the attempt before, if there are any", () => {
    const client = new ClientDriver(hedging).alive("a", "b", "c", "d");
    client.request();
    client.until(1200, "a", "b", "c", "d");
    expect(new Set(client.sends).size).toBe(4);
  });

  it("keeps the request going when the first server is lost, and the other way round", () => {
    for (const lost of [0, 1]) {
      const client = new ClientDriver(hedging).alive("a", "b");
      client.request({ attempts: 1 });
      client.until(50, "a", "b");
      const names = client.sends.map((send) => send.at(-1) as string);
      client.down(names[lost] as string);
      expect(client.failures).toEqual([]);
      client.reply(1, names[1 - lost] as string);
      expect(client.answered).toEqual([1]);
    }
  });

  it("that is refused leaves the first attempt where it is", () => {
    const client = new ClientDriver(hedging).alive("a", "b");
    client.request();
    client.until(50, "a", "b");
    const names = client.sends.map((send) => send.at(-1) as string);
    client.refuse(1, names[1] as string, "queue-full");
    expect(client.sends).toHaveLength(2);
    client.reply(1, names[0] as string);
    expect(client.answered).toEqual([1]);
  });

  it("a failed handler counts only when the other server does not answer either", () => {
    for (const end of ["reply", "failure", "loss", "timeout"]) {
      const client = new ClientDriver(hedging).alive("a", "b");
      client.request();
      client.until(50, "a", "b");
      const [first, second] = client.sends.map((send) => send.at(-1) as string) as [string, string];
      client.fail(1, first, "out of order");
      expect(client.failures).toEqual([]);
      if (end === "reply") client.reply(1, second);
      else if (end === "failure") client.fail(1, second, "out of order");
      else if (end === "loss") client.down(second);
      else client.until(1000, "a", "b");
      if (end === "reply") expect(client.answered).toEqual([1]);
      else expect(client.of("failed")[0]?.failure.message).toBe("out of order");
    }
  });

  it("after a request is over, who still has it is forgotten with its server, refused, or overdue", () => {
    for (const end of ["loss", "refused", "timeout", "close"]) {
      const client = new ClientDriver(hedging).alive("a", "b");
      client.request();
      client.until(50, "a", "b");
      const [first, second] = client.sends.map((send) => send.at(-1) as string) as [string, string];
      client.reply(1, second);
      if (end === "loss") client.down(first);
      else if (end === "refused") client.refuse(1, first, "queue-full");
      else if (end === "timeout") client.until(1000, second);
      else client.feed({ type: "close" });
      expect(client.server(first)?.outstanding ?? 0).toBe(0);
      expect(client.answered).toEqual([1]);
      expect(client.failures).toEqual([]);
      if (end === "timeout") expect(client.server(first)).toMatchObject({ timeouts: 1, state: "suspect" });
    }
  });

  it("that was dropped in a queue is no loss when its server is lost", () => {
    const client = new ClientDriver(hedging).alive("a", "b");
    client.request();
    client.until(50, "a", "b");
    const [first, second] = client.sends.map((send) => send.at(-1) as string) as [string, string];
    client.reply(1, first);
    expect(client.of("send")[1]?.copy.mayLeave()).toBe(false);
    client.down(second);
    expect(client.server(second)).toMatchObject({ requests: 0, losses: 0, outstanding: 0 });
  });

  it("answered requests that somebody still has are kept up to a limit", () => {
    const client = new ClientDriver({ ...hedging, maxInFlight: 2 }).alive("a", "b");
    for (let n = 0; n < 3; n++) client.request();
    client.until(50, "a", "b");
    for (const send of client.sends.slice(3)) client.reply(Number(send[0]), send.at(-1) as string);
    expect(client.answered).toHaveLength(3);
    const outstanding = (client.server("a")?.outstanding ?? 0) + (client.server("b")?.outstanding ?? 0);
    expect(outstanding).toBe(2);
  });

  it("waits for a percentile of the latencies seen, once there are enough", () => {
    const client = new ClientDriver({ hedgePercentile: 0.5, maxHedgeRatio: 1 }).alive("a", "b");
    const finish = (ms: number): void => {
      const call = client.request();
      client.until(client.now + ms, "a", "b").reply(call, client.sends.at(-1)?.at(-1) as string);
    };
    for (let n = 0; n < 32; n++) finish(10);
    expect(client.machine.stats.hedges).toBe(0);
    client.request();
    client.until(client.now + 9, "a", "b");
    expect(client.machine.stats.hedges).toBe(0);
    client.until(client.now + 1, "a", "b");
    expect(client.machine.stats.hedges).toBe(1);
  });

  it("never exceeds its budget", () => {
    const client = new ClientDriver({ hedgeAfterMs: 0, maxHedgeRatio: 0.1, maxInFlight: 10_000 });
    client.alive("a", "b");
    for (let n = 1; n <= 500; n++) {
      client.request();
      client.until(client.now + 1, "a", "b");
      expect(client.machine.stats.hedges).toBeLessThanOrEqual(HEDGE_BURST + 0.1 * n);
    }
    const { hedges, hedgesWithheld } = client.machine.stats;
    expect(hedges + hedgesWithheld).toBe(500);
    expect(hedges).toBeGreaterThan(50);
  });
});

describe("the budget", () => {
  it("is the burst and the share of the requests, in whatever order they come", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.array(fc.boolean()), (ratio, steps) => {
        const budget = new HedgeBudget(ratio);
        let requests = 0;
        let hedges = 0;
        for (const isRequest of steps) {
          if (isRequest) {
            budget.earn();
            requests += 1;
          } else if (budget.spend()) hedges += 1;
          expect(hedges).toBeLessThanOrEqual(HEDGE_BURST + ratio * requests + 1e-9);
        }
      }),
    );
  });

  it("never hedges unless it is asked to", () => {
    const off = { hedgeAfterMs: undefined, hedgePercentile: undefined, maxHedgeRatio: 0.1 };
    const quiet = new Hedging(off);
    for (let n = 0; n < 100; n++) quiet.observe(n);
    expect(quiet.delayMs).toBeUndefined();
    expect(new Hedging({ ...off, hedgeAfterMs: 0 }).delayMs).toBe(0);
  });
});

describe("the percentile", () => {
  it("is that of the latest latencies", () => {
    const window = new LatencyWindow();
    for (let ms = 1; ms <= 31; ms++) window.observe(ms);
    expect(window.percentile(0.5)).toBeUndefined();
    window.observe(32);
    expect([0.5, 0.95, 0.999].map((share) => window.percentile(share))).toEqual([16, 31, 32]);
    for (let n = 0; n < 512; n++) window.observe(7);
    expect(window.percentile(0.999)).toBe(7);
  });

  it("is what sorting would say", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 32, maxLength: 200 }),
        fc.double({ min: 0.5, max: 0.999, noNaN: true }),
        (latencies, share) => {
          const window = new LatencyWindow();
          for (const ms of latencies) window.observe(ms);
          const known = latencies.slice(0, 32 * Math.floor(latencies.length / 32)).sort((a, b) => a - b);
          expect(window.percentile(share)).toBe(known[Math.ceil(share * known.length) - 1]);
        },
      ),
    );
  });
});

describe("the handicap", () => {
  it("doubles with each failure in a row, fades like a latency, and is gone with the first reply", () => {
    const handicap = new Handicap();
    expect(handicap.factor(0)).toBe(1);
    for (let n = 0; n < 3; n++) handicap.failed(0);
    expect([handicap.factor(0), handicap.factor(10_000), handicap.factor(50_000)]).toEqual([8, 4, 1]);
    handicap.failed(10_000);
    expect(handicap.factor(10_000)).toBe(8);
    for (let n = 0; n < 100; n++) handicap.failed(10_000);
    expect([handicap.factor(10_000), handicap.factor(170_000)]).toEqual([65_536, 1]);
    handicap.answered();
    expect(handicap.factor(170_000)).toBe(1);
  });
});

describe("the smoothed latency", () => {
  it("begins with what a PING took, and forgets that at the first answer", () => {
    const latency = new SmoothedLatency();
    expect([latency.ms, latency.expected(0)]).toEqual([undefined, 1]);
    latency.suppose(4, 0);
    expect([latency.ms, latency.expected(0)]).toEqual([undefined, 4]);
    latency.observe(10, 0);
    latency.suppose(4, 0);
    expect([latency.ms, latency.expected(0)]).toEqual([10, 10]);
  });

  it("follows the answers, and takes note of those that do not come only if they are late", () => {
    const latency = new SmoothedLatency();
    latency.observeAtLeast(10, 0);
    latency.observe(20, 0);
    expect(latency.ms).toBeCloseTo(12);
    latency.observeAtLeast(5, 0);
    expect(latency.ms).toBeCloseTo(12);
    latency.observeAtLeast(112, 0);
    expect(latency.ms).toBeCloseTo(32);
  });

  it("is worth half as much each ten seconds, and never nothing", () => {
    const latency = new SmoothedLatency();
    latency.observe(80, 0);
    expect(latency.expected(20_000)).toBeCloseTo(20);
    expect(latency.expected(10_000_000)).toBe(0.05);
  });
});
