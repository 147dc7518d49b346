/**
 * What Suicidal Snail costs:
 *
 * - messages per second from a publisher to the code that iterates over a subscriber, with bodies of 8 to 4,096 bytes,
 *   against bare PUB and SUB sockets with the same frames in the same run;
 * - the publisher's time per message by the number of topics.
 *
 *     npm run bench:suicidal-snail -- [--json]
 *
 * Exits with 1 when a target is missed.
 */
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median, printTable, whole } from "./figures.js";
import { answer, endProcesses, failWithProcesses, startProcess } from "./processes.js";
import type { Place, SnailDone, SnailJob } from "./suicidal-snail-process.js";
import { measureTopics, type TopicCost } from "./suicidal-snail-topics.js";
import { type Rounds, type Side, takeTurns } from "./turns.js";

const SIZES = [8, 64, 512, 4096];
const MIN_RATIO = 0.85;
/** Pairs of processes, one after the other: what the compiler makes of the same code is not the same in each. */
const PAIRS = 5;
/** Of each. */
const ROUNDS = 5;
const COUNT = 50_000;
/** So many bytes of bodies at most in a round: they may all wait in memory. */
const MAX_BYTES = 128 * 2 ** 20;
const TOPICS = [1, 1000, 100_000];
/** Beyond some thousand topics the books do not fit into the processor's caches. */
const MAX_GROWTH = 5;

const program = fileURLToPath(new URL("suicidal-snail-process.ts", import.meta.url));

interface Pair {
  readonly publisher: ChildProcess;
  readonly subscriber: ChildProcess;
}

interface Throughput {
  readonly bytes: number;
  readonly barePerSecond: number;
  readonly oursPerSecond: number;
  readonly ratio: number;
  /** Processor time of the subscriber's process per message. */
  readonly bareCpuUs: number;
  readonly oursCpuUs: number;
}

async function startPair(side: Side, bytes: number): Promise<Pair> {
  const publisher = startProcess(program, "publisher", side, String(bytes));
  const { endpoint } = await answer<Place>(publisher);
  const subscriber = startProcess(program, "subscriber", side, String(bytes), endpoint);
  await answer(subscriber);
  return { publisher, subscriber };
}

async function run({ publisher, subscriber }: Pair, job: SnailJob): Promise<SnailDone> {
  const isListening = answer(subscriber);
  subscriber.send(job);
  await isListening;
  const done = answer<SnailDone>(subscriber);
  publisher.send(job);
  return await done;
}

/** Both sides take turns, and turns at being first. */
async function addRounds(done: Rounds<SnailDone>, bytes: number, count: number): Promise<void> {
  const pairs = { bare: await startPair("bare", bytes), ours: await startPair("ours", bytes) };
  await takeTurns(ROUNDS, (side) => run(pairs[side], { count }), done);
  endProcesses();
}

/** The median of all rounds counts. */
async function measureThroughput(bytes: number): Promise<Throughput> {
  const count = Math.min(COUNT, Math.floor(MAX_BYTES / bytes));
  const done: Rounds<SnailDone> = { bare: [], ours: [] };
  for (let pair = 0; pair < PAIRS; pair++) await addRounds(done, bytes, count);
  const perSecond = (jobs: SnailDone[]): number => (count / median(jobs.map((job) => job.elapsedMs))) * 1000;
  const cpuUs = (jobs: SnailDone[]): number => (median(jobs.map((job) => job.cpuMs)) * 1000) / count;
  const [barePerSecond, oursPerSecond] = [perSecond(done.bare), perSecond(done.ours)];
  return {
    bytes,
    barePerSecond,
    oursPerSecond,
    ratio: oursPerSecond / barePerSecond,
    bareCpuUs: cpuUs(done.bare),
    oursCpuUs: cpuUs(done.ours),
  };
}

interface Result {
  topics: TopicCost[];
  throughput: Throughput[];
}

async function measure(): Promise<Result> {
  const topics = measureTopics(TOPICS);
  const throughput: Throughput[] = [];
  for (const bytes of SIZES) throughput.push(await measureThroughput(bytes));
  return { topics, throughput };
}

function growth(costs: readonly TopicCost[]): number {
  return (costs.at(-1)?.perMessageNs ?? Number.NaN) / (costs[0]?.perMessageNs ?? Number.NaN);
}

function print({ topics, throughput }: Result): void {
  const widths = [44, 10, 10, 8, 9];
  const heads = topics.map((cost) => whole(cost.topics));
  const costs = topics.map((cost) => whole(cost.perMessageNs));
  printTable(
    [
      ["publisher, ns per message by topics", ...heads, "growth", "target"],
      ["each topic in its turn", ...costs, growth(topics).toFixed(2), `<= ${MAX_GROWTH.toFixed(2)}`],
    ],
    [36, 10, 10, 10, 8, 9],
  );
  printTable([["messages/s to the application", "bare", "ours", "ratio", "target"]], widths);
  const rows = throughput.map(({ bytes, barePerSecond, oursPerSecond, ratio, bareCpuUs, oursCpuUs }) => [
    `${whole(bytes)} bytes (CPU, us: ${bareCpuUs.toFixed(1)}, ${oursCpuUs.toFixed(1)})`,
    whole(barePerSecond),
    whole(oursPerSecond),
    ratio.toFixed(2),
    `>= ${MIN_RATIO.toFixed(2)}`,
  ]);
  printTable(rows, widths);
}

let result: Result;
try {
  result = await Promise.race([failWithProcesses(), measure()]);
} finally {
  endProcesses();
}
const isMet =
  growth(result.topics) <= MAX_GROWTH && result.throughput.every(({ ratio }) => ratio >= MIN_RATIO);
if (process.argv.includes("--json")) console.log(JSON.stringify({ ...result, isMet }, undefined, 2));
else {
  print(result);
  console.log(isMet ? "targets met" : "a target is missed");
}
process.exitCode = isMet ? 0 : 1;
