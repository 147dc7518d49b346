/**
 * Binary Star server: one of a pair, of which the active one answers every request with the body it got.
 *
 *   npm run example binary-star/server -- --primary      clients on tcp://*:5001, states on 5003, peer on 5004
 *   npm run example binary-star/server -- --backup       clients on tcp://*:5002, states on 5004, peer on 5003
 *
 * Start both in two terminals and end the active one: the other takes over. Clients may be binary-star/client, or
 * plain REQ clients such as the guide's bstarcli; either of the two may be the guide's bstarsrv or bstarsrv2. Ctrl-C
 * ends it when the requests at hand are answered.
 */
import { BinaryStarServer } from "@seaworthy/binary-star";
import { Command, InvalidArgumentError, Option } from "commander";

const program = new Command("binary-star/server")
  .description("One of a pair, of which the active one answers every request with the body it got.")
  .addOption(new Option("--primary", "be the primary").conflicts("backup"))
  .option("--backup", "be the backup")
  .option("--bind <endpoint>", "endpoint for clients (default: tcp://*:5001, the backup's: tcp://*:5002)")
  .option("--local <endpoint>", "where to publish states (default: tcp://*:5003, the backup's: tcp://*:5004)")
  .option(
    "--remote <endpoint>",
    "where the peer does (default: tcp://localhost:5004, the backup's: tcp://localhost:5003)",
  )
  .option("--heartbeat <ms>", "how often to publish the state; the peer is dead after two", wholeNumber, 1000)
  .option("--epoch-file <path>", "keep the highest epoch there, over restarts")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  primary?: true;
  backup?: true;
  bind?: string;
  local?: string;
  remote?: string;
  heartbeat: number;
  epochFile?: string;
}>();
if (options.primary === options.backup) program.error("error: give one of --primary and --backup");
const role = options.primary ? "primary" : "backup";
const {
  bind = `tcp://*:${role === "primary" ? 5001 : 5002}`,
  local = `tcp://*:${role === "primary" ? 5003 : 5004}`,
  remote = `tcp://localhost:${role === "primary" ? 5004 : 5003}`,
} = options;

const server = openServer();
server.on("state-changed", ({ from, to }) => console.log(`${from} -> ${to}`));
server.on("became-active", ({ epoch, because }) => console.log(`active in epoch ${epoch}: ${because}`));
server.on("peer-heard", ({ state }) => console.log(`peer is ${state}`));
server.on("peer-changed", ({ to }) => console.log(`peer is ${to}`));
server.on("peer-expired", ({ silentMs }) => console.log(`peer is silent for ${Math.round(silentMs)} ms`));
server.on("split-brain-resolved", ({ stays }) =>
  console.log(`two were active: ${stays ? "stay" : "make way"}`),
);
// What keeps it from being active, again with each heartbeat.
server.on("claim-denied", ({ reason }) => console.log(`no epoch: ${reason}`));
server.on("roles-clashed", ({ role }) => console.log(`peer is a ${role} as well`));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void server.close());

const endpoint = await opened("--bind", () => server.bind(bind));
await opened("--local", () => server.bindPeer(local));
await opened("--remote", async () => server.connectPeer(remote));
console.log(`ready ${endpoint}`);

let requests = 0;
await server.serve(({ body }) => {
  requests += 1;
  return body;
});
console.log(`stopped after ${requests} requests`);

async function opened<T>(option: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
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

function openServer(): BinaryStarServer {
  try {
    const { heartbeat: heartbeatMs, epochFile } = options;
    return new BinaryStarServer({ role, heartbeatMs, epochFile });
  } catch (error) {
    // Commander has checked all else.
    return program.error(`error: --epoch-file: ${(error as Error).message}`);
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1e9) return value;
  throw new InvalidArgumentError("It must be a whole number from 1 to 1000000000.");
}
