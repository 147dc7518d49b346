/**
 * What the socket driver costs: echo over DEALER and ROUTER through it, against bare zeromq.js
 * loops in the same run, server and client each in a process of its own; and the deadline queue.
 *
 *     npx tsx --conditions=@seaworthy/source test/bench/driver.ts [--json]
 *
 * Exits with 1 when a target is missed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { DeadlineQueue } from "@seaworthy/core";
import type { Job, Report } from "./driver-echo.js";

type Variant = "bare" | "driver";
const variants: readonly Variant[] = ["bare", "driver"];

const ROUNDS = 7;
const throughputJob: Job = { count: 60_000, inFlight: 1000 };
const roundTripJob: Job = { count: 4000, inFlight: 1 };
const MIN_THROUGHPUT_RATIO = 0.8;
const MAX_ROUND_TRIP_RATIO = 1.15;
const PENDING_DEADLINES = 100_000;

const program = fileURLToPath(new URL("driver-echo.ts", import.meta.url));
const children: ChildProcess[] = [];
let onEarlyExit = (_code: number | null): void => {};

function start(...args: string[]): ChildProcess {
  // A child inherits the options of this process, and with them tsx and the export condition.
  const child = fork(program, args);
  children.push(child);
  child.on("exit", (code) => onEarlyExit(code));
  return child;
}

async function answer(child: ChildProcess): Promise<{ endpoint?: string; elapsedMs?: number }> {
  const [report] = (await once(child, "message")) as [Report];
  return report;
}

/** A process that ends before it is told to would leave this one waiting. */
function failWithChildren(): Promise<never> {
  return new Promise((_, reject) => {
    onEarlyExit = (code) => reject(new Error(`a measured process ended early, with code ${code}`));
  });
}

async function startPair(variant: Variant): Promise<ChildProcess> {
  const { endpoint = "" } = await answer(start("server", variant));
  const client = start("client", variant, endpoint);
  // A job sent before it listens would be lost.
  await answer(client);
  return client;
}

async function run(client: ChildProcess, job: Job): Promise<number> {
  const answered = answer(client);
  client.send(job);
  return (await answered).elapsedMs ?? Number.NaN;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? Number.NaN) + (sorted[sorted.length >> 1] ?? Number.NaN)) / 2;
}

/** Median time of a job per variant, in ms; the variants take turns, and turns at being first. */
async function compare(clients: Record<Variant, ChildProcess>, job: Job): Promise<Record<Variant, number>> {
  const times: Record<Variant, number[]> = { bare: [], driver: [] };
  for (const variant of variants) await run(clients[variant], job);
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? variants : variants.toReversed();
    for (const variant of order) times[variant].push(await run(clients[variant], job));
  }
  return { bare: median(times.bare), driver: median(times.driver) };
}

interface QueueCost {
  addNs: number;
  cancelNs: number;
  takeDueNs: number;
}

/** Time per operation on a queue that holds 100,000 deadlines. */
function measureQueue(): QueueCost {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const queue = new DeadlineQueue<number>();
    let seed = round + 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 32;
    };
    const add = (item: number): ReturnType<typeof queue.add> => queue.add(item, random() * 1e6);
    for (let item = 0; item < PENDING_DEADLINES; item++) add(item);
    const perOperation = (operation: () => void): number => {
      const startedAt = performance.now();
      operation();
      return ((performance.now() - startedAt) * 1e6) / PENDING_DEADLINES;
    };
    const entries: ReturnType<typeof add>[] = [];
    const addNs = perOperation(() => {
      for (let item = 0; item < PENDING_DEADLINES; item++) entries.push(add(item));
    });
    const cancelNs = perOperation(() => {
      for (const entry of entries) queue.cancel(entry);
    });
    const takeDueNs = perOperation(() => {
      for (let item = 0; item < PENDING_DEADLINES; item++) queue.takeDue(1e6);
    });
    return { addNs, cancelNs, takeDueNs };
  });
  return {
    addNs: median(rounds.map(({ addNs }) => addNs)),
    cancelNs: median(rounds.map(({ cancelNs }) => cancelNs)),
    takeDueNs: median(rounds.map(({ takeDueNs }) => takeDueNs)),
  };
}

async function measure() {
  const clients = { bare: await startPair("bare"), driver: await startPair("driver") };
  const throughput = await compare(clients, throughputJob);
  const roundTrip = await compare(clients, roundTripJob);
  const perSecond = (ms: number): number => (throughputJob.count / ms) * 1000;
  const eachUs = (ms: number): number => (ms / roundTripJob.count) * 1000;
  return {
    throughput: {
      barePerSecond: perSecond(throughput.bare),
      driverPerSecond: perSecond(throughput.driver),
      ratio: throughput.bare / throughput.driver,
      target: MIN_THROUGHPUT_RATIO,
    },
    roundTrip: {
      bareUs: eachUs(roundTrip.bare),
      driverUs: eachUs(roundTrip.driver),
      ratio: roundTrip.driver / roundTrip.bare,
      target: MAX_ROUND_TRIP_RATIO,
    },
    deadlineQueue: { pending: PENDING_DEADLINES, ...measureQueue() },
  };
}

type Result = Awaited<ReturnType<typeof measure>>;

function printTable({ throughput, roundTrip, deadlineQueue: queue }: Result): void {
  const whole = (value: number): string => Math.round(value).toLocaleString("en");
  const rows = [
    ["", "bare", "driver", "ratio", "target"],
    [
      "requests/s, 1,000 in flight",
      whole(throughput.barePerSecond),
      whole(throughput.driverPerSecond),
      throughput.ratio.toFixed(2),
      `>= ${throughput.target.toFixed(2)}`,
    ],
    [
      "round trip, one in flight, us",
      roundTrip.bareUs.toFixed(1),
      roundTrip.driverUs.toFixed(1),
      roundTrip.ratio.toFixed(2),
      `<= ${roundTrip.target.toFixed(2)}`,
    ],
  ];
  const widths = [32, 10, 10, 8, 9];
  for (const row of rows) {
    console.log(row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(""));
  }
  const costs = [queue.addNs, queue.cancelNs, queue.takeDueNs].map(whole);
  console.log(
    `deadline queue at ${whole(queue.pending)} pending, ns: add ${costs[0]}, cancel ${costs[1]}, takeDue ${costs[2]}`,
  );
}

const pad = (cell: string, width: number, column: number): string =>
  column === 0 ? cell.padEnd(width) : cell.padStart(width);

let result: Result;
try {
  result = await Promise.race([failWithChildren(), measure()]);
} finally {
  for (const child of children) child.kill();
}
const isMet =
  result.throughput.ratio >= MIN_THROUGHPUT_RATIO && result.roundTrip.ratio <= MAX_ROUND_TRIP_RATIO;
if (process.argv.includes("--json")) console.log(JSON.stringify({ ...result, isMet }, undefined, 2));
else {
  printTable(result);
  console.log(isMet ? "targets met" : "a target is missed");
}
process.exitCode = isMet ? 0 : 1;
