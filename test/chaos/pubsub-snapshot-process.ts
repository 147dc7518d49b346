/**
 * Writers and readers of a shared map, each with a client of its own, in one process; it prints `ready` when all have joined, and
 * answers its parent over IPC. Arguments: the servers as JSON, the names of the writers, separated by commas, and how many readers.
 *
 * A writer sets and deletes keys of its own, one after the other, and counts up a key that all share. A reader sees to it that
 * nothing that it watches ever goes back.
 */
import { ConflictError, SnapshotClient, type SnapshotEndpoints } from "@seaworthy/pubsub-snapshot";
import { COUNTER, END, type Order, type Read, SUBTREE, type Written } from "./pubsub-snapshot-words.js";

const KEYS = 20;
/** Of so many updates of a writer one deletes, and one counts. */
const DELETES = 7;
const COUNTS = 10;

const [servers, names, readerCount] = process.argv.slice(2) as [string, string, string];
const endpoints = JSON.parse(servers) as (string | SnapshotEndpoints)[];

function open(subtree: string): SnapshotClient {
  const client = new SnapshotClient({
    subtree,
    timeoutMs: 60_000,
    retryMs: 500,
    backoff: { maxMs: 400 },
    socket: { reconnectMaxIntervalMs: 400 },
  });
  for (const server of endpoints) client.connect(server);
  return client;
}

class Writer {
  readonly client = open(SUBTREE);
  readonly entries = new Map<string, string>();
  readonly failures: string[] = [];
  increments = 0;
  isOver = false;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  async run(): Promise<void> {
    for (let turn = 1; !this.isOver; turn++)
      await this.#update(turn).catch((error: unknown) => this.failures.push(String(error)));
  }

  async #update(turn: number): Promise<void> {
    if (turn % COUNTS === 0) return this.#count();
    const key = `${SUBTREE}${this.#name}/${turn % KEYS}`;
    if (turn % DELETES === 0) {
      await this.client.delete(key);
      this.entries.delete(key);
    } else {
      await this.client.set(key, `${turn}`);
      this.entries.set(key, `${turn}`);
    }
  }

  async #count(): Promise<void> {
    const entry = this.client.entry(COUNTER);
    try {
      await this.client.set(COUNTER, `${Number(entry?.value ?? 0) + 1}`, {
        ifSequence: entry?.sequence ?? 0,
      });
      this.increments += 1;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
}

class Reader {
  readonly client: SnapshotClient;
  readonly wrong: string[] = [];
  readonly #seen = new Map<string, { readonly value: number; readonly sequence: number }>();
  /** It has seen {@link END}. */
  readonly hasAll: Promise<void>;

  constructor(subtree: string) {
    this.client = open(subtree);
    this.hasAll = this.#watch();
  }

  async #watch(): Promise<void> {
    for await (const { keyText, entry, sequence } of this.client.watch(SUBTREE, { maxQueued: 1_000_000 })) {
      const before = this.#seen.get(keyText) ?? { value: 0, sequence: 0 };
      const value = entry === undefined ? before.value : Number(entry.value);
      if (value < before.value || sequence <= before.sequence)
        this.wrong.push(`${keyText}: ${value} as ${sequence} after ${before.value} as ${before.sequence}`);
      this.#seen.set(keyText, { value, sequence });
      if (keyText === END) return;
    }
  }
}

const writers = names.split(",").map((name) => new Writer(name));
// Half of them take the whole map.
const readers = Array.from(
  { length: Number(readerCount) },
  (_, index) => new Reader(index % 2 ? SUBTREE : ""),
);
const clients = [...writers, ...readers].map(({ client }) => client);
await Promise.all(clients.map((client) => client.ready()));
const writing = Promise.all(writers.map((writer) => writer.run()));

const sum = (numbers: readonly number[]): number => numbers.reduce((one, other) => one + other, 0);

async function stop(): Promise<Written> {
  for (const writer of writers) writer.isOver = true;
  await writing;
  const stats = writers.map(({ client }) => client.stats());
  return {
    entries: writers.flatMap(({ entries }) => [...entries]),
    increments: sum(writers.map(({ increments }) => increments)),
    acknowledged: sum(stats.map(({ acknowledged }) => acknowledged)),
    retried: sum(stats.map(({ retried }) => retried)),
    failures: writers.flatMap(({ failures }) => failures),
  };
}

async function judge(): Promise<Read> {
  await Promise.all(readers.map(({ hasAll }) => hasAll));
  const stats = clients.map((client) => client.stats());
  return {
    maps: readers.map(({ client }) => [...client].map(({ keyText, value }) => [keyText, String(value)])),
    wrong: readers.flatMap(({ wrong }) => wrong),
    joins: sum(stats.map(({ joins }) => joins)),
    gaps: sum(stats.map(({ gaps }) => gaps)),
  };
}

process.on("message", async (order: Order) => {
  process.send?.(await (order === "stop" ? stop() : judge()));
});
console.log("ready");
