import {
  BinaryStarMachine,
  decodeState,
  encodeState,
  type PublishedState,
  resolveStarOptions,
  type StarRole,
} from "@seaworthy/binary-star/machine";
import { type Frames, frameText, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { beatTopic, decodeBeat } from "../src/beat.js";
import { loadMap } from "../src/load-map.js";
import { ServerMachine } from "../src/server-machine.js";
import { resolveServerOptions, type ServerOptions } from "../src/server-options.js";
import { type SnapshotServerStatus, wireServer } from "../src/server-wiring.js";
import type { StoredEntry } from "../src/store.js";
import {
  decodeMessage,
  decodeRefusal,
  EMPTY,
  encodeCommand,
  encodeKeyValue,
  encodeRefusal,
  encodeSnapshotRequest,
} from "../src/wire.js";
import { TestStore } from "./map-store.js";
import { inWords, uuidOf, wish } from "./server-driver.js";

const WALL = 1_700_000_000_000;
const HEARTBEAT_MS = 100;
const DEAD_MS = 200;

interface Surroundings {
  readonly store?: TestStore;
  readonly role?: StarRole;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function wire(given: ServerOptions = {}, { store, role }: Surroundings = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const options = resolveServerOptions(
    "Server",
    { heartbeatMs: HEARTBEAT_MS, ...given },
    { peerDeadMs: role && DEAD_MS, hasStore: store !== undefined },
  );
  const machine = new ServerMachine(options);
  const star = role && new BinaryStarMachine(resolveStarOptions("Star", { role, heartbeatMs: HEARTBEAT_MS }));
  const events: SnapshotServerStatus[] = [];
  let lives = 0;
  const server = wireServer(machine, {
    transport: sockets,
    scheduler: clock,
    options,
    store,
    pair: star && { machine: star, socket: {} },
    makeLife: () => `life ${++lives}`,
    wallClock: () => WALL + clock.now(),
    owner: { status: (event) => events.push(event) },
  });
  const [router, publisher, collector] = [sockets.at(0), sockets.at(1), sockets.at(2)];
  const say = (client: string, frames: Frames): void =>
    router.handlers.message([textFrame(client), ...frames]);
  const set = (client: string, key: string, value: string, n = 0, ttlMs = 0): void => {
    const message = wish(key, value, { uuid: n === 0 ? EMPTY : uuidOf(n), ttlMs });
    say(client, encodeKeyValue(message.key, 0, message.uuid, message.properties, message.value));
  };
  /** What clients were told since this was last asked. */
  const told = (): string[] =>
    router.sent.splice(0).map(([client, ...frames]) => {
      const message = decodeMessage(frames);
      if (message.type === "malformed") throw new Error(message.reason);
      return `${frameText(client as Uint8Array)}: ${inWords(message)}`;
    });
  return { sockets, clock, machine, star, events, server, router, publisher, collector, say, set, told };
}

describe("a server's sockets", () => {
  it("are a ROUTER, a publisher that is told of subscriptions, and a collector that takes everything", () => {
    const { sockets } = wire({ maxBehind: 7, maxUncommitted: 20_000, socket: { sendHighWaterMark: 50 } });
    expect(sockets.opened.map(({ spec }) => spec)).toMatchObject([
      { type: "router", sendHighWaterMark: 50, maxQueued: 10_000 },
      { type: "publisher", subscriptions: true, sendHighWaterMark: 7, maxQueued: 40_000 },
      { type: "subscriber" },
    ]);
  });

  it("are bound each at its endpoint", () => {
    const { server } = wire();
    const endpoints = { snapshot: "tcp://*:1", publisher: "tcp://*:2", collector: "tcp://*:3" };
    expect(server.bind(endpoints)).toEqual({
      snapshot: "tcp://*:1 as bound",
      publisher: "tcp://*:2 as bound",
      collector: "tcp://*:3 as bound",
    });
  });

  it("bring what clients say, and take what they are told", () => {
    const { server, set, told, say, collector, publisher, events } = wire();
    server.serve();
    set("c", "a", "1", 1);
    collector.handlers.message([textFrame("b"), new Uint8Array(8), EMPTY, EMPTY, textFrame("2")]);
    collector.handlers.message([textFrame("b")]);
    say("d", encodeSnapshotRequest(EMPTY, { credit: 10, packBytes: 0, follows: false }));
    expect(told()).toEqual(["c: OKTHX 1", "d: 1 a=1", "d: 2 b=2", "d: KTHXBAI 2"]);
    expect(publisher.sent.map(([key]) => frameText(key as Uint8Array))).toEqual(["HUGZ", "a", "b"]);
    expect(events).toMatchObject([{ type: "message-dropped", reason: "message of 1 frames" }]);
  });

  it("tell which subtrees are followed; other subscriptions are no matter", () => {
    const { server, publisher, machine } = wire();
    server.serve();
    publisher.sent.length = 0;
    const { handlers } = publisher;
    handlers.message([EMPTY]);
    for (const prefix of [EMPTY, textFrame("/a/"), textFrame("HUGZ")]) handlers.subscribed?.(prefix);
    expect([publisher.sent.length, machine.subtrees]).toEqual([0, 0]);
    handlers.subscribed?.(beatTopic(textFrame("/a/")));
    const beat = decodeBeat((publisher.sent[0] as Frames)[3] as Uint8Array);
    expect(beat).toMatchObject({ life: "life 1", isActive: true, heartbeatMs: HEARTBEAT_MS, count: 0 });
    expect(machine.subtrees).toBe(1);
    handlers.unsubscribed?.(EMPTY);
    handlers.unsubscribed?.(beatTopic(textFrame("/a/")));
    expect(machine.subtrees).toBe(0);
  });

  it("have a part of a snapshot at a time, and the end only where all before it have left", () => {
    const { server, set, say, router, told, clock } = wire();
    server.serve();
    for (let n = 0; n < 130; n++) set("c", `k${n}`, "x");
    told();
    router.wanted.length = 0;
    say("d", encodeSnapshotRequest(EMPTY));
    expect(router.sent).toHaveLength(128);
    expect(router.wanted.filter((wanted) => wanted !== undefined)).toHaveLength(1);
    const [refused] = router.sent as [Frames];
    expect(router.wanted[127]?.()).toBe(true);
    expect(router.sent.splice(0)).toHaveLength(131);
    router.handlers.refused?.(refused, "peer-full");
    expect(router.wanted[130]?.(), "not the end yet").toBe(false);
    clock.until(10);
    expect(told()).toEqual(["d: 1 k0=x", "d: 130 KTHXBAI="]);
    expect(router.wanted[132]?.()).toBe(true);
    expect(router.wanted[132]?.(), "whatever is asked later").toBe(true);
  });

  it("may have no room in front of ZeroMQ: then a snapshot waits, and goes on", () => {
    const { server, set, say, router, told, clock } = wire();
    server.serve();
    for (let n = 0; n < 300; n++) set("c", `k${n}`, "x");
    told();
    router.isFull = true;
    say("d", encodeSnapshotRequest(EMPTY));
    clock.until(50);
    router.isFull = false;
    const all: string[] = [];
    for (let round = 0; round < 10; round++) {
      clock.until(clock.now() + 10);
      for (const wanted of router.wanted.splice(0)) wanted?.();
      all.push(...told());
    }
    expect(new Set(all).size).toBe(301);
    expect(all.at(-1)).toBe("d: 300 KTHXBAI=");
  });

  it("are closed, and nothing is heard or done any more", async () => {
    const { server, router, publisher, collector, set, told, clock } = wire();
    server.serve();
    const closing = server.close(500);
    expect([router.closedWith, publisher.closedWith, collector.closedWith]).toEqual([500, 500, 0]);
    await closing;
    const published = publisher.sent.length;
    set("c", "a", "1");
    clock.until(10_000);
    expect([told(), publisher.sent.length]).toEqual([[], published]);
  });
});

describe("a server's store", () => {
  it("is given updates with the time at which they end by the wall clock", async () => {
    const store = new TestStore();
    const { server, set, clock, told } = wire({}, { store });
    server.serve();
    clock.until(5000);
    set("c", "a", "1", 1, 300);
    set("c", "b", "1");
    await settled();
    expect(store.calls).toEqual(["commit 1", "commit 2"]);
    expect(store.entries.get("a")).toEqual({
      key: textFrame("a"),
      sequence: 1,
      uuid: uuidOf(1),
      properties: textFrame("ttl=1\nsw-ttl=300\n"),
      value: textFrame("1"),
      expiresAt: WALL + 5300,
    } satisfies StoredEntry);
    expect(store.entries.get("b")?.expiresAt).toBeUndefined();
    expect(told()).toEqual(["c: OKTHX 1", "c: OKTHX 2"]);
  });

  it.each([
    ["rejects", async () => Promise.reject(new Error("no room")), "no room"],
    [
      "throws",
      () => {
        throw new Error("no room");
      },
      "no room",
    ],
    ["returns nothing", () => undefined, "the store's method returned no promise"],
    ["returns what is none", () => 1, "the store's method returned no promise"],
  ])("that %s is tried again", async (_what, commit, reason) => {
    const store = new TestStore();
    const { server, set, clock, told, events } = wire({}, { store });
    server.serve();
    const works = store.commit.bind(store);
    store.commit = commit as typeof store.commit;
    set("c", "a", "1", 1, 5000);
    await settled();
    expect(events).toEqual([{ type: "store-failed", at: 0, reason }]);
    store.commit = works;
    clock.until(1000);
    await settled();
    expect(told()).toEqual(["c: OKTHX 1"]);
    expect(store.entries.get("a")?.expiresAt, "later does not make it longer").toBe(WALL + 5000);
  });

  it("brings back what it has: numbers, UUIDs, and what is left of times to live", () => {
    const { machine, server, set, told, clock, publisher } = wire();
    clock.until(1000);
    const entry = (key: string, sequence: number, expiresAt?: number): StoredEntry => ({
      key: textFrame(key),
      sequence,
      uuid: EMPTY,
      properties: EMPTY,
      value: textFrame("x"),
      expiresAt,
    });
    const stored = {
      sequence: 9,
      entries: [entry("b", 8), entry("a", 3, WALL + 500), entry("over", 4, WALL - 1)],
      known: [
        { uuid: uuidOf(1), sequence: 3 },
        { uuid: uuidOf(2), sequence: 10 },
      ],
    };
    loadMap(machine, stored, clock.now(), WALL);
    server.serve();
    set("c", "a", "1", 1);
    set("c", "c", "1", 2);
    expect(told()).toEqual(["c: OKTHX 3", "c: OKTHX 10"]);
    clock.until(1499);
    const deleted = (): string[] =>
      publisher.sent
        .filter(([key, , , , value]) => value?.length === 0 && frameText(key as Uint8Array) !== "HUGZ")
        .map(([key]) => frameText(key as Uint8Array));
    expect(deleted(), "what was over by then is deleted, and all are told").toEqual(["over"]);
    clock.until(1500);
    expect(deleted()).toEqual(["over", "a"]);
  });
});

describe("one of a pair", () => {
  const at = { endpoint: "tcp://peer:1", snapshot: "tcp://peer:2" };

  function paired(role: StarRole, given: ServerOptions = {}, store?: TestStore) {
    const wired = wire(given, { role, ...(store === undefined ? {} : { store }) });
    const { sockets, server, clock } = wired;
    server.connectPeer(at.endpoint, at.snapshot);
    const other = role === "primary" ? "backup" : "primary";
    const hear = (state: PublishedState, epoch = 1): void => {
      const record = { role: other, heartbeatMs: HEARTBEAT_MS, epoch } as const;
      sockets.at(4).handlers.message([...encodeState(state, record)]);
    };
    const link = () => sockets.at(sockets.opened.length - 1);
    const said = (): string[] =>
      link()
        .sent.splice(0)
        .map((frames) => (frames.length === 3 ? "ICANHAZ?" : inWords(decodeMessage([...frames]) as never)));
    /** The passive one, which has everything. */
    const catchUp = (): void => {
      hear("active");
      link().handlers.connection?.({ type: "up", endpoint: at.snapshot });
      for (const frames of [
        encodeCommand("OKTHX", 5),
        encodeCommand("KTHXBAI", 5),
        encodeCommand("INSYNC", 5),
      ])
        link().handlers.message([...frames]);
      hear("active");
    };
    /** Time goes on, and the peer says nothing. */
    const wait = (ms: number): void => clock.until(clock.now() + ms);
    return { ...wired, hear, link, said, catchUp, wait };
  }

  it("binds and hears its states where it is told", () => {
    const { server, sockets } = paired("primary");
    expect(server.bindPeer("tcp://*:9")).toBe("tcp://*:9 as bound");
    expect(sockets.opened.slice(3).map(({ spec }) => spec.type)).toEqual(["publisher", "subscriber"]);
  });

  it("serves when it is the active one, each time in another life, and is in nobody's way before", () => {
    const { hear, set, told, machine, events, publisher } = paired("primary");
    set("c", "a", "1");
    expect(told()).toEqual(["c: SORRY passive"]);
    hear("backup", 0);
    expect([machine.isServing, events.some(({ type }) => type === "became-active")]).toEqual([true, true]);
    set("c", "a", "1");
    expect(told()).toEqual(["c: OKTHX 1"]);
    expect(decodeBeat((publisher.sent[0] as Frames)[3] as Uint8Array)?.life).toBe("life 1");
  });

  it("takes over when its peer is dead and a client asks, not before, and not for the peer's own question", () => {
    const { catchUp, wait, say, told, machine, router } = paired("backup");
    catchUp();
    expect(machine.isServing).toBe(false);
    say("c", encodeSnapshotRequest(EMPTY, { credit: 1, packBytes: 0, follows: false }));
    const [sorry] = router.sent.splice(0) as [Frames];
    expect(decodeRefusal(sorry[4] as Uint8Array)).toMatchObject({
      reason: "passive",
      retryAfterMs: undefined,
    });
    wait(DEAD_MS);
    say("p", encodeSnapshotRequest(EMPTY, { credit: 1, packBytes: 0, follows: true }));
    expect(machine.isServing).toBe(false);
    say("c", encodeSnapshotRequest(EMPTY, { credit: 1, packBytes: 0, follows: false }));
    expect(machine.isServing).toBe(true);
    expect(told()).toEqual(["p: SORRY passive", "c: KTHXBAI 5"]);
  });

  it("tells clients after how long it may be active", () => {
    const { catchUp, wait, say, router } = paired("backup");
    catchUp();
    wait(DEAD_MS - 50);
    say("c", encodeSnapshotRequest(EMPTY, { credit: 1, packBytes: 0, follows: false }));
    const [sorry] = router.sent.splice(0) as [Frames];
    expect(decodeRefusal(sorry[4] as Uint8Array)).toMatchObject({ reason: "passive", retryAfterMs: 50 });
  });

  it("follows its active over a connection of its own, which is not made again by itself", () => {
    const { hear, link, said, star } = paired("backup");
    hear("active");
    expect(link().spec).toMatchObject({ type: "dealer", reconnect: false });
    expect(said()).toEqual([]);
    link().handlers.connection?.({ type: "up", endpoint: at.snapshot });
    expect(said()).toEqual(["ICANHAZ?"]);
    expect(star?.state).toBe("catching-up");
  });

  it("is passive as soon as it has everything", () => {
    const { catchUp, star, said } = paired("backup");
    catchUp();
    expect(star?.state).toBe("passive");
    expect(said()).toEqual(["ICANHAZ?", "GOTIT 5"]);
  });

  it.each(["failed", "down"] as const)("asks again when the connection is %s", (type) => {
    const { hear, link, events, sockets } = paired("backup");
    hear("active");
    const first = link();
    first.handlers.connection?.({ type, endpoint: at.snapshot });
    expect(events).toContainEqual({ type: "transfer-failed", at: 0, reason: type });
    expect(first.closedWith).toBe(100);
    hear("active");
    expect(sockets.opened.filter(({ spec }) => spec.type === "dealer")).toHaveLength(2);
    first.handlers.connection?.({ type: "up", endpoint: at.snapshot });
    first.handlers.message([...encodeCommand("OKTHX", 5)]);
    expect(link().sent, "what the first says does not count").toEqual([]);
  });

  it("asks again when there is no socket left for its connection", () => {
    const { hear, link, events, sockets, said, star } = paired("backup");
    sockets.fault = new Error("Too many open files");
    hear("active");
    expect(events).toContainEqual({ type: "transfer-failed", at: 0, reason: "Too many open files" });
    expect(sockets.opened.filter(({ spec }) => spec.type === "dealer")).toEqual([]);
    sockets.fault = undefined;
    hear("active");
    link().handlers.connection?.({ type: "up", endpoint: at.snapshot });
    expect([star?.state, said()]).toEqual(["catching-up", ["ICANHAZ?"]]);
  });

  it("catches up anew when its connection was lost and the active is heard", () => {
    const { catchUp, link, hear, star, wait } = paired("backup");
    catchUp();
    link().handlers.connection?.({ type: "down", endpoint: at.snapshot, reason: "reset" });
    hear("active");
    expect(star?.state, "this may be what it said last").toBe("passive");
    wait(HEARTBEAT_MS / 2);
    hear("active");
    expect(star?.state).toBe("catching-up");
  });

  it("catches up anew when the active does not wait for it any more: until then it does not take over", () => {
    const { catchUp, star, link, wait, say, machine } = paired("backup");
    catchUp();
    link().handlers.message([...encodeRefusal({ reason: "invalid" })]);
    expect(star?.state).toBe("catching-up");
    wait(DEAD_MS);
    say("c", encodeSnapshotRequest(EMPTY, { credit: 1, packBytes: 0, follows: false }));
    expect(machine.isServing).toBe(false);
  });

  it("gives up following when there is nobody any more who has the map", () => {
    const { hear, link, star } = paired("backup");
    hear("active");
    const dealer = link();
    hear("primary", 0);
    expect(dealer.closedWith).toBe(100);
    expect(star?.state).toBe("backup");
  });

  it("ceases to serve when its peer is active in a higher epoch", () => {
    const { hear, machine, set, told } = paired("primary");
    hear("backup", 0);
    expect(machine.isServing).toBe(true);
    hear("active", 9);
    expect(machine.isServing).toBe(false);
    set("c", "a", "1");
    expect(told()).toEqual(["c: SORRY passive"]);
  });

  it("refuses, without a word to the collector's clients, while it is in doubt whether it still is the active one", () => {
    const { hear, wait, set, told, machine, clock, sockets } = paired("primary");
    hear("backup", 0);
    // Its process stands still: no timer fires, and what comes is read first.
    const { now } = clock;
    clock.now = () => now.call(clock) + DEAD_MS;
    set("c", "a", "1");
    expect([machine.isServing, told()]).toEqual([true, ["c: SORRY passive"]]);
    clock.now = now;
    wait(HEARTBEAT_MS);
    set("c", "a", "1");
    wait(DEAD_MS);
    expect(told()).toEqual(["c: OKTHX 1"]);
    expect(sockets.at(3).sent.length).toBeGreaterThan(0);
  });

  it("that closes leaves the pair, so that the other takes over, and ends its own connections", async () => {
    const { catchUp, server, link, said, sockets, star } = paired("backup");
    catchUp();
    said();
    const dealer = link();
    const closing = server.close(0);
    expect(said()).toEqual(["KTHXBAI 0"]);
    await closing;
    expect([dealer.closedWith, sockets.at(3).closedWith, star?.state]).toEqual([100, 100, "left"]);
    const last = decodeState([...(sockets.at(3).sent.at(-1) as Frames)]);
    expect(last).toMatchObject({ state: "backup" });
  });

  it("replaces what its store had with the active's map", async () => {
    const store = new TestStore();
    const { catchUp, link } = paired("backup", {}, store);
    catchUp();
    link().handlers.message([...encodeKeyValue(textFrame("a"), 6, uuidOf(6), EMPTY, textFrame("1"))]);
    await settled();
    await settled();
    expect(store.calls).toEqual(["replace 5", "commit 6"]);
    expect(store.known).toEqual([{ uuid: uuidOf(6), sequence: 6 }]);
  });

  it("replaces it with what is known, too", async () => {
    const store = new TestStore();
    const { hear, machine, link } = paired("backup", {}, store);
    hear("active");
    link().handlers.connection?.({ type: "up", endpoint: at.snapshot });
    link().handlers.message([...encodeCommand("OKTHX", 5)]);
    link().handlers.message([...encodeKeyValue(textFrame("a"), 6, uuidOf(6), EMPTY, textFrame("1"))]);
    machine.known.add(uuidOf(1), 1);
    link().handlers.message([
      ...encodeCommand("KNOWN", 1, EMPTY, Uint8Array.of(...uuidOf(6), 0, 0, 0, 0, 0, 0, 0, 6)),
    ]);
    link().handlers.message([...encodeCommand("KTHXBAI", 5)]);
    await settled();
    expect(store.known).toEqual([{ uuid: uuidOf(6), sequence: 6 }]);
    expect([...store.entries.keys()]).toEqual(["a"]);
  });
});
