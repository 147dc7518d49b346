/**
 * What the Majordomo broker costs, in ratios to a broker that forwards the same frames and keeps no books, in the
 * same run and with the same peers:
 *
 * - requests per second with 1,000 in flight, and round trips with one in flight;
 * - the same for bodies of 1 B to 8 MB;
 * - its use of the processor for the heartbeats of 10,000 idle workers;
 * - its memory per request that waits.
 *
 *     npm run bench:majordomo -- [--json]
 *
 * Exits with 1 when a target is missed.
 */
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Job } from "./asking.js";
import { median, printTable, whole } from "./figures.js";
import type { JobDone, Listening, Usage } from "./majordomo-process.js";
import { answer, endProcesses, failWithProcesses, startProcess, startWith } from "./processes.js";
import { type Rounds, type Side, takeTurns } from "./turns.js";

/** Chains of processes, one after the other: what the compiler makes of the same code is not the same in each. */
const CHAINS = 5;
/** Of each. */
const ROUNDS = 3;
const MIN_RATIO = 0.8;
const MAX_ROUND_TRIP_RATIO = 1.15;
const IDLE_WORKERS = 10_000;
const IDLE_WORKERS_PER_PROCESS = 2500;
/** Until workers that have become many have all slowed down, and then some of the intervals that they keep by now. */
const SETTLE_SECONDS = 20;
const IDLE_SECONDS = 20;
/** The interval of the guide's Majordomo programs, and our own. */
const GUIDE_HEARTBEAT_MS = 2500;
const HEARTBEAT_MS = 1000;
const MAX_IDLE_SHARE = 0.2;
const QUEUED = 100_000;
const CREDIT = 100;
const ECHO_BYTES = 11;

const program = fileURLToPath(new URL("majordomo-process.ts", import.meta.url));

interface Shape {
  readonly name: string;
  readonly clients: number;
  readonly workers: number;
  readonly bodyBytes: number;
  readonly job: Job;
  /** Options of Node.js for the brokers, besides the usual ones. */
  readonly options?: readonly string[];
  /** Least share of the bare broker's requests per second, or most of its round-trip time. */
  readonly target?: { readonly minRatio: number } | { readonly maxTimeRatio: number };
}

const crowd = (clients: number, workers: number): Shape => ({
  name: `${clients} clients, ${workers} workers, 1,000 in flight`,
  clients,
  workers,
  bodyBytes: ECHO_BYTES,
  job: { count: 40_000 / clients, inFlight: 1000 / clients },
  target: { minRatio: MIN_RATIO },
});

const bodies = (bodyBytes: number, count: number, inFlight: number): Shape => ({
  name: `bodies of ${whole(bodyBytes)} B, ${inFlight} in flight`,
  clients: 1,
  workers: 1,
  bodyBytes,
  job: { count, inFlight },
});

/** Where V8 has no reason to collect garbage all the time: see "Memory" on the page of Majordomo. */
const ROOMY_HEAP = "--initial-old-space-size=256";

const withRoomyHeap = (shape: Shape): Shape => ({
  ...shape,
  name: `the same with ${ROOMY_HEAP}`,
  options: [ROOMY_HEAP],
});

const shapes: readonly Shape[] = [
  crowd(1, 1),
  crowd(10, 4),
  {
    name: "round trips, one in flight",
    clients: 1,
    workers: 1,
    bodyBytes: ECHO_BYTES,
    job: { count: 5000, inFlight: 1 },
    target: { maxTimeRatio: MAX_ROUND_TRIP_RATIO },
  },
  bodies(1, 20_000, 100),
  bodies(1024, 20_000, 100),
  bodies(64 * 1024, 4000, 20),
  withRoomyHeap(bodies(64 * 1024, 4000, 20)),
  bodies(1024 * 1024, 300, 4),
  bodies(8 * 1024 * 1024, 40, 2),
];

async function startBroker(
  kind: Side,
  heartbeatMs: number = HEARTBEAT_MS,
  options: readonly string[] = [],
): Promise<{ broker: ChildProcess; endpoint: string }> {
  const broker = startWith(options, program, "broker", kind, String(heartbeatMs));
  const { endpoint } = await answer<Listening>(broker);
  return { broker, endpoint };
}

async function startChain(kind: Side, shape: Shape): Promise<ChildProcess[]> {
  const { endpoint } = await startBroker(kind, HEARTBEAT_MS, shape.options);
  for (let index = 0; index < shape.workers; index++) {
    await answer(startProcess(program, "worker", endpoint, String(CREDIT)));
  }
  const clients = Array.from({ length: shape.clients }, () =>
    startProcess(program, "client", endpoint, String(shape.bodyBytes)),
  );
  for (const client of clients) await answer(client);
  return clients;
}

/** How long all clients together take for their jobs, in ms. */
async function run(clients: readonly ChildProcess[], job: Job): Promise<number> {
  const done = clients.map((client) => answer<JobDone>(client));
  for (const client of clients) client.send(job);
  return Math.max(...(await Promise.all(done)).map(({ elapsedMs }) => elapsedMs));
}

interface Comparison {
  readonly shape: Shape;
  readonly barePerSecond: number;
  readonly oursPerSecond: number;
  readonly ratio: number;
  readonly isMet: boolean;
}

/** Both brokers take turns, and turns at being first. */
async function addRounds(times: Rounds<number>, shape: Shape): Promise<void> {
  const chains = { bare: await startChain("bare", shape), ours: await startChain("ours", shape) };
  await takeTurns(ROUNDS, (side) => run(chains[side], shape.job), times);
  endProcesses();
}

/** The median of all rounds counts. */
async function compare(shape: Shape): Promise<Comparison> {
  const times: Rounds<number> = { bare: [], ours: [] };
  for (let chain = 0; chain < CHAINS; chain++) await addRounds(times, shape);
  const perSecond = (values: number[]): number => ((shape.job.count * shape.clients) / median(values)) * 1000;
  const barePerSecond = perSecond(times.bare);
  const oursPerSecond = perSecond(times.ours);
  const ratio = oursPerSecond / barePerSecond;
  return { shape, barePerSecond, oursPerSecond, ratio, isMet: meets(shape, ratio) };
}

function meets({ target }: Shape, ratio: number): boolean {
  if (target === undefined) return true;
  return "minRatio" in target ? ratio >= target.minRatio : 1 / ratio <= target.maxTimeRatio;
}

async function usage(broker: ChildProcess): Promise<Usage> {
  broker.send({});
  return answer<Usage>(broker);
}

/** Share of one core that heartbeats to and from idle workers take. */
async function measureIdle(heartbeatMs: number): Promise<number> {
  const { broker, endpoint } = await startBroker("ours", heartbeatMs);
  for (let count = 0; count < IDLE_WORKERS; count += IDLE_WORKERS_PER_PROCESS) {
    const workers = String(IDLE_WORKERS_PER_PROCESS);
    await answer(startProcess(program, "idle-workers", endpoint, workers, String(heartbeatMs)));
  }
  while ((await usage(broker)).workers < IDLE_WORKERS) await sleep(100);
  await sleep(SETTLE_SECONDS * 1000);
  const before = await usage(broker);
  await sleep(IDLE_SECONDS * 1000);
  const after = await usage(broker);
  endProcesses();
  if (after.workers !== IDLE_WORKERS)
    throw new Error(`${IDLE_WORKERS - after.workers} idle workers were lost`);
  return (after.cpuMs - before.cpuMs) / (IDLE_SECONDS * 1000);
}

/** Bytes of memory per request of 11 bytes that waits, envelope included. */
async function measureMemory(): Promise<{ heap: number; rss: number }> {
  const { broker, endpoint } = await startBroker("ours");
  // It offers the service, and takes nothing.
  await answer(startProcess(program, "worker", endpoint, "0"));
  const client = startProcess(program, "client", endpoint, String(ECHO_BYTES));
  await answer(client);
  while ((await usage(broker)).workers < 1) await sleep(100);
  const before = await usage(broker);
  client.send({ count: QUEUED, inFlight: QUEUED });
  while ((await usage(broker)).waiting < QUEUED) await sleep(100);
  const after = await usage(broker);
  endProcesses();
  const heap = (after.heapBytes - before.heapBytes) / QUEUED;
  return { heap, rss: (after.rssBytes - before.rssBytes) / QUEUED };
}

interface Result {
  comparisons: Comparison[];
  idleShare: number;
  idleShareAtOurInterval: number;
  queuedBytes: { heap: number; rss: number };
}

async function measure(): Promise<Result> {
  const comparisons: Comparison[] = [];
  if (!isQuiet) printTable([["requests/s, median of rounds", "bare", "ours", "ratio", "target"]], WIDTHS);
  for (const shape of shapes) {
    const comparison = await compare(shape);
    comparisons.push(comparison);
    printComparison(comparison);
  }
  const idleShare = await measureIdle(GUIDE_HEARTBEAT_MS);
  const idleShareAtOurInterval = await measureIdle(HEARTBEAT_MS);
  return { comparisons, idleShare, idleShareAtOurInterval, queuedBytes: await measureMemory() };
}

function targetText({ target }: Shape): string {
  if (target === undefined) return "";
  return "minRatio" in target
    ? `>= ${target.minRatio.toFixed(2)}`
    : `>= ${(1 / target.maxTimeRatio).toFixed(2)}`;
}

const WIDTHS = [42, 10, 10, 8, 9];
const isQuiet = process.argv.includes("--json");

/** Each row as soon as it is known: all of them take minutes. */
function printComparison({ shape, barePerSecond, oursPerSecond, ratio }: Comparison): void {
  if (isQuiet) return;
  const figures = [whole(barePerSecond), whole(oursPerSecond), ratio.toFixed(2), targetText(shape)];
  printTable([[shape.name, ...figures]], WIDTHS);
}

function printRest({ idleShare, idleShareAtOurInterval, queuedBytes }: Result): void {
  const percent = (share: number): string => `${(100 * share).toFixed(1)}% of a core`;
  const target = `target < ${100 * MAX_IDLE_SHARE}%`;
  const idle = `${whole(IDLE_WORKERS)} idle workers`;
  console.log(`${idle}, heartbeatMs ${whole(GUIDE_HEARTBEAT_MS)}: ${percent(idleShare)} (${target})`);
  console.log(`the same, heartbeatMs ${whole(HEARTBEAT_MS)}: ${percent(idleShareAtOurInterval)} (${target})`);
  const { heap, rss } = queuedBytes;
  console.log(`a request that waits: ${whole(heap)} B after garbage collection, ${whole(rss)} B resident`);
}

let result: Result;
try {
  result = await Promise.race([failWithProcesses(), measure()]);
} finally {
  endProcesses();
}
const { comparisons, idleShare, idleShareAtOurInterval } = result;
const isMet =
  comparisons.every(({ isMet: met }) => met) && Math.max(idleShare, idleShareAtOurInterval) < MAX_IDLE_SHARE;
if (isQuiet) console.log(JSON.stringify({ ...result, isMet }, undefined, 2));
else {
  printRest(result);
  console.log(isMet ? "targets met" : "a target is missed");
}
process.exitCode = isMet ? 0 : 1;
