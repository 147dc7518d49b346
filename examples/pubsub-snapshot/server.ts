/**
 * Pub-sub snapshot server: keeps a map that its clients share. Alone, or one of a pair of which the active one serves.
 *
 *   npm run example pubsub-snapshot/server                              alone, on the ports 5556, 5557 and 5558
 *   npm run example pubsub-snapshot/server -- --data ./map              keeps the map in that folder, too
 *   npm run example pubsub-snapshot/server -- --primary                 5556 to 5558, states on 5003, peer on 5566 and 5004
 *   npm run example pubsub-snapshot/server -- --backup                  5566 to 5568, states on 5004, peer on 5556 and 5003
 *
 * Clients may be pubsub-snapshot/client, or the guide's clonecli6; its clonecli5 reads, and writes to no SUB socket. Ctrl-C ends
 * it; its peer takes over.
 */
import { join } from "node:path";
import { BindError, SnapshotServer } from "@seaworthy/pubsub-snapshot";
import { LmdbStore } from "@seaworthy/pubsub-snapshot/lmdb";
import { Command, InvalidArgumentError, Option } from "commander";

const program = new Command("pubsub-snapshot/server")
  .description("Keeps a map that its clients share.")
  .addOption(new Option("--primary", "be the primary of a pair").conflicts("backup"))
  .option("--backup", "be the backup of a pair")
  .option("--host <address>", "where to listen", "*")
  .option("--port <number>", "the first of three ports (default: 5556, the backup's: 5566)", port(65_533))
  .option("--updates-port <number>", "the second of them (default: the first and 1)", port(65_535))
  .option("--collector-port <number>", "the third (default: the first and 2)", port(65_535))
  .option("--peer-host <host>", "where the peer is", "localhost")
  .option("--peer-port <number>", "its first port (default: 5566, the backup's: 5556)", port(65_533))
  .option(
    "--state-port <number>",
    "where to publish states (default: 5003, the backup's: 5004)",
    port(65_535),
  )
  .option(
    "--peer-state-port <number>",
    "where the peer does (default: 5004, the backup's: 5003)",
    port(65_535),
  )
  .option(
    "--heartbeat <ms>",
    "how often to say that it lives; a peer is dead after two",
    wholeNumber(1, 1e9),
    1000,
  )
  .option("--data <folder>", "keep the map there")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{
  primary?: true;
  backup?: true;
  host: string;
  port?: number;
  updatesPort?: number;
  collectorPort?: number;
  peerHost: string;
  peerPort?: number;
  statePort?: number;
  peerStatePort?: number;
  heartbeat: number;
  data?: string;
}>();
const role = options.primary ? "primary" : options.backup ? "backup" : undefined;
const [ownPort, otherPort] = role === "backup" ? [5566, 5556] : [5556, 5566];
const [ownStates, otherStates] = role === "backup" ? [5004, 5003] : [5003, 5004];

const server = openServer();
server.on("became-active", ({ epoch, because }) => console.log(`active in epoch ${epoch}: ${because}`));
server.on("stopped-serving", ({ reason }) => console.log(`not active any more: ${reason}`));
server.on("caught-up", ({ entries, sequence }) =>
  console.log(`caught up: ${entries} keys, sequence ${sequence}`),
);
server.on("became-passive", () => console.log("passive"));
server.on("follower-joined", () => console.log("the peer follows"));
server.on("follower-lost", ({ reason }) => console.log(`the peer does not follow any more: ${reason}`));
server.on("store-failed", ({ reason }) => console.error(`error: the store fails: ${reason}`));
const ended = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => void server.close().then(resolve));
});

const { port: first = ownPort, updatesPort = first + 1, collectorPort = first + 2, host } = options;
const [snapshot, publisher, collector] = [first, updatesPort, collectorPort].map(
  (port) => `tcp://${host}:${port}`,
) as [string, string, string];
await opened("--host or --port", () => server.bind({ snapshot, publisher, collector }));
if (role !== undefined) {
  const { peerHost, peerPort = otherPort, statePort = ownStates, peerStatePort = otherStates } = options;
  await opened("--state-port", () => server.bindPeer(`tcp://${host}:${statePort}`));
  await opened("--peer-host", () =>
    server.connectPeer(`tcp://${peerHost}:${peerStatePort}`, `tcp://${peerHost}:${peerPort}`),
  );
}
console.log(`ready ${snapshot}`);

await ended;
const { published, keys } = server.stats();
console.log(`stopped after ${published} updates, with ${keys} keys`);

function openServer(): SnapshotServer {
  const { heartbeat: heartbeatMs, data } = options;
  try {
    const epochFile = data === undefined ? undefined : join(data, "epoch");
    return new SnapshotServer({
      heartbeatMs,
      store: data === undefined ? undefined : new LmdbStore(data),
      pair: role && { role, epochFile },
    });
  } catch (error) {
    return program.error(`error: --data: ${(error as Error).message}`);
  }
}

async function opened<T>(option: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const { message, cause } = error as Error;
    if (!(error instanceof BindError || error instanceof TypeError || error instanceof RangeError)) {
      console.error(`error: cannot open the store: ${message}`);
      return process.exit(1);
    }
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    // EAGAIN is what ZeroMQ says of a host that it cannot look up.
    const isElsewhere = code === "EAGAIN" || code === "EADDRNOTAVAIL";
    const hint = isElsewhere ? " (it may be no address of this machine)" : "";
    console.error(`error: ${option}: ${message}${hint}`);
    return process.exit(code === "EADDRINUSE" ? 1 : 2);
  }
}

function port(max: number): (text: string) => number {
  return wholeNumber(1, max);
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
