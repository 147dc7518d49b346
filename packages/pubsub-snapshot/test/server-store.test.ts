import { frameText, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { Entry } from "../src/entry.js";
import { EMPTY } from "../src/wire.js";
import { ServerDriver, uuidOf } from "./server-driver.js";

const withStore = (options: ConstructorParameters<typeof ServerDriver>[0] = {}): ServerDriver =>
  new ServerDriver(options, { hasStore: true });

/** What the store was given since this was last asked, in words. */
function given(server: ServerDriver): string[] {
  return server.stores.splice(0).map((output) => {
    if (output.type === "store") return output.updates.map(({ sequence }) => sequence).join();
    const entries = output.entries.map(({ key, value }) => `${frameText(key)}=${frameText(value)}`);
    return `all ${output.sequence}: ${entries.join()} known ${output.known.map(([, sequence]) => sequence).join()}`;
  });
}

describe("a server with a store", () => {
  it("publishes, and acknowledges, an update when the store has it", () => {
    const server = withStore().set("c", "a", "1", { uuid: uuidOf(1) });
    expect(given(server)).toEqual(["1"]);
    expect([server.updates(), server.take("c"), server.map]).toEqual([[], [], {}]);
    expect(server.machine.uncommitted).toBe(1);
    server.feed({ type: "stored" });
    expect([server.updates(), server.heard("c"), server.map]).toEqual([["1 a=1"], ["OKTHX 1"], { a: "1" }]);
  });

  it("gives no snapshot of what is not published", () => {
    const server = withStore().set("c", "a", "1").ask("d");
    expect(server.heard("d")).toEqual(["KTHXBAI 0"]);
  });

  it("gives the store one thing at a time, and then all that came meanwhile, up to 1000", () => {
    const server = withStore();
    for (let n = 1; n <= 1500; n++) server.collect(`k${n}`, "x");
    server.feed({ type: "stored" }).feed({ type: "stored" }).feed({ type: "stored" });
    const sizes = given(server).map((words) => words.split(",").length);
    expect(sizes).toEqual([1, 1000, 499]);
    expect(server.updates()).toHaveLength(1500);
    server.feed({ type: "stored" });
    expect(given(server)).toEqual([]);
  });

  it("publishes much that comes free at once in portions", () => {
    const server = new ServerDriver({ heartbeatMs: 100_000 }, { peerDeadMs: 100_000 }).follow("peer");
    server.command("peer", "GOTIT", 0);
    for (let n = 1; n <= 2500; n++) server.collect(`k${n}`, "x");
    server.command("peer", "GOTIT", 2500);
    expect(server.updates()).toHaveLength(1000);
    expect(server.machine.deadline).toBe(0);
    expect(server.wake().updates()).toHaveLength(1000);
    expect(server.run(0).updates()).toHaveLength(500);
  });

  it("whose store fails refuses new updates, tries again each second, and then goes on in order", () => {
    const server = withStore()
      .set("c", "a", "1", { uuid: uuidOf(1) })
      .set("c", "b", "1");
    server.feed({ type: "store-failed", reason: "no room" });
    expect(server.told("store-failed")).toEqual([{ type: "store-failed", at: 0, reason: "no room" }]);
    server.set("d", "x", "1", { uuid: uuidOf(2) });
    expect(server.refusal("d")).toMatchObject({ reason: "store-failed", uuid: uuidOf(2) });
    expect(given(server)).toEqual(["1"]);
    server.run(999);
    expect(given(server)).toEqual([]);
    server.run(1);
    expect(
      server.stores.map(({ at }) => at),
      "times to live are counted from now",
    ).toEqual([1000]);
    expect(given(server)).toEqual(["1"]);
    server.feed({ type: "store-failed", reason: "no room" }).run(1000);
    expect(given(server)).toEqual(["1"]);
    server.feed({ type: "stored" });
    expect(server.told("store-recovered")).toEqual([{ type: "store-recovered", at: 2000 }]);
    expect(given(server)).toEqual(["2"]);
    server.feed({ type: "stored" });
    expect(server.updates()).toEqual(["1 a=1", "2 b=1"]);
    server.set("d", "x", "1", { uuid: uuidOf(3) }).feed({ type: "stored" });
    expect(server.heard("d")).toEqual(["OKTHX 3"]);
  });

  it("goes on from where an earlier life of it ended", () => {
    const server = new ServerDriver({}, { hasStore: true, serves: false });
    const entry = (key: string, sequence: number): Entry =>
      new Entry(textFrame(key), key, sequence, EMPTY, EMPTY, textFrame("x"), undefined);
    for (const each of [entry("b", 7), entry("a", 4)]) server.machine.load(each);
    server.machine.known.add(uuidOf(1), 7);
    server.machine.loaded(9);
    server
      .activate()
      .set("c", "c", "1", { ifSequence: 0 })
      .set("c", "b", "x", { uuid: uuidOf(1) });
    expect(given(server)).toEqual(["10"]);
    server.feed({ type: "stored" });
    expect(server.heard("c")).toEqual(["OKTHX 7", "OKTHX 10"]);
    expect(Object.keys(server.map)).toEqual(["b", "a", "c"]);
  });

  it("that ceases to be active has the store forget what was not published, and forgets its UUIDs", () => {
    const server = withStore()
      .set("c", "a", "1", { uuid: uuidOf(1) })
      .feed({ type: "stored" });
    server.set("c", "b", "1", { uuid: uuidOf(2) }).collect("d", "1", { uuid: uuidOf(3) });
    server.take("c");
    server.feed({ type: "deactivate" });
    expect(server.refusal("c")).toMatchObject({ reason: "passive", uuid: uuidOf(2) });
    given(server);
    // The store has 2 by now: that is not what the map has.
    server.feed({ type: "stored" });
    expect(given(server)).toEqual(["all 1: a=1 known 1"]);
    server.activate("again").set("c", "b", "2", { uuid: uuidOf(2) });
    expect(server.updates(), "not before the store has it").toEqual(["1 a=1"]);
    server.feed({ type: "stored" });
    expect(given(server)).toEqual(["2"]);
    server.feed({ type: "stored" });
    expect(server.updates()).toEqual(["2 b=2"]);
  });

  it("is given with the map only what is known of it, and not of what is still to come", () => {
    const server = withStore()
      .set("c", "a", "1", { uuid: uuidOf(1) })
      .feed({ type: "deactivate" });
    server.activate("again").set("c", "b", "1", { uuid: uuidOf(2) });
    given(server);
    server.feed({ type: "stored" });
    expect(given(server)).toEqual(["all 0:  known "]);
    server.feed({ type: "stored" }).feed({ type: "stored" });
    expect(given(server)).toEqual(["1"]);
    expect(server.updates()).toEqual(["1 b=1"]);
  });

  it("that ceases to be active with everything published leaves the store alone", () => {
    const server = withStore().set("c", "a", "1").feed({ type: "stored" });
    given(server);
    server.feed({ type: "deactivate" }).feed({ type: "deactivate" }).activate("again");
    expect(given(server)).toEqual([]);
  });

  it("whose store fails with what comes to nothing gives it the map instead", () => {
    const server = withStore().set("c", "a", "1");
    given(server);
    server.feed({ type: "store-failed", reason: "no room" }).feed({ type: "deactivate" }).run(1000);
    expect(given(server)).toEqual(["all 0:  known "]);
    server.feed({ type: "stored" });
    expect(server.told("store-recovered")).toHaveLength(1);
  });
});

it("a server without a store gives nothing to it", () => {
  const server = new ServerDriver().set("c", "a", "1").feed({ type: "deactivate" }).feed({ type: "stored" });
  expect(server.stores).toEqual([]);
  expect(server.updates()).toEqual(["1 a=1"]);
});
