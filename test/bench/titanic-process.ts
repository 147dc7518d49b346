/**
 * One process of those that titanic.ts measures; it answers its parent over IPC. Arguments:
 *
 *     broker
 *     worker <endpoint> <service>            a MajordomoWorker that echoes, and says when it is first asked
 *     server <endpoint> memory|lmdb|postgres <folder or address>
 *     client <endpoint>
 *     log <folder>                           appends and syncs
 *     fill <folder> <count> <service>        fills a store with requests, and ends
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { MajordomoBroker, MajordomoWorker } from "@seaworthy/majordomo";
import { MemoryStore, TitanicServer, type TitanicStore } from "@seaworthy/titanic";
import { LmdbStore } from "@seaworthy/titanic/lmdb";
import { PostgresStore } from "@seaworthy/titanic/postgres";
import { highWaterMarks } from "./asking.js";
import { startClient } from "./titanic-client.js";
import { startLog } from "./titanic-log.js";

export type StoreKind = "memory" | "lmdb" | "postgres";

/** Where a broker listens. */
export interface Listening {
  readonly endpoint: string;
}

/** What a server has in memory after a garbage collection, in answer to `usage`, in bytes. */
export interface Usage {
  /** Its own. */
  readonly ownBytes: number;
  /** What it sees of files, which the system gives to others when they need it. */
  readonly fileBytes: number;
}

const ANY_PORT = "tcp://127.0.0.1:*";
const CONCURRENCY = 1000;
const FILL_BATCH = 10_000;

async function startBroker(): Promise<void> {
  const broker = new MajordomoBroker({ maxWaiting: 1_000_000, socket: highWaterMarks });
  process.send?.({ endpoint: await broker.bind(ANY_PORT) } satisfies Listening);
}

function startWorker(endpoint: string, service: string): void {
  const worker = new MajordomoWorker(service, { socket: highWaterMarks });
  let wasAsked = false;
  worker.connect(endpoint);
  void worker.serve(
    ({ body }) => {
      if (!wasAsked) process.send?.({});
      wasAsked = true;
      return body;
    },
    { concurrency: CONCURRENCY },
  );
  worker.on("session-opened", () => process.send?.({}));
}

function storeOf(kind: StoreKind, place: string): TitanicStore {
  switch (kind) {
    case "memory":
      return new MemoryStore();
    case "lmdb":
      return new LmdbStore(place);
    case "postgres":
      return new PostgresStore({ connectionString: place });
  }
}

/** Where the system does not tell them apart, all of it is its own. */
function resident(): Usage {
  if (process.platform !== "linux") return { ownBytes: process.memoryUsage.rss(), fileBytes: 0 };
  const status = readFileSync("/proc/self/status", "utf8");
  const bytes = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return { ownBytes: bytes("RssAnon"), fileBytes: bytes("RssFile") + bytes("RssShmem") };
}

async function startServer(endpoint: string, kind: StoreKind, place: string): Promise<void> {
  const server = new TitanicServer(storeOf(kind, place), { socket: highWaterMarks });
  server.connect(endpoint);
  await server.open();
  process.on("message", async (question: "usage" | "close") => {
    if (question === "close") {
      await server.close();
      return process.exit();
    }
    globalThis.gc?.();
    process.send?.(resident());
  });
  process.send?.({});
}

/** With ids that are all random, which leave the most behind in a store. */
async function fill(folder: string, count: number, service: string): Promise<void> {
  const store = new LmdbStore(folder);
  await store.open();
  const request = { service: Buffer.from(service), body: [Buffer.from("hello world")], key: undefined };
  for (let done = 0; done < count; done += FILL_BATCH) {
    const batch = Math.min(FILL_BATCH, count - done);
    await Promise.all(Array.from({ length: batch }, () => store.add({ ...request, id: randomBytes(16) })));
  }
  await store.close();
  process.send?.({});
}

// Nobody is left behind when the parent is stopped.
process.on("disconnect", () => process.exit());

const [role, first = "", second = "", third = ""] = process.argv.slice(2);
if (role === "broker") await startBroker();
else if (role === "worker") startWorker(first, second);
else if (role === "server") await startServer(first, second as StoreKind, third);
else if (role === "client") startClient(first);
else if (role === "log") startLog(first);
else await fill(first, Number(second), third);
