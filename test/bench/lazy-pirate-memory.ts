/**
 * Memory over a million requests: one client, one server process that is killed every ten seconds and
 * started again. Neither heap nor file descriptors may grow.
 *
 *   npm run bench:memory
 *   npm run bench:memory -- --requests 5000000 --kill-every 5
 *
 * Exits with 1 when either has grown beyond its bound, or when a request was lost or mismatched.
 */
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { Command, InvalidArgumentError } from "commander";
import { Load, requestBoundMs } from "../harness/load.js";
import { monotonicMs } from "../harness/monotonic.js";
import { freePort } from "../harness/ports.js";
import { Program } from "../harness/program.js";

const TIMEOUT_MS = 1000;
const ATTEMPTS = 5;
const MAX_PAUSE_MS = 500;
const SAMPLES = 20;
/** Share of the requests that warm up: code is compiled and pools are filled before growth is judged. */
const WARM_UP = 0.2;
/** Growth of the median of the last samples over that of the first ones that is put down to chance. */
const MAX_HEAP_GROWTH_MB = 5;
const MAX_DESCRIPTOR_GROWTH = 8;

interface Sample {
  readonly answered: number;
  readonly heapMb: number;
  readonly descriptors: number;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

function collectGarbage(): void {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("run this with node --expose-gc");
  gc();
}

function takeSample(answered: number): Sample {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const heapMb = (heapUsed + external) / 2 ** 20;
  return { answered, heapMb, descriptors: readdirSync("/proc/self/fd").length };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function growth(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const third = Math.max(1, Math.floor(samples.length / 3));
  return median(samples.slice(-third).map(of)) - median(samples.slice(0, third).map(of));
}

/** Kills the server and starts it again, on and on. Returns how often it was, when told to stop. */
async function killEvery(seconds: number, server: Program, stop: AbortSignal): Promise<number> {
  for (let kills = 0; ; kills++) {
    const stopped = await sleep(seconds * 1000, false, { signal: stop }).catch(() => true);
    if (stopped) return kills;
    await server.kill();
    await server.start();
  }
}

function report({ answered, heapMb, descriptors }: Sample, beganAt: number): void {
  const seconds = (monotonicMs() - beganAt) / 1000;
  console.log(
    `${seconds.toFixed(1).padStart(7)} s ${String(answered).padStart(9)} answered ` +
      `${(answered / seconds).toFixed(0).padStart(7)}/s ${heapMb.toFixed(1).padStart(7)} MB ` +
      `${String(descriptors).padStart(4)} descriptors`,
  );
}

async function main(requests: number, killSeconds: number): Promise<boolean> {
  const endpoint = `tcp://127.0.0.1:${await freePort()}`;
  const args = ["--bind", endpoint];
  await using server = await Program.start({ file: "examples/lazy-pirate/server.ts", args });
  await using client = new LazyPirateClient({
    timeoutMs: TIMEOUT_MS,
    attempts: ATTEMPTS,
    backoff: { maxMs: MAX_PAUSE_MS },
  });
  client.connect(endpoint);
  const load = new Load({
    request: async (body) => String((await client.request(body))[0]),
    inFlight: 200,
    boundMs: requestBoundMs(ATTEMPTS, TIMEOUT_MS, MAX_PAUSE_MS),
  });
  const stop = new AbortController();
  const killing = killEvery(killSeconds, server, stop.signal);
  const beganAt = monotonicMs();
  load.start();
  const samples: Sample[] = [];
  for (let step = 0; step < SAMPLES; step++) {
    await load.answers(Math.ceil(requests / SAMPLES));
    const sample = takeSample(load.counters.answered);
    report(sample, beganAt);
    if (step >= WARM_UP * SAMPLES) samples.push(sample);
  }
  stop.abort();
  const kills = await killing;
  await load.stop();
  return judge(load, samples, kills, client.stats().retries);
}

function judge({ counters }: Load, samples: readonly Sample[], kills: number, retries: number): boolean {
  const { sent, failed, lost, mismatched } = counters;
  const heap = growth(samples, ({ heapMb }) => heapMb);
  const descriptors = growth(samples, (sample) => sample.descriptors);
  console.log(
    `${sent} requests, server killed ${kills} times, ${retries} retries, ${failed} failed, ` +
      `${lost} lost, ${mismatched} mismatched`,
  );
  console.log(`heap grew by ${heap.toFixed(2)} MB (bound ${MAX_HEAP_GROWTH_MB})`);
  console.log(`file descriptors grew by ${descriptors} (bound ${MAX_DESCRIPTOR_GROWTH})`);
  return heap <= MAX_HEAP_GROWTH_MB && descriptors <= MAX_DESCRIPTOR_GROWTH && lost === 0 && mismatched === 0;
}

const { requests, killEvery: killSeconds } = new Command("bench:memory")
  .description("Heap and file descriptors of a Lazy Pirate client over many requests and server crashes.")
  .option("--requests <count>", "how many requests are to be answered", positive, 1_000_000)
  .option("--kill-every <seconds>", "pause between two crashes of the server", positive, 10)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ requests: number; killEvery: number }>();
process.exitCode = (await main(requests, killSeconds)) ? 0 : 1;
