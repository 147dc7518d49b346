import { type Frames, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { decodeAnswer, encodeItems, encodeKnown } from "../src/packs.js";
import { timeLeft, withLines } from "../src/properties.js";
import type { ServerOptions, ServerSurroundings } from "../src/server-options.js";
import {
  type CommandName,
  decodeServerMessage,
  EMPTY,
  encodeCommand,
  encodeKeyValue,
  encodeRefusal,
  type KeyValue,
  type RefusalReason,
} from "../src/wire.js";
import { inWords, ServerDriver, uuidOf, wish } from "./server-driver.js";

const DEAD_MS = 2000;

/** A server that is not active; the test plays the active one. */
class Standby extends ServerDriver {
  constructor(options: ServerOptions = {}, more: ServerSurroundings = {}) {
    super(options, { serves: false, peerDeadMs: DEAD_MS, ...more });
  }

  /** The active says something. */
  hear(frames: Frames): this {
    return this.feed({ type: "link-message", message: decodeAnswer([...frames]) });
  }

  hearCommand(name: CommandName, number = 0): this {
    return this.hear(encodeCommand(name, number));
  }

  hearUpdate(sequence: number, key: string, value: string, more: Partial<KeyValue> = {}): this {
    const { uuid = EMPTY, properties = EMPTY } = more;
    return this.hear(encodeKeyValue(textFrame(key), sequence, uuid, properties, textFrame(value)));
  }

  connects(): this {
    return this.feed({ type: "follow" }).feed({ type: "link-up" });
  }

  /** Has the map, as of this number, and is waited for. */
  catchesUp(sequence = 0): this {
    this.connects().hearCommand("OKTHX", sequence).hearCommand("KTHXBAI", sequence);
    return this.hearCommand("INSYNC", sequence);
  }

  /** What was said to the active since this was last asked, in words. */
  said(): string[] {
    return this.linkSent.splice(0).map((frames) => {
      const message = decodeServerMessage([...frames]);
      if (message.type === "malformed") throw new Error(message.reason);
      if (message.type !== "snapshot-request") return inWords(message);
      return `ICANHAZ? ${message.terms?.credit} ${message.terms?.follows}`;
    });
  }

  /** What was done, in words, since this was last asked. */
  did(): string[] {
    return this.words.splice(0);
  }
}

describe("a passive server", () => {
  it("asks its active for the map, and for all that is to come", () => {
    const server = new Standby().feed({ type: "follow" });
    expect([server.did(), server.said()]).toEqual([["open-link"], []]);
    expect(server.feed({ type: "link-up" }).said()).toEqual(["ICANHAZ? 400 true"]);
    expect(server.feed({ type: "link-up" }).said(), "once").toEqual([]);
  });

  it("takes no more at a time than there is room for in a ROUTER of the same options", () => {
    const asked = (sendHighWaterMark: number) =>
      new Standby({ socket: { sendHighWaterMark } }).connects().said();
    expect([asked(100), asked(1)]).toEqual([["ICANHAZ? 40 true"], ["ICANHAZ? 1 true"]]);
  });

  it("has the map when all of it has come, and forgets its own", () => {
    const server = new Standby();
    server
      .activate()
      .collect("old", "1", { uuid: uuidOf(1) })
      .feed({ type: "deactivate" })
      .connects();
    server.hearCommand("OKTHX", 10).hearUpdate(4, "a", "1").hearUpdate(9, "b", "1");
    server.hear(encodeKnown([[uuidOf(2), 4]]));
    expect(server.map).toEqual({ old: "1" });
    server.said();
    server.hearCommand("KTHXBAI", 10);
    expect(server.map).toEqual({ a: "1", b: "1" });
    expect(server.said()).toEqual(["GOTIT 10"]);
    expect(server.told("caught-up")).toEqual([
      { type: "caught-up", at: 0, sequence: 10, entries: 2, before: 1 },
    ]);
    expect([server.machine.known.find(uuidOf(1)), server.machine.known.find(uuidOf(2))]).toEqual([
      undefined,
      4,
    ]);
  });

  it("may take over from when the active waits for it, and not before", () => {
    const server = new Standby().connects().hearCommand("INSYNC").hearCommand("OKTHX").hearCommand("KTHXBAI");
    expect(server.did()).toEqual(["open-link"]);
    expect(server.hearCommand("INSYNC").did()).toEqual(["caught-up"]);
    expect(server.hearCommand("INSYNC").did(), "once").toEqual([]);
  });

  it("may not take over before it has what was published without it until then", () => {
    const server = new Standby().connects().hearCommand("OKTHX", 5).hearCommand("KTHXBAI", 5);
    server.did();
    expect(server.hearCommand("INSYNC", 7).did()).toEqual([]);
    expect(server.hearUpdate(6, "a", "1").did()).toEqual([]);
    expect(server.hearUpdate(7, "a", "2").did()).toEqual(["caught-up"]);
  });

  it("joins while updates go on: the latest of each key counts, and deletions stay deleted", () => {
    const server = new Standby().connects().hearCommand("OKTHX", 3);
    server
      .hearUpdate(1, "a", "old")
      .hearUpdate(4, "a", "new")
      .hearUpdate(5, "b", "")
      .hearUpdate(2, "b", "old");
    server.hearUpdate(6, "c", "x").hearUpdate(7, "c", "").hearUpdate(8, "c", "y").hearUpdate(3, "d", "kept");
    server.hearUpdate(9, "e", "").hearCommand("KTHXBAI", 3);
    expect(server.map).toEqual({ a: "new", c: "y", d: "kept" });
    expect(server.machine.map.sequence).toBe(9);
    expect(server.said().at(-1)).toBe("GOTIT 9");
  });

  it("knows every update that came while it joined, also those that others of the same key came after", () => {
    const server = new Standby().connects().hearCommand("OKTHX", 0);
    server.hearUpdate(1, "a", "1", { uuid: uuidOf(1) });
    server.hear(encodeKnown([[uuidOf(1), 1]]));
    server.hearUpdate(2, "a", "2", { uuid: uuidOf(2) }).hearUpdate(3, "a", "3", { uuid: uuidOf(3) });
    server
      .hearUpdate(4, "a", "4")
      .hearCommand("KTHXBAI", 0)
      .hearUpdate(5, "a", "5", { uuid: uuidOf(5) });
    expect([1, 2, 3, 5].map((n) => server.machine.known.find(uuidOf(n)))).toEqual([1, 2, 3, 5]);
    server.activate().set("c", "a", "2", { uuid: uuidOf(2) });
    expect(server.heard("c"), "KNOWN is carried over").toEqual(["OKTHX 2"]);
  });

  it("believes nobody who knows what is still to come", () => {
    const server = new Standby()
      .connects()
      .hearCommand("OKTHX", 1)
      .hear(encodeKnown([[uuidOf(1), 9]]));
    server
      .hearCommand("KTHXBAI", 1)
      .activate()
      .set("c", "a", "1", { uuid: uuidOf(1) });
    expect(server.updates()).toEqual(["2 a=1"]);
  });

  it("applies each update of the active, and acknowledges many in a row together", () => {
    const server = new Standby().catchesUp();
    server.said();
    server.until(10);
    for (let n = 1; n <= 12; n++) server.hearUpdate(n, "a", `${n}`);
    const first = Array.from({ length: 8 }, (_, index) => `GOTIT ${index + 1}`);
    expect(server.said(), "the first few at once").toEqual(first);
    for (let n = 13; n <= 80; n++) server.hearUpdate(n, "a", `${n}`);
    expect(server.said()).toEqual(["GOTIT 72"]);
    expect(server.until(11).said()).toEqual(["GOTIT 80"]);
    expect(server.map).toEqual({ a: "80" });
    expect(server.published.filter(({ sequence }) => sequence > 0)).toEqual([]);
  });

  it("takes many items from one message, and keeps none of its memory", () => {
    const item = { key: textFrame("a"), sequence: 1, uuid: uuidOf(1), properties: EMPTY };
    const value = new Uint8Array(100).fill(0x31);
    const items = [
      { ...item, value },
      { ...item, key: textFrame("b"), sequence: 2, value, properties: withLines(EMPTY, [timeLeft(300)]) },
    ];
    const server = new Standby().connects().hearCommand("OKTHX", 2).hear(encodeItems(items));
    server.hearUpdate(3, "a", "new").hearCommand("KTHXBAI", 2);
    expect(server.map).toEqual({ a: "new", b: "1".repeat(100) });
    const kept = server.machine.map.get("b");
    const parts = [kept?.key, kept?.uuid, kept?.value].map((part) => part?.buffer.byteLength);
    expect(parts).toEqual([1, 16, 100]);
    expect(kept?.expiresAt).toBe(300);
  });

  it("gives credit for each message with items, as for any other, and for large ones more", () => {
    const server = new Standby({ socket: { sendHighWaterMark: 10 } }).connects().hearCommand("OKTHX", 10);
    server.said();
    const two = ["a", "b"].map((key) => ({ ...wish(key, "x"), sequence: 1 }));
    expect(server.hear(encodeItems(two)).said()).toEqual([]);
    expect(server.hear(encodeItems(two)).said()).toEqual(["MOAR 2"]);
    expect(server.hearUpdate(2, "c", "x".repeat(40_000)).said()).toEqual(["MOAR 3"]);
  });

  it("gives credit as it takes messages in", () => {
    const server = new Standby().connects().hearCommand("OKTHX", 1000);
    server.said();
    for (let n = 1; n <= 450; n++) server.hearUpdate(n, `k${n}`, "x");
    expect(server.said()).toEqual(["MOAR 200", "MOAR 200"]);
  });

  it("deletes nothing whose time is over; what is left of it is kept on the own clock, for when it is active", () => {
    const server = new Standby().run(50_000).connects().hearCommand("OKTHX", 1);
    server.hearUpdate(1, "a", "1", {
      properties: withLines(textFrame("ttl=5\nsw-ttl=5000\n"), [timeLeft(300)]),
    });
    server.hearCommand("KTHXBAI", 1).hearCommand("INSYNC", 1);
    for (let n = 0; n < 10; n++) server.run(500).hearCommand("PONG");
    expect(server.map).toEqual({ a: "1" });
    server.activate("mine").run(0);
    expect(server.map).toEqual({});
    expect(server.updates()).toEqual(["2 a="]);
  });

  it("counts what is left of a time to live from when it heard it", () => {
    const server = new Standby().run(1000).catchesUp();
    server
      .hearUpdate(1, "a", "1", { properties: withLines(EMPTY, [timeLeft(300)]) })
      .run(100)
      .activate();
    server.run(199);
    expect(server.map).toEqual({ a: "1" });
    expect(server.run(1).map).toEqual({});
  });
});

describe("a passive server and its active", () => {
  it("hear of each other each heartbeat, also where there is nothing else to say", () => {
    const server = new Standby({ heartbeatMs: 500 }).catchesUp();
    server.said();
    server.run(500);
    expect(server.said()).toEqual(["PING 0"]);
    server.hearCommand("PONG").run(300).hearUpdate(1, "a", "1");
    expect(server.said()).toEqual(["GOTIT 1"]);
    expect(server.run(499).said()).toEqual([]);
    expect(server.run(1).said()).toEqual(["PING 0"]);
  });

  it.each([
    [
      "connecting",
      (server: Standby) => server.feed({ type: "follow" }),
      "follow-failed: the active server is silent",
    ],
    ["receiving", (server: Standby) => server.connects(), "follow-failed: the active server is silent"],
    ["waited for", (server: Standby) => server.catchesUp(), "source-lost"],
  ])("a dead one is not waited for for ever (%s)", (_what, begin, outcome) => {
    const server = begin(new Standby().run(100));
    server.did();
    server.until(100 + DEAD_MS - 1);
    expect(server.did()).toEqual([]);
    server.until(100 + DEAD_MS);
    expect(server.did()).toEqual(["close-link", outcome]);
    expect(server.machine.deadline).toBeGreaterThan(server.now);
  });

  it.each([
    ["has no map yet", (server: Standby) => server.connects(), "follow-failed: reset"],
    ["is waited for", (server: Standby) => server.catchesUp(), "source-lost"],
  ])("the connection is lost while it %s", (_what, begin, outcome) => {
    const server = begin(new Standby());
    server.did();
    server.feed({ type: "link-down", reason: "reset" }).feed({ type: "link-down", reason: "reset" });
    expect(server.did()).toEqual(["close-link", outcome]);
    server.hearUpdate(1, "a", "1");
    expect(server.map, "what still comes is nothing").toEqual({});
  });

  it("it begins anew when it is told to follow again, with what the active has then", () => {
    const server = new Standby().connects().hearCommand("OKTHX", 5).hearUpdate(1, "old", "1");
    server.did();
    server.feed({ type: "follow" });
    expect(server.did()).toEqual(["close-link", "open-link"]);
    server
      .feed({ type: "link-up" })
      .hearCommand("OKTHX", 7)
      .hearUpdate(2, "new", "1")
      .hearCommand("KTHXBAI", 7);
    expect(server.map).toEqual({ new: "1" });
  });

  it("it ends when there is nobody to follow", () => {
    const server = new Standby().catchesUp();
    server.did();
    server.feed({ type: "unfollow" }).feed({ type: "unfollow" });
    expect(server.did()).toEqual(["close-link"]);
  });

  it.each([
    [
      "an item without a snapshot",
      (server: Standby) => server.hearUpdate(1, "a", "1"),
      "an item came before its snapshot",
    ],
    [
      "an end without a snapshot",
      (server: Standby) => server.hearCommand("KTHXBAI"),
      "an end came before its snapshot",
    ],
    [
      "a gap",
      (server: Standby) => server.hearCommand("OKTHX", 5).hearUpdate(7, "a", "1"),
      "update 7 came after 5",
    ],
    [
      "a part of what is known",
      (server: Standby) => server.hear(encodeCommand("KNOWN", 1, EMPTY, new Uint8Array(23))),
      "KNOWN with a part of an update",
    ],
    [
      "an item among others that is none, of which none after it is taken",
      (server: Standby) =>
        server.hearCommand("OKTHX", 5).hear(
          encodeItems([
            { ...wish("a", "1"), sequence: 7 },
            { ...wish("b", "1"), sequence: 6 },
          ]),
        ),
      "update 7 came after 5",
    ],
    ["what it must not", (server: Standby) => server.hear([EMPTY]), "message of 1 frames"],
    [
      "that it is not active",
      (server: Standby) => server.hear(encodeRefusal({ reason: "passive" })),
      "the peer refuses: passive",
    ],
  ])("the stream breaks where the active says %s", (_what, say, reason) => {
    const server = say(new Standby().connects());
    expect(server.did()).toEqual(["open-link", "close-link", `follow-failed: ${reason}`]);
  });

  it.each([
    ["an item after the end", (server: Standby) => server.hearUpdate(3, "a", "1")],
    ["a second end", (server: Standby) => server.hearCommand("KTHXBAI", 5)],
    ["a gap", (server: Standby) => server.hearUpdate(7, "a", "1")],
  ])("the stream breaks, too, where it says %s", (_what, say) => {
    const server = new Standby().catchesUp(5);
    server.did();
    expect(say(server).did()).toEqual(["close-link", "source-lost"]);
    expect(server.map).toEqual({});
  });

  it("what is malformed is counted", () => {
    const server = new Standby().connects().hear([EMPTY, EMPTY]);
    expect(server.machine.counters.dropped).toBe(1);
  });

  it("a snapshot has one number, whatever is said later", () => {
    const server = new Standby()
      .connects()
      .hearCommand("OKTHX", 5)
      .hearUpdate(6, "a", "1")
      .hearCommand("OKTHX", 3);
    server.hearUpdate(7, "a", "2").hearCommand("KTHXBAI", 5);
    expect(server.machine.map.sequence).toBe(7);
  });
});

describe("a passive server has fallen behind", () => {
  it("after it stood still for as long as the active waits for it", () => {
    const server = new Standby().catchesUp().standStill(DEAD_MS);
    server.did();
    server.feed({ type: "stalled", ms: DEAD_MS });
    expect(server.did()).toEqual(["close-link", "fell-behind"]);
    expect(server.told("process-stalled")).toEqual([{ type: "process-stalled", at: DEAD_MS, ms: DEAD_MS }]);
  });

  it("also when it stood still for less, but had been silent before", () => {
    const server = new Standby({ heartbeatMs: 1000 }).catchesUp().run(900).standStill(1100);
    server.did();
    expect(server.feed({ type: "stalled", ms: 1100 }).did()).toEqual(["close-link", "fell-behind"]);
  });

  it.each([
    ["what the active says", (server: Standby) => server.hearUpdate(1, "a", "1")],
    ["a timer", (server: Standby) => server.hearCommand("PONG").wake()],
  ])("whatever it gets to first then: %s", (_what, wake) => {
    const server = new Standby({ heartbeatMs: 10 }, { peerDeadMs: 20 }).catchesUp().standStill(25);
    server.did();
    expect(wake(server).did()).toEqual(["close-link", "fell-behind"]);
    expect(server.map).toEqual({});
  });

  it("a timer that is late by itself finds it, too", () => {
    const server = new Standby({ heartbeatMs: 1000 }).catchesUp().run(100).hearUpdate(1, "a", "1").run(999);
    server.hearCommand("PONG").standStill(0);
    server.until(1099).hearCommand("PONG").standStill(1001);
    server.did();
    server.linkSent.length = 0;
    expect(server.now).toBe(2100);
    expect(server.wake().did()).toEqual(["close-link", "fell-behind"]);
  });

  it("when the active says that it is not waited for any more", () => {
    const server = new Standby().catchesUp();
    server.did();
    expect(server.hear(encodeRefusal({ reason: "invalid" })).did()).toEqual(["close-link", "fell-behind"]);
  });

  it.each<RefusalReason>(["passive"])("but not when its peer is not active any more: %s", (reason) => {
    const server = new Standby().catchesUp();
    server.did();
    expect(server.hear(encodeRefusal({ reason })).did()).toEqual(["close-link", "source-lost"]);
  });

  it("not when it stood still for a moment: the active has the time to say what it said", () => {
    const server = new Standby().catchesUp().standStill(DEAD_MS - 1);
    server.did();
    server.feed({ type: "stalled", ms: DEAD_MS - 1 }).wake();
    expect(server.did()).toEqual([]);
    server.hearUpdate(1, "a", "1");
    expect(server.map).toEqual({ a: "1" });
  });

  it("not when nobody waited for it: then it only takes longer", () => {
    const server = new Standby().connects().standStill(DEAD_MS).feed({ type: "stalled", ms: DEAD_MS }).wake();
    expect(server.did()).toEqual(["open-link"]);
  });
});

describe("what clients publish to a passive server", () => {
  it("is kept until the active is seen to have it, and ordered when this server becomes active", () => {
    const server = new Standby().catchesUp();
    for (const n of [1, 2, 3]) server.collect(`k${n}`, "x", { uuid: uuidOf(n) });
    expect([server.machine.pending, server.machine.counters.pending]).toEqual([3, 3]);
    server.hearUpdate(1, "k2", "x", { uuid: uuidOf(2) });
    expect(server.machine.pending).toBe(2);
    server.activate("mine");
    expect(server.updates()).toEqual(["2 k1=x", "3 k3=x"]);
    expect(server.told("pending-ordered")).toEqual([{ type: "pending-ordered", at: 0, updates: 2 }]);
    expect(server.machine.pending).toBe(0);
  });

  it("is not kept if the active has it already, or if it is kept already", () => {
    const server = new Standby().catchesUp().hearUpdate(1, "a", "1", { uuid: uuidOf(1) });
    server.collect("a", "1", { uuid: uuidOf(1) }).collect("b", "1", { uuid: uuidOf(2) });
    server.collect("b", "1", { uuid: uuidOf(2) });
    expect([server.machine.pending, server.machine.counters.pending]).toEqual([1, 1]);
  });

  it("is left to the active if it has no UUID", () => {
    const server = new Standby().catchesUp().collect("a", "1").activate("mine");
    expect(server.updates()).toEqual([]);
    expect(server.told("pending-ordered")).toEqual([]);
  });

  it("is what the map that it gets does not have", () => {
    const server = new Standby()
      .collect("a", "1", { uuid: uuidOf(1) })
      .collect("b", "1", { uuid: uuidOf(2) });
    server
      .connects()
      .hearCommand("OKTHX", 1)
      .hear(encodeKnown([[uuidOf(1), 1]]))
      .hearCommand("KTHXBAI", 1);
    expect(server.machine.pending).toBe(1);
  });

  it("is kept for a few seconds at most", () => {
    const server = new Standby({ pendingMs: 100 }).collect("a", "1", { uuid: uuidOf(1) }).run(100);
    expect(server.machine.pending).toBe(0);
    server
      .collect("b", "1", { uuid: uuidOf(2) })
      .standStill(100)
      .activate();
    expect(server.updates()).toEqual([]);
  });

  it("beyond maxPending is not kept, nor what could never be ordered", () => {
    const server = new Standby({ maxPending: 1, maxValueBytes: 100 });
    server.collect("a", "1", { uuid: uuidOf(1) }).collect("b", "1", { uuid: uuidOf(2) });
    server.collect("c", "x".repeat(101), { uuid: uuidOf(3) });
    expect(server.told("update-refused").map(({ reason }) => reason)).toEqual(["full", "invalid"]);
    expect(server.machine.pending).toBe(1);
  });

  it("and was ordered by this server before, is not ordered again", () => {
    const server = new Standby()
      .activate()
      .collect("a", "1", { uuid: uuidOf(1) })
      .feed({ type: "deactivate" });
    server.collect("a", "1", { uuid: uuidOf(1) }).activate("again");
    expect(server.updates()).toEqual(["1 a=1"]);
  });

  it("is malformed: counted", () => {
    const server = new Standby().feed({ type: "collected", message: { type: "malformed", reason: "odd" } });
    expect(server.machine.counters.dropped).toBe(1);
  });
});

describe("a passive server that takes over", () => {
  it("serves with what it has, follows nobody, and goes on with the numbers", () => {
    const server = new Standby().catchesUp(5).hearUpdate(6, "a", "1");
    server.did();
    server.activate("mine");
    expect(server.did()).toEqual(["close-link"]);
    server.set("c", "b", "1");
    expect(server.updates()).toEqual(["7 b=1"]);
    expect(server.heard("c")).toEqual(["OKTHX 7"]);
  });

  it("that leaves says so to its active", () => {
    const server = new Standby().catchesUp();
    server.said();
    server.feed({ type: "close" });
    expect(server.said()).toEqual(["KTHXBAI 0"]);
    expect(server.did().at(-1)).toBe("close-link");
    const other = new Standby().feed({ type: "follow" }).feed({ type: "close" });
    expect([other.said(), other.did()]).toEqual([[], ["open-link", "close-link"]]);
    const third = new Standby().feed({ type: "close" });
    expect([third.said(), third.did()]).toEqual([[], []]);
  });
});

describe("the store of a passive server", () => {
  const words = (server: Standby): string[] =>
    server.stores.splice(0).map((output) => {
      if (output.type === "store") return output.updates.map(({ sequence }) => sequence).join();
      return `all ${output.sequence} (${output.entries.length}) known ${output.known.length}`;
    });

  it("is given the active's map, and then each update; nobody waits for it", () => {
    const server = new Standby({}, { hasStore: true }).catchesUp(3);
    expect(words(server)).toEqual(["all 3 (0) known 0"]);
    server.said();
    server.run(10).hearUpdate(4, "a", "1", { uuid: uuidOf(1) });
    expect(server.said()).toEqual(["GOTIT 4"]);
    expect(words(server)).toEqual([]);
    server.feed({ type: "stored" });
    expect(words(server)).toEqual(["4"]);
  });

  it("is given the map as it is when its turn comes, and none of what that contains again", () => {
    const server = new Standby({}, { hasStore: true });
    server.activate().collect("old", "1").feed({ type: "deactivate" });
    words(server);
    server.catchesUp(3).hearUpdate(4, "a", "1").hearUpdate(5, "b", "1");
    expect(words(server)).toEqual([]);
    server.feed({ type: "stored" });
    expect(words(server)).toEqual(["all 5 (2) known 0"]);
    server.hearUpdate(6, "c", "1").feed({ type: "stored" });
    expect(words(server)).toEqual(["6"]);
  });

  it("is given all of the map where more than maxUncommitted updates wait for it", () => {
    const server = new Standby({ maxUncommitted: 10 }, { hasStore: true }).catchesUp();
    words(server);
    for (let n = 1; n <= 25; n++) server.hearUpdate(n, "a", `${n}`);
    server.feed({ type: "stored" });
    expect(words(server)).toEqual(["all 25 (1) known 0"]);
  });

  it("that is behind when the server takes over gets all that is ordered then, in order: nothing is left out", () => {
    const server = new Standby({ maxUncommitted: 10 }, { hasStore: true }).catchesUp();
    server.feed({ type: "stored" });
    words(server);
    for (let n = 1; n <= 11; n++) server.hearUpdate(n, "a", `${n}`);
    server.activate("mine");
    for (let n = 12; n <= 21; n++) server.collect("b", `${n}`);
    for (let n = 0; n < 5; n++) server.feed({ type: "stored" });
    expect(words(server)).toEqual(["1", "2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21"]);
    expect(server.updates()).toHaveLength(10);
  });

  it("has nothing to do with what a server without one follows", () => {
    const server = new Standby().catchesUp().hearUpdate(1, "a", "1");
    expect(server.stores).toEqual([]);
  });
});

it("an update that a passive server refuses is asked for again, of the active one", () => {
  const server = new Standby().say("c", wish("a", "1", { uuid: uuidOf(1) }));
  expect(server.refusal("c")).toMatchObject({ reason: "passive", retryAfterMs: undefined });
});
