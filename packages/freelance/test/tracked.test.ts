import { describe, expect, it } from "vitest";
import { ClientDriver, EPOCH } from "./client-driver.js";

/** Draws the given numbers in turn, again and again. */
function draws(...values: number[]): () => number {
  let next = 0;
  return () => values[next++ % values.length] as number;
}

describe("a request", () => {
  it("waits until a server was heard, and is not lost", () => {
    const client = new ClientDriver().connect("a");
    client.request();
    client.up("a");
    expect([client.sends, client.pings]).toEqual([[], ["a"]]);
    client.pong("a");
    expect(client.sends).toEqual(["1@a"]);
    expect(client.of("send")[0]?.id).toEqual({ epoch: EPOCH, sequence: 1n });
  });

  it("fault: a pending request is not resent at each wake-up", () => {
    const client = new ClientDriver({ timeoutMs: 60_000 }).alive("a", "b");
    client.request({ timeoutMs: 60_000 });
    for (let now = 1; now < 5000; now += 7) {
      client.until(now, "a", "b");
      client.machine.tick(now);
    }
    expect(client.sends).toHaveLength(1);
    expect(client.pings.length).toBeGreaterThan(4);
  });

  it("fault: request numbers beyond 10^9 are numbers like any other", () => {
    const client = new ClientDriver().alive("a");
    const call = client.request();
    client.feed({
      type: "received",
      connection: client.at("a"),
      message: { type: "reply", epoch: EPOCH, sequence: 10n ** 9n + 1n, body: [] },
    });
    expect(client.statuses).toContain("reply-dropped:unknown");
    expect(client.reply(call, "a").answered).toEqual([call]);
  });

  it.each([
    { timeoutMs: 1, attempts: 1 },
    { timeoutMs: 1, attempts: 5 },
    { timeoutMs: 250.5, attempts: 2 },
  ])(
    "fault: no timeout is negative: $attempts × $timeoutMs ms end in time, and no deadline is in the past",
    (limits) => {
      const client = new ClientDriver({ backoff: { initialMs: 0, jitter: 0 } });
      client.now = 1_000_000;
      client.connect("a");
      client.request(limits);
      let last = client.now;
      while (client.machine.inFlight > 0) {
        const due = client.machine.deadline as number;
        expect(due).toBeGreaterThanOrEqual(last);
        last = Math.max(last, due);
        client.until(last);
      }
      expect(last).toBe(1_000_000 + limits.attempts * limits.timeoutMs);
      expect(client.failures).toEqual(["1:ERR_REQUEST_TIMEOUT"]);
    },
  );

  it("that times out goes to another server, after a pause, under the same id", () => {
    const client = new ClientDriver().alive("a", "b");
    client.request();
    const [first] = client.sends;
    client.until(1000, "a", "b");
    expect(client.statuses).toContain("request-retried:timed-out");
    client.until(1100, "a", "b");
    expect([first, client.sends[1]].sort()).toEqual(["1@a", "1@b"]);
    expect(client.server("a")).toMatchObject({ timeouts: 1, outstanding: 0 });
  });

  it("goes back to the only server there is when it times out", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.until(500).pong("a").until(1100);
    expect(client.sends).toEqual(["1@a", "1@a"]);
  });

  it("fails within attempts × timeout and the pauses between, with what was tried", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.until(3299, "a");
    expect(client.failures).toEqual([]);
    client.until(3300, "a");
    expect(client.of("failed")[0]?.failure).toEqual({
      code: "ERR_REQUEST_TIMEOUT",
      attempts: 3,
      sent: 3,
      endpoints: ["tcp://a:1"],
    });
  });

  it("that is aborted ends at once, and its late reply is dropped", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.feed({ type: "abort", call: 1 }).feed({ type: "abort", call: 1 }).reply(1, "a");
    expect(client.failures).toEqual(["1:ERR_ABORTED"]);
    expect(client.machine.stats.lateReplies).toBe(1);
    expect(client.server("a")).toMatchObject({ outstanding: 0, answered: 1 });
  });

  it("whose handler failed ends in that, without a retry", () => {
    const client = new ClientDriver().alive("a", "b");
    client.request();
    const at = client.sends[0]?.at(-1) as string;
    client.fail(1, at, "no such thing");
    expect(client.of("failed")[0]?.failure).toMatchObject({
      code: "ERR_HANDLER_FAILED",
      message: "no such thing",
    });
    expect(client.until(5000, "a", "b").sends).toHaveLength(1);
    expect(client.server(at)).toMatchObject({ failures: 1 });
  });

  it("is answered by an earlier attempt as well as by the latest", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.until(1050, "a").reply(1, "a");
    expect(client.answered).toEqual([1]);
    const other = client.request();
    client.until(client.now + 1000, "a").fail(other, "a");
    expect(client.failures).toEqual(["2:ERR_HANDLER_FAILED"]);
  });

  it("fails at once with `immediate` when no server takes requests", () => {
    const client = new ClientDriver({ immediate: true }).connect("a");
    client.request();
    expect(client.failures).toEqual(["1:ERR_NOT_CONNECTED"]);
    expect(client.up("a").pong("a").request()).toBe(2);
    expect(client.sends).toEqual(["2@a"]);
  });

  it("is not wanted in a queue any more once it is over, or has moved on", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    const wanted = () => client.of("send").map(({ copy }) => copy.isWanted);
    expect(wanted()).toEqual([true]);
    client.until(1100, "a");
    expect(wanted()).toEqual([false, true]);
    client.reply(1, "a");
    expect(wanted()).toEqual([false, false]);
  });

  it("closing ends every request and gives up every connection", () => {
    const client = new ClientDriver().alive("a", "b").connect("c");
    client.request();
    client.request();
    client.feed({ type: "close" });
    expect(client.failures).toEqual(["1:ERR_CLOSED", "2:ERR_CLOSED"]);
    expect(client.of("discard")).toHaveLength(3);
    expect(client.machine).toMatchObject({ inFlight: 0, serverCount: 0, deadline: undefined });
  });
});

describe("messages that do not belong", () => {
  it("fault: an unknown server id is counted and dropped", () => {
    const client = new ClientDriver().alive("a");
    client.feed({ type: "unknown-server", connection: client.at("a") });
    expect(client.machine.stats.dropped).toBe(1);
    expect(client.statuses.at(-1)).toBe("message-dropped:message of an unknown server");
  });

  it("of a connection that was given up are dropped", () => {
    const client = new ClientDriver().alive("a");
    const old = client.at("a");
    client.disconnect("a");
    client.feed({ type: "received", connection: old, message: { type: "pong" } });
    client.feed({ type: "refused", connection: old, sequence: 1n, reason: "peer-unknown" });
    client.feed({ type: "up", connection: old }).feed({ type: "down", connection: old });
    client.feed({ type: "failed", connection: old });
    expect(client.statuses.at(-1)).toBe("message-dropped:message of a server that was given up");
    expect(client.machine).toMatchObject({ serverCount: 0, stats: { dropped: 1 } });
  });

  it("malformed ones are counted, and are a sign of life", () => {
    const client = new ClientDriver().connect("a").up("a");
    client.feed({ type: "malformed", connection: client.at("a"), reason: "noise" });
    expect(client.states).toEqual(["a:alive"]);
    expect(client.statuses.at(-1)).toBe("message-dropped:noise");
  });

  it("replies of another epoch are nobody's", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.reply(1, "a", 99n);
    expect([client.answered, client.machine.stats.dropped]).toEqual([[], 1]);
    expect(client.statuses.at(-1)).toBe("reply-dropped:unknown");
  });

  it("a PONG that nobody asked for is no measurement", () => {
    const client = new ClientDriver().alive("a");
    client.now = 500;
    expect(client.pong("a").server("a")).toMatchObject({ lastHeardMs: 0, latencyMs: undefined });
  });
});

describe("a server", () => {
  it("fault: a server that is entered twice is one server", () => {
    const client = new ClientDriver().connect("a").up("a").connect("a").pong("a", "a").connect("a", "a");
    client.request();
    client.reply(1, "a").up("a").pong("a");
    expect(client.machine).toMatchObject({ serverCount: 1, aliveCount: 1 });
    client.down("a");
    expect(client.machine).toMatchObject({ serverCount: 1, aliveCount: 0 });
    expect(client.opened).toEqual(["a"]);
    expect(client.statuses.filter((status) => status === "server-added")).toHaveLength(1);
  });

  it("is asked at once when its connection stands, and every interval from then on", () => {
    const client = new ClientDriver().connect("a").up("a").pong("a");
    client.until(10_000, "a");
    expect(client.pings).toHaveLength(1 + 5);
    expect(client.states).toEqual(["a:alive"]);
  });

  it("servers that are met together are not asked together ever after", () => {
    const client = new ClientDriver({}, draws(0, 0.5)).connect("a", "b").up("a", "b").pong("a", "b");
    client.until(1500, "a", "b");
    expect(client.pings).toEqual(["a", "b", "b"]);
  });

  it("takes nothing while it owes a PONG for a whole interval, and is gone after three", () => {
    const client = new ClientDriver({ timeoutMs: 60_000 }).alive("a", "b");
    client.until(1, "a", "b");
    client.pong("a");
    client.until(3999, "b");
    expect(client.server("a")?.state).toBe("alive");
    client.until(4000, "b");
    expect(client.server("a")?.state).toBe("suspect");
    for (let n = 0; n < 10; n++) client.request({ timeoutMs: 60_000 });
    expect(new Set(client.sends.map((send) => send.at(-1)))).toEqual(new Set(["b"]));
    client.until(6000, "b");
    expect(client.server("a")?.state).toBe("suspect");
    client.until(6001, "b");
    expect(client.server("a")?.state).toBe("gone");
    expect(client.statuses).toContain("server-gone:silent");
  });

  it("that was silent for too long is connected anew, and what it had goes elsewhere", () => {
    const client = new ClientDriver().alive("a");
    client.request({ timeoutMs: 60_000 });
    const before = client.at("a");
    client.until(3000).connect("b").up("b").pong("b");
    client.until(6000, "b");
    expect(client.of("discard").map(({ connection }) => connection)).toEqual([before]);
    expect(client.sends).toEqual(["1@a", "1@b"]);
    expect(client.statuses).toContain("request-retried:server-lost");
    expect(client.server("a")).toMatchObject({ losses: 1, outstanding: 0 });
    client.until(6100, "b");
    expect(client.at("a")).not.toBe(before);
    client.up("a").pong("a");
    expect(client.server("a")?.state).toBe("alive");
  });

  it("that is reached and says nothing is connected anew as well", () => {
    const client = new ClientDriver().connect("a").up("a");
    client.until(6000);
    expect(client.states).toEqual(["a:gone"]);
    client.until(6100);
    expect(client.opened).toEqual(["a", "a"]);
    expect(client.states).toEqual(["a:connecting"]);
  });

  it("that did not say a word in the time of an attempt takes nothing more until it does", () => {
    const client = new ClientDriver().alive("a");
    client.until(1);
    client.request();
    client.until(1001);
    expect(client.states).toEqual(["a:suspect"]);
    expect(client.pings).toHaveLength(2);
    client.until(1500);
    expect(client.sends).toHaveLength(1);
    client.pong("a");
    expect([client.states, client.sends]).toEqual([["a:alive"], ["1@a", "1@a"]]);
  });

  it("and if that word is the reply to what waits, that is not sent to it again", () => {
    const client = new ClientDriver().alive("a");
    client.until(1);
    const call = client.request();
    client.until(1500);
    expect([client.states, client.machine.inFlight]).toEqual([["a:suspect"], 1]);
    client.reply(call, "a");
    expect([client.answered, client.states, client.sends]).toEqual([[call], ["a:alive"], ["1@a"]]);
    expect(client.server("a")).toMatchObject({ outstanding: 0, requests: 1, answered: 1, latencyMs: 1000 });
  });

  it("whose connection is lost loses what it had: that goes elsewhere, and not to it until it times out", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.down("a");
    expect(client.states).toEqual(["a:gone"]);
    expect(client.statuses).toContain("server-gone:lost");
    client.until(100).up("a").pong("a");
    expect(client.sends).toEqual(["1@a"]);
    client.until(1200, "a");
    expect(client.sends).toEqual(["1@a", "1@a"]);
  });

  it("that is lost under the last attempt fails the request as lost", () => {
    const client = new ClientDriver().alive("a");
    client.request({ attempts: 1 });
    client.down("a");
    expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_CONNECTION_LOST", sent: 1 });
  });

  it("whose connections are lost before it was heard is tried again", () => {
    const client = new ClientDriver().connect("a", "b").up("a").down("a").down("b");
    expect(client.states).toEqual(["a:gone", "b:gone"]);
    expect(client.statuses.filter((status) => status.startsWith("server-gone"))).toHaveLength(1);
    client.until(100).up("a").pong("a");
    expect(client.states).toEqual(["a:alive", "b:connecting"]);
  });

  it("whose handshake takes longer than connectTimeoutMs is connected anew after pauses that grow, whether it was there before or not", () => {
    const socket = { reconnectIntervalMs: 10, reconnectMaxIntervalMs: 40 };
    const client = new ClientDriver({ heartbeatMs: 100, connectTimeoutMs: 250, socket }).alive("a");
    client.down("a");
    for (const at of [10, 280, 570, 860]) {
      const count = client.opened.length;
      client.until(at - 1);
      expect([client.states, client.opened]).toEqual([["a:gone"], Array(count).fill("a")]);
      client.until(at);
      expect([client.states, client.opened]).toEqual([["a:connecting"], Array(count + 1).fill("a")]);
      expect(client.until(at + 249).states).toEqual(["a:connecting"]);
    }
    client.up("a").pong("a");
    expect(client.states).toEqual(["a:alive"]);
    expect(client.statuses.slice(3)).toEqual([
      "server-gone:lost",
      ...Array(3).fill("connection-failed:it took too long"),
      "server-connected",
      "server-alive",
    ]);
    expect(client.pings).toHaveLength(2);
  });

  it("that was heard before the news of its connection is not greeted any more", () => {
    const client = new ClientDriver().connect("a").pong("a").up("a");
    expect([client.states, client.pings]).toEqual([["a:alive"], []]);
    client.until(1).request();
    client.until(1001).up("a");
    expect(client.states).toEqual(["a:suspect"]);
  });

  it("that cannot be reached is reported", () => {
    const client = new ClientDriver().connect("a");
    client.feed({ type: "failed", connection: client.at("a"), reason: "refused" });
    expect(client.states).toEqual(["a:gone"]);
    client.until(100).feed({ type: "failed", connection: client.at("a") });
    expect(client.statuses.slice(-2)).toEqual(["connection-failed:refused", "connection-failed"]);
    expect(client.opened).toEqual(["a", "a"]);
  });
});

describe("a message that is refused", () => {
  it("goes to another server, and its server is gone", () => {
    const client = new ClientDriver().alive("a", "b");
    client.request({ attempts: 1 });
    client.request({ attempts: 1 });
    expect([...client.sends].sort()).toEqual(["1@a", "2@b"]);
    client.refuse(1, "a");
    expect(client.states).toEqual(["a:gone", "b:alive"]);
    expect(client.sends.at(-1)).toBe("1@b");
    client.reply(1, "b");
    expect(client.machine.stats).toMatchObject({ refused: 1, retries: 0 });
    expect(client.server("a")).toMatchObject({ requests: 0, losses: 0 });
    expect(client.statuses).toContain("send-refused:peer-unknown");
  });

  it("waits when there is no other, and may go to the same once it is back", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.refuse(1, "a").until(100).up("a").pong("a");
    expect(client.sends).toEqual(["1@a", "1@a"]);
  });

  it("by a server whose queue is full waits until that says something", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.request();
    client.refuse(2, "a", "peer-full").refuse(undefined, "a", "peer-full");
    expect(client.states).toEqual(["a:suspect"]);
    expect(client.reply(1, "a").sends).toEqual(["1@a", "2@a", "2@a"]);
  });

  it("by the socket's own full queue waits for the end of its attempt", () => {
    const client = new ClientDriver().alive("a", "b");
    client.request({ attempts: 1 });
    client.refuse(1, "a", "queue-full").refuse(1, "a", "queue-full");
    expect(client.states).toEqual(["a:alive", "b:alive"]);
    expect(client.machine.stats.refused).toBe(1);
    client.until(1000, "a", "b");
    expect(client.of("failed")[0]?.failure).toMatchObject({ code: "ERR_REQUEST_TIMEOUT", sent: 0 });
  });

  it("by the socket's own full queue is placed again, with another, at the next words", () => {
    const client = new ClientDriver().alive("a");
    for (let call = 1; call <= 6; call++) client.request();
    for (let call = 2; call <= 6; call++) client.refuse(call, "a", "queue-full");
    expect(client.sends).toHaveLength(6);
    client.reply(1, "a");
    expect(client.sends.slice(6)).toEqual(["2@a", "3@a"]);
    client.refuse(3, "a", "queue-full").pong("a");
    expect(client.sends.slice(8)).toEqual(["4@a", "5@a"]);
    client.feed({ type: "abort", call: 6 }).reply(2, "a").reply(4, "a");
    expect(client.sends.slice(10)).toEqual(["3@a"]);
    expect(client.machine.stats).toMatchObject({ refused: 6, retries: 0 });
    expect(client.server("a")).toMatchObject({ outstanding: 2 });
  });

  it("by the socket's own full queue waits on where no server takes requests", () => {
    const client = new ClientDriver().alive("a").until(1);
    client.request({ attempts: 1 });
    client.request({ attempts: 1 });
    client.refuse(2, "a", "queue-full").disconnect("a").reply(1, "a");
    expect(client.sends).toHaveLength(2);
    client.alive("b");
    expect(client.sends.slice(2)).toEqual(["2@b"]);
  });

  it("a PING of a server that was just reached is sent again soon, and a name that stays unknown is reported", () => {
    const client = new ClientDriver({ heartbeatMs: 100, liveness: 10 }).connect("a").up("a");
    client.refuse(undefined, "a").until(9);
    expect(client.pings).toHaveLength(1);
    for (const [at, count] of [
      [10, 2],
      [30, 3],
      [70, 4],
    ] as const) {
      expect(client.until(at).pings).toHaveLength(count);
      client.refuse(undefined, "a");
    }
    expect(client.statuses.filter((status) => status === "server-unaddressable")).toHaveLength(1);
    client.until(170).refuse(undefined, "a").until(270);
    expect(client.pings).toHaveLength(6);
    expect(client.statuses.filter((status) => status === "server-unaddressable")).toHaveLength(1);
  });

  it("a PING of a server that was alive means that its connection is gone", () => {
    const client = new ClientDriver().alive("a").refuse(undefined, "a");
    expect(client.states).toEqual(["a:gone"]);
  });
});

describe("a server that is taken out", () => {
  it("gets nothing more, and is kept for what it owes", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.disconnect("a").disconnect("a").disconnect("nobody");
    expect(client.states).toEqual(["a:leaving"]);
    expect(client.statuses.filter((status) => status === "server-removed")).toHaveLength(1);
    client.request();
    expect(client.sends).toEqual(["1@a"]);
    client.until(500, "a").reply(1, "a");
    expect(client.answered).toEqual([1]);
    expect([client.states, client.of("discard").length]).toEqual([[], 1]);
  });

  it("is let go of at once if it owes nothing, or was not heard yet", () => {
    const client = new ClientDriver().alive("a").connect("b", "c").up("b");
    client.disconnect("a").disconnect("b").disconnect("c");
    expect([client.states, client.of("discard").length]).toEqual([[], 3]);
    expect(client.machine.deadline).toBeUndefined();
  });

  it("and entered again before it has gone stays", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.disconnect("a").connect("a");
    expect(client.states).toEqual(["a:reachable"]);
    client.pong("a").request();
    expect(client.sends).toEqual(["1@a", "2@a"]);
    expect(client.reply(1, "a").reply(2, "a").states).toEqual(["a:alive"]);
  });

  it("and lost, and entered again, does not get what it had before that times out", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.disconnect("a").down("a").alive("a");
    expect([client.states, client.sends]).toEqual([["a:alive"], ["1@a"]]);
    client.until(1200, "a");
    expect(client.sends).toEqual(["1@a", "1@a"]);
  });

  it.each(["down", "refused", "silence"])("and lost meanwhile (%s) loses what it had", (how) => {
    const client = new ClientDriver({ heartbeatMs: 100 }).alive("a");
    client.request();
    client.request();
    client.disconnect("a").connect("b").up("b").pong("b");
    if (how === "down") client.down("a");
    else if (how === "refused") client.refuse(1, "a");
    else client.until(300, "b");
    expect(client.states).toEqual(["b:alive"]);
    expect(client.sends.slice(2).sort()).toEqual(["1@b", "2@b"]);
  });
});

describe("a stall of the process", () => {
  it("is no reason to give up any server: each has an interval more", () => {
    const names = Array.from({ length: 20 }, (_, n) => `s${n}`);
    const client = new ClientDriver().alive(...names);
    client.now = 60_000;
    client.feed({ type: "stalled", ms: 59_000 });
    client.machine.tick(client.now);
    client.until(60_000);
    expect(client.machine.aliveCount).toBe(20);
    expect(client.statuses).toContain("process-stalled");
    client.until(70_000);
    expect(client.machine.aliveCount).toBe(0);
  });

  it("does not make anybody suspect by what was asked before", () => {
    const client = new ClientDriver().alive("a");
    client.request();
    client.now = 1500;
    client.feed({ type: "stalled", ms: 1400 });
    client.until(1500);
    expect(client.states).toEqual(["a:alive"]);
    expect(client.statuses).toContain("request-retried:timed-out");
  });
});

describe("the choice of a server", () => {
  it("falls on the one that has less in hand", () => {
    const client = new ClientDriver({}, draws(0, 0.99)).alive("a", "b");
    for (let n = 0; n < 6; n++) client.request();
    expect(client.server("a")?.outstanding).toBe(3);
    expect(client.server("b")?.outstanding).toBe(3);
  });

  it("falls on the one that answers faster, and a slow one is tried again in time", () => {
    const client = new ClientDriver({ heartbeatMs: 100 }, draws(0.1, 0.9, 0.9, 0.1)).alive("slow", "fast");
    const serveOne = (): string => {
      const call = client.request();
      const at = client.sends.at(-1)?.split("@")[1] as string;
      client.until(client.now + (at === "slow" ? 50 : 1), "slow", "fast").reply(call, at);
      return at;
    };
    const picks = Array.from({ length: 40 }, serveOne);
    expect(picks.filter((at) => at === "slow").length).toBeLessThanOrEqual(2);
    expect(client.server("slow")?.latencyMs).toBeCloseTo(50);
    let pick = "fast";
    for (; pick === "fast" && client.now < 120_000; pick = serveOne())
      client.until(client.now + 500, "slow", "fast");
    expect(pick).toBe("slow");
  });

  it("does not fall for a server that answers nothing", () => {
    const client = new ClientDriver({ heartbeatMs: 100 }, draws(0, 0.99)).alive("hole", "good");
    for (let n = 0; n < 10; n++) {
      const call = client.request({ attempts: 1, timeoutMs: 200 });
      client.until(client.now + 2, "hole", "good");
      if (client.sends.at(-1)?.endsWith("good")) client.reply(call, "good");
      else client.until(client.now + 200, "hole", "good");
    }
    expect(client.server("hole")?.requests).toBeLessThanOrEqual(2);
  });

  it.each([
    { inFlight: 1, goodMs: 5 },
    { inFlight: 40, goodMs: 50 },
  ])(
    "does not fall for a server that fails fast: $inFlight in flight, $goodMs ms",
    ({ inFlight, goodMs }) => {
      const names = ["broken", "good", "better"];
      const client = new ClientDriver({ heartbeatMs: 100 }, draws(0.1, 0.9, 0.6, 0.4, 0.3, 0.7)).alive(
        ...names,
      );
      const under: { call: number; at: string; endsAt: number }[] = [];
      let isMended = false;
      const ask = (): void => {
        const call = client.request();
        const at = client.sends.at(-1)?.split("@")[1] as string;
        under.push({ call, at, endsAt: client.now + (at === "broken" ? 1 : goodMs) });
        client.outputs = client.outputs.filter(({ type }) => type === "open");
      };
      /** How many of so many the first server gets. */
      const share = (count: number): number => {
        const before = client.server("broken")?.requests as number;
        for (let n = 0; n < count; n++) {
          under.sort((a, b) => a.endsAt - b.endsAt);
          const { call, at, endsAt } = under.shift() as (typeof under)[0];
          client.until(Math.max(client.now, endsAt), ...names);
          if (at === "broken" && !isMended) client.fail(call, at);
          else client.reply(call, at);
          ask();
        }
        return ((client.server("broken")?.requests as number) - before) / count;
      };
      for (let n = 0; n < inFlight; n++) ask();
      expect(share(4000)).toBeLessThan(0.02);
      isMended = true;
      client.until(client.now + 120_000, ...names);
      expect(share(4000)).toBeGreaterThan(0.3);
    },
  );

  it("every server has a share, whatever is drawn, and a draw of one is still one of them", () => {
    let n = 0;
    const client = new ClientDriver({}, () => [0, 0.2, 0.4, 0.6, 0.8, 1][n++ % 6] as number);
    client.alive("a", "b", "c");
    for (let call = 1; call <= 300; call++) client.request();
    for (const name of ["a", "b", "c"]) expect(client.server(name)?.outstanding).toBe(100);
  });

  it("after timeouts falls on each server once, and then on the one that had it longest ago", () => {
    const names = ["a", "b", "c", "d"];
    for (const random of [0, 0.3, 0.6, 0.99]) {
      const client = new ClientDriver({ backoff: { initialMs: 0, jitter: 0 } }, () => random).alive(...names);
      client.request({ attempts: 9 });
      client.until(8999, ...names);
      const at = client.sends.map((send) => send.at(-1) as string);
      expect([...new Set(at.slice(0, 4))].sort()).toEqual(names);
      expect(at.slice(4)).toEqual([...at.slice(0, 4), at[0]]);
    }
  });

  it("after a timeout and a loss falls on neither of the two, also where one was entered anew, if there is another", () => {
    const client = new ClientDriver().alive("a", "b", "c");
    client.request({ attempts: 4 });
    const first = client.sends[0]?.at(-1) as string;
    client.until(1100, "a", "b", "c");
    const second = client.sends[1]?.at(-1) as string;
    client.disconnect(first).alive(first).down(second);
    const third = ["a", "b", "c"].find((name) => name !== first && name !== second) as string;
    expect(client.sends.at(-1)).toBe(`1@${third}`);
    client.down(third);
    expect(client.sends.at(-1)).toBe(`1@${first}`);
  });

  it("after a timeout falls on one that did not have it, wherever that is in the list", () => {
    for (const random of [0, 0.3, 0.6, 0.99]) {
      const client = new ClientDriver({}, () => random).alive("a", "b", "c", "d");
      client.request();
      client.until(1000, "a", "b", "c", "d").until(1100, "a", "b", "c", "d");
      const [first, second] = client.sends;
      expect(second).not.toBe(first);
    }
  });
});
