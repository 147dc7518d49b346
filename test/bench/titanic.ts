/**
 * What durable requests cost with each store, in the same run as what they stand on:
 *
 * - requests accepted per second with 1,000 in flight, against what the same client gets from a worker that echoes
 *   behind the same broker, and against a log that appends and syncs 1,000 records at a time;
 * - the same with one in flight, against a log that syncs each record, and how long one takes;
 * - full cycles: handed in, run, reply fetched, closed;
 * - with a million requests in the store: the time until a server is open and the first of them is given to a worker,
 *   and its memory, against a thousand.
 *
 *     npm run bench:titanic -- [--json] [--only memory|lmdb|postgres|backlog]...
 *
 * PostgreSQL is left out where it is not installed. Exits with 1 when a target is missed.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasPostgres, PostgresServer } from "../harness/postgres.js";
import { median, printTable, quantile, whole } from "./figures.js";
import { answer, endProcesses, failWithProcesses, startProcess } from "./processes.js";
import { type Backlog, measureBacklog, printBacklog } from "./titanic-backlog.js";
import type { ClientDone, ClientJob } from "./titanic-client.js";
import type { LogJob } from "./titanic-log.js";
import type { Listening, StoreKind } from "./titanic-process.js";

/** Many short ones: what else the machine does changes from one second to the next. */
const ROUNDS = 15;
const MIN_ACCEPT_RATIO = 0.6;

const program = fileURLToPath(new URL("titanic-process.ts", import.meta.url));

/** What is measured in each round. Jobs of one in flight are small: a disk may need many ms for each. */
const jobs = {
  echo: { errand: "echo", count: 1000, inFlight: 1000 },
  accept: { errand: "accept", count: 1000, inFlight: 1000 },
  acceptKeyed: { errand: "accept-keyed", count: 5000, inFlight: 1000 },
  cycle: { errand: "cycle", count: 1000, inFlight: 1000 },
  echoOne: { errand: "echo", count: 100, inFlight: 1 },
  acceptOne: { errand: "accept", count: 100, inFlight: 1 },
  cycleOne: { errand: "cycle", count: 10, inFlight: 1 },
  log: { count: 5000, perSync: 1000 },
  logOne: { count: 100, perSync: 1 },
} as const satisfies Record<string, ClientJob | LogJob>;
type JobName = keyof typeof jobs;
const names = Object.keys(jobs) as JobName[];

/** What came out for one store: per second, the median of the rounds; and how long one at a time takes, in ms. */
interface StoreFigures {
  readonly store: StoreKind;
  readonly perSecond: Record<JobName, number>;
  readonly acceptMs: { readonly median: number; readonly p99: number };
  readonly logMs: { readonly median: number; readonly p99: number };
  /** Accepted, of what Majordomo alone answers: the median of the rounds. */
  readonly ratio: number;
  readonly keyedRatio: number;
  readonly isMet: boolean;
}

interface Chain {
  readonly client: ChildProcess;
  readonly log: ChildProcess;
}

async function startChain(store: StoreKind, place: string, folder: string): Promise<Chain> {
  const { endpoint } = await answer<Listening>(startProcess(program, "broker"));
  await answer(startProcess(program, "worker", endpoint, "echo"));
  await answer(startProcess(program, "server", endpoint, store, place));
  const client = startProcess(program, "client", endpoint);
  await answer(client);
  const log = startProcess(program, "log", folder);
  await answer(log);
  return { client, log };
}

async function run(chain: Chain, name: JobName): Promise<ClientDone> {
  const child = name.startsWith("log") ? chain.log : chain.client;
  const done = answer<ClientDone>(child);
  child.send(jobs[name]);
  return done;
}

/** The jobs take turns, each round in the opposite order, so that a machine that gets slower is fair to all. */
async function runRounds(chain: Chain): Promise<Record<JobName, ClientDone[]>> {
  const done = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    JobName,
    ClientDone[]
  >;
  for (const name of names) await run(chain, name);
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) done[name].push(await run(chain, name));
  }
  return done;
}

async function measureStore(store: StoreKind, place: string, folder: string): Promise<StoreFigures> {
  const chain = await startChain(store, place, folder);
  const done = await runRounds(chain);
  endProcesses();
  const rates = (name: JobName): number[] =>
    done[name].map(({ elapsedMs }) => (jobs[name].count / elapsedMs) * 1000);
  const ratioOf = (name: JobName): number => {
    const beside = rates("echo");
    return median(rates(name).map((rate, round) => rate / (beside[round] as number)));
  };
  const times = (name: JobName): { median: number; p99: number } => {
    const all = done[name].flatMap(({ latenciesMs }) => latenciesMs);
    return { median: median(all), p99: quantile(all, 0.99) };
  };
  const ratio = ratioOf("accept");
  return {
    store,
    perSecond: Object.fromEntries(names.map((name) => [name, median(rates(name))])) as Record<
      JobName,
      number
    >,
    acceptMs: times("acceptOne"),
    logMs: times("logOne"),
    ratio,
    keyedRatio: ratioOf("acceptKeyed"),
    isMet: store !== "lmdb" || ratio >= MIN_ACCEPT_RATIO,
  };
}

/** In a folder of its own, which is removed. */
async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "bench-titanic-"));
  try {
    return await use(folder);
  } finally {
    endProcesses();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function measureAt(store: StoreKind): Promise<StoreFigures> {
  return inFolder(async (folder) => {
    if (store !== "postgres") return measureStore(store, join(folder, "store"), folder);
    await using server = await PostgresServer.start();
    return await measureStore(store, server.url(), folder);
  });
}

const STORES: readonly StoreKind[] = ["memory", "lmdb", "postgres"];
const BACKLOG = "backlog";
const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [...STORES, BACKLOG] },
  },
});

const WIDTHS = [54, 12, 14, 9, 9];

function printStore({ store, perSecond, acceptMs, logMs, ratio, keyedRatio }: StoreFigures): void {
  if (flags.json) return;
  const row = (what: string, value: number, beside?: number, share?: number, target = ""): string[] => [
    `${store}: ${what}`,
    whole(value),
    beside === undefined ? "" : whole(beside),
    beside === undefined ? "" : (share ?? value / beside).toFixed(2),
    target,
  ];
  const { accept, acceptKeyed, acceptOne, cycle, cycleOne, echo, echoOne, log, logOne } = perSecond;
  const target = store === "lmdb" ? `>= ${MIN_ACCEPT_RATIO.toFixed(2)}` : "";
  const rows = [
    row("accepted, 1,000 in flight; Majordomo alone", accept, echo, ratio, target),
    row("the same by key; Majordomo alone", acceptKeyed, echo, keyedRatio),
    row("accepted, 1,000 in flight; log, 1,000 a sync", accept, log),
    row("cycles, 1,000 in flight", cycle),
    row("accepted, one in flight; Majordomo alone", acceptOne, echoOne),
    row("accepted, one in flight; log, one a sync", acceptOne, logOne),
    row("cycles, one in flight", cycleOne),
  ];
  printTable(rows, WIDTHS);
  const ms = ({ median: middle, p99 }: { median: number; p99: number }): string =>
    `median ${middle.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
  console.log(`${store}: one accept takes ${ms(acceptMs)}; one append and sync ${ms(logMs)}`);
}

async function measure(): Promise<{ stores: StoreFigures[]; backlog: Backlog | undefined }> {
  if (!flags.json) printTable([["per second, median of rounds", "", "beside it", "ratio", "target"]], WIDTHS);
  const stores: StoreFigures[] = [];
  for (const store of STORES.filter((it) => flags.only.includes(it))) {
    if (store === "postgres" && !hasPostgres()) continue;
    const figures = await measureAt(store);
    stores.push(figures);
    printStore(figures);
  }
  if (!flags.only.includes(BACKLOG)) return { stores, backlog: undefined };
  const backlog = await inFolder((folder) => measureBacklog(program, folder));
  if (!flags.json) printBacklog(backlog);
  return { stores, backlog };
}

const unknown = flags.only.find((it) => it !== BACKLOG && !STORES.some((store) => store === it));
if (unknown !== undefined) throw new RangeError(`--only: there is no ${unknown}`);
let result: Awaited<ReturnType<typeof measure>>;
try {
  result = await Promise.race([failWithProcesses(), measure()]);
} finally {
  endProcesses();
}
const isMet = result.stores.every(({ isMet: met }) => met) && result.backlog?.isMet !== false;
if (flags.json) console.log(JSON.stringify({ ...result, isMet }, undefined, 2));
else console.log(isMet ? "targets met" : "a target is missed");
process.exitCode = isMet ? 0 : 1;
