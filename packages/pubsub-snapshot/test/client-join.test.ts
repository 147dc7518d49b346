import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { beatTopic, encodeBeat, HUGZ } from "../src/beat.js";
import { PORTION_BYTES } from "../src/packs.js";
import { EMPTY, encodeKeyValue } from "../src/wire.js";
import { A, B, ClientDriver, uuid } from "./client-driver.js";

describe("a join to a server of ours", () => {
  it("subscribes when both connections stand, and asks when a heartbeat proves the subscription", () => {
    const client = new ClientDriver().connect(A);
    expect(client.of("open")).toEqual([
      {
        type: "open",
        join: 1,
        endpoints: { snapshot: A, publisher: "tcp://a:5557", collector: "tcp://a:5558" },
      },
    ]);
    client.feed({ type: "up", join: 1, socket: "publisher" });
    expect(client.topics).toEqual([]);
    client.feed({ type: "up", join: 1, socket: "snapshot" });
    expect(client.topics).toEqual(["", "HUGZ", "\0HUGZ\0\0"]);
    expect(client.of("ask")).toEqual([]);
    client.beat(7);
    const terms = { credit: 400, packBytes: PORTION_BYTES, follows: false };
    expect(client.of("ask")).toEqual([{ type: "ask", join: 1, subtree: EMPTY, terms }]);
    expect(client.machine.state).toBe("asking");
  });

  it("HUGZ with its properties says that the server is ours; only the subtree's own heartbeat is a proof", () => {
    const client = new ClientDriver({ subtree: "/a/" }).connect(A).up();
    expect(client.topics).toEqual(["/a/", "HUGZ", "\0HUGZ\0\u0003/a/"]);
    client.beat(7, { topic: HUGZ, count: undefined });
    expect(client.of("ask")).toEqual([]);
    client.beat(7, { count: 2 });
    expect(client.of("ask")).toHaveLength(1);
  });

  it("is complete at the end of the snapshot, with the updates that came meanwhile", () => {
    const client = new ClientDriver().connect(A).up().beat(5);
    client.item(2, "a", "1").item(5, "b", "1").item(4, "c", "1");
    client.update(6, "d", "2").update(7, "b", "2").update(8, "a", "");
    expect(client.map).toEqual({});
    expect(client.machine).toMatchObject({ isReady: false, server: undefined });
    client.command("KTHXBAI", 5);
    expect(client.map).toEqual({ b: "2", c: "1", d: "2" });
    expect(client.machine).toMatchObject({ isReady: true, server: A, state: "live" });
    expect(client.machine.map.sequence).toBe(8);
    expect(client.of("ready")).toHaveLength(1);
    expect(client.of("status").at(-1)?.event).toMatchObject({
      type: "joined",
      endpoint: A,
      sequence: 8,
      keys: 3,
    });
  });

  it("updates that the snapshot contains already are not applied again, before its end or after", () => {
    const client = new ClientDriver().connect(A).up().beat(0);
    // The snapshot is as of 3: b was deleted by then, and a set anew.
    client.update(1, "a", "old").update(2, "b", "gone").item(3, "a", "new").command("KTHXBAI", 4);
    expect(client.map).toEqual({ a: "new" });
    expect(client.machine.map.sequence).toBe(4);
    client.update(3, "a", "stale").update(4, "b", "").update(5, "c", "1");
    expect(client.map).toEqual({ a: "new", c: "1" });
    expect(client.left).toEqual([]);
  });

  it("an empty map has an end and no items", () => {
    expect(new ClientDriver().joined().machine).toMatchObject({ state: "live", isReady: true });
  });

  it("an update before the proof is not counted: it may be the first that came because of the subscription", () => {
    const client = new ClientDriver().connect(A).up().update(3, "a", "1").beat(9).item(3, "a", "1");
    client.command("KTHXBAI", 9).update(10, "b", "1");
    expect(client.map).toEqual({ a: "1", b: "1" });
    expect(client.machine.stats).toMatchObject({ updates: 1, items: 1, gaps: 0 });
  });

  it("keys that look like heartbeats, commands and ends are keys", () => {
    const client = new ClientDriver().joined({ KTHXBAI: "1", HUGZ: "1", "ICANHAZ?": "1", "\0HUGZ\0\0": "1" });
    expect(Object.keys(client.map)).toEqual(["KTHXBAI", "HUGZ", "ICANHAZ?", "\0HUGZ\0\0"]);
    client
      .update(5, "HUGZ", "")
      .update(6, "\0HUGZ\0\0", "2")
      .update(7, "KTHXBAI", "")
      .update(8, "OKTHX", "1");
    expect(client.map).toEqual({ "ICANHAZ?": "1", "\0HUGZ\0\0": "2", OKTHX: "1" });
    expect(client.left).toEqual([]);
  });

  it("heartbeats of other subtrees, which come where all updates come, mean nothing", () => {
    const client = new ClientDriver().joined({ a: "1" });
    client.hear(
      encodeBeat(beatTopic(textFrame("/b/")), {
        life: "other",
        isActive: false,
        heartbeatMs: 1,
        sequence: 99,
        count: 99,
      }),
    );
    expect(client.machine.state).toBe("live");
  });

  it("a second endpoint that is the same server is none, and another waits for its turn", () => {
    const client = new ClientDriver().connect(A, A, B);
    expect(client.opened).toEqual([A]);
    client.down("snapshot", "refused").up(2).down();
    expect(client.opened).toEqual([A, B]);
    expect(client.machine.state).toBe("pausing");
  });
});

describe("numbers of subtrees", () => {
  const joined = () => {
    const client = new ClientDriver({ subtree: "/a/" }).connect(A).up().beat(10, { count: 4 });
    return client.item(3, "/a/x", "1").command("KTHXBAI", 10);
  };

  it("count the subtree's updates, whatever their sequence numbers", () => {
    const client = joined();
    client.update(15, "/a/y", "2", { count: 5 }).update(90, "/a/x", "3", { count: 6 });
    expect(client.map).toEqual({ "/a/x": "3", "/a/y": "2" });
    expect(client.machine.map.sequence).toBe(90);
    client.beat(120, { count: 6 });
    expect(client.machine.map.sequence).toBe(120);
    expect(client.left).toEqual([]);
  });

  it.each([
    ["jumps", 6, 1],
    ["is missing", undefined, undefined],
    ["goes back", 4, undefined],
  ])("a count that %s is a gap", (_how, count, missing) => {
    const client = joined().update(15, "/a/y", "2", count === undefined ? {} : { count });
    expect(client.of("status").map(({ event }) => event)).toContainEqual({
      type: "gap-noticed",
      at: 0,
      endpoint: A,
      missing,
    });
    expect(client.left).toEqual(["gap"]);
    expect(client.opened).toEqual([A, A]);
    expect(client.map).toEqual({ "/a/x": "1" });
  });

  it.each([5, undefined])("a heartbeat that counts %s, and not what came, is a gap at the end", (count) => {
    expect(joined().beat(15, { count }).left).toEqual(["gap"]);
  });

  it("keys that come because they begin as a heartbeat's topic are not the subtree's", () => {
    const client = joined().update(11, "HUGZ/a/", "1").update(12, "\0HUGZ\0\u0003/a/", "1");
    client.update(13, "/a/y", "2", { count: 5 });
    expect(client.map).toEqual({ "/a/x": "1", "/a/y": "2" });
  });

  it("HUGZ says only whose server it is", () => {
    const client = joined().beat(500, { topic: HUGZ, count: undefined });
    expect(client.machine.state).toBe("live");
    client.life = "life-2";
    expect(client.beat(500, { topic: HUGZ, count: undefined }).left).toEqual(["changed"]);
  });

  it("a server that counts too many already gives the whole map, of which the subtree is kept", () => {
    const client = new ClientDriver({ subtree: "/a/" }).connect(A).up().beat(10, { count: undefined });
    expect(client.statuses).toContain("subtree-widened:crowded");
    expect(client.of("discard")).toEqual([{ type: "discard", join: 1, isAmidSnapshot: false }]);
    client.up(2);
    expect(client.topics).toEqual(["", "HUGZ", "\0HUGZ\0\0"]);
    client.beat(10, { topic: beatTopic(EMPTY), count: undefined });
    expect(client.of("ask").at(-1)).toMatchObject({
      join: 2,
      subtree: textFrame("/a/"),
      terms: { credit: 400 },
    });
    client.item(3, "/a/x", "1").item(4, "/b/x", "1").update(11, "/b/y", "1").update(12, "/a/y", "1");
    client.command("KTHXBAI", 10).update(13, "/c", "1").update(14, "/a/x", "2");
    expect(client.map).toEqual({ "/a/x": "2", "/a/y": "1" });
    expect(client.machine.map.sequence).toBe(14);
    expect(client.update(16, "/b/x", "1").left).toEqual(["gap"]);
  });
});

describe("numbers of the whole map", () => {
  it("a jump is a gap, in the snapshot and after it", () => {
    expect(new ClientDriver().connect(A).up().beat(4).update(6, "a", "1").left).toEqual(["gap"]);
    const client = new ClientDriver().joined({ a: "1" }).update(4, "b", "1");
    expect(client.of("status").at(-3)?.event).toMatchObject({ type: "gap-noticed", missing: 2 });
    expect(client.machine.stats.gaps).toBe(1);
    expect(client.map).toEqual({ a: "1" });
  });

  it("an update that comes twice is counted, and not applied", () => {
    const client = new ClientDriver()
      .joined({ a: "1" })
      .update(2, "a", "2")
      .update(1, "a", "1")
      .update(2, "a", "2");
    expect(client.map).toEqual({ a: "2" });
    expect(client.machine.stats).toMatchObject({ duplicates: 2, updates: 1 });
  });

  it("a heartbeat above what came is a gap, on either topic; one that is equal is none", () => {
    for (const topic of [beatTopic(EMPTY), HUGZ]) {
      const client = new ClientDriver().joined({ a: "1" }).beat(1, { topic });
      expect(client.left).toEqual([]);
      expect(client.beat(2, { topic }).left).toEqual(["gap"]);
    }
  });

  it("a heartbeat below what came is no number of this life", () => {
    expect(new ClientDriver().joined({ a: "1", b: "1" }).beat(1).left).toEqual(["gap"]);
  });

  it("after a gap the map stays as it was until the next join is complete, and then has everything", () => {
    const client = new ClientDriver().joined({ a: "1" }).update(3, "c", "1");
    expect(client.map).toEqual({ a: "1" });
    client.up(2).beat(3).item(1, "a", "1").item(2, "b", "1");
    expect(client.map).toEqual({ a: "1" });
    client.item(3, "c", "1").command("KTHXBAI", 3);
    expect(client.map).toEqual({ a: "1", b: "1", c: "1" });
    expect(client.of("ready")).toHaveLength(1);
  });

  it("what an earlier join's connections still say means nothing", () => {
    const client = new ClientDriver().joined({ a: "1" }).update(3, "c", "1").up(2).beat(3);
    client.hear(encodeKeyValue(textFrame("a"), 2, EMPTY, EMPTY, textFrame("stale")), 1);
    client.get(encodeKeyValue(textFrame("a"), 2, EMPTY, EMPTY, textFrame("stale")), 1);
    client.feed({ type: "down", join: 1, socket: "publisher" }).command("KTHXBAI", 3);
    expect(client.map).toEqual({});
    expect(client.machine.state).toBe("live");
  });
});

describe("lives and peers", () => {
  it("another life of the server is another map: the client joins anew", () => {
    const client = new ClientDriver().joined({ a: "1" });
    client.life = "life-2";
    expect(client.beat(1).left).toEqual(["changed"]);
  });

  it("a server that becomes passive is left", () => {
    expect(new ClientDriver().joined({ a: "1" }).beat(1, { isActive: false }).left).toEqual(["passive"]);
  });

  it("a passive server is asked all the same, and its first heartbeat as the active one counts", () => {
    const client = new ClientDriver().connect(A).up().beat(0, { isActive: false, life: "" });
    client.set("k");
    expect(client.of("ask")).toHaveLength(1);
    expect(client.sends).toEqual([]);
    client.beat(0, { isActive: false, life: "" }).beat(4, { topic: HUGZ });
    expect(client.sends).toEqual(["1@1/snapshot"]);
    client.beat(4).update(5, "b", "1").item(1, "a", "1").command("KTHXBAI", 4).update(6, "c", "1");
    expect(client.map).toEqual({ a: "1", b: "1", c: "1" });
    expect(client.left).toEqual([]);
    expect(client.sends).toEqual(["1@1/snapshot"]);
  });

  it("a passive server that answers is the active one, whatever its heartbeat said before", () => {
    const client = new ClientDriver().connect(A).up().beat(0, { isActive: false });
    client.set("k");
    client.item(1, "a", "1");
    expect(client.sends).toEqual(["1@1/snapshot"]);
    const other = new ClientDriver().connect(A).up().beat(0, { isActive: false });
    other.set("k");
    expect(other.command("KTHXBAI", 3).sends).toEqual(["1@1/snapshot"]);
  });

  it("of a subtree, only its own heartbeat tells the number with which a server becomes active", () => {
    const client = new ClientDriver({ subtree: "/a/" }).connect(A).up().beat(0, { isActive: false });
    client
      .beat(9, { topic: HUGZ, count: undefined })
      .beat(9, { count: 3 })
      .update(10, "/a/x", "1", { count: 4 });
    expect(client.command("KTHXBAI", 9).map).toEqual({ "/a/x": "1" });
    const crowded = new ClientDriver({ subtree: "/a/" }).connect(A).up().beat(0, { isActive: false });
    expect(crowded.beat(9, { count: undefined }).left).toEqual(["changed"]);
  });

  it("SORRY passive beside an active: the other server gets its turn, at once", () => {
    const client = new ClientDriver()
      .connect(A, B)
      .up()
      .beat(0, { isActive: false })
      .refuse({ reason: "passive" });
    expect(client.opened).toEqual([A, B]);
    expect(client.left).toEqual(["passive"]);
  });

  it("SORRY passive with a time: the same server is asked again when it may take over, and once only", () => {
    const client = new ClientDriver().connect(A, B).up().beat(0, { isActive: false });
    client.refuse({ reason: "passive", retryAfterMs: 700 });
    expect(client.machine.state).toBe("pausing");
    client.pass(799);
    expect(client.opened).toEqual([A]);
    client.pass(1).up(2).beat(0, { isActive: false }).refuse({ reason: "passive", retryAfterMs: 700 });
    expect(client.opened).toEqual([A, A, B]);
  });

  it("a time that is longer than the longest pause is cut, and a join makes up for it", () => {
    const client = new ClientDriver().connect(A).up().beat(0, { isActive: false });
    client.refuse({ reason: "passive", retryAfterMs: 60_000 }).pass(2100);
    expect(client.opened).toEqual([A, A]);
    client.up(2).beat(1).command("KTHXBAI", 1).refuse({ reason: "passive", retryAfterMs: 50 }, uuid(1));
    client.pass(150);
    expect(client.opened).toEqual([A, A, A]);
  });
});
