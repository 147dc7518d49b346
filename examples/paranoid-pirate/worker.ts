/**
 * Paranoid Pirate worker: answers every request with the body it got, and comes back to its queue when one
 * of them was away.
 *
 *   npm run example paranoid-pirate/worker                         works for the queue at tcp://localhost:5556
 *   npm run example paranoid-pirate/worker -- --concurrency 8      on eight requests at a time
 *   npm run example paranoid-pirate/worker -- --chaos              now and then slow, now and then crashing
 *
 * The queue may be paranoid-pirate/queue, or another that speaks 6/PPP such as the guide's ppqueue. Ctrl-C
 * ends it when the requests at hand are answered.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ParanoidPirateWorker } from "@seaworthy/paranoid-pirate";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("paranoid-pirate/worker")
  .description("Answers every request with the body it got.")
  .option("--connect <endpoint>", "queue to work for", "tcp://localhost:5556")
  .option("--chaos", "after a few requests, be slow or crash at random")
  .option("--heartbeat <ms>", "how often to send heartbeats, at least", wholeNumber(1e9), 1000)
  .option("--liveness <count>", "how many heartbeats the queue may miss", wholeNumber(1e9), 3)
  .option("--concurrency <count>", "requests to work on at a time", wholeNumber(300), 1)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { connect, chaos, heartbeat, liveness, concurrency } = program.opts<{
  connect: string;
  chaos?: true;
  heartbeat: number;
  liveness: number;
  concurrency: number;
}>();

const worker = openWorker();
let isReady = false;
worker.on("session-opened", ({ endpoint }) => {
  console.log(`${isReady ? "opened" : "ready"} ${endpoint}`);
  isReady = true;
});
worker.on("session-lost", ({ endpoint, how }) => {
  if (how === "failed") console.error(`waiting for a queue at ${endpoint}`);
  else console.log(`lost ${endpoint}: ${how}`);
});
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

function openWorker(): ParanoidPirateWorker {
  try {
    const worker = new ParanoidPirateWorker({ heartbeatMs: heartbeat, liveness, lingerMs: 5000 });
    worker.connect(connect);
    return worker;
  } catch (error) {
    // The worker checks its endpoint itself, and names what is wrong.
    return program.error(`error: --connect: ${(error as Error).message}`);
  }
}

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

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
  };
}
