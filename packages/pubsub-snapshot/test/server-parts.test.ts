import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { beatTopic } from "../src/beat.js";
import { threeEndpoints } from "../src/endpoints.js";
import { Entry } from "../src/entry.js";
import { KnownUpdates } from "../src/known-updates.js";
import { PendingUpdates } from "../src/pending.js";
import { resolveServerOptions } from "../src/server-options.js";
import { Subtrees } from "../src/subtrees.js";
import { UpdateLog } from "../src/update-log.js";
import { EMPTY } from "../src/wire.js";
import { uuidOf, wish } from "./server-driver.js";

const update = (sequence: number, key = `k${sequence}`, value = "x"): Entry =>
  new Entry(textFrame(key), key, sequence, EMPTY, EMPTY, textFrame(value), undefined);

describe("the log", () => {
  it("has what is ordered until it is published, and the follower has it", () => {
    const log = new UpdateLog(10);
    const [first, second, third] = [update(11, "a"), update(12, "b"), update(13, "a")];
    for (const entry of [first, second, third]) log.append(entry);
    expect([log.head, log.published, log.uncommitted, log.length]).toEqual([13, 10, 3, 3]);
    expect(log.latest("a")).toBe(third);
    expect(log.publish()).toBe(first);
    expect(log.latest("a"), "there is a later one").toBe(third);
    expect(log.publish()).toBe(second);
    expect(log.latest("b")).toBeUndefined();
    expect(log.unpublished()).toEqual([third]);
    log.release(11);
    expect(log.at(12)).toBe(second);
    expect(log.publish()).toBe(third);
    log.release(100);
    expect([log.at(13), log.length, log.unpublished()]).toEqual([undefined, 0, []]);
    log.release(100);
  });

  it("forgets much at a time, and nothing that is not published", () => {
    const log = new UpdateLog(0);
    for (let n = 1; n <= 3000; n++) log.append(update(n));
    for (let n = 1; n <= 2000; n++) log.publish();
    log.release(1000);
    expect(log.length, "so few are not worth it").toBe(3000);
    log.release(1500);
    expect(log.length).toBe(1500);
    log.release(2999);
    expect(log.length, "so few are not worth it, again").toBe(1500);
    expect([log.at(1500), log.at(1501)?.sequence, log.at(3000)?.sequence, log.at(3001)]).toEqual([
      undefined,
      1501,
      3000,
      undefined,
    ]);
    log.reset(5);
    expect([log.head, log.published, log.length, log.latest("k2500"), log.at(6)]).toEqual([
      5,
      5,
      0,
      undefined,
      undefined,
    ]);
  });
});

describe("known updates", () => {
  it("are so many, the latest", () => {
    const known = new KnownUpdates(3);
    for (let n = 1; n <= 5; n++) known.add(uuidOf(n), n);
    known.add(EMPTY, 6);
    expect([1, 2, 3, 4, 5].map((n) => known.find(uuidOf(n)))).toEqual([undefined, undefined, 3, 4, 5]);
    expect([known.size, known.find(EMPTY)]).toEqual([3, undefined]);
  });

  it("of the same number is known once; ordered anew it is the latest", () => {
    const known = new KnownUpdates(2);
    known.add(uuidOf(1), 1);
    known.add(uuidOf(1), 1);
    known.add(uuidOf(2), 2);
    expect([known.find(uuidOf(1)), known.find(uuidOf(2))]).toEqual([1, 2]);
    known.remove(uuidOf(1));
    known.add(uuidOf(1), 3);
    known.add(uuidOf(4), 4);
    expect([known.find(uuidOf(1)), known.find(uuidOf(2)), known.find(uuidOf(4))]).toEqual([3, undefined, 4]);
    known.clear();
    expect([...known.entries()]).toEqual([]);
  });

  it("are forgotten at the same cost each, however many there are", () => {
    const known = new KnownUpdates(50_000);
    for (let n = 1; n <= 200_000; n++) known.add(uuidOf(n), n);
    expect([known.size, known.find(uuidOf(150_000)), known.find(uuidOf(150_001))]).toEqual([
      50_000,
      undefined,
      150_001,
    ]);
    expect([...known.entries()][0]?.[1], "the oldest first").toBe(150_001);
  });
});

describe("pending updates", () => {
  const message = (n: number) => wish("k", `${n}`, { uuid: uuidOf(n) });

  it("are kept for so long, and so many", () => {
    const pending = new PendingUpdates(2, 100);
    expect([pending.add(message(1), 0), pending.add(message(2), 50), pending.add(message(3), 50)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(pending.deadline).toBe(100);
    pending.expire(99);
    expect(pending.size).toBe(2);
    pending.expire(100);
    expect([pending.size, pending.has(uuidOf(1)), pending.has(uuidOf(2)), pending.deadline]).toEqual([
      1,
      false,
      true,
      150,
    ]);
  });

  it("are no more when the active has them", () => {
    const pending = new PendingUpdates(10, 100);
    pending.remove(uuidOf(1));
    for (const n of [1, 2, 3]) pending.add(message(n), n);
    pending.remove(uuidOf(1));
    pending.remove(uuidOf(9));
    pending.removeIf((uuid) => uuid[3] === 3);
    expect(pending.takeAll()).toEqual([message(2)]);
    expect([pending.size, pending.deadline]).toEqual([0, undefined]);
  });
});

it("subtrees of the same length are told apart, and none is counted that is longer than the key", () => {
  const subtrees = new Subtrees(10);
  for (const name of ["/a/", "/b/", "/long/"]) subtrees.add(textFrame(name), beatTopic(textFrame(name)), 0);
  expect([
    subtrees.count("/a/1"),
    subtrees.count("/b/1"),
    subtrees.count("/c/1"),
    subtrees.count("/a"),
  ]).toEqual([[[3, 1]], [[3, 1]], [], []]);
  subtrees.remove(textFrame("/a/"));
  subtrees.remove(textFrame("/a/"));
  expect([subtrees.count("/a/1"), subtrees.count("/b/1"), subtrees.size]).toEqual([[], [[3, 2]], 2]);
});

describe("endpoints", () => {
  it.each([
    ["tcp://*:5556", "bind", "tcp://*:5557", "tcp://*:5558"],
    ["tcp://[::1]:65533", "connect", "tcp://[::1]:65534", "tcp://[::1]:65535"],
    ["tcp://127.0.0.1:*", "bind", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"],
  ] as const)("follow from the first: %s", (snapshot, use, publisher, collector) => {
    expect(threeEndpoints("Server", snapshot, use)).toEqual({ snapshot, publisher, collector });
  });

  it("may all be given, whatever they are", () => {
    const all = { snapshot: "ipc:///tmp/a", publisher: "tcp://*:1", collector: "ipc:///tmp/c" };
    expect(threeEndpoints("Server", all, "bind")).toEqual(all);
  });

  it.each([
    ["ipc:///tmp/a", RangeError, "give { snapshot, publisher, collector } instead"],
    ["tcp://127.0.0.1:0", RangeError, "a port from 1 to 65533"],
    ["tcp://127.0.0.1:65534", RangeError, "a port from 1 to 65533"],
    [5556, TypeError, "Server"],
    [null, TypeError, "Server"],
    [{ snapshot: "tcp://*:1" }, TypeError, "Server"],
  ] as const)("%j is wrong", (given, error, message) => {
    const make = () => threeEndpoints("Server", given as string, "bind");
    expect(make).toThrow(error);
    expect(make).toThrow(message);
  });
});

describe("options", () => {
  it("have defaults", () => {
    expect(resolveServerOptions("Server", {})).toMatchObject({
      heartbeatMs: 1000,
      maxSnapshots: 16,
      maxUncommitted: 100_000,
      peerDeadMs: undefined,
      hasStore: false,
    });
    expect(resolveServerOptions("Server", {}, { peerDeadMs: 5, hasStore: true })).toMatchObject({
      peerDeadMs: 5,
      hasStore: true,
    });
  });

  it.each([
    [{ heartbeatMs: 0 }, RangeError, "heartbeatMs"],
    [{ maxKeys: 1.5 }, RangeError, "maxKeys"],
    [{ maxBytes: "1" as never }, TypeError, "maxBytes"],
    [{ maxKey: 1 } as never, TypeError, "maxKey"],
    [{ socket: { sendHighWaterMark: -1 } }, RangeError, "sendHighWaterMark"],
  ] as const)("%j is wrong", (options, error, name) => {
    const resolve = () => resolveServerOptions("Server", options);
    expect(resolve).toThrow(error);
    expect(resolve).toThrow(name);
  });
});
