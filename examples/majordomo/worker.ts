/**
 * Majordomo worker: offers a service that answers every request with the body it got, and comes back to its
 * brokers when one of them was away.
 *
 *   npm run example majordomo/worker                                offers `echo` at tcp://localhost:5555
 *   npm run example majordomo/worker -- --concurrency 8             works on eight requests at a time
 *   npm run example majordomo/worker -- --service tea --connect tcp://a:5555 --connect tcp://b:5555
 *   npm run example majordomo/worker -- --chaos                     now and then slow, now and then crashing
 *
 * A broker may be majordomo/broker, or another that speaks MDP such as the guide's mdbroker: that is spoken to in
 * version 0.1 and gives one request at a time. Ctrl-C ends the worker when the requests at hand are answered.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MajordomoWorker } from "@seaworthy/majordomo";
import { Command, InvalidArgumentError, Option } from "commander";

const program = new Command("majordomo/worker")
  .description("Offers a service that answers every request with the body it got.")
  .option("--connect <endpoint...>", "brokers to work for", ["tcp://localhost:5555"])
  .option("--service <name>", "name of the service", "echo")
  .addOption(
    new Option(
      "--protocol <version>",
      "version of MDP (default: 0.2 with brokers of Seaworthy, else 0.1)",
    ).choices(["0.1", "0.2"]),
  )
  .option("--concurrency <count>", "requests to work on at a time", wholeNumber(100_000), 1)
  .option("--chaos", "after a few requests, be slow or crash at random")
  .option("--heartbeat <ms>", "how often to send heartbeats, at least", wholeNumber(1e9), 1000)
  .option("--liveness <count>", "how many heartbeats a broker may miss", wholeNumber(1e9), 3)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { connect, service, protocol, concurrency, chaos, heartbeat, liveness } = program.opts<{
  connect: string[];
  service: string;
  protocol?: "0.1" | "0.2";
  concurrency: number;
  chaos?: true;
  heartbeat: number;
  liveness: number;
}>();

const worker = checked("--service", () => {
  return new MajordomoWorker(service, { heartbeatMs: heartbeat, liveness, protocol, lingerMs: 5000 });
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
for (const endpoint of connect) checked("--connect", () => worker.connect(endpoint));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void worker.close());

let requests = 0;
await worker.serve(
  async ({ body }) => {
    requests += 1;
    if (chaos && requests > 3) await misbehave();
    return body;
  },
  { concurrency },
);
console.log(`stopped after ${requests} requests`);

async function misbehave(): Promise<void> {
  const dice = Math.random();
  if (dice < 0.1) {
    console.log(`crash at request ${requests}`);
    process.exit(1);
  }
  if (dice < 0.2) {
    console.log(`overload at request ${requests}`);
    await sleep(3000); // longer than a client waits
  }
}

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
