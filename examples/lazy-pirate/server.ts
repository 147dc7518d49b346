/**
 * Lazy Pirate server: answers every request with the body it got.
 *
 *   npm run example lazy-pirate/server                  on tcp://*:5555, as the guide's lpserver
 *   npm run example lazy-pirate/server -- --chaos       now and then overloaded, now and then crashing
 *
 * Its clients may be lazy-pirate/client, or a plain REQ client such as the guide's lpclient. Ctrl-C
 * ends it when the request at hand is answered; clients ask again for the rest.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { LazyPirateServer } from "@seaworthy/lazy-pirate";
import { Command } from "commander";

const program = new Command("lazy-pirate/server")
  .description("Answers every request with the body it got.")
  .option("--bind <endpoint>", "endpoint to listen on", "tcp://*:5555")
  .option("--chaos", "after a few requests, be slow or crash at random")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { bind, chaos } = program.opts<{ bind: string; chaos?: true }>();

const server = new LazyPirateServer();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void server.close());
try {
  console.log(`ready ${await server.bind(bind)}`);
} catch (error) {
  const { message, cause } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  // EAGAIN is what ZeroMQ says of a host that it cannot look up.
  const hint = code === "EAGAIN" || code === "EADDRNOTAVAIL" ? " (it may be no address of this machine)" : "";
  console.error(`error: --bind: ${message}${hint}`);
  process.exit(code === "EADDRINUSE" ? 1 : 2);
}

let requests = 0;
await server.serve(async ({ body }) => {
  requests += 1;
  if (chaos && requests > 3) await misbehave();
  return body;
});
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
