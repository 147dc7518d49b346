/**
 * Simple Pirate worker: answers every request with the body it got.
 *
 *   npm run example simple-pirate/worker                  works for the queue at tcp://localhost:5556
 *   npm run example simple-pirate/worker -- --chaos       now and then slow, now and then crashing
 *
 * The queue may be simple-pirate/queue, or another such as the guide's spqueue. Start as many workers as you
 * like. Ctrl-C ends one when the request at hand is answered.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SimplePirateWorker } from "@seaworthy/simple-pirate";
import { Command } from "commander";

const program = new Command("simple-pirate/worker")
  .description("Answers every request with the body it got.")
  .option("--connect <endpoint>", "queue to work for", "tcp://localhost:5556")
  .option("--chaos", "after a few requests, be slow or crash at random")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { connect, chaos } = program.opts<{ connect: string; chaos?: true }>();

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
await worker.serve(async ({ body }) => {
  requests += 1;
  if (chaos && requests > 3) await misbehave();
  return body;
});
console.log(`stopped after ${requests} requests`);

function openWorker(): SimplePirateWorker {
  try {
    const worker = new SimplePirateWorker({ lingerMs: 5000 });
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
