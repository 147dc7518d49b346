/**
 * Paranoid Pirate queue: gives the requests of clients to workers that send heartbeats. The request of a
 * worker that dies goes to another.
 *
 *   npm run example paranoid-pirate/queue                      clients on tcp://*:5555, workers on tcp://*:5556
 *   npm run example paranoid-pirate/queue -- --heartbeat 250   notices sooner that a worker hangs
 *
 * Its workers may be paranoid-pirate/worker, or others that speak 6/PPP such as the guide's ppworker; its
 * clients lazy-pirate/client, or plain REQ clients. Ctrl-C ends it when workers have answered what they have
 * at hand; clients ask again for the rest.
 */
import { ParanoidPirateQueue } from "@seaworthy/paranoid-pirate";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("paranoid-pirate/queue")
  .description("Gives the requests of clients to workers that send heartbeats.")
  .option("--frontend <endpoint>", "endpoint to listen on for clients", "tcp://*:5555")
  .option("--backend <endpoint>", "endpoint to listen on for workers", "tcp://*:5556")
  .option("--heartbeat <ms>", "how often to send heartbeats, at least", wholeNumber, 1000)
  .option("--liveness <count>", "how many heartbeats a worker may miss", wholeNumber, 3)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { frontend, backend, heartbeat, liveness } = program.opts<{
  frontend: string;
  backend: string;
  heartbeat: number;
  liveness: number;
}>();

const queue = new ParanoidPirateQueue({ heartbeatMs: heartbeat, liveness, lingerMs: 5000 });
queue.on("worker-joined", ({ worker }) => console.log(`joined ${worker}`));
queue.on("worker-expired", ({ worker }) => console.log(`expired ${worker}`));
queue.on("worker-returned", ({ worker }) => console.log(`returned ${worker}`));
queue.on("worker-left", ({ worker }) => console.log(`left ${worker}`));
queue.on("worker-gone", ({ worker, reason }) => console.log(`gone ${worker}: ${reason}`));
queue.on("request-redelivered", ({ deliveries }) => console.log(`redelivered: delivery ${deliveries + 1}`));
queue.on("request-given-up", ({ deliveries }) => console.log(`given up after delivery ${deliveries}`));

const closed = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve(queue.close()));
});
const clientsAt = await bound("--frontend", () => queue.bindFrontend(frontend));
const workersAt = await bound("--backend", () => queue.bindBackend(backend));
console.log(`ready ${clientsAt} ${workersAt}`);
await closed;
console.log(`stopped after ${queue.stats().requests} requests`);

async function bound(option: string, bind: () => Promise<string>): Promise<string> {
  try {
    return await bind();
  } catch (error) {
    const { message, cause } = error as Error;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    // EAGAIN is what ZeroMQ says of a host that it cannot look up.
    const hint =
      code === "EAGAIN" || code === "EADDRNOTAVAIL" ? " (it may be no address of this machine)" : "";
    console.error(`error: ${option}: ${message}${hint}`);
    return process.exit(code === "EADDRINUSE" ? 1 : 2);
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1e9) return value;
  throw new InvalidArgumentError("It must be a whole number from 1 to 1000000000.");
}
