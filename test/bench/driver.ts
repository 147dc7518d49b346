/**
 * What the socket driver costs: echo over DEALER and ROUTER through it, against bare zeromq.js
 * loops in the same run, server and client each in a process of its own; and the deadline queue.
 *
 *     npx tsx --conditions=@seaworthy/source test/bench/driver.ts [--json]
 *
 * Exits with 1 when a target is missed.
 */
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { DeadlineQueue } from "@seaworthy/core";
import type { Job } from "./asking.js";
import { median, printTable, whole } from "./figures.js";
import { answer, endProcesses, failWithProcesses, startProcess } from "./processes.js";

type Variant = "bare" | "driver";
const variants: readonly Variant[] = ["bare", "driver"];

const ROUNDS = 7;
const throughputJob: Job = { count: 60_000, inFlight: 1000 };
const roundTripJob: Job = { count: 4000, inFlight: 1 };
const MIN_THROUGHPUT_RATIO = 0.8;
const MAX_ROUND_TRIP_RATIO = 1.15;
const PENDING_DEADLINES = 100_000;

/** Whichever of the reports it is. */
type Answer = { endpoint?: string; elapsedMs?: number };

const program = fileURLToPath(new URL("driver-echo.ts", import.meta.url));
async function startPair(variant: Variant): Promise<ChildProcess> {
  const { endpoint = "" } = await answer<Answer>(startProcess(program, "server", variant));
  const client = startProcess(program, "client", variant, endpoint);
  // A job sent before it listens would be lost.
  await answer(client);
  return client;
}

async function run(client: ChildProcess, job: Job): Promise<number> {
  const answered = answer<Answer>(client);
  client.send(job);
  return (await answered).elapsedMs ?? Number.NaN;
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

function print({ throughput, roundTrip, deadlineQueue: queue }: Result): void {
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
  printTable(rows, [32, 10, 10, 8, 9]);
  const costs = [queue.addNs, queue.cancelNs, queue.takeDueNs].map(whole);
  console.log(
    `deadline queue at ${whole(queue.pending)} pending, ns: add ${costs[0]}, cancel ${costs[1]}, takeDue ${costs[2]}`,
  );
}

let result: Result;
try {
  result = await Promise.race([failWithProcesses(), measure()]);
} finally {
  endProcesses();
}
const isMet =
  result.throughput.ratio >= MIN_THROUGHPUT_RATIO && result.roundTrip.ratio <= MAX_ROUND_TRIP_RATIO;
if (process.argv.includes("--json")) console.log(JSON.stringify({ ...result, isMet }, undefined, 2));
else {
  print(result);
  console.log(isMet ? "targets met" : "a target is missed");
}
process.exitCode = isMet ? 0 : 1;
