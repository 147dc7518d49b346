import { describe, expect, it } from "vitest";
import { BrokerDriver } from "./broker-driver.js";

const close = { type: "close" } as const;

describe("closing", () => {
  it("drops what waits, and our clients are told; what workers have is answered", () => {
    const broker = new BrokerDriver()
      .ready("w")
      .ask("runs")
      .ask("waits", { sequence: 1 })
      .ask("foreign")
      .feed(close);
    expect(broker.told).toEqual(["1 closing 0/0: "]);
    expect(broker.fates).toEqual(["request-dropped:closing", "request-dropped:closing"]);
    expect(broker.isIdle).toBe(false);
    expect(broker.reply("w", "runs").answers.at(-1)).toBe("client: re runs");
    expect(broker.isIdle).toBe(true);
  });

  it("takes no more requests, and our clients are told", () => {
    const broker = new BrokerDriver().ready("w").feed(close).ask("q", { sequence: 1 }).ask("p");
    expect(broker.told).toEqual(["1 closing 0/0: "]);
    expect(broker.deliveries).toEqual([]);
    expect(broker.machine.stats).toMatchObject({ requests: 2, dropped: 2 });
  });

  it("still lets retries join what runs, so that nothing runs again elsewhere: the reply goes to the retry", () => {
    const broker = new BrokerDriver().ready("w").ask("q", { sequence: 1, client: "\0first" }).feed(close);
    broker.ask("q", { sequence: 1, client: "\0second" }).reply("w", "q");
    expect(broker.told).toEqual(["1 message 0/1: re q"]);
    expect(broker.answers).toEqual(["\0second: re q"]);
  });

  it("gives nothing to another worker any more", () => {
    const broker = new BrokerDriver().ready("a", "b").ask("q", { sequence: 1 }).feed(close).departed("a");
    expect(broker.deliveries).toEqual(["q > a"]);
    expect(broker.told).toEqual(["1 closing 0/1: "]);
    expect(broker.isIdle).toBe(true);
  });

  it("is over at once if no worker has a request, and told once", () => {
    const broker = new BrokerDriver().ready("w").feed(close).feed(close).heartbeat("w").until(1000);
    expect(broker.outputs.filter(({ type }) => type === "idle")).toHaveLength(1);
  });

  it("is over when the last worker with a request is silent, or its client has given up", () => {
    const silent = new BrokerDriver().ready("w").ask("q").feed(close).until(300);
    expect(silent.isIdle).toBe(true);
    const givenUp = new BrokerDriver().ready("w").ask("q", { sequence: 1 }).feed(close).cancel(1);
    expect(givenUp.isIdle).toBe(true);
  });

  it("goes on sending heartbeats meanwhile, and takes in what workers say", () => {
    const broker = new BrokerDriver().ready("w").ask("q").feed(close).clear().alive(200, "w").join("v");
    expect(broker.said).toContain("heartbeat w");
    expect(broker.statuses).toContain("worker-joined v");
  });

  it("workers are told DISCONNECT when the broker closes", () => {
    const broker = new BrokerDriver()
      .ready("idle")
      .join("busy", { version: "0.2", service: "b" })
      .ready("missing");
    broker.ask("q", { service: "b" }).alive(300, "idle", "busy").clear().feed({ type: "dismiss" });
    expect(broker.said).toEqual(["disconnect idle", "disconnect busy", "disconnect missing"]);
  });
});
