/**
 * What a queue costs and how fast it heals:
 *
 * - requests per second through the queues, against bare ROUTER/ROUTER queues with the same workers and
 *   client in the same run;
 * - the time from the SIGKILL of a busy worker to the start of its request on another;
 * - the machine's time per request with 10 and with 5,000 workers in the books.
 *
 *     npm run bench:queue -- [--json]
 *
 * Exits with 1 when a target is missed.
 */
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { ParanoidPirateQueue } from "@seaworthy/paranoid-pirate";
import type { Job } from "./asking.js";
import { median, printTable, quantile, whole } from "./figures.js";
import { answer, endProcesses, failWithProcesses, killProcess, startProcess } from "./processes.js";
import { type BookCost, measureBooks } from "./queue-books.js";
import type { Endpoints, JobDone, Started } from "./queue-process.js";
import { takeTurns } from "./turns.js";

const ROUNDS = 5;
const job: Job = { count: 20_000, inFlight: 1000 };
const MIN_RATIO = 0.8;
const KILLS = 50;
const HEARTBEAT_MS = 100;
const LIVENESS = 3;
const MAX_DRAFT_P99_MS = 100;
const MAX_HEARTBEAT_P99_MS = HEARTBEAT_MS * LIVENESS * 1.1;
/** A cost that grew with the number of workers would be some hundred times as much. */
const MAX_BOOK_GROWTH = 2;

const program = fileURLToPath(new URL("queue-process.ts", import.meta.url));

interface Crew {
  readonly workers: number;
  readonly sessions: number;
}

const crews: readonly Crew[] = [
  { workers: 1, sessions: 1 },
  { workers: 4, sessions: 1 },
  { workers: 1, sessions: 100 },
  { workers: 4, sessions: 100 },
];
const patterns = [
  { name: "Simple Pirate", worker: "simple", bare: "bare-simple", ours: "simple" },
  { name: "Paranoid Pirate", worker: "paranoid", bare: "bare", ours: "paranoid" },
];

async function startChain(queue: string, worker: string, { workers, sessions }: Crew): Promise<ChildProcess> {
  const { frontend, backend } = await answer<Endpoints>(startProcess(program, "queue", queue));
  for (let index = 0; index < workers; index++) {
    await answer(startProcess(program, "worker", worker, backend, String(sessions)));
  }
  const client = startProcess(program, "client", frontend);
  await answer(client);
  return client;
}

async function run(client: ChildProcess, count: number): Promise<number> {
  const done = answer<JobDone>(client);
  client.send({ ...job, count });
  return (await done).elapsedMs;
}

interface Throughput {
  readonly pattern: string;
  readonly crew: Crew;
  readonly barePerSecond: number;
  readonly oursPerSecond: number;
  readonly ratio: number;
}

/** Both queues take turns, and turns at being first; the median of all rounds counts. */
async function measureThroughput(pattern: (typeof patterns)[number], crew: Crew): Promise<Throughput> {
  const chains = {
    bare: await startChain(pattern.bare, pattern.worker, crew),
    ours: await startChain(pattern.ours, pattern.worker, crew),
  };
  // One session alone is bound by the round trip.
  const count = crew.workers * crew.sessions === 1 ? job.count / 4 : job.count;
  const times = await takeTurns(ROUNDS, (side) => run(chains[side], count));
  endProcesses();
  const perSecond = (values: number[]): number => (count / median(values)) * 1000;
  const barePerSecond = perSecond(times.bare);
  const oursPerSecond = perSecond(times.ours);
  return {
    pattern: pattern.name,
    crew,
    barePerSecond,
    oursPerSecond,
    ratio: oursPerSecond / barePerSecond,
  };
}

interface Redispatch {
  readonly detectDepartures: boolean;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly targetMs: number;
}

/** Kills the worker that has the request, again and again; another always stands by. */
async function measureRedispatch(detectDepartures: boolean): Promise<Redispatch> {
  await using queue = new ParanoidPirateQueue({
    detectDepartures,
    heartbeatMs: HEARTBEAT_MS,
    liveness: LIVENESS,
    maxDeliveries: KILLS + 1,
  });
  await using client = new LazyPirateClient({ timeoutMs: 600_000, attempts: 1 });
  client.connect(await queue.bindFrontend("tcp://127.0.0.1:*"));
  const backend = await queue.bindBackend("tcp://127.0.0.1:*");
  const holder = async (): Promise<ChildProcess> => {
    const child = startProcess(program, "holder", backend);
    await answer(child);
    return child;
  };
  const standingBy = [await holder()];
  const reply = client.request("hold this");
  let busy = standingBy.pop() as ChildProcess;
  await answer<Started>(busy);
  const times: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const next = await holder();
    const started = answer<Started>(next);
    const killedAt = process.hrtime.bigint();
    await killProcess(busy);
    times.push(Number(BigInt((await started).startedAtNs) - killedAt) / 1e6);
    busy = next;
  }
  busy.send("reply");
  await reply;
  endProcesses();
  return {
    detectDepartures,
    medianMs: median(times),
    p99Ms: quantile(times, 0.99),
    maxMs: Math.max(...times),
    targetMs: detectDepartures ? MAX_DRAFT_P99_MS : MAX_HEARTBEAT_P99_MS,
  };
}

interface Result {
  throughput: Throughput[];
  redispatch: Redispatch[];
  books: BookCost[];
}

async function measure(): Promise<Result> {
  const books = measureBooks([10, 100, 1000, 5000]);
  const redispatch = [await measureRedispatch(true), await measureRedispatch(false)];
  const throughput: Throughput[] = [];
  for (const pattern of patterns) {
    for (const crew of crews) throughput.push(await measureThroughput(pattern, crew));
  }
  return { throughput, redispatch, books };
}

function bookGrowth(books: readonly BookCost[]): number {
  return (books.at(-1)?.perRequestNs ?? Number.NaN) / (books[0]?.perRequestNs ?? Number.NaN);
}

function print({ throughput, redispatch, books }: Result): void {
  const widths = [38, 10, 10, 8, 9];
  printTable([["requests/s, 1,000 in flight", "bare", "ours", "ratio", "target"]], widths);
  const rows = throughput.map(({ pattern, crew, barePerSecond, oursPerSecond, ratio }) => [
    `${pattern}, workers ${crew.workers}, sessions ${crew.sessions}`,
    whole(barePerSecond),
    whole(oursPerSecond),
    ratio.toFixed(2),
    `>= ${MIN_RATIO.toFixed(2)}`,
  ]);
  printTable(rows, widths);
  printTable([["from SIGKILL to the new start, ms", "median", "p99", "max", "target"]], widths);
  const healing = redispatch.map(({ detectDepartures, medianMs, p99Ms, maxMs, targetMs }) => [
    detectDepartures ? "told of the departure" : `by heartbeat, ${LIVENESS} x ${HEARTBEAT_MS} ms`,
    medianMs.toFixed(1),
    p99Ms.toFixed(1),
    maxMs.toFixed(1),
    `<= ${targetMs.toFixed(0)}`,
  ]);
  printTable(healing, widths);
  const costs = books.map(({ workers, perRequestNs }) => `${whole(workers)}: ${whole(perRequestNs)}`);
  console.log(`machine, ns per request by workers in the books: ${costs.join(", ")}`);
  console.log(`growth ${bookGrowth(books).toFixed(2)} (target <= ${MAX_BOOK_GROWTH})`);
}

let result: Result;
try {
  result = await Promise.race([failWithProcesses(), measure()]);
} finally {
  endProcesses();
}
const isMet =
  result.throughput.every(({ ratio }) => ratio >= MIN_RATIO) &&
  result.redispatch.every(({ p99Ms, targetMs }) => p99Ms <= targetMs) &&
  bookGrowth(result.books) <= MAX_BOOK_GROWTH;
if (process.argv.includes("--json")) console.log(JSON.stringify({ ...result, isMet }, undefined, 2));
else {
  print(result);
  console.log(isMet ? "targets met" : "a target is missed");
}
process.exitCode = isMet ? 0 : 1;
