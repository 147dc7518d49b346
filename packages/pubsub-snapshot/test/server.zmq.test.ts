import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { Dealer } from "zeromq";
import { unusedEndpoint } from "../../core/test/support/sockets.js";
import { BindError, ClosedError, type SnapshotEndpoints, SnapshotServer } from "../src/index.js";
import type { SnapshotServerOptions } from "../src/server.js";
import { decodeMessage, EMPTY, encodeKeyValue, encodeSnapshotRequest } from "../src/wire.js";
import { BareClient } from "./bare-client.js";
import { TestStore } from "./map-store.js";
import { inWords, uuidOf, wish } from "./server-driver.js";

const ANY = "tcp://127.0.0.1:*";
const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((role) => role.close()));
});

function newServer(options: SnapshotServerOptions = {}): SnapshotServer {
  const server = new SnapshotServer({ heartbeatMs: 50, lingerMs: 100, ...options });
  open.push(server);
  return server;
}

async function serve(options: SnapshotServerOptions = {}) {
  const server = newServer(options);
  return { server, endpoints: await server.bind(ANY) };
}

function bare(endpoints: SnapshotEndpoints, receiveHighWaterMark?: number): BareClient {
  const client = new BareClient(endpoints, receiveHighWaterMark);
  open.push(client);
  return client;
}

/** A DEALER that writes as a client of ours does. */
class Writer {
  readonly #dealer = new Dealer({ linger: 0 });

  constructor({ snapshot }: SnapshotEndpoints) {
    this.#dealer.connect(snapshot);
    open.push(this);
  }

  /** Resolves with the answer, in words. */
  async set(key: string, value: string, n: number, ttlMs = 0): Promise<string> {
    for (;;) {
      await this.#send(key, value, n, ttlMs);
      const answer = await this.answer();
      // An active server that a busy machine has kept waiting is in doubt for a moment: clients ask again.
      if (answer !== "SORRY passive") return answer;
      await turn();
    }
  }

  async #send(key: string, value: string, n: number, ttlMs: number): Promise<void> {
    const { key: name, uuid, properties, value: body } = wish(key, value, { uuid: uuidOf(n), ttlMs });
    await this.#dealer.send([...encodeKeyValue(name, 0, uuid, properties, body)] as Uint8Array[]);
  }

  /** The whole map, with its end, in words. */
  async map(): Promise<string[]> {
    const terms = { credit: 1000, packBytes: 0, follows: false };
    await this.#dealer.send([...encodeSnapshotRequest(EMPTY, terms)] as Uint8Array[]);
    const words: string[] = [];
    do words.push(await this.answer());
    while (!/^(KTHXBAI|SORRY)/.test(words.at(-1) as string));
    return words;
  }

  async answer(): Promise<string> {
    const message = decodeMessage(await this.#dealer.receive());
    return message.type === "malformed" ? message.reason : inWords(message);
  }

  close(): void {
    this.#dealer.close();
  }
}

describe("a server binds", () => {
  it("port P, and the two behind it", async () => {
    const bindInRow = async (): Promise<[first: string, bound: SnapshotEndpoints]> => {
      const first = await unusedEndpoint();
      // Somebody may have one of the other two.
      return newServer()
        .bind(first)
        .then((bound) => [first, bound], bindInRow);
    };
    const [first, bound] = await bindInRow();
    const port = Number(first.split(":").at(-1));
    expect(bound).toEqual({
      snapshot: `tcp://127.0.0.1:${port}`,
      publisher: `tcp://127.0.0.1:${port + 1}`,
      collector: `tcp://127.0.0.1:${port + 2}`,
    });
  });

  it("any three ports", async () => {
    const { endpoints } = await serve();
    const ports = Object.values(endpoints).map((endpoint) => Number(endpoint.split(":").at(-1)));
    expect(new Set(ports).size).toBe(3);
    expect(Math.min(...ports)).toBeGreaterThan(0);
  });

  it("three endpoints, as they are given", async () => {
    const given = { snapshot: ANY, publisher: await unusedEndpoint(), collector: ANY };
    expect((await newServer().bind(given)).publisher).toBe(given.publisher);
  });

  it("not where somebody is: BindError names the endpoint", async () => {
    const { endpoints } = await serve();
    const failed = newServer().bind(endpoints);
    await expect(failed).rejects.toThrow(BindError);
    await expect(failed).rejects.toThrow(endpoints.snapshot);
  });

  it("not after it was closed", async () => {
    const server = newServer();
    await Promise.all([server.close(), server.close()]);
    await expect(server.bind(ANY)).rejects.toThrow(ClosedError);
  });
});

/** A store that has so many keys, `k0` and those that follow. */
function filledStore(keys: number, value: Uint8Array): TestStore {
  const store = new TestStore();
  for (let n = 0; n < keys; n++) {
    const key = Buffer.from(`k${n}`);
    const entry = { key, sequence: n + 1, uuid: EMPTY, properties: EMPTY, value, expiresAt: undefined };
    store.entries.set(`${key}`, entry);
  }
  store.sequence = keys;
  return store;
}

describe("a client of RFC 12 on bare sockets", () => {
  it("joins as the guide's does, and its updates are seen by all", async () => {
    const { server, endpoints } = await serve();
    const [one, other] = [bare(endpoints), bare(endpoints)];
    const beat = await one.subscribe();
    expect(beat).toMatchObject({ sequence: 0, value: "" });
    await other.subscribe();
    await one.isCollected();
    const before = server.view().sequence;
    const uuid = Buffer.from(uuidOf(7));
    await one.set("/client/a", "1", uuid, "ttl=30\n");
    expect(await other.update(({ key }) => key.startsWith("/"))).toEqual({
      key: "/client/a",
      sequence: before + 1,
      uuid,
      properties: "ttl=30\n",
      value: "1",
    });
    const items = await other.snapshot("/client/");
    expect(items.map(({ key, sequence, value }) => [key, sequence, value])).toEqual([
      ["/client/a", before + 1, "1"],
      ["KTHXBAI", before + 1, "/client/"],
    ]);
    expect([`${server.get("/client/a")}`, server.get(Buffer.from("none"))]).toEqual(["1", undefined]);
    expect(server.view()).toEqual({ isActive: true, sequence: before + 1, keys: 1, pair: undefined });
  });

  it("misses nothing of what goes on while it joins, if it asks when its subscription is live", async () => {
    const { endpoints } = await serve();
    const writer = new Writer(endpoints);
    let [isOver, n] = [false, 0];
    const writing = (async () => {
      while (!isOver) expect(await writer.set(`k${n % 50}`, `${n}`, ++n)).toBe(`OKTHX ${n}`);
    })();
    const client = bare(endpoints);
    await client.subscribe();
    const items = await client.snapshot();
    const asOf = items.at(-1)?.sequence as number;
    let update = await client.update();
    while (update.sequence <= asOf) update = await client.update();
    isOver = true;
    expect(update.sequence).toBe(asOf + 1);
    await writing;
  });

  it("gets 20,000 keys whole, though it has little room, and reads slowly", async () => {
    const keys = 20_000;
    const value = "x".repeat(1000);
    const { server, endpoints } = await serve({ store: filledStore(keys, Buffer.from(value)) });
    const client = bare(endpoints, 10);
    const sent = once(server, "snapshot-sent");
    const items = await client.snapshot("", async (count) => {
      if (count % 100 === 0) await turn();
    });
    expect(items).toHaveLength(keys + 1);
    expect(new Set(items.map(({ key }) => key)).size).toBe(keys + 1);
    expect(items.every((item) => item.key === "KTHXBAI" || item.value === value)).toBe(true);
    expect((await sent)[0]).toMatchObject({ entries: keys });
    const stats = server.stats();
    expect(stats).toMatchObject({ keys, snapshots: 1, openSnapshots: 0 });
    expect(stats.sockets.refused, "there was no room for all at once").toBeGreaterThan(0);
  });

  it("that reads nothing is given up, and others are served meanwhile", async () => {
    const { server, endpoints } = await serve({
      store: filledStore(500, Buffer.alloc(100_000)),
      snapshotTimeoutMs: 500,
      socket: { sendHighWaterMark: 100 },
    });
    const abandoned = once(server, "snapshot-abandoned");
    await bare(endpoints, 1).ask();
    const other = bare(endpoints);
    expect(await other.snapshot()).toHaveLength(501);
    expect((await abandoned)[0]).toMatchObject({ reason: "client-slow" });
  });
});

it("a client of ours has its updates acknowledged, and refused by name", async () => {
  const { server, endpoints } = await serve({ maxKeys: 1 });
  const writer = new Writer(endpoints);
  expect(await writer.set("a", "1", 1)).toBe("OKTHX 1");
  expect(await writer.set("a", "1", 1)).toBe("OKTHX 1");
  expect(await writer.set("b", "1", 2)).toBe("SORRY full");
  expect(server.stats()).toMatchObject({ published: 1, duplicates: 1, refused: 1, bytes: 2, subtrees: 0 });
  expect(server.stats().pair).toBeUndefined();
});

it("a time to live ends, and all are told", async () => {
  const { server, endpoints } = await serve();
  const client = bare(endpoints);
  await client.subscribe();
  await new Writer(endpoints).set("a", "1", 1, 30);
  expect(await client.update()).toMatchObject({ key: "a", value: "1" });
  expect(await client.update()).toMatchObject({ key: "a", sequence: 2, value: "" });
  expect(server.view().keys).toBe(0);
});

describe("a server with a store", () => {
  it("has its map, its numbers and what it knows again after its end", async () => {
    const store = new TestStore();
    const first = await serve({ store });
    const writer = new Writer(first.endpoints);
    for (const [n, key] of ["a", "b"].entries()) await writer.set(key, `${n}`, n + 1);
    await writer.set("c", "2", 3, 1);
    while (first.server.view().keys > 2) await turn();
    await first.server.close();
    expect(store.calls.at(-1)).toBe("close");
    const second = await serve({ store });
    const again = new Writer(second.endpoints);
    expect(await again.set("b", "1", 2)).toBe("OKTHX 2");
    expect(await again.set("d", "3", 9)).toBe("OKTHX 5");
    expect((await again.map()).toSorted()).toEqual(["1 a=0", "2 b=1", "5 d=3", "KTHXBAI 5"]);
  });

  it("that cannot be opened says so to whoever binds, each time, and closes", async () => {
    const store = new TestStore();
    store.fault = new Error("not a store");
    const server = newServer({ store });
    await expect(server.bind(ANY)).rejects.toThrow("not a store");
    await expect(server.bind(ANY)).rejects.toThrow("not a store");
    await server.close();
    expect(store.calls, "what was not opened is not closed").toEqual(["open"]);
  });

  it("whose map cannot be read says so to whoever binds, and is closed", async () => {
    const store = new TestStore();
    store.known = [{ uuid: randomBytes(16), sequence: 0 }];
    Object.defineProperty(store.known[0], "sequence", {
      get() {
        throw new Error("a broken disk");
      },
    });
    const server = newServer({ store });
    await expect(server.bind(ANY)).rejects.toThrow("a broken disk");
    await server.close();
    expect(store.calls).toEqual(["open", "close"]);
  });

  it("that fails is told, and tried again", async () => {
    const store = new TestStore();
    const { server, endpoints } = await serve({ store });
    const writer = new Writer(endpoints);
    store.fault = new Error("no room");
    const failed = once(server, "store-failed");
    const answer = writer.set("a", "1", 1);
    expect((await failed)[0]).toMatchObject({ reason: "no room" });
    store.fault = undefined;
    expect(await answer).toBe("OKTHX 1");
  });
});

describe("a pair", () => {
  /** One of two, where the other can find it. */
  async function one(role: "primary" | "backup", more: SnapshotServerOptions = {}) {
    const { server, endpoints } = await serve({ heartbeatMs: 300, pair: { role }, ...more });
    return { server, endpoints, states: await server.bindPeer(ANY) };
  }

  async function pair(more: SnapshotServerOptions = {}) {
    const [primary, backup] = [await one("primary", more), await one("backup", more)];
    const ready = Promise.all([
      once(primary.server, "follower-joined"),
      once(backup.server, "became-passive"),
    ]);
    await primary.server.connectPeer(backup.states, backup.endpoints.snapshot);
    await backup.server.connectPeer(primary.states, primary.endpoints.snapshot);
    await ready;
    return { primary, backup };
  }

  it("carries the map over the end of its active: all that was acknowledged is there, once", async () => {
    const { primary, backup } = await pair();
    expect(primary.server.view()).toMatchObject({
      isActive: true,
      pair: { role: "primary", isFollowed: true },
    });
    const writer = new Writer(primary.endpoints);
    for (let n = 1; n <= 500; n++) expect(await writer.set(`k${n % 100}`, `${n}`, n)).toBe(`OKTHX ${n}`);
    while (primary.server.view().pair?.isFollowed !== true || backup.server.view().sequence < 500)
      await turn();
    expect(backup.server.view()).toMatchObject({ isActive: false, sequence: 500, keys: 100 });
    const taken = once(backup.server, "became-active");
    await primary.server.close();
    const other = new Writer(backup.endpoints);
    // Its question is what makes the passive one active.
    let map = await other.map();
    while (map[0]?.startsWith("SORRY")) map = await other.map();
    await taken;
    expect(map).toHaveLength(101);
    expect(new Set(map)).toEqual(
      new Set([
        ...Array.from({ length: 100 }, (_, n) => `${401 + n} k${(401 + n) % 100}=${401 + n}`),
        "KTHXBAI 500",
      ]),
    );
    expect(await other.set("k0", "500", 500)).toBe("OKTHX 500");
    expect(await other.set("new", "1", 501)).toBe("OKTHX 501");
    expect(backup.server.stats().pair?.activations).toBeGreaterThan(0);
  });

  it("goes on alone when its passive ends, and has a new one catch up", async () => {
    const { primary, backup } = await pair({ socket: { sendHighWaterMark: 20 } });
    const writer = new Writer(primary.endpoints);
    const left = once(primary.server, "follower-lost");
    await backup.server.close();
    expect((await left)[0]).toMatchObject({ reason: "left" });
    for (let n = 1; n <= 300; n++) expect(await writer.set(`k${n}`, "x", n)).toBe(`OKTHX ${n}`);
    const next = newServer({ heartbeatMs: 300, pair: { role: "backup" }, socket: { sendHighWaterMark: 20 } });
    await next.bind(backup.endpoints);
    await next.bindPeer(backup.states);
    const joined = Promise.all([once(primary.server, "follower-joined"), once(next, "became-passive")]);
    await next.connectPeer(primary.states, primary.endpoints.snapshot);
    await joined;
    expect(await writer.set("last", "x", 1000)).toBe("OKTHX 301");
    while (next.view().sequence < 301) await turn();
    expect(next.view()).toMatchObject({ isActive: false, keys: 301 });
  });

  it("takes values that are larger than what sockets accept by default, if it is told to", async () => {
    const maxValueBytes = 65 * 2 ** 20;
    const { primary, backup } = await pair({ maxValueBytes });
    const writer = new Writer(primary.endpoints);
    expect(await writer.set("large", "x".repeat(maxValueBytes), 1)).toBe("OKTHX 1");
    expect(primary.server.view().pair?.isFollowed).toBe(true);
    expect(backup.server.get("large")).toHaveLength(maxValueBytes);
  });

  it("orders what a client published to both, once: the passive keeps it until it has seen it", async () => {
    const { primary, backup } = await pair();
    const client = bare(primary.endpoints);
    client.publisher.connect(backup.endpoints.collector);
    await client.subscribe();
    await client.isCollected();
    while (backup.server.stats().sockets.received === 0) await turn();
    await client.set("a", "1", Buffer.from(uuidOf(1)));
    await client.update(({ key }) => key === "a");
    while (primary.server.view().pair?.isFollowed !== true || backup.server.get("a") === undefined)
      await turn();
    expect(`${backup.server.get("a")}`).toBe("1");
    await primary.server.close();
    const other = new Writer(backup.endpoints);
    while ((await other.map())[0]?.startsWith("SORRY")) await turn();
    expect(await other.set("a", "1", 1)).toMatch(/^OKTHX/);
    expect(backup.server.stats().duplicates).toBe(1);
  });
});

describe("wrong is", () => {
  it.each([
    [{ heartbeatMs: 0 }, RangeError, "heartbeatMs"],
    [{ store: {} as never }, TypeError, "store"],
    [{ store: null as never }, TypeError, "store"],
    [{ pair: { role: "third" as never } }, Error, "role"],
    [{ pears: {} } as never, TypeError, "pears"],
    [{ socket: { maxFrameBytes: 2 ** 20 - 1 } }, RangeError, '"socket.maxFrameBytes"'],
    [
      { pair: { role: "backup", peerSocket: { maxFrameBytes: 1000 } } },
      RangeError,
      '"peerSocket.maxFrameBytes"',
    ],
  ] as const)("the option %j", (options, error, name) => {
    const make = () => new SnapshotServer(options);
    expect(make).toThrow(error);
    expect(make).toThrow(name);
  });

  it("to speak of a peer where there is none", async () => {
    const server = newServer();
    await expect(server.bindPeer(ANY)).rejects.toThrow(TypeError);
    await expect(server.connectPeer("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")).rejects.toThrow(TypeError);
  });

  it("an endpoint that is none", async () => {
    const server = newServer({ pair: { role: "primary" } });
    await expect(server.bind("ipc:///tmp/one")).rejects.toThrow(RangeError);
    await expect(server.bind(5556 as never)).rejects.toThrow(TypeError);
    await expect(server.bindPeer("nowhere")).rejects.toThrow(RangeError);
    await expect(server.connectPeer("tcp://127.0.0.1:1", "tcp://*:1")).rejects.toThrow(RangeError);
  });
});
