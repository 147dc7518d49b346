import { framesEqual, frameText, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { HUGZ } from "../src/beat.js";
import { countUnder, decodeItemTerms } from "../src/properties.js";
import { EMPTY, type KeyValue, MAX_KEY_BYTES } from "../src/wire.js";
import { ServerDriver, uuidOf, wish } from "./server-driver.js";

describe("an update", () => {
  it("is ordered, applied, published and acknowledged, under the next number", () => {
    const server = new ServerDriver();
    server.set("c", "a", "1", { uuid: uuidOf(1) }).set("c", "b", "2", { uuid: uuidOf(2) });
    expect(server.map).toEqual({ a: "1", b: "2" });
    expect(server.updates()).toEqual(["1 a=1", "2 b=2"]);
    expect(server.take("c")).toMatchObject([
      { name: "OKTHX", number: 1, uuid: uuidOf(1) },
      { name: "OKTHX", number: 2, uuid: uuidOf(2) },
    ]);
    expect(server.machine.counters.published).toBe(2);
  });

  it("that came over the collector is published, too, and nobody is answered", () => {
    const server = new ServerDriver().collect("a", "1", { uuid: uuidOf(1) });
    expect(server.updates()).toEqual(["1 a=1"]);
    expect(server.got.size).toBe(0);
  });

  it("with an empty value deletes the key, whether it is there or not", () => {
    const server = new ServerDriver().set("c", "a", "1").set("c", "a", "").set("c", "b", "");
    expect(server.map).toEqual({});
    expect(server.updates()).toEqual(["1 a=1", "2 a=", "3 b="]);
  });

  it("whose UUID comes again is one update, and acknowledged once more with the same number", () => {
    const server = new ServerDriver().set("c", "a", "1", { uuid: uuidOf(1) });
    server.collect("a", "1", { uuid: uuidOf(1) }).set("c", "a", "1", { uuid: uuidOf(1) });
    expect(server.updates()).toEqual(["1 a=1"]);
    expect(server.heard("c")).toEqual(["OKTHX 1", "OKTHX 1"]);
    expect(server.machine.counters.duplicates).toBe(2);
  });

  it("whose UUID comes again before it is published is acknowledged once it is, to each that asked", () => {
    const server = new ServerDriver({}, { hasStore: true });
    server.collect("a", "1", { uuid: uuidOf(1) });
    for (const client of ["c", "d", "c"]) server.set(client, "a", "1", { uuid: uuidOf(1) });
    expect(server.got.size).toBe(0);
    expect(server.updates()).toEqual([]);
    server.feed({ type: "stored" });
    expect(server.updates()).toEqual(["1 a=1"]);
    expect([server.heard("c"), server.heard("d")]).toEqual([["OKTHX 1"], ["OKTHX 1"]]);
  });

  it("is forgotten by its UUID after maxKnown others", () => {
    const server = new ServerDriver({ maxKnown: 2 });
    for (const n of [1, 2, 3, 2, 1]) server.set("c", "a", `${n}`, { uuid: uuidOf(n) });
    expect(server.updates()).toEqual(["1 a=1", "2 a=2", "3 a=3", "4 a=1"]);
  });

  it.each([
    ["of the sequence that it expects", 1, "a", "OKTHX 2"],
    ["of a key that is not there, where it expects none", 0, "b", "OKTHX 2"],
    ["of another sequence", 2, "a", "SORRY conflict"],
    ["of a key that it expects not to be there", 0, "a", "SORRY conflict"],
    ["of a key that is not there", 1, "b", "SORRY conflict"],
  ])("with a condition: %s", (_what, ifSequence, key, answer) => {
    const server = new ServerDriver().set("c", "a", "1");
    server.take("c");
    server.set("c", key, "2", { ifSequence });
    expect(server.heard("c")).toEqual([answer]);
  });

  it("with a condition that does not hold is told the key's sequence", () => {
    const server = new ServerDriver().set("c", "a", "1").set("c", "b", "1").set("c", "b", "2");
    server.take("c");
    server.set("c", "b", "3", { uuid: uuidOf(7), ifSequence: 2 });
    expect(server.refusal("c")).toMatchObject({ reason: "conflict", number: 3, uuid: uuidOf(7) });
    server.set("c", "none", "3", { uuid: uuidOf(8), ifSequence: 2 });
    expect(server.refusal("c")).toMatchObject({ reason: "conflict", number: 0 });
  });

  it("that was refused is refused in the same way when another copy of it is read later, though it could be ordered then", () => {
    const server = new ServerDriver({ maxKeys: 1 }).set("c", "a", "1");
    const [conflicting, full] = [
      { uuid: uuidOf(1), ifSequence: 2 },
      { uuid: uuidOf(2), ttlMs: 100 },
    ];
    server.set("c", "a", "2", conflicting).set("c", "b", "2", full).set("d", "a", "3").set("d", "a", "");
    server.take("c");
    server.set("c", "a", "2", conflicting);
    expect(server.refusal("c")).toMatchObject({ reason: "conflict", number: 1, uuid: uuidOf(1) });
    server.set("c", "b", "2", full);
    expect(server.refusal("c")).toMatchObject({ reason: "full", option: "maxKeys", limit: 1 });
    server.collect("b", "2", full);
    expect(server.map).toEqual({});
  });

  it("that was refused is forgotten after maxKnown others, and one of which nobody was told that it is, at once", () => {
    const server = new ServerDriver({ maxKnown: 2, maxKeys: 1 }).set("c", "a", "1");
    for (const n of [1, 2, 3, 2]) server.set("c", "b", "1", { uuid: uuidOf(n) });
    server
      .set("c", "b", "1")
      .collect("b", "1", { uuid: uuidOf(4) })
      .set("d", "a", "");
    server.take("c");
    for (const n of [3, 2, 1]) server.set("c", "b", `${n}`, { uuid: uuidOf(n) });
    expect(server.heard("c")).toEqual(["SORRY full", "SORRY full", "OKTHX 3"]);
    server.set("d", "b", "").collect("b", "4", { uuid: uuidOf(4) });
    expect(server.map).toEqual({ b: "4" });
  });

  it("with a condition is judged by what is ordered, though it is not published yet", () => {
    const server = new ServerDriver({}, { hasStore: true });
    server.set("c", "a", "1").set("d", "a", "2", { ifSequence: 0 });
    expect(server.refusal("d")).toMatchObject({ reason: "conflict", number: 1 });
    server.set("c", "a", "").set("d", "a", "2", { ifSequence: 1 });
    expect(server.refusal("d")).toMatchObject({ reason: "conflict", number: 0 });
    server.set("d", "a", "2", { ifSequence: 0 }).feed({ type: "stored" }).feed({ type: "stored" });
    expect(server.map).toEqual({ a: "2" });
  });

  it.each([
    ["maxKeys", { maxKeys: 2 }, "c", "1", 2],
    ["maxBytes", { maxBytes: 8 }, "c", "123456", 8],
    ["maxValueBytes", { maxValueBytes: 5 }, "a", "123456", 5],
  ] as const)("beyond %s is refused by name", (option, options, key, value, limit) => {
    const server = new ServerDriver(options).set("c", "a", "1").set("c", "b", "1");
    server.take("c");
    server.set("c", key, value, { uuid: uuidOf(1) });
    expect(server.refusal("c")).toMatchObject({ reason: "full", option, limit, uuid: uuidOf(1) });
    expect(server.told("update-refused")).toEqual([{ type: "update-refused", at: 0, reason: "full" }]);
    expect(server.machine.counters.refused).toBe(1);
    expect(server.map).toEqual({ a: "1", b: "1" });
  });

  it("beyond maxUncommitted is refused by name, until what waits is published", () => {
    const server = new ServerDriver({ maxUncommitted: 2 }, { hasStore: true });
    for (const key of ["a", "b", "c"]) server.set("c", key, "1");
    expect(server.refusal("c")).toMatchObject({ reason: "full", option: "maxUncommitted", limit: 2 });
    server.feed({ type: "stored" }).feed({ type: "stored" });
    server.take("c");
    server.set("c", "c", "1").feed({ type: "stored" });
    expect(server.heard("c")).toEqual(["OKTHX 3"]);
  });

  it("that replaces or deletes is taken where the map is full", () => {
    const server = new ServerDriver({ maxKeys: 1, maxBytes: 4 });
    server.set("c", "a", "123").set("c", "a", "456").set("c", "a", "").set("c", "b", "7");
    expect(server.updates()).toEqual(["1 a=123", "2 a=456", "3 a=", "4 b=7"]);
  });

  it("counts for the limits as soon as it is ordered", () => {
    const server = new ServerDriver({ maxKeys: 1 }, { hasStore: true });
    server.set("c", "a", "1").set("d", "b", "1");
    expect(server.refusal("d")).toMatchObject({ option: "maxKeys" });
    server.set("c", "a", "").set("d", "b", "1").feed({ type: "stored" }).feed({ type: "stored" });
    expect(server.map).toEqual({ b: "1" });
  });

  it.each([
    ["a key that is too long", wish("k".repeat(MAX_KEY_BYTES + 1), "1")],
    ["a time to live that is no number", { ...wish("a", "1"), properties: textFrame("ttl=soon\n") }],
  ])("with %s is invalid", (_what, message) => {
    const server = new ServerDriver().say("c", message);
    expect(server.refusal("c")).toMatchObject({ reason: "invalid" });
  });

  it("of a key of the greatest length is taken, whatever its bytes are", () => {
    const key = new Uint8Array(MAX_KEY_BYTES).fill(0);
    const server = new ServerDriver().say("c", { ...wish("", "1"), key });
    expect(server.heard("c")).toEqual(["OKTHX 1"]);
  });

  it("of a passive server is refused, with the time after which it may be another", () => {
    const server = new ServerDriver({}, { serves: false });
    server.say("c", wish("a", "1", { uuid: uuidOf(3) }), { retryAfterMs: 400 });
    expect(server.refusal("c")).toMatchObject({ reason: "passive", retryAfterMs: 400, uuid: uuidOf(3) });
    expect(server.published).toEqual([]);
  });

  it("of a server that is in doubt whether it is active is refused; what is collected is not asked for an answer", () => {
    const server = new ServerDriver().say("c", wish("a", "1"), { maySay: false });
    expect(server.refusal("c")).toMatchObject({ reason: "passive" });
    server.collect("b", "1");
    expect(server.map).toEqual({ b: "1" });
  });
});

it("messages that are malformed are counted, and told", () => {
  const server = new ServerDriver();
  server.say("c", { type: "malformed", reason: "one" });
  server.feed({ type: "collected", message: { type: "malformed", reason: "two" } });
  server.askPlainly("c", "x".repeat(MAX_KEY_BYTES + 1));
  expect(server.told("message-dropped").map(({ reason }) => reason)).toEqual([
    "one",
    "two",
    "subtree that is longer than any key",
  ]);
  expect(server.machine.counters.dropped).toBe(3);
});

it("commands that mean nothing here are ignored", () => {
  const server = new ServerDriver().command("c", "MOAR", 5).command("c", "INSYNC").command("c", "KTHXBAI");
  expect(server.got.size).toBe(0);
});

it("an answer for which a client has no room is counted, and no harm", () => {
  const server = new ServerDriver();
  server.room.set("c", 0);
  server.set("c", "a", "1", { uuid: uuidOf(1) });
  expect(server.machine.counters.undeliverable).toBe(1);
  server.room.set("c", 1);
  server.set("c", "a", "1", { uuid: uuidOf(1) });
  expect(server.heard("c"), "it asks again").toEqual(["OKTHX 1"]);
});

describe("properties that are miscounted in the guide are carried byte for byte", () => {
  const bytes = (text: string): Uint8Array => textFrame(text);
  it.each([
    ["lines without =", bytes("flag\nother\n"), bytes("flag\nother\n")],
    ["empty lines", bytes("\n\na=1\n\n"), bytes("\n\na=1\n\n")],
    ["more = than one", bytes("a=b=c\n=\n==\n"), bytes("a=b=c\n=\n==\n")],
    ["no last newline: it gets one", bytes("a=1\nb=2"), bytes("a=1\nb=2\n")],
    [
      "what is not UTF-8",
      Uint8Array.of(0xff, 0xfe, 0x3d, 0xc0, 0x0a),
      Uint8Array.of(0xff, 0xfe, 0x3d, 0xc0, 0x0a),
    ],
    ["carriage returns and zeros", bytes("a=\0\r\n\r\n"), bytes("a=\0\r\n\r\n")],
    ["the protocol's own, which are taken out", bytes("sw-under=0:7\na=1\nsw-left=5\n"), bytes("a=1\n")],
  ])("%s", (_what, given, kept) => {
    const server = new ServerDriver();
    server.say("c", { ...wish("a", "1"), properties: given });
    const [update] = server.published.filter(({ sequence }) => sequence > 0) as [KeyValue];
    expect(update.properties).toEqual(kept);
    const [item] = server.ask("d").take("d") as [KeyValue];
    expect(item.properties).toEqual(kept);
  });

  it("also where the counts of a subtree are put behind them", () => {
    const server = new ServerDriver().feed({ type: "subscribed", subtree: textFrame("/a/") });
    server.say("c", { ...wish("/a/1", "1"), properties: bytes("odd\n\nx") });
    const [update] = server.published.filter(({ sequence }) => sequence > 0) as [KeyValue];
    expect(frameText(update.properties)).toBe("odd\n\nx\nsw-under=3:1\n");
    expect(decodeItemTerms(update.properties).stored).toEqual(bytes("odd\n\nx\n"));
  });
});

describe("heartbeats", () => {
  it("HUGZ never carries a higher sequence, to be stored as a key: its sequence number is 0", () => {
    const server = new ServerDriver().set("c", "a", "1").set("c", "b", "1").run(3000);
    const beats = server.published.filter(({ key }) => framesEqual(key, HUGZ));
    expect(beats).toHaveLength(4);
    expect(beats.every(({ sequence, value }) => sequence === 0 && value.length === 0)).toBe(true);
    expect(server.beats().at(-1)).toMatchObject({
      sequence: 2,
      count: undefined,
      life: "life",
      isActive: true,
    });
  });

  it("a key of the name HUGZ is a key like others", () => {
    const server = new ServerDriver().set("c", "HUGZ", "1").set("c", "HUGZ", "");
    expect(server.updates()).toEqual(["1 HUGZ=1", "2 HUGZ="]);
  });

  it("come each heartbeatMs, and where a subtree is followed on its topic, too", () => {
    const server = new ServerDriver({ heartbeatMs: 200 });
    server.feed({ type: "subscribed", subtree: textFrame("/a/") });
    server.published.length = 0;
    server.run(400);
    expect(server.beats().map(({ subtree }) => subtree)).toEqual([undefined, "/a/", undefined, "/a/"]);
  });

  it("answer a subscription at once, and several of the same with one more", () => {
    const server = new ServerDriver();
    server.published.length = 0;
    for (let n = 0; n < 5; n++) server.feed({ type: "subscribed", subtree: EMPTY });
    expect(server.beats()).toMatchObject([{ subtree: "", count: 0 }]);
    expect(server.run(50).beats()).toMatchObject([{ subtree: "" }]);
  });

  it("each subtree's comes in its time", () => {
    const server = new ServerDriver();
    const [a, b] = [textFrame("/a/"), textFrame("/b/")];
    server.feed({ type: "subscribed", subtree: a }).feed({ type: "subscribed", subtree: a }).run(5);
    server.feed({ type: "subscribed", subtree: b }).feed({ type: "subscribed", subtree: b });
    server.published.length = 0;
    expect(server.until(10).beats()).toMatchObject([{ subtree: "/a/" }]);
    expect(server.until(15).beats()).toMatchObject([{ subtree: "/b/" }]);
  });

  it("one is not answered twice, if the heartbeat of all comes first", () => {
    const server = new ServerDriver({ heartbeatMs: 5 }).feed({ type: "subscribed", subtree: EMPTY });
    server.feed({ type: "subscribed", subtree: EMPTY }).until(5);
    server.published.length = 0;
    expect(server.until(9).beats()).toEqual([]);
  });

  it("of a passive server say that it is, and on HUGZ it is silent, so that clients of others leave", () => {
    const server = new ServerDriver({}, { serves: false }).feed({ type: "subscribed", subtree: EMPTY });
    expect(server.beats()).toMatchObject([{ subtree: "", isActive: false }]);
    server.run(2500);
    const beats = server.beats();
    expect(beats.length).toBeGreaterThan(1);
    expect(beats.every(({ subtree, isActive }) => subtree === "" && !isActive)).toBe(true);
  });

  it("say another life each time that the server becomes active", () => {
    const server = new ServerDriver().feed({ type: "deactivate" }).activate("other");
    expect(server.beats().map(({ life }) => life)).toEqual(["life", "other"]);
  });
});

describe("subtrees that are followed", () => {
  const counts = (server: ServerDriver, ...lengths: number[]) =>
    server.published
      .splice(0)
      .filter(({ sequence }) => sequence > 0)
      .map(({ properties }) => lengths.map((length) => countUnder(properties, length)));

  const followed = (...subtrees: string[]): ServerDriver => {
    const server = new ServerDriver();
    for (const subtree of subtrees) server.feed({ type: "subscribed", subtree: textFrame(subtree) });
    server.published.length = 0;
    return server;
  };

  it("have their updates counted, each that a key lies in", () => {
    const server = followed("/a/", "/b/", "/a/b/");
    for (const key of ["/a/1", "/a/b/1", "/b/1", "/c/1", "/a/2", "a"]) server.set("c", key, "1");
    expect(counts(server, 3, 5)).toEqual([
      [1, undefined],
      [2, 1],
      [1, undefined],
      [undefined, undefined],
      [3, undefined],
      [undefined, undefined],
    ]);
  });

  it("say their count in their heartbeats, so that a loss at the end is noticed", () => {
    const server = followed("/a/").set("c", "/a/1", "1").set("c", "/b/1", "1").run(1000);
    expect(server.beats().find(({ subtree }) => subtree === "/a/")).toMatchObject({ count: 1, sequence: 2 });
  });

  it("of the whole map the count is the sequence", () => {
    const server = followed("").set("c", "/a/1", "1").run(1000);
    expect(server.beats().find(({ subtree }) => subtree === "")).toMatchObject({ count: 1, sequence: 1 });
  });

  it("are counted as long as somebody follows them", () => {
    const server = followed("/a/", "/b/").feed({ type: "unsubscribed", subtree: textFrame("/b/") });
    server.feed({ type: "unsubscribed", subtree: textFrame("/never/") });
    expect(server.machine.subtrees).toBe(1);
    server.set("c", "/b/1", "1").set("c", "/a/1", "1");
    expect(counts(server, 3)).toEqual([[undefined], [1]]);
    server.feed({ type: "unsubscribed", subtree: textFrame("/a/") }).set("c", "/a/1", "1");
    expect(counts(server, 3)).toEqual([[undefined]]);
  });

  it("that nobody followed for a while say no number again that they have said before: what was missed meanwhile is noticed", () => {
    const server = followed("/a/").set("c", "/a/1", "1").set("c", "/a/2", "1");
    server.feed({ type: "unsubscribed", subtree: textFrame("/a/") }).set("c", "/a/3", "1");
    server.feed({ type: "subscribed", subtree: textFrame("/a/") });
    server.published.length = 0;
    server.set("c", "/a/4", "1");
    expect(counts(server, 3), "a client that has 2 expects 3").toEqual([[4]]);
  });

  it("beyond maxSubtrees are not counted, which their heartbeat says; but the whole map always is", () => {
    const server = new ServerDriver({ maxSubtrees: 1 }).feed({
      type: "subscribed",
      subtree: textFrame("/a/"),
    });
    server.published.length = 0;
    server
      .feed({ type: "subscribed", subtree: textFrame("/b/") })
      .feed({ type: "subscribed", subtree: EMPTY });
    expect(server.beats()).toMatchObject([
      { subtree: "/b/", count: undefined },
      { subtree: "", count: 0 },
    ]);
    expect(server.told("subtree-refused")).toMatchObject([{ subtree: "/b/" }]);
  });
});

describe("the end", () => {
  it("of a server wakes nobody any more, and nothing is heard", () => {
    const server = new ServerDriver({ heartbeatMs: 10 })
      .set("c", "a", "1", { ttlMs: 5 })
      .feed({ type: "close" });
    expect(server.machine.deadline).toBeUndefined();
    server.published.length = 0;
    server.machine.tick(100);
    server.set("c", "b", "1").run(1000);
    expect(server.published).toEqual([]);
    expect(server.machine.isServing).toBe(false);
  });

  it("tells clients that it is not active, and whoever waits for an answer to ask elsewhere", () => {
    const server = new ServerDriver({}, { hasStore: true }).feed({ type: "subscribed", subtree: EMPTY });
    server.set("c", "a", "1", { uuid: uuidOf(1) }).collect("b", "1");
    server.published.length = 0;
    server.feed({ type: "close" });
    expect(server.refusal("c")).toMatchObject({ reason: "passive", uuid: uuidOf(1) });
    expect(server.beats()).toMatchObject([{ subtree: "", isActive: false }]);
    expect(server.stores, "what the store has is known by its UUID").toHaveLength(1);
  });
});
