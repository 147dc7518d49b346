import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { median, whole } from "./figures.js";
import { answer, ended, endProcesses, startProcess } from "./processes.js";
import type { ClientDone, ClientJob } from "./titanic-client.js";
import type { Listening, Usage } from "./titanic-process.js";

const FEW = 1000;
const MANY = 1_000_000;
const STARTS = 3;
const MAX_START_MS = 5000;
/** The same work does not leave the same in memory in each run. */
const MAX_MEMORY_RATIO = 1.25;
const SERVICE = "backlog";
const ROUNDS = 4;
const load: readonly ClientJob[] = [
  { errand: "accept", count: 20_000, inFlight: 1000 },
  { errand: "cycle", count: 2000, inFlight: 1000 },
];

/** A server over a store that has many requests in it. */
export interface Backlog {
  /** From the start of its process until it is open, and until a worker has the first request; medians. */
  readonly openMs: number;
  readonly dispatchMs: number;
  /** The most in the course of the same work, with few and with many requests in the store. */
  readonly few: Usage;
  readonly many: Usage;
  readonly memoryRatio: number;
  readonly isMet: boolean;
}

type Start = (...args: string[]) => ChildProcess;

async function startBroker(start: Start): Promise<string> {
  return (await answer<Listening>(start("broker"))).endpoint;
}

/** It lets go of the store, which the next server would otherwise have to wait for. */
async function closeServer(server: ChildProcess): Promise<void> {
  server.send("close");
  await ended(server);
}

async function measureMemory(start: Start, folder: string): Promise<Usage> {
  const endpoint = await startBroker(start);
  await answer(start("worker", endpoint, "echo"));
  const server = start("server", endpoint, "lmdb", folder);
  await answer(server);
  const client = start("client", endpoint);
  await answer(client);
  const usages: Usage[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const job of load) {
      client.send(job);
      await answer<ClientDone>(client);
      server.send("usage");
      usages.push(await answer<Usage>(server));
    }
  }
  await closeServer(server);
  endProcesses();
  const most = (key: keyof Usage): number => Math.max(...usages.map((usage) => usage[key]));
  return { ownBytes: most("ownBytes"), fileBytes: most("fileBytes") };
}

async function measureStart(start: Start, folder: string): Promise<{ openMs: number; dispatchMs: number }> {
  const endpoint = await startBroker(start);
  const worker = start("worker", endpoint, SERVICE);
  await answer(worker);
  const wasAsked = answer(worker);
  const startedAt = performance.now();
  const server = start("server", endpoint, "lmdb", folder);
  await answer(server);
  const openMs = performance.now() - startedAt;
  await wasAsked;
  const dispatchMs = performance.now() - startedAt;
  await closeServer(server);
  endProcesses();
  return { openMs, dispatchMs };
}

/** Measures servers over stores in this folder. */
export async function measureBacklog(program: string, folder: string): Promise<Backlog> {
  const start: Start = (...args) => startProcess(program, ...args);
  async function fill(name: string, count: number): Promise<string> {
    const path = join(folder, name);
    await answer(start("fill", path, String(count), SERVICE));
    endProcesses();
    return path;
  }
  const few = await measureMemory(start, await fill("few", FEW));
  const path = await fill("many", MANY);
  const many = await measureMemory(start, path);
  const starts = [];
  for (let round = 0; round < STARTS; round++) starts.push(await measureStart(start, path));
  const openMs = median(starts.map((it) => it.openMs));
  const dispatchMs = median(starts.map((it) => it.dispatchMs));
  const memoryRatio = many.ownBytes / few.ownBytes;
  const isMet = dispatchMs < MAX_START_MS && memoryRatio <= MAX_MEMORY_RATIO;
  return { openMs, dispatchMs, few, many, memoryRatio, isMet };
}

export function printBacklog({ openMs, dispatchMs, few, many, memoryRatio }: Backlog): void {
  const mib = (bytes: number): string => `${whole(bytes / 2 ** 20)} MiB`;
  const memory = ({ ownBytes, fileBytes }: Usage): string =>
    `${mib(ownBytes)} (and ${mib(fileBytes)} of files)`;
  console.log(
    `lmdb: started with ${whole(MANY)} pending: open after ${whole(openMs)} ms, the first at a worker after ` +
      `${whole(dispatchMs)} ms (target < ${whole(MAX_START_MS)} ms)`,
  );
  console.log(
    `lmdb: resident, at most, with ${whole(FEW)} pending: ${memory(few)}; with ${whole(MANY)}: ${memory(many)}; ` +
      `ratio ${memoryRatio.toFixed(2)} (target <= ${MAX_MEMORY_RATIO})`,
  );
}
