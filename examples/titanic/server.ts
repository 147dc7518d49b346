/**
 * Titanic server: takes requests in, which from then on survive the end of any process and loss of power, has them
 * worked on through a Majordomo broker, and keeps the replies until they are fetched.
 *
 *   npm run example titanic/server                        behind tcp://localhost:5555, requests in ./titanic-data
 *   npm run example titanic/server -- --data /var/lib/titanic
 *   npm run example titanic/server -- --postgres postgres://me@localhost/titanic      several of them may share it
 *
 * The broker may be majordomo/broker or the guide's mdbroker, clients may be titanic/client or the guide's ticlient,
 * workers majordomo/worker or the guide's mdworker. Ctrl-C ends it when what is worked on has its reply, after 5
 * seconds at most; what is left waits in the store for the next start.
 */
import { TitanicServer, type TitanicStore } from "@seaworthy/titanic";
import { LmdbStore } from "@seaworthy/titanic/lmdb";
import { Command, InvalidArgumentError, Option } from "commander";

const program = new Command("titanic/server")
  .description("Takes requests in, has them worked on, and keeps the replies until they are fetched.")
  .option("--connect <endpoint...>", "brokers to serve through", ["tcp://localhost:5555"])
  .option("--data <folder>", "keep requests here, for this server alone", "./titanic-data")
  .addOption(
    new Option("--postgres <url>", "keep them in a database, which servers may share").conflicts("data"),
  )
  .option("--timeout <ms>", "how long an attempt may take", wholeNumber(1), 60_000)
  .option("--attempts <count>", "how many may fail until a request is a dead letter", wholeNumber(1), 10)
  .option("--lease <ms>", "when others take over what a dead server worked on", wholeNumber(100), 30_000)
  .option("--heartbeat <ms>", "how often to send heartbeats, at least", wholeNumber(1), 1000)
  .option("--liveness <count>", "how many heartbeats a broker may miss", wholeNumber(2), 3)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  connect: string[];
  data: string;
  postgres?: string;
  timeout: number;
  attempts: number;
  lease: number;
  heartbeat: number;
  liveness: number;
}>();

const server = new TitanicServer(await newStore(), {
  timeoutMs: options.timeout,
  maxAttempts: options.attempts,
  leaseMs: options.lease,
  heartbeatMs: options.heartbeat,
  liveness: options.liveness,
  lingerMs: 5000,
});
/** The services that each broker knows; it needs all four of them. */
const offered = new Map(options.connect.map((endpoint) => [endpoint, new Set<string>()]));
let isReady = false;
server.on("service-offered", ({ endpoint, service }) => {
  if (offered.get(endpoint)?.add(service).size !== 4) return;
  console.log(`${isReady ? "opened" : "ready"} ${endpoint}`);
  isReady = true;
});
server.on("service-withdrawn", ({ endpoint, service }) => {
  if (offered.get(endpoint)?.size === 4) console.log(`lost ${endpoint}`);
  offered.get(endpoint)?.delete(service);
});
server.on("connection-failed", ({ endpoint }) => console.error(`waiting for a broker at ${endpoint}`));
server.on("service-missed", ({ service }) => console.log(`missed ${service}: it has no worker`));
server.on("service-found", ({ service }) => console.log(`found ${service}`));
server.on("attempt-failed", ({ id, failures, failure }) => {
  console.log(`failed ${id}: attempt ${failures}, ${failure}`);
});
server.on("request-buried", ({ id, failure }) => console.log(`dead ${id}: ${failure}`));
server.on("request-refused", ({ reason, message }) => console.log(`refused: ${reason}, ${message}`));
server.on("lease-lost", ({ id }) => console.log(`taken over ${id}`));
server.on("store-failed", ({ method, message }) => console.error(`the store fails (${method}): ${message}`));
server.on("store-recovered", () => console.error("the store works again"));

const closed = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve(server.close()));
});
for (const endpoint of options.connect) checked("--connect", () => server.connect(endpoint));
try {
  await server.open();
} catch (error) {
  console.error(`error: cannot open the store: ${(error as Error).message}`);
  process.exit(1);
}
await closed;
console.log(`stopped after ${server.stats().accepted} requests`);

async function newStore(): Promise<TitanicStore> {
  const { data, postgres } = options;
  if (postgres === undefined) return checked("--data", () => new LmdbStore(data));
  if (!URL.canParse(postgres))
    program.error("error: --postgres: must be a URL: postgres://user@host/database");
  // It needs the package `pg`, and only then.
  const { PostgresStore } = await import("@seaworthy/titanic/postgres");
  return new PostgresStore({ connectionString: postgres });
}

/** Server and store check what they are given themselves, and say what is wrong. */
function checked<T>(option: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    return program.error(`error: ${option}: ${(error as Error).message}`);
  }
}

function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= 1e9) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to 1000000000.`);
  };
}
