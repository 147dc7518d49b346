import { describe, expect, it } from "vitest";
import { isForeignBeat } from "../src/beat.js";
import { ServerDriver, uuidOf } from "./server-driver.js";

describe("a time to live", () => {
  it("ends on the server's own clock: the key is deleted, and that is published as an update", () => {
    const server = new ServerDriver().run(500).set("c", "a", "1", { ttlMs: 250 }).set("c", "b", "1");
    server.run(249);
    expect(server.map).toEqual({ a: "1", b: "1" });
    server.run(1);
    expect(server.map).toEqual({ b: "1" });
    expect(server.updates()).toEqual(["1 a=1", "2 b=1", "3 a="]);
    expect(server.told("entry-expired")).toEqual([{ type: "entry-expired", at: 750, key: "a" }]);
    expect(server.machine.counters.expired).toBe(1);
  });

  it("of the guide's clients is in whole seconds", () => {
    const server = new ServerDriver().collect("a", "1", { properties: [["ttl", "2"]] });
    expect(server.run(1999).map).toEqual({ a: "1" });
    expect(server.run(1).map).toEqual({});
  });

  it("begins anew with each update, and is none if that has none", () => {
    const server = new ServerDriver().set("c", "a", "1", { ttlMs: 100 }).set("c", "b", "1", { ttlMs: 100 });
    server.run(50).set("c", "a", "2", { ttlMs: 100 }).set("c", "b", "2");
    expect(server.run(99).map).toEqual({ a: "2", b: "2" });
    expect(server.run(5000).map).toEqual({ b: "2" });
  });

  it("of a key of the name HUGZ: its deletion is not taken for the heartbeat of a server that is not ours", () => {
    const server = new ServerDriver()
      .set("c", "HUGZ", "1", { ttlMs: 100 })
      .set("c", "a", "1", { ttlMs: 100 });
    server.run(100);
    const deletions = server.published.filter(({ sequence }) => sequence > 2);
    expect(deletions.map((message) => isForeignBeat(message))).toEqual([false, false]);
    expect(deletions.map(({ properties }) => String(Buffer.from(properties)))).toEqual(["sw-update=1\n", ""]);
  });

  it("of an update that deletes is none", () => {
    const server = new ServerDriver().set("c", "a", "", { ttlMs: 100 }).run(5000);
    expect(server.updates()).toEqual(["1 a="]);
  });

  it("of 10,000 keys at once: they are deleted in portions, so that others are heard between", () => {
    const server = new ServerDriver();
    for (let n = 0; n < 10_000; n++) server.collect(`k${n}`, "x", { ttlMs: 100 });
    server.updates();
    server.standStill(100);
    let rounds = 0;
    for (; server.machine.map.size > 0; rounds++) {
      server.wake();
      expect(server.updates().length).toBeLessThanOrEqual(1000);
      expect(server.machine.deadline, "at once").toBeLessThanOrEqual(
        server.machine.map.size > 0 ? 100 : 1000,
      );
    }
    expect(rounds).toBe(10);
    expect(server.machine.counters.expired).toBe(10_000);
  });

  it("that ends while an update of the key is on its way is the end of nothing", () => {
    const server = new ServerDriver({}, { hasStore: true }).set("c", "a", "1", { ttlMs: 100 });
    server
      .feed({ type: "stored" })
      .run(99)
      .set("c", "a", "2", { uuid: uuidOf(1) })
      .run(500);
    server.feed({ type: "stored" }).run(500);
    expect(server.updates()).toEqual(["1 a=1", "2 a=2"]);
    expect(server.map).toEqual({ a: "2" });
  });

  it("ends once, though its deletion takes its time to be published", () => {
    const server = new ServerDriver({}, { hasStore: true }).set("c", "a", "1", { ttlMs: 100 });
    server.feed({ type: "stored" }).run(5000);
    expect(server.map).toEqual({ a: "1" });
    server.feed({ type: "stored" }).run(5000);
    expect(server.updates()).toEqual(["1 a=1", "2 a="]);
  });

  it("waits where too much waits for the store, which wakes nobody meanwhile", () => {
    const server = new ServerDriver({ maxUncommitted: 2 }, { hasStore: true });
    for (const key of ["a", "b"]) server.set("c", key, "1", { ttlMs: 100 });
    server.feed({ type: "stored" }).feed({ type: "stored" });
    server.set("c", "x", "1").set("c", "y", "1").run(5000);
    expect(server.machine.uncommitted).toBe(2);
    server.feed({ type: "stored" }).run(0).feed({ type: "stored" }).run(0).feed({ type: "stored" }).run(0);
    server.feed({ type: "stored" }).run(0);
    expect(server.updates()).toEqual(["1 a=1", "2 b=1", "3 x=1", "4 y=1", "5 a=", "6 b="]);
  });

  it("is not forgotten if the server ceases to be active before the deletion is published", () => {
    const server = new ServerDriver({}, { hasStore: true }).set("c", "a", "1", { ttlMs: 100 });
    server.feed({ type: "stored" }).run(200).feed({ type: "deactivate" });
    server.run(5000).activate("again").run(0);
    for (let n = 0; n < 3; n++) server.feed({ type: "stored" });
    expect(server.map).toEqual({});
    expect(server.updates()).toEqual(["1 a=1", "2 a="]);
  });

  it("means nothing while the server is not active: only the active deletes", () => {
    const server = new ServerDriver().set("c", "a", "1", { ttlMs: 100 }).feed({ type: "deactivate" });
    expect(server.run(5000).map).toEqual({ a: "1" });
    expect(server.activate("again").run(0).map).toEqual({});
  });
});
