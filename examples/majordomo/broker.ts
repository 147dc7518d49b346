/**
 * Majordomo broker: clients ask for a service by name, and it gives each request to a worker that offers it. The
 * request of a worker that dies goes to another.
 *
 *   npm run example majordomo/broker                                     on tcp://*:5555, for clients and workers
 *   npm run example majordomo/broker -- --bind tcp://*:5555 --bind ipc:///tmp/broker
 *   npm run example majordomo/broker -- --heartbeat 250                  notices sooner that a worker hangs
 *   npm run example majordomo/broker -- --max-deliveries 10              when it is the workers that crash, not a request
 *
 * Clients and workers may be the examples beside it, or any that speak MDP 0.1 or 0.2 such as the guide's
 * mdclient, mdclient2, mmiecho and mdworker. Ctrl-C ends it when workers have answered what they have at hand.
 */
import { MajordomoBroker } from "@seaworthy/majordomo";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("majordomo/broker")
  .description("Gives requests for a service to workers that offer it.")
  .option("--bind <endpoint...>", "endpoints to listen on, each for clients and workers", ["tcp://*:5555"])
  .option("--heartbeat <ms>", "how often to send heartbeats, at least", wholeNumber, 1000)
  .option("--liveness <count>", "how many heartbeats a worker may miss", wholeNumber, 3)
  .option("--max-deliveries <count>", "how many workers a request is given to at most", wholeNumber, 3)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { bind, heartbeat, liveness, maxDeliveries } = program.opts<{
  bind: string[];
  heartbeat: number;
  liveness: number;
  maxDeliveries: number;
}>();

const broker = new MajordomoBroker({ heartbeatMs: heartbeat, liveness, maxDeliveries, lingerMs: 5000 });
broker.on("worker-joined", ({ worker, service }) => console.log(`joined ${worker}: ${service}`));
broker.on("worker-expired", ({ worker }) => console.log(`expired ${worker}`));
broker.on("worker-returned", ({ worker }) => console.log(`returned ${worker}`));
broker.on("worker-refused", ({ worker, service, reason }) => {
  console.log(`refused ${worker}: ${service}, ${reason}`);
});
broker.on("worker-gone", ({ worker, reason }) => {
  console.log(reason === "disconnected" ? `left ${worker}` : `gone ${worker}: ${reason}`);
});
broker.on("request-redelivered", ({ deliveries }) => console.log(`redelivered: delivery ${deliveries + 1}`));
broker.on("request-dropped", ({ service, reason }) => console.log(`dropped for ${service}: ${reason}`));

const closed = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve(broker.close()));
});
const endpoints: string[] = [];
for (const endpoint of bind) endpoints.push(await bound(endpoint));
console.log(`ready ${endpoints.join(" ")}`);
await closed;
console.log(`stopped after ${broker.stats().requests} requests`);

async function bound(endpoint: string): Promise<string> {
  try {
    return await broker.bind(endpoint);
  } catch (error) {
    const { message, cause } = error as Error;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    // EAGAIN is what ZeroMQ says of a host that it cannot look up.
    const hint =
      code === "EAGAIN" || code === "EADDRNOTAVAIL" ? " (it may be no address of this machine)" : "";
    console.error(`error: --bind: ${message}${hint}`);
    return process.exit(code === "EADDRINUSE" ? 1 : 2);
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1e9) return value;
  throw new InvalidArgumentError("It must be a whole number from 1 to 1000000000.");
}
