/**
 * Simple Pirate queue: gives each request to the worker that has been ready for longest.
 *
 *   npm run example simple-pirate/queue          clients on tcp://*:5555, workers on tcp://*:5556
 *
 * Its workers may be simple-pirate/worker, or REQ workers such as the guide's spworker; its clients
 * lazy-pirate/client, or plain REQ clients. A worker that dies takes its request with it: the client has to
 * ask again, as lazy-pirate/client does. Ctrl-C ends the queue when workers have answered what they have at
 * hand; clients ask again for the rest.
 */
import { SimplePirateQueue } from "@seaworthy/simple-pirate";
import { Command } from "commander";

const program = new Command("simple-pirate/queue")
  .description("Gives each request to the worker that has been ready for longest.")
  .option("--frontend <endpoint>", "endpoint to listen on for clients", "tcp://*:5555")
  .option("--backend <endpoint>", "endpoint to listen on for workers", "tcp://*:5556")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { frontend, backend } = program.opts<{ frontend: string; backend: string }>();

const queue = new SimplePirateQueue({ lingerMs: 5000 });
queue.on("worker-joined", ({ worker }) => console.log(`joined ${worker}`));
queue.on("worker-gone", ({ worker, reason }) => console.log(`gone ${worker}: ${reason}`));
queue.on("request-lost", ({ worker, reason }) => console.log(`lost a request of ${worker}: ${reason}`));

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
