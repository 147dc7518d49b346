import { once } from "node:events";
import { SnapshotClient, SnapshotServer, type SnapshotServerOptions } from "@seaworthy/pubsub-snapshot";
import { describe, expect, it } from "vitest";
import { Dealer, Publisher, XSubscriber } from "zeromq";
import type { Frame } from "./bare.js";
import { BareClient, type BareServer, HEARTBEAT_MS } from "./chp-peers.js";
import { keep } from "./keep.js";
import { CHP_WORDS, noise } from "./noise.js";

const ANY_PORT = "tcp://127.0.0.1:*";

interface Ours {
  readonly server: SnapshotServer;
  readonly endpoints: BareServer["endpoints"];
}

async function newServer(options: SnapshotServerOptions = {}): Promise<Ours> {
  const server = keep(new SnapshotServer({ heartbeatMs: HEARTBEAT_MS, lingerMs: 0, ...options }));
  const endpoints = await server.bind({ snapshot: ANY_PORT, publisher: ANY_PORT, collector: ANY_PORT });
  return { server, endpoints };
}

const newBareClient = ({ endpoints }: Ours, subtree?: string): BareClient =>
  keep(new BareClient(endpoints, subtree));

async function newClient({ endpoints }: Ours, subtree = ""): Promise<SnapshotClient> {
  const client = keep(new SnapshotClient({ subtree, lingerMs: 0, timeoutMs: 60_000 }));
  client.connect(endpoints);
  await client.ready();
  return client;
}

const uuid = (index: number): string => index.toString(16).padStart(32, "0");

describe("our server and clients by RFC 12", () => {
  it("one publishes, others have it in order, with its UUID and its properties", async () => {
    const ours = await newServer();
    const [one, other] = [newBareClient(ours), newBareClient(ours)];
    await Promise.all([one.joins(), other.joins()]);
    for (const { end } of [one, other])
      expect(end).toEqual({ key: "KTHXBAI", sequence: 0, uuid: "", properties: "", value: "" });
    one.publish("/a", "1", "colour=blue\n", uuid(1));
    one.publish("/b", "2", "", uuid(2));
    one.publish("/a", "", "", uuid(3));
    // Without a UUID, which RFC 12 allows.
    one.publish("/c", "3");
    await other.until(() => other.updates.length === 4);
    expect(other.updates).toEqual([
      { key: "/a", sequence: 1, uuid: uuid(1), properties: "colour=blue\n", value: "1" },
      { key: "/b", sequence: 2, uuid: uuid(2), properties: "", value: "2" },
      { key: "/a", sequence: 3, uuid: uuid(3), properties: "", value: "" },
      { key: "/c", sequence: 4, uuid: "", properties: "", value: "3" },
    ]);
    expect([...other.map]).toEqual([
      ["/b", "2"],
      ["/c", "3"],
    ]);
    // What comes again is not ordered again; a key that is not there can be deleted.
    one.publish("/b", "2", "", uuid(2));
    one.publish("/nothing", "", "", uuid(5));
    await other.until(() => other.updates.length === 5);
    expect(other.updates.at(-1)).toMatchObject({ key: "/nothing", sequence: 5 });
    expect(ours.server.stats()).toMatchObject({ duplicates: 1, keys: 2 });
    expect(new Set(other.beats.map(({ key, sequence }) => `${key} ${sequence}`))).toEqual(
      new Set(["HUGZ 0"]),
    );
  });

  it("gives the whole of a map that is larger than any high-water mark, or the subtree asked for", async () => {
    const ours = await newServer();
    const writer = await newClient(ours);
    const keys = Array.from({ length: 6000 }, (_, index) => `/${index % 3 ? "most" : "some"}/${index}`);
    await Promise.all(keys.map((key) => writer.set(key, key, { properties: { odd: "=" } })));
    await writer.delete("/most/1");
    const all = await newBareClient(ours).joins();
    expect(all.items.map(({ key }) => key).sort()).toEqual(keys.filter((key) => key !== "/most/1").sort());
    for (const { key, uuid: none, value } of all.items) expect([none, value]).toEqual(["", key]);
    expect(all.end).toEqual({ key: "KTHXBAI", sequence: 6001, uuid: "", properties: "", value: "" });

    const some = await newBareClient(ours, "/some/").joins();
    expect(some.items).toHaveLength(2000);
    expect(some.items.every(({ key }) => key.startsWith("/some/"))).toBe(true);
    expect(some.end).toMatchObject({ sequence: 6001, value: "/some/" });
    await writer.set("/most/2", "elsewhere");
    await writer.set("/some/0", "here");
    await some.until(() => some.updates.length > 0);
    expect(some.updates).toMatchObject([{ key: "/some/0", sequence: 6003, value: "here" }]);
  });

  it("deletes what lives for so many seconds, and publishes that", async () => {
    const ours = await newServer();
    const client = await newBareClient(ours).joins();
    client.publish("/brief", "1", "ttl=1\n", uuid(1));
    client.publish("/long", "1", "ttl=1000\n", uuid(2));
    client.publish("/wrong", "1", "ttl=soon\n", uuid(3));
    await client.until(() => client.updates.length === 3);
    expect(client.updates).toMatchObject([
      { key: "/brief", sequence: 1, properties: "ttl=1\n" },
      { key: "/long", sequence: 2 },
      { key: "/brief", sequence: 3, value: "" },
    ]);
    expect([...client.map.keys()]).toEqual(["/long"]);
    expect(ours.server.stats()).toMatchObject({ expired: 1, refused: 1 });
  });

  it("has the same map for clients of ours and others, whatever keys, values and properties are like", async () => {
    const ours = await newServer();
    const mine = await newClient(ours);
    const bare = await newBareClient(ours).joins();
    const words = [
      "HUGZ",
      "ICANHAZ?",
      "MOAR",
      "OKTHX",
      "\0HUGZ\0\0",
      "\0",
      "\xff\xfe",
      "/ ",
      "k".repeat(255),
    ];
    const odd = [
      "a=b=c\n",
      "no newline",
      "=nameless\n",
      "\n\n\n",
      "bare\n",
      "x=\n",
      "sw-count=9\nx=1\n",
      "\xff=\xfe\n",
    ];
    let published = 0;
    for (const [index, key] of words.entries())
      bare.publish(
        key,
        words[words.length - 1 - index] as string,
        odd[index % odd.length],
        uuid(++published),
      );
    await bare.until(() => bare.updates.length === published);
    const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
    for (const key of words) await holds(mine, Buffer.from(key, "latin1"));
    expect(new Map([...mine].map(({ key, value }) => [latin(key), latin(value)]))).toEqual(
      new Map(words.map((key, index) => [key, words[words.length - 1 - index] as string])),
    );
    expect(mine.entry("HUGZ")?.properties).toEqual({ a: "b=c" });
    // What is the protocol's own, from one who cannot mean it, is not handed on.
    for (const { properties } of bare.updates) expect(properties).not.toContain("sw-");

    // The end of a snapshot, for a client that is not ours: it gets such a key with updates alone.
    await mine.set("KTHXBAI", "a key");
    await bare.until(() => bare.map.has("KTHXBAI"));
    const late = await newBareClient(ours).joins();
    expect(new Set(late.map.keys())).toEqual(new Set(words));
    const lateOfOurs = await newClient(ours);
    expect(lateOfOurs.size).toBe(words.length + 1);
    expect(String(lateOfOurs.get("KTHXBAI"))).toBe("a key");
    expect([mine, lateOfOurs].map((client) => client.stats())).toMatchObject(
      [1, 1].map(() => ({ joins: 1, gaps: 0, dropped: 0 })),
    );
  });

  it("refuses what is too large, or has a key that is, and says so to ours", async () => {
    const ours = await newServer({ maxValueBytes: 1000, maxKeys: 2 });
    const client = await newBareClient(ours).joins();
    client.publish("k".repeat(256), "1", "", uuid(1));
    client.publish("/large", "v".repeat(1001), "", uuid(2));
    client.publish("/1", "v".repeat(1000), "", uuid(3));
    client.publish("/2", "2", "", uuid(4));
    client.publish("/3", "too many", "", uuid(5));
    client.publish("/1", "fewer bytes", "", uuid(6));
    await client.until(() => client.updates.length === 3);
    expect(client.updates.map(({ key, sequence }) => [key, sequence])).toEqual([
      ["/1", 1],
      ["/2", 2],
      ["/1", 3],
    ]);
    expect(ours.server.stats().refused).toBe(3);
    const mine = await newClient(ours);
    await expect(mine.set("/3", "3")).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxKeys",
    });
    await expect(mine.set("/1", "v".repeat(1001))).rejects.toMatchObject({
      code: "ERR_LIMIT_REACHED",
      option: "maxValueBytes",
    });
  });
});

/** Resolves when the key is in the map. */
async function holds(client: SnapshotClient, key: string | Uint8Array): Promise<void> {
  const watch = client.watch(key);
  if (!client.has(key)) await watch.next();
  await watch.return?.();
}

describe("hostile peers", () => {
  const MESSAGES = 3000;

  /** Sends random messages; resolves when they are on their way. */
  async function shout(
    socket: { send(frames: Frame[]): Promise<void>; close(): void },
    seed: number,
  ): Promise<void> {
    for (const frames of noise(MESSAGES, seed, CHP_WORDS)) await socket.send(frames);
  }

  /** Resolves when more than so many were dropped. */
  async function hasDropped({ server }: Ours, count: number): Promise<void> {
    while (server.stats().dropped <= count) await once(server, "message-dropped");
  }

  /** It still does all that it does: for ours, and for others. */
  async function servesWell(ours: Ours): Promise<void> {
    const mine = await newClient(ours, "/well/");
    const bare = await newBareClient(ours, "/well/").joins();
    const set = await mine.set("/well/mine", "1");
    await bare.until(() => bare.map.has("/well/mine"));
    bare.publish("/well/bare", "2", "", uuid(1e9));
    await holds(mine, "/well/bare");
    await bare.until(() => bare.map.has("/well/bare"));
    expect(bare.updates.filter(({ key }) => key.startsWith("/well/"))).toMatchObject([
      { key: "/well/mine", sequence: set },
      { key: "/well/bare", sequence: mine.entry("/well/bare")?.sequence },
    ]);
    // It may have joined again: amid the noise of one process a heartbeat may be late.
    expect(mine.stats().gaps).toBe(0);
  }

  it("random messages to the port of the snapshots", async () => {
    const ours = await newServer();
    const hostile = [1, 2, 3].map((seed) => {
      const dealer = keep(new Dealer({ linger: 0 }));
      dealer.connect(ours.endpoints.snapshot);
      return shout(dealer, seed);
    });
    await Promise.all(hostile);
    await servesWell(ours);
    await hasDropped(ours, MESSAGES);
  });

  it("random messages to the collector", async () => {
    const ours = await newServer();
    const hostile = keep(new Publisher({ linger: 0, sendHighWaterMark: 0 }));
    hostile.connect(ours.endpoints.collector);
    const dropped = once(ours.server, "message-dropped");
    const knocking = setInterval(() => void hostile.send("knock").catch(() => undefined), 5);
    await dropped;
    clearInterval(knocking);
    await shout(hostile, 4);
    await hasDropped(ours, MESSAGES / 2);
    await servesWell(ours);
  });

  it("random messages and subscriptions to the port of the updates", async () => {
    // None that is late amid the noise of one process is to end a connection.
    const ours = await newServer({ maxSubtrees: 10, heartbeatMs: 1000 });
    // Nothing of it is dropped on its way, however long that takes.
    const hostile = keep(new XSubscriber({ linger: 0, sendHighWaterMark: 0 }));
    hostile.connect(ours.endpoints.publisher);
    await shout(hostile, 5);
    const beat = (length: number, name: string): Buffer =>
      Buffer.concat([
        Buffer.from("\x01\0HUGZ", "latin1"),
        Buffer.of(length >> 8, length & 0xff),
        Buffer.from(name),
      ]);
    const refused = once(ours.server, "subtree-refused");
    for (let index = 0; index < 100; index++) {
      const name = `/many/${index}/`;
      await hostile.send(beat(name.length, name));
    }
    await hostile.send(beat(3, "/longer/"));
    await hostile.send(beat(65_535, "/"));
    await hostile.send(Buffer.alloc(1_000_000, 1));
    await refused;
    expect(ours.server.stats().subtrees).toBeLessThanOrEqual(10);
    // No room for its subtree: it takes all, and filters.
    const mine = await newClient(ours, "/well/");
    await mine.set("/elsewhere", "1");
    await mine.set("/well/mine", "1");
    expect([...mine].map(({ keyText }) => keyText)).toEqual(["/well/mine"]);
    expect(mine.stats()).toMatchObject({ joins: 1, gaps: 0 });
  });
});
