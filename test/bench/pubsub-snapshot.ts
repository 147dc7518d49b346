/**
 * What a shared map costs:
 *
 * - the time of a join, and the memory of client and server, with 1,000 to 1,000,000 keys; and with 10,000 updates a second beside it;
 * - updates per second through a server to 1, 10 and 100 clients, against bare sockets that relay and receive the same frames in the
 *   same run;
 * - the time from `set` to what another client's `watch` says, with a server alone and with a pair.
 *
 *     npm run bench:pubsub-snapshot -- [--json]
 *
 * Exits with 1 when a client missed an update.
 */
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SnapshotEndpoints } from "@seaworthy/pubsub-snapshot";
import { Flood } from "../harness/flood.js";
import { freePort, freePorts } from "../harness/ports.js";
import { median, printTable, quantile, whole } from "./figures.js";
import { answer, endProcesses, failWithProcesses, killProcess, startProcess } from "./processes.js";
import type { AllCame, Job, Joined, Latencies, Memory, Place, Side } from "./pubsub-snapshot-process.js";

const KEYS = [1000, 100_000, 1_000_000];
/** Updates per second while the last of these is joined once more. */
const BESIDE = 10_000;
const JOINS = 3;
const CLIENTS = [1, 10, 100];
/** Processes that share them, besides that of the first. */
const PROCESSES = 2;
const ROUNDS = 5;
/** Messages that reach clients in a round, over all of them. */
const DELIVERIES = 300_000;
const MAX_UPDATES = 50_000;
const SETS = 3000;

const program = fileURLToPath(new URL("pubsub-snapshot-process.ts", import.meta.url));
const start = (...args: string[]): ChildProcess => startProcess(program, ...args);
let ends = 0;
const newJob = (count: number): Job => ({ count, end: `/end/number/${String(ends++).padStart(4, "0")}` });

/** Starts a process that says where it is. */
async function startPlace(...args: string[]): Promise<{ child: ChildProcess; place: Place }> {
  const child = start(...args);
  return { child, place: await answer<Place>(child) };
}

interface Join {
  readonly keys: number;
  /** Updates per second that were published meanwhile. */
  readonly updatesPerSecond: number;
  readonly ms: number;
  /** Processor time of the client. */
  readonly cpuMs: number;
  readonly client: Memory;
  readonly server: Memory;
}

const grownBy = ({ before, after }: Pick<Joined, "before" | "after">): Memory => ({
  rssBytes: after.rssBytes - before.rssBytes,
  heapBytes: after.heapBytes - before.heapBytes,
});

async function memoryOf(child: ChildProcess): Promise<Memory> {
  const memory = answer<Memory>(child);
  child.send({});
  return await memory;
}

async function measureJoin(keys: number, updatesPerSecond = 0): Promise<Join> {
  const { child: empty } = await startPlace("server", "0");
  const before = await memoryOf(empty);
  const { child, place } = await startPlace("server", `${keys}`);
  const [endpoints] = place as [SnapshotEndpoints];
  using flood = updatesPerSecond > 0 ? await Flood.begin(endpoints, keys, updatesPerSecond) : undefined;
  const joined: Joined[] = [];
  const rates: number[] = [];
  for (let round = 0; round < JOINS; round++) {
    const client = start("join", JSON.stringify(place));
    const [before, beganAt] = [flood?.published ?? 0, performance.now()];
    joined.push(await answer<Joined>(client));
    rates.push((((flood?.published ?? 0) - before) / (performance.now() - beganAt)) * 1000);
    await killProcess(client);
  }
  const server = grownBy({ before, after: await memoryOf(child) });
  endProcesses();
  return {
    keys,
    updatesPerSecond: median(rates),
    ms: median(joined.map(({ ms }) => ms)),
    cpuMs: median(joined.map(({ cpuMs }) => cpuMs)),
    client: grownBy(joined.at(-1) as Joined),
    server,
  };
}

/** A server, or a relay, and those that listen to it. */
class Listening {
  readonly times: number[] = [];
  gaps = 0;
  readonly #source: ChildProcess;
  readonly #others: readonly ChildProcess[];

  private constructor(source: ChildProcess, others: readonly ChildProcess[]) {
    this.#source = source;
    this.#others = others;
  }

  static async start(side: Side, clients: number): Promise<Listening> {
    const { place } = side === "ours" ? await startPlace("server", "0") : await startPlace("relay");
    const at = JSON.stringify(place);
    const source = start("source", side, at);
    const parts = Array.from({ length: PROCESSES }, (_, index) =>
      Math.floor((clients - 1 + index) / PROCESSES),
    );
    const others = parts.filter((part) => part > 0).map((part) => start("listener", side, at, `${part}`));
    await Promise.all([source, ...others].map((child) => answer(child)));
    return new Listening(source, others);
  }

  async run(job: Job): Promise<void> {
    const begins = answer<AllCame>(this.#source);
    const coming = this.#others.map((child) => answer<AllCame>(child));
    for (const child of [...this.#others, this.#source]) child.send(job);
    const { atMs: beganAt } = await begins;
    const came = await Promise.all([answer<AllCame>(this.#source), ...coming]);
    this.times.push(Math.max(...came.map(({ atMs }) => atMs)) - beganAt);
    this.gaps = came.reduce((sum, { gaps }) => sum + gaps, 0);
  }
}

interface Fanout {
  readonly clients: number;
  readonly barePerSecond: number;
  readonly oursPerSecond: number;
  readonly ratio: number;
  readonly gaps: number;
}

/** Both sides take turns; the median of all rounds counts. */
async function measureFanout(clients: number): Promise<Fanout> {
  const count = Math.min(MAX_UPDATES, DELIVERIES / clients);
  const [bare, ours] = [await Listening.start("bare", clients), await Listening.start("ours", clients)];
  for (const side of [bare, ours]) await side.run(newJob(count));
  for (const side of [bare, ours]) side.times.length = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of round % 2 === 0 ? [bare, ours] : [ours, bare]) await side.run(newJob(count));
  }
  endProcesses();
  const perSecond = ({ times }: Listening): number => (count / median(times)) * 1000;
  const [barePerSecond, oursPerSecond] = [perSecond(bare), perSecond(ours)];
  return { clients, barePerSecond, oursPerSecond, ratio: oursPerSecond / barePerSecond, gaps: ours.gaps };
}

interface Latency {
  readonly servers: "alone" | "pair";
  readonly medianMs: number;
  readonly p99Ms: number;
}

async function startPair(): Promise<Place> {
  const states = [await freePort(), await freePort()].map((port) => `tcp://127.0.0.1:${port}`);
  const snapshots = [await freePorts(), await freePorts()].map((port) => `tcp://127.0.0.1:${port}`);
  const primary = start("primary", ...[...states, ...snapshots]);
  const backup = start("backup", ...[...states.toReversed(), ...snapshots.toReversed()]);
  return (await Promise.all([primary, backup].map((child) => answer<Place>(child)))).flat();
}

async function measureLatency(servers: Latency["servers"]): Promise<Latency> {
  const place = servers === "pair" ? await startPair() : (await startPlace("server", "0")).place;
  const [writer, watcher] = [start("writer", JSON.stringify(place)), start("watcher", JSON.stringify(place))];
  await Promise.all([answer(writer), answer(watcher)]);
  const measure = async (): Promise<number[]> => {
    const seen = answer<Latencies>(watcher);
    writer.send(newJob(SETS));
    return (await seen).times;
  };
  await measure();
  const times = await measure();
  endProcesses();
  return { servers, medianMs: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

interface Result {
  joins: Join[];
  fanouts: Fanout[];
  latencies: Latency[];
}

async function measure(): Promise<Result> {
  const joins: Join[] = [];
  for (const keys of KEYS) joins.push(await measureJoin(keys));
  joins.push(await measureJoin(KEYS.at(-1) as number, BESIDE));
  const fanouts: Fanout[] = [];
  for (const clients of CLIENTS) fanouts.push(await measureFanout(clients));
  const latencies: Latency[] = [];
  for (const servers of ["alone", "pair"] as const) latencies.push(await measureLatency(servers));
  return { joins, fanouts, latencies };
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

function print({ joins, fanouts, latencies }: Result): void {
  const widths = [28, 12, 12, 12, 12, 16, 16, 16, 16];
  const memory = ["client's heap", "RSS", "server's heap", "RSS"];
  printTable([["join (memory in MiB): keys", "updates/s", "ms", "keys/s", "client's ms", ...memory]], widths);
  printTable(
    joins.map(({ keys, updatesPerSecond, ms, cpuMs, client, server }) => [
      whole(keys),
      whole(updatesPerSecond),
      whole(ms),
      whole((keys / ms) * 1000),
      whole(cpuMs),
      ...[client.heapBytes, client.rssBytes, server.heapBytes, server.rssBytes].map(mebibytes),
    ]),
    widths,
  );
  printTable([["updates/s to clients", "bare", "ours", "ratio", "gaps"]], widths);
  printTable(
    fanouts.map(({ clients, barePerSecond, oursPerSecond, ratio, gaps }) => [
      `${clients}`,
      whole(barePerSecond),
      whole(oursPerSecond),
      ratio.toFixed(2),
      `${gaps}`,
    ]),
    widths,
  );
  printTable([["set to watch, ms", "median", "p99"]], widths);
  printTable(
    latencies.map(({ servers, medianMs, p99Ms }) => [servers, medianMs.toFixed(3), p99Ms.toFixed(3)]),
    widths,
  );
}

let result: Result;
try {
  result = await Promise.race([failWithProcesses(), measure()]);
} finally {
  endProcesses();
}
const isMet = result.fanouts.every(({ gaps }) => gaps === 0);
if (process.argv.includes("--json")) console.log(JSON.stringify({ ...result, isMet }, undefined, 2));
else {
  print(result);
  console.log(isMet ? "nothing was missed" : "a client missed an update");
}
process.exitCode = isMet ? 0 : 1;
