/**
 * What a Freelance client costs, and what its choice of servers is worth:
 *
 * - the machine's time per request with 1 to 1,000 servers in the books, with and without hedging;
 * - requests per second of a `tracked` client with 1, 10 and 100 servers, against a bare ROUTER with a promise for each
 *   request, which asks the same servers in turn, in the same run;
 * - latency when one of ten servers takes 50 ms, and when each of them does for one request in 50: `failover`, `tracked`,
 *   and `tracked` with hedging.
 *
 *     npm run bench:freelance -- [--json]
 *
 * Exits with 1 when a target is missed.
 */
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FreelanceClientOptions } from "@seaworthy/freelance";
import type { Job } from "./asking.js";
import { median, printTable, whole } from "./figures.js";
import { type BookCost, measureBooks } from "./freelance-books.js";
import type { JobDone, Latencies, PacedJob, Servers } from "./freelance-process.js";
import { answer, endProcesses, failWithProcesses, startProcess } from "./processes.js";
import { takeTurns } from "./turns.js";

const BOOKS = [1, 10, 100, 1000];
const MAX_BOOK_GROWTH = 1.5;
const ROUNDS = 5;
const SERVERS = [1, 10, 100];
/** Servers are divided among so many processes, so that it is not they who are measured. */
const SERVER_PROCESSES = 2;
const throughputJob: Job = { count: 20_000, inFlight: 1000 };
const MIN_RATIO = 0.4;
// Few enough for the processors, which are not what is measured here.
const latencyJob: PacedJob = { count: 2000, inFlight: 10, pauseMs: 5 };
/** Half of what a slow server takes. */
const MAX_P99_MS = 25;

const program = fileURLToPath(new URL("freelance-process.ts", import.meta.url));

interface Throughput {
  readonly servers: number;
  readonly barePerSecond: number;
  readonly oursPerSecond: number;
  readonly ratio: number;
  /** Processor time of the client per request. */
  readonly bareCpuUs: number;
  readonly oursCpuUs: number;
}

async function startClient(kind: string, endpoints: readonly string[]): Promise<ChildProcess> {
  const client = startProcess(program, "client", kind, endpoints.join());
  await answer(client);
  return client;
}

async function run(client: ChildProcess): Promise<JobDone> {
  const done = answer<JobDone>(client);
  client.send(throughputJob);
  return await done;
}

/** Both clients take turns, and turns at being first; the median of all rounds counts. */
async function measureThroughput(servers: number): Promise<Throughput> {
  const processes = Math.min(servers, SERVER_PROCESSES);
  const started = Array.from({ length: processes }, () =>
    answer<Servers>(startProcess(program, "bare-servers", String(servers / processes))),
  );
  const endpoints = (await Promise.all(started)).flatMap((place) => place.endpoints);
  const clients = { bare: await startClient("bare", endpoints), ours: await startClient("ours", endpoints) };
  const done = await takeTurns(ROUNDS, (side) => run(clients[side]));
  endProcesses();
  const { count } = throughputJob;
  const perSecond = (jobs: JobDone[]): number => (count / median(jobs.map((job) => job.elapsedMs))) * 1000;
  const cpuUs = (jobs: JobDone[]): number => (median(jobs.map((job) => job.cpuMs)) * 1000) / count;
  const [barePerSecond, oursPerSecond] = [perSecond(done.bare), perSecond(done.ours)];
  return {
    servers,
    barePerSecond,
    oursPerSecond,
    ratio: oursPerSecond / barePerSecond,
    bareCpuUs: cpuUs(done.bare),
    oursCpuUs: cpuUs(done.ours),
  };
}

type Slow = "one" | "all";

interface LatencyCase {
  readonly slow: Slow;
  readonly name: string;
  readonly options: FreelanceClientOptions;
  /** Whether it is expected to get round the slow servers. */
  readonly isBound: boolean;
}

const HEDGING = { hedgeAfterMs: 5 };
const latencyCases: readonly LatencyCase[] = [
  { slow: "one", name: "failover, the slow one first", options: { strategy: "failover" }, isBound: false },
  { slow: "one", name: "tracked", options: {}, isBound: true },
  { slow: "one", name: "tracked, hedged after 5 ms", options: HEDGING, isBound: true },
  {
    slow: "one",
    name: "tracked, hedged at the 95th percentile",
    options: { hedgePercentile: 0.95 },
    isBound: true,
  },
  { slow: "all", name: "failover", options: { strategy: "failover" }, isBound: false },
  { slow: "all", name: "tracked", options: {}, isBound: false },
  { slow: "all", name: "tracked, hedged after 5 ms", options: HEDGING, isBound: true },
  {
    slow: "all",
    name: "tracked, hedged at the 95th percentile",
    options: { hedgePercentile: 0.95 },
    isBound: true,
  },
];

interface Latency extends Latencies, LatencyCase {}

async function measureLatency(latencyCase: LatencyCase): Promise<Latency> {
  const { slow, options } = latencyCase;
  const protocol = options.strategy === "failover" ? "plain" : "flp";
  const { endpoints } = await answer<Servers>(startProcess(program, "servers", "10", protocol, slow));
  const asker = startProcess(program, "asker", JSON.stringify(options), endpoints.join());
  await answer(asker);
  const told = answer<Latencies>(asker);
  asker.send(latencyJob);
  const latencies = await told;
  endProcesses();
  return { ...latencyCase, ...latencies };
}

interface Result {
  books: BookCost[];
  hedgingBooks: BookCost[];
  throughput: Throughput[];
  latency: Latency[];
}

async function measure(): Promise<Result> {
  const books = measureBooks(BOOKS);
  // With one server there is nobody to hedge with.
  const hedgingBooks = measureBooks(BOOKS.slice(1), { hedgePercentile: 0.95 });
  const throughput: Throughput[] = [];
  for (const servers of SERVERS) throughput.push(await measureThroughput(servers));
  const latency: Latency[] = [];
  for (const latencyCase of latencyCases) latency.push(await measureLatency(latencyCase));
  return { books, hedgingBooks, throughput, latency };
}

function growth(books: readonly BookCost[]): number {
  return (books.at(-1)?.perRequestNs ?? Number.NaN) / (books[0]?.perRequestNs ?? Number.NaN);
}

function print({ books, hedgingBooks, throughput, latency }: Result): void {
  const widths = [44, 10, 10, 8, 9];
  const heads = BOOKS.map((servers) => whole(servers));
  console.log("machine, ns per request by servers in the books, all alive");
  printTable([["", ...heads, "growth", "target"]], [16, 8, 8, 8, 8, 9, 9]);
  for (const [name, costs] of [
    ["tracked", books],
    ["with hedging", hedgingBooks],
  ] as const) {
    const cells = BOOKS.map((servers) => {
      const cost = costs.find((one) => one.servers === servers);
      return cost === undefined ? "" : whole(cost.perRequestNs);
    });
    const row = [name, ...cells, growth(costs).toFixed(2), `<= ${MAX_BOOK_GROWTH.toFixed(2)}`];
    printTable([row], [16, 8, 8, 8, 8, 9, 9]);
  }
  printTable([["requests/s, 1,000 in flight", "bare", "ours", "ratio", "target"]], widths);
  const rates = throughput.map(({ servers, barePerSecond, oursPerSecond, ratio, bareCpuUs, oursCpuUs }) => [
    `servers ${servers} (CPU of the client, us: ${whole(bareCpuUs)}, ${whole(oursCpuUs)})`,
    whole(barePerSecond),
    whole(oursPerSecond),
    ratio.toFixed(2),
    `>= ${MIN_RATIO.toFixed(2)}`,
  ]);
  printTable(rates, widths);
  for (const slow of ["one", "all"] as const) {
    const what = slow === "one" ? "one of ten servers takes 50 ms" : "each takes 50 ms for one request in 50";
    printTable([[what, "p50, ms", "p99, ms", "hedges", "target"]], widths);
    const rows = latency.filter((one) => one.slow === slow);
    printTable(
      rows.map(({ name, p50Ms, p99Ms, hedges, isBound }) => [
        name,
        p50Ms.toFixed(2),
        p99Ms.toFixed(2),
        whole(hedges),
        isBound ? `<= ${MAX_P99_MS}` : "",
      ]),
      widths,
    );
  }
}

let result: Result;
try {
  result = await Promise.race([failWithProcesses(), measure()]);
} finally {
  endProcesses();
}
const isMet =
  [result.books, result.hedgingBooks].every((books) => growth(books) <= MAX_BOOK_GROWTH) &&
  result.throughput.every(({ ratio }) => ratio >= MIN_RATIO) &&
  result.latency.every(({ isBound, p99Ms }) => !isBound || p99Ms <= MAX_P99_MS);
if (process.argv.includes("--json")) console.log(JSON.stringify({ ...result, isMet }, undefined, 2));
else {
  print(result);
  console.log(isMet ? "targets met" : "a target is missed");
}
process.exitCode = isMet ? 0 : 1;
