/**
 * Majordomo worker whose requests keep a processor busy: it counts prime numbers in threads, and sends heartbeats
 * and takes other requests all the while.
 *
 *   npm run example majordomo/threads-worker                        offers `primes`, a thread less than processors
 *   npm run example majordomo/threads-worker -- --threads 2
 *   npm run example majordomo/client -- --service primes --body 50000000 --requests 8 --timeout 60000 --print
 *
 * Ctrl-C ends it when the requests at hand are answered, after five seconds at most: what takes longer, a broker
 * of Seaworthy gives to another worker.
 */
import { MajordomoWorker } from "@seaworthy/majordomo";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("majordomo/threads-worker")
  .description("Offers a service that counts the prime numbers below a number, in threads.")
  .option("--connect <endpoint...>", "brokers to work for", ["tcp://localhost:5555"])
  .option("--service <name>", "name of the service", "primes")
  .option("--threads <count>", "threads (default: one less than processors)", wholeNumber(1024))
  .option("--heartbeat <ms>", "how often to send heartbeats, at least", wholeNumber(1e9), 1000)
  .option("--liveness <count>", "how many heartbeats a broker may miss", wholeNumber(1e9), 3)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { connect, service, threads, heartbeat, liveness } = program.opts<{
  connect: string[];
  service: string;
  threads?: number;
  heartbeat: number;
  liveness: number;
}>();

const worker = checked("--service", () => {
  return new MajordomoWorker(service, { heartbeatMs: heartbeat, liveness, lingerMs: 5000 });
});
let isReady = false;
worker.on("session-opened", ({ endpoint }) => {
  console.log(`${isReady ? "opened" : "ready"} ${endpoint}`);
  isReady = true;
});
worker.on("session-lost", ({ endpoint, how }) => {
  if (how === "failed") console.error(`waiting for a broker at ${endpoint}`);
  else console.log(`lost ${endpoint}: ${how}`);
});
worker.on("handler-failed", ({ message }) => console.log(`failed: ${message}`));
for (const endpoint of connect) checked("--connect", () => worker.connect(endpoint));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void worker.close());

// Once compiled, the module ends in .js.
await worker.serve(new URL("./handlers/primes.ts", import.meta.url), { threads });
console.log(`stopped after ${worker.stats().requests} requests`);

/** The worker checks what it is given itself, and says what is wrong. */
function checked<T>(option: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    return program.error(`error: ${option}: ${(error as Error).message}`);
  }
}

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
  };
}
