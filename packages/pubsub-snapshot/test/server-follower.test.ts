import { describe, expect, it } from "vitest";
import { decodeKnown } from "../src/packs.js";
import { decodeItemTerms } from "../src/properties.js";
import type { KeyValue } from "../src/wire.js";
import { inWords, ServerDriver, uuidOf } from "./server-driver.js";

const DEAD_MS = 2000;
const pair = (
  options: ConstructorParameters<typeof ServerDriver>[0] = {},
  more: ConstructorParameters<typeof ServerDriver>[1] = {},
): ServerDriver => new ServerDriver(options, { peerDeadMs: DEAD_MS, ...more });

/** A server with a follower that has everything, and is waited for. */
function synced(...given: Parameters<typeof pair>): ServerDriver {
  const server = pair(...given)
    .follow("peer")
    .command("peer", "GOTIT", 0);
  server.take("peer");
  return server;
}

describe("a follower", () => {
  it("gets the map, and what is known, and the end", () => {
    const server = pair()
      .collect("a", "1", { uuid: uuidOf(1) })
      .collect("b", "1")
      .collect("a", "2");
    const messages = server.follow("peer").take("peer");
    expect(messages.map(inWords)).toEqual(["OKTHX 3", "3 a=2", "2 b=1", "KNOWN 1", "KTHXBAI 3"]);
    expect(decodeKnown((messages[3] as KeyValue).properties)).toEqual([[uuidOf(1), 1]]);
  });

  it("gets as much as it takes: updates first, then what is left of the map", () => {
    const server = pair();
    for (const key of ["a", "b", "c"]) server.collect(key, "1");
    server.follow("peer", 1).collect("b", "2").collect("d", "1");
    expect(server.take("peer").map(inWords)).toEqual(["OKTHX 3", "1 a=1"]);
    server.command("peer", "MOAR", 1);
    expect(server.take("peer").map(inWords)).toEqual(["4 b=2"]);
    server.command("peer", "MOAR", 10);
    expect(server.take("peer").map(inWords)).toEqual(["5 d=1", "3 c=1", "2 b=1", "KTHXBAI 3"]);
  });

  it("gets many entries in one message, if it takes them so, and updates before them all", () => {
    const server = pair();
    for (let n = 0; n < 7; n++) server.collect(`k${n}`, "x", { uuid: uuidOf(n) });
    // Two entries of 18 + 2 + 16 + 1 bytes.
    server.follow("peer", 2, 13 + 2 * 37);
    expect(server.take("peer").map(inWords)).toEqual(["OKTHX 7", "1 k0=x", "2 k1=x", "3 k2=x", "4 k3=x"]);
    server.collect("k0", "new").collect("k4", "new").collect("k6", "");
    server.command("peer", "MOAR", 3);
    expect(server.take("peer").map(inWords)).toEqual(["8 k0=new", "9 k4=new", "10 k6="]);
    server.command("peer", "MOAR", 100);
    const rest = server.take("peer");
    expect(rest.map(inWords).sort()).toEqual(["5 k4=x", "6 k5=x", "7 k6=x", "KNOWN 7", "KTHXBAI 7"].sort());
    expect(server.packs).toEqual([2, 2, 2]);
    expect(rest.filter(({ type }) => type === "key-value").map(({ uuid }) => uuid)).toEqual(
      expect.arrayContaining([uuidOf(4), uuidOf(5), uuidOf(6)]),
    );
  });

  it("pays for a large entry as much as it is", () => {
    const server = pair();
    for (const key of ["a", "b", "c"]) server.collect(key, "x".repeat(40_000));
    expect(server.follow("peer", 4, 16_384).take("peer")).toHaveLength(3);
    expect(server.command("peer", "MOAR", 2).take("peer")).toEqual([]);
    expect(server.command("peer", "MOAR", 1).take("peer")).toHaveLength(1);
  });

  it("gets a large map in portions", () => {
    const server = pair({ maxUncommitted: 100_000 });
    for (let n = 0; n < 5000; n++) server.collect(`k${n}`, "x");
    server.follow("peer");
    expect(server.take("peer")).toHaveLength(2001);
    expect(server.machine.deadline).toBe(0);
    expect(server.wake().take("peer")).toHaveLength(2000);
    expect(server.run(0).take("peer").at(-1)).toMatchObject({ name: "KTHXBAI" });
  });

  it("gets what is known in several messages if it is much", () => {
    const server = pair();
    for (let n = 0; n < 2500; n++) server.collect("a", "x", { uuid: uuidOf(n) });
    const words = server.follow("peer").take("peer").map(inWords);
    expect(words.slice(2)).toEqual([...Array<string>(4).fill("KNOWN 600"), "KNOWN 100", "KTHXBAI 2500"]);
  });

  it("is told what is left of a time to live, since it has a clock of its own", () => {
    const server = pair()
      .collect("a", "1", { ttlMs: 1000, properties: [["x", "y"]] })
      .run(300)
      .follow("peer");
    const [, item] = server.take("peer") as [unknown, KeyValue];
    expect(decodeItemTerms(item.properties)).toMatchObject({
      ttlMs: 1000,
      leftMs: 700,
      properties: [["x", "y"]],
    });
    server.collect("b", "1", { ttlMs: 500 });
    const [update] = server.take("peer") as [KeyValue];
    expect(decodeItemTerms(update.properties)).toMatchObject({ ttlMs: 500, leftMs: 500 });
  });

  it("is waited for from when it has everything: then a set is published only when it has it", () => {
    const server = pair().follow("peer").collect("a", "1");
    expect(server.updates(), "not yet").toEqual(["1 a=1"]);
    server.take("peer");
    server.command("peer", "GOTIT", 1);
    expect(server.take("peer").map(inWords)).toEqual(["INSYNC 1"]);
    expect(server.told("follower-joined")).toEqual([{ type: "follower-joined", at: 0, sequence: 1 }]);
    expect(server.machine.hasFollower).toBe(true);
    server.set("c", "b", "1").set("c", "b", "2").set("c", "b", "3");
    expect([server.updates(), server.take("c"), server.map]).toEqual([[], [], { a: "1" }]);
    expect(server.take("peer").map(inWords)).toEqual(["2 b=1", "3 b=2", "4 b=3"]);
    server.command("peer", "GOTIT", 3);
    expect(server.updates()).toEqual(["2 b=1", "3 b=2"]);
    expect(server.heard("c")).toEqual(["OKTHX 2", "OKTHX 3"]);
    server.command("peer", "GOTIT", 2);
    expect(server.updates()).toEqual([]);
    server.command("peer", "GOTIT", 99);
    expect(server.updates()).toEqual(["4 b=3"]);
  });

  it("cannot have what it was not sent", () => {
    const server = pair().follow("peer", 2).command("peer", "GOTIT", 0);
    server.take("peer");
    for (const key of ["a", "b", "c", "d"]) server.collect(key, "1");
    server.command("peer", "GOTIT", 4);
    expect(server.updates(), "credit for two").toEqual(["1 a=1", "2 b=1"]);
  });

  it("and the store both have an update before it is published", () => {
    const server = synced({}, { hasStore: true }).collect("a", "1").collect("b", "1");
    server.command("peer", "GOTIT", 2);
    expect(server.updates()).toEqual([]);
    server.feed({ type: "stored" });
    expect(server.updates()).toEqual(["1 a=1"]);
    server.feed({ type: "stored" }).collect("c", "1").feed({ type: "stored" });
    expect(server.updates()).toEqual(["2 b=1"]);
    server.command("peer", "GOTIT", 3);
    expect(server.updates()).toEqual(["3 c=1"]);
  });

  it("that comes while updates wait for the store gets these, too", () => {
    const server = pair({}, { hasStore: true }).collect("a", "1").collect("b", "1").follow("peer");
    expect(server.take("peer").map(inWords)).toEqual(["OKTHX 0", "1 a=1", "2 b=1", "KTHXBAI 0"]);
  });

  it("is not waited for before it was sent everything, whatever it says", () => {
    const server = pair().collect("a", "1").collect("b", "1").follow("peer", 1).command("peer", "GOTIT", 2);
    expect(server.machine.hasFollower).toBe(false);
    server.collect("c", "1");
    expect(server.updates()).toHaveLength(3);
    server.command("peer", "MOAR", 10).command("peer", "GOTIT", 2);
    expect(server.machine.hasFollower).toBe(true);
  });

  it("is answered each time that it says that it lives", () => {
    const server = pair().follow("peer");
    server.take("peer");
    server.command("peer", "PING", 7);
    expect(server.take("peer").map(inWords)).toEqual(["PONG 7"]);
    server.command("peer", "INSYNC", 7);
    expect(server.take("peer")).toEqual([]);
  });

  it("is none of a server that has no peer", () => {
    const server = new ServerDriver().follow("peer");
    expect(server.refusal("peer").reason).toBe("invalid");
  });

  it("is none of a server that is not active", () => {
    const server = pair({}, { serves: false }).follow("peer");
    expect(server.refusal("peer").reason).toBe("passive");
    server.command("peer", "PING");
    expect(server.refusal("peer").reason).toBe("passive");
  });
});

describe("a follower is lost, and the active goes on alone,", () => {
  it("when it is silent for as long as a peer may be: a dead one blocks nobody", () => {
    const server = synced().run(500).command("peer", "PING").collect("a", "1");
    server.take("peer");
    server.until(500 + DEAD_MS - 1);
    expect(server.updates()).toEqual([]);
    server.until(500 + DEAD_MS);
    expect(server.updates()).toEqual(["1 a=1"]);
    expect(server.told("follower-lost")).toEqual([
      { type: "follower-lost", at: 500 + DEAD_MS, reason: "silent" },
    ]);
    expect(server.machine.hasFollower).toBe(false);
    expect(server.heard("peer"), "it must not take over").toEqual(["SORRY invalid"]);
  });

  it("when it lives, and acknowledges nothing for so long", () => {
    const server = synced().collect("a", "1");
    for (let n = 0; n < 10; n++) server.command("peer", "PING").run(DEAD_MS / 10);
    expect(server.updates()).toEqual(["1 a=1"]);
    expect(server.told("follower-lost")).toMatchObject([{ reason: "slow", at: DEAD_MS }]);
  });

  it("but not when it acknowledges a part", () => {
    const server = synced()
      .collect("a", "1")
      .collect("b", "1")
      .collect("c", "1")
      .run(DEAD_MS - 1);
    for (const number of [1, 2, 3]) server.command("peer", "GOTIT", number).run(DEAD_MS - 1);
    expect(server.told("follower-lost")).toEqual([]);
    expect(server.run(1).told("follower-lost")).toMatchObject([{ reason: "silent" }]);
  });

  it("when it leaves", () => {
    const server = synced().collect("a", "1");
    server.take("peer");
    server.command("peer", "KTHXBAI");
    expect(server.updates()).toEqual(["1 a=1"]);
    expect(server.told("follower-lost")).toMatchObject([{ reason: "left" }]);
    expect(server.take("peer")).toEqual([]);
  });

  it("when its connection is gone", () => {
    const server = synced();
    server.gone.add("peer");
    server.collect("a", "1");
    expect(server.updates()).toEqual(["1 a=1"]);
    expect(server.told("follower-lost")).toMatchObject([{ reason: "gone" }]);
  });

  it("when it has no room for a message, which would be a hole in its stream", () => {
    const server = synced();
    server.room.set("peer", 0);
    server.collect("a", "1").collect("b", "1");
    expect(server.updates()).toEqual(["1 a=1", "2 b=1"]);
    expect(server.told("follower-lost")).toMatchObject([{ reason: "slow" }]);
  });

  it("when it takes so little that more than maxUncommitted is kept for it", () => {
    const server = pair({ maxUncommitted: 10 }).follow("peer", 1);
    for (let n = 0; n < 12; n++) server.collect("a", `${n}`);
    expect(server.told("follower-lost")).toMatchObject([{ reason: "slow" }]);
    expect(server.machine.map.sequence).toBe(12);
  });

  it("when another comes, or the same anew: that gets the map from the beginning", () => {
    const server = synced().collect("a", "1").follow("other");
    expect(server.updates()).toEqual(["1 a=1"]);
    expect(server.told("follower-lost")).toMatchObject([{ reason: "replaced" }]);
    expect(server.heard("peer")).toEqual(["SORRY invalid"]);
    expect(server.take("other").map(inWords)).toEqual(["OKTHX 0", "1 a=1", "KTHXBAI 0"]);
    server.command("peer", "GOTIT", 1);
    expect(server.machine.hasFollower).toBe(false);
    server.follow("other");
    expect(server.take("other").map(inWords), "not a refusal, which it would take for the new one's").toEqual(
      ["OKTHX 1", "1 a=1", "KTHXBAI 1"],
    );
  });

  it("and is told so when it still says that it lives", () => {
    const server = synced();
    server.room.set("peer", 0);
    server.collect("a", "1");
    server.room.delete("peer");
    server.command("peer", "PING");
    expect(server.heard("peer")).toEqual(["SORRY invalid"]);
  });

  it("but not for what the active itself slept through", () => {
    const server = synced().collect("a", "1").standStill(60_000).feed({ type: "stalled", ms: 60_000 });
    server.run(DEAD_MS - 1);
    expect(server.told("follower-lost")).toEqual([]);
    expect(server.run(1).told("follower-lost")).toHaveLength(1);
  });
});

it("a server that ceases to be active refuses what is not published, and forgets its UUIDs", () => {
  const server = synced()
    .set("c", "a", "1", { uuid: uuidOf(1) })
    .collect("b", "1", { uuid: uuidOf(2) });
  server.feed({ type: "deactivate" });
  expect(server.refusal("c")).toMatchObject({ reason: "passive", uuid: uuidOf(1) });
  expect([server.updates(), server.map, server.machine.uncommitted]).toEqual([[], {}, 0]);
  server.activate("again").set("c", "a", "2", { uuid: uuidOf(1) });
  expect([server.updates(), server.heard("c")]).toEqual([["1 a=2"], ["OKTHX 1"]]);
  expect(server.machine.hasFollower).toBe(false);
});

describe("an active server that is in doubt whether it still is", () => {
  it("publishes nothing that its passive, which may have taken over, does not have", () => {
    const server = synced();
    server.machine.isSure = () => false;
    server.collect("a", "1").collect("b", "1").command("peer", "GOTIT", 1);
    expect(server.updates(), "the passive has it").toEqual(["1 a=1"]);
    server.run(5 * DEAD_MS);
    expect(server.told("follower-lost")).toHaveLength(1);
    expect([server.updates(), server.machine.uncommitted]).toEqual([[], 1]);
  });

  it("publishes it when it has been in doubt no more for half a heartbeat", () => {
    const server = pair();
    let isSure = false;
    server.machine.isSure = () => isSure;
    server.collect("a", "1").run(1000);
    expect(server.updates()).toEqual([]);
    isSure = true;
    server.run(510);
    expect(server.updates()).toEqual(["1 a=1"]);
  });
});
