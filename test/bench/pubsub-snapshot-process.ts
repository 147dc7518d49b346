/**
 * One process of those that pubsub-snapshot.ts measures; it answers its parent over IPC. Arguments:
 *
 *     server <keys>                              a server of so many keys; answers with its memory when asked
 *     primary|backup <states> <peer's states> <snapshots> <peer's snapshots>     one of a pair
 *     join <endpoints>                           joins, and tells what that took
 *     relay                                      bare sockets that publish what they collect
 *     source bare|ours <endpoints>               has updates published, and listens itself
 *     listener bare|ours <endpoints> <clients>   so many that listen, and tell when all have all
 *     writer <endpoints>, watcher <endpoints>    one sets, the other sees
 *
 * Endpoints are JSON. Bare sockets get the same frames as ours do.
 */
import {
  SnapshotClient,
  type SnapshotEndpoints,
  SnapshotServer,
  type StarRole,
} from "@seaworthy/pubsub-snapshot";
import { Publisher, Subscriber } from "zeromq";
import { largeMap } from "../harness/large-map.js";

export type Side = "bare" | "ours";

/** Where a server is. */
export type Place = readonly SnapshotEndpoints[];

/** What a process takes. */
export interface Memory {
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** What it took to join. */
export interface Joined {
  readonly ms: number;
  readonly cpuMs: number;
  readonly before: Memory;
  readonly after: Memory;
}

/** So many updates, the last one of this key: `/end/number/0000`, with another number each time. */
export interface Job {
  readonly count: number;
  readonly end: string;
}

/** When the first update was published, or the last one had come, on a clock that all processes share; and how often some were missed. */
export interface AllCame {
  readonly atMs: number;
  readonly gaps: number;
}

/** From `set` to what the other's `watch` says, in ms. */
export interface Latencies {
  readonly times: number[];
}

const ANY_PORT = "tcp://127.0.0.1:*";
const ANYWHERE: SnapshotEndpoints = { snapshot: ANY_PORT, publisher: ANY_PORT, collector: ANY_PORT };
const VALUE_BYTES = 32;
/** Updates that are on their way at a time. */
const WINDOW = 2000;
const BATCH = 100;
const NUMBER = Buffer.alloc(8);
const VALUE = Buffer.alloc(VALUE_BYTES, 7);
const KEYS = 10_000;
const END_BYTES = "/end/number/0000".length;
const PILOT_EVERY_MS = 5;

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const tell = (message: object): unknown => process.send?.(message);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

function memory(): Memory {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + arrayBuffers };
}

async function beAServer(keys: number): Promise<void> {
  const server = new SnapshotServer(keys > 0 ? { store: largeMap(keys, VALUE_BYTES) } : {});
  process.on("message", () => tell(memory()));
  tell([await server.bind(ANYWHERE)]);
}

async function beOneOfAPair(
  role: StarRole,
  states: string,
  peerStates: string,
  snapshots: string,
  peerSnapshots: string,
): Promise<void> {
  const server = new SnapshotServer({ pair: { role } });
  const toldWhen = role === "primary" ? "follower-joined" : "became-passive";
  server.on(toldWhen, () => tell([{ snapshot, publisher, collector }]));
  const { snapshot, publisher, collector } = await server.bind(snapshots);
  await server.bindPeer(states);
  await server.connectPeer(peerStates, peerSnapshots);
}

function connected(place: Place): SnapshotClient {
  const client = new SnapshotClient({ joinTimeoutMs: 60_000 });
  for (const endpoints of place) client.connect(endpoints);
  return client;
}

async function join(place: Place): Promise<void> {
  const before = memory();
  const cpu = process.cpuUsage();
  const beganAt = performance.now();
  const client = connected(place);
  await client.ready();
  const ms = performance.now() - beganAt;
  const { user, system } = process.cpuUsage(cpu);
  tell({ ms, cpuMs: (user + system) / 1000, before, after: memory() } satisfies Joined);
}

/** What a server does without a map, on bare sockets: publishes whatever is collected. */
async function beARelay(): Promise<void> {
  const publisher = new Publisher({ linger: 0, sendHighWaterMark: 0 });
  const collector = new Subscriber({ receiveHighWaterMark: 0 });
  collector.subscribe("");
  publisher.bindSync(ANY_PORT);
  collector.bindSync(ANY_PORT);
  const [updates, collected] = [publisher.lastEndpoint, collector.lastEndpoint] as [string, string];
  tell([{ snapshot: "", publisher: updates, collector: collected }] satisfies Place);
  for await (const frames of collector) await publisher.send(frames);
}

/** Somebody who hears of updates. */
interface Listener {
  /** How many have come. */
  heard(): number;
  /** The update of this key has come, and all before it. */
  has(key: string): boolean;
  gaps(): number;
}

async function bareListener({ publisher }: SnapshotEndpoints): Promise<Listener> {
  const socket = new Subscriber({ receiveHighWaterMark: 0 });
  socket.subscribe("");
  socket.connect(publisher);
  let heard = 0;
  const ends = new Set<string>();
  const isLive = new Promise<void>((resolve) => {
    void (async () => {
      for await (const [key] of socket) {
        if (heard === 0) resolve();
        heard += 1;
        if ((key as Buffer).length === END_BYTES) ends.add(String(key));
      }
    })();
  });
  await isLive;
  return { heard: () => heard, has: (key) => ends.has(key), gaps: () => 0 };
}

async function ourListener(endpoints: SnapshotEndpoints): Promise<Listener> {
  const client = connected([endpoints]);
  await client.ready();
  return {
    heard: () => client.stats().updates,
    has: (key) => client.has(key),
    gaps: () => client.stats().gaps,
  };
}

/** Tells when an end has come to all of them. */
async function hear(listeners: readonly Listener[], end: string): Promise<void> {
  while (!listeners.every((listener) => listener.has(end))) await pause();
  const gaps = listeners.reduce((sum, listener) => sum + listener.gaps(), 0);
  tell({ atMs: nowMs(), gaps } satisfies AllCame);
}

async function listen(side: Side, [endpoints]: Place, count: number): Promise<void> {
  const open = side === "bare" ? bareListener : ourListener;
  const opening = Array.from({ length: count }, () => open(endpoints as SnapshotEndpoints));
  process.on("message", ({ end }: Job) => opened.then((listeners) => hear(listeners, end)));
  const opened = Promise.all(opening);
  await opened;
  tell({});
}

/** Publishes what a job says, so much at a time that it hears it again. */
class Source {
  readonly #collector = new Publisher({ linger: 0, sendHighWaterMark: 0 });
  readonly #pilots: NodeJS.Timeout;
  #said: Promise<void> = Promise.resolve();
  #count = 0;

  constructor(collector: string) {
    this.#collector.connect(collector);
    this.#pilots = setInterval(() => {
      this.#said = this.#said.then(() => this.#say("/pilot"));
    }, PILOT_EVERY_MS);
  }

  async publish({ count, end }: Job, listener: Listener): Promise<void> {
    clearInterval(this.#pilots);
    await this.#said;
    const before = listener.heard();
    for (let said = 0; said < count - 1; said++) {
      if (said % BATCH === 0) while (said - (listener.heard() - before) > WINDOW) await turn();
      await this.#say(`/key/${said % KEYS}`);
    }
    await this.#say(end);
  }

  #say(key: string): Promise<void> {
    // A server orders none twice.
    const uuid = Buffer.alloc(16);
    uuid.writeUInt32BE(this.#count++);
    return this.#collector.send([key, NUMBER, uuid, "", VALUE]);
  }
}

async function beTheSource(side: Side, place: Place): Promise<void> {
  const [endpoints] = place as [SnapshotEndpoints];
  const source = new Source(endpoints.collector);
  const listener = await (side === "bare" ? bareListener : ourListener)(endpoints);
  process.on("message", (job: Job) => {
    tell({ atMs: nowMs(), gaps: 0 } satisfies AllCame);
    void source.publish(job, listener).then(() => hear([listener], job.end));
  });
  tell({});
}

async function write(place: Place): Promise<void> {
  const client = connected(place);
  await client.ready();
  process.on("message", async ({ count, end }: Job) => {
    for (let said = 0; said < count; said++) {
      await turn();
      await client.set(`/timed/${said % KEYS}`, String(nowMs()));
    }
    await client.set(end, "1");
  });
  tell({});
}

async function watch(place: Place): Promise<void> {
  const client = connected(place);
  await client.ready();
  const changes = client.watch();
  tell({});
  const times: number[] = [];
  for await (const { keyText, entry } of changes) {
    if (keyText.startsWith("/timed/")) times.push(nowMs() - Number(entry?.value));
    else tell({ times: times.splice(0) } satisfies Latencies);
  }
}

const [role, ...args] = process.argv.slice(2) as [string, ...string[]];
const placeAt = (index: number): Place => JSON.parse(args[index] as string) as Place;
switch (role) {
  case "server":
    await beAServer(Number(args[0]));
    break;
  case "primary":
  case "backup":
    await beOneOfAPair(role, ...(args as [string, string, string, string]));
    break;
  case "join":
    await join(placeAt(0));
    break;
  case "relay":
    await beARelay();
    break;
  case "source":
    await beTheSource(args[0] as Side, placeAt(1));
    break;
  case "listener":
    await listen(args[0] as Side, placeAt(1), Number(args[2]));
    break;
  case "writer":
    await write(placeAt(0));
    break;
  case "watcher":
    await watch(placeAt(0));
    break;
}
