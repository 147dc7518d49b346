import { describe, expect, it } from "vitest";
import { BrokerDriver } from "./broker-driver.js";

describe("a retry of our client", () => {
  it("joins its original that waits: it is run once, and its time to wait begins anew", () => {
    const broker = new BrokerDriver({ requestTtlMs: 300 }).ask("q", { sequence: 1 }).until(200);
    broker.ask("q", { sequence: 1 }).until(499);
    expect(broker.fates).toEqual([]);
    expect(broker.machine).toMatchObject({ waiting: 1, stats: { requests: 2, joined: 1 } });
    expect(broker.ready("v", "w").deliveries).toEqual(["q > v"]);
    expect(broker.reply("v", "q").told).toEqual(["1 message 0/1: re q"]);
  });

  it("asks for less or more time than its original had", () => {
    const broker = new BrokerDriver({ requestTtlMs: 1000 }).ask("q", { sequence: 1, ttlMs: 500 });
    broker.ask("q", { sequence: 1, ttlMs: 100 }).until(100);
    expect(broker.told).toEqual(["1 no-worker 0/0: "]);
  });

  it("joins its original that runs", () => {
    const broker = new BrokerDriver()
      .join("w", { credit: 2 })
      .ask("q", { sequence: 1 })
      .ask("q", { sequence: 1 });
    expect(broker.deliveries).toEqual(["q > w"]);
    expect(broker.machine).toMatchObject({ running: 1, waiting: 0 });
    expect(broker.reply("w", "q").told).toEqual(["1 message 0/1: re q"]);
  });

  it("from another connection gets the reply, and the end of the first connection ends nothing", () => {
    const broker = new BrokerDriver().ready("w").ask("q", { sequence: 1, client: "\0first" });
    broker.ask("q", { sequence: 1, client: "\0second" }).departed("\0first");
    expect(broker.fates).toEqual([]);
    expect(broker.reply("w", "q").answers).toEqual(["\0second: re q"]);
    expect(broker.machine.stats.answered).toBe(1);
  });

  it("gets the reply also if its original, over a lost connection, is read after it", () => {
    const broker = new BrokerDriver().ask("q", { sequence: 1, attempt: 2, client: "\0second" });
    broker.ask("q", { sequence: 1, attempt: 1, client: "\0first" }).departed("\0first");
    expect(broker.fates).toEqual([]);
    expect(broker.machine).toMatchObject({ waiting: 1, stats: { requests: 2, joined: 1 } });
    expect(broker.ready("w").reply("w", "q").answers).toEqual(["\0second: re q"]);
  });

  it("from another connection that ends, ends it: the first one was given up for it", () => {
    const broker = new BrokerDriver().ask("q", { sequence: 1, client: "\0first" });
    broker.ask("q", { sequence: 1, client: "\0second" }).departed("\0second");
    expect(broker.fates).toEqual(["request-dropped:client-gone"]);
    expect(broker.machine).toMatchObject({ waiting: 0, heldBytes: 0, serviceCount: 0 });
  });

  it("that comes when the original has been answered is a new request", () => {
    const broker = new BrokerDriver()
      .ready("w")
      .ask("q", { sequence: 1 })
      .reply("w", "q")
      .ask("q", { sequence: 1 });
    expect(broker.deliveries).toEqual(["q > w", "q > w"]);
    expect(broker.machine.stats.joined).toBe(0);
  });

  it("of another request of the same client is none", () => {
    const broker = new BrokerDriver()
      .join("w", { credit: 5 })
      .ask("a", { sequence: 1 })
      .ask("b", { sequence: 2 });
    expect(broker.deliveries).toEqual(["a > w", "b > w"]);
  });

  it("is not known from clients that are not ours: each of theirs is run", () => {
    const broker = new BrokerDriver().ready("v", "w").ask("q").ask("q");
    expect(broker.deliveries).toEqual(["q > v", "q > w"]);
  });

  it("of a request that was lost with its worker waits in its place", () => {
    const broker = new BrokerDriver()
      .ready("v")
      .ask("q", { sequence: 1 })
      .departed("v")
      .ask("q", { sequence: 1 });
    expect(broker.machine).toMatchObject({ waiting: 1, running: 0 });
    expect(broker.ready("w").deliveries).toEqual(["q > v", "q > w"]);
    expect(broker.reply("w", "q").told).toEqual(["1 message 0/2: re q"]);
  });
});
