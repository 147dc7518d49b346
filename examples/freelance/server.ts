/**
 * Freelance server: answers every request with the body it got. Clients know it by its endpoint, letter by letter.
 *
 *   npm run example freelance/server                                          for clients of tcp://127.0.0.1:5555
 *   npm run example freelance/server -- --endpoint tcp://127.0.0.1:5556       one more
 *   npm run example freelance/server -- --endpoint tcp://localhost:5555       for the guide's flclient3
 *   npm run example freelance/server -- --endpoint tcp://db1:5555 --bind tcp://*:5555
 *   npm run example freelance/server -- --plain                               for other strategies than `tracked`
 *   npm run example freelance/server -- --delay 50                            slow
 *
 * Its clients may be freelance/client, the guide's flclient3, or another that speaks FLP; with --plain freelance/client
 * with the strategies failover and shotgun, the guide's flclient1 and flclient2, or any REQ client. Ctrl-C ends it
 * when the requests at hand are answered; clients ask others for the rest.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { FreelanceServer } from "@seaworthy/freelance";
import { Command, InvalidArgumentError } from "commander";

const program = new Command("freelance/server")
  .description("Answers every request with the body it got.")
  .option(
    "--endpoint <endpoint>",
    "where clients connect, which is the server's name",
    "tcp://127.0.0.1:5555",
  )
  .option("--bind <endpoint>", "where to listen (default: there; at tcp://127.0.0.1 for tcp://localhost)")
  .option("--plain", "speak the plain protocol of the strategies failover and shotgun, without names")
  .option("--concurrency <count>", "requests to work on at a time", wholeNumber(1, 1e6), 100)
  .option("--delay <ms>", "how long each request takes", wholeNumber(0, 1e9), 0)
  .option("--chaos", "after a few requests, be slow or crash at random")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  endpoint: string;
  bind?: string;
  plain?: true;
  concurrency: number;
  delay: number;
  chaos?: true;
}>();

if (!options.plain && /^tcp:\/\/(\*|0\.0\.0\.0|\[::\]):/.test(options.endpoint))
  program.error(`error: --endpoint: nobody can connect to ${options.endpoint}: --bind says where to listen`);

const server = new FreelanceServer({ protocol: options.plain ? "plain" : "flp" });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void server.close());
console.log(`ready ${await listen()}`);

let requests = 0;
await server.serve(
  async ({ body }) => {
    requests += 1;
    if (options.chaos && requests > 3) await misbehave();
    if (options.delay > 0) await sleep(options.delay);
    return body;
  },
  { concurrency: options.concurrency },
);
console.log(`stopped after ${requests} requests`);

async function listen(): Promise<string> {
  // A host name is nothing to listen at, and this is the one that every machine has for itself.
  const { endpoint, bind = endpoint.replace("//localhost:", "//127.0.0.1:") } = options;
  try {
    return await server.bind(bind, bind === endpoint ? {} : { as: endpoint });
  } catch (error) {
    const { message, cause } = error as Error;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    // EAGAIN and ENODEV are what ZeroMQ says of a host that it cannot look up.
    const isElsewhere = code === "EAGAIN" || code === "ENODEV" || code === "EADDRNOTAVAIL";
    const hint = isElsewhere ? " (it may be no address of this machine: --bind says where to listen)" : "";
    console.error(`error: ${options.bind === undefined ? "--endpoint" : "--bind"}: ${message}${hint}`);
    return process.exit(code === "EADDRINUSE" ? 1 : 2);
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

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
