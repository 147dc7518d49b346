/**
 * A server of a large map, or a client that joins it; the test starts each in a process of its own. Arguments:
 *
 *     server <keys> <bytes> <timeout>     answers any message with what it holds; the first of its lines is `ready <endpoints>`
 *     client <endpoints>                  stops in the middle of its first join, as by SIGSTOP, and says `amid` before; `joined` after each
 */
import { SnapshotClient, type SnapshotEndpoints, SnapshotServer } from "@seaworthy/pubsub-snapshot";
import { digestOf, largeMap } from "../harness/large-map.js";

/** What a server says of itself. */
export interface ServerNow {
  readonly keys: number;
  readonly sequence: number;
  readonly rssBytes: number;
  /** Snapshots that were given up because their client took nothing. */
  readonly slow: number;
  /** Where it was asked for: what the map is like. */
  readonly digest: string | undefined;
}

const ANY_PORT = "tcp://127.0.0.1:*";
/** Items by which a join is in its middle. */
const AMID = 2000;

async function beTheServer(keys: number, valueBytes: number, snapshotTimeoutMs: number): Promise<void> {
  const server = new SnapshotServer({ store: largeMap(keys, valueBytes), snapshotTimeoutMs });
  let slow = 0;
  server.on("snapshot-abandoned", ({ reason }) => {
    if (reason === "client-slow") slow += 1;
  });
  process.on("message", ({ what }: { readonly what: string }) => {
    const { keys: count, sequence } = server.view();
    const rssBytes = process.memoryUsage.rss();
    const digest = what === "" ? undefined : digestOf(keys, (key) => server.get(key));
    const now: ServerNow = { keys: count, sequence, rssBytes, slow, digest };
    process.send?.(now);
  });
  const endpoints = await server.bind({ snapshot: ANY_PORT, publisher: ANY_PORT, collector: ANY_PORT });
  console.log(`ready ${JSON.stringify(endpoints)}`);
}

function beAClient(endpoints: SnapshotEndpoints): void {
  const client = new SnapshotClient();
  client.on("joined", ({ keys, sequence }) => console.log(`joined ${keys} ${sequence}`));
  const look = (): void => {
    if (client.stats().items < AMID) setImmediate(look);
    else {
      console.log("amid");
      // By itself: before anybody else has heard of it, and stopped it, it might have joined.
      process.kill(process.pid, "SIGSTOP");
    }
  };
  client.connect(endpoints);
  look();
}

const [role, first, bytes, timeout] = process.argv.slice(2) as [string, string, string?, string?];
if (role === "server") await beTheServer(Number(first), Number(bytes), Number(timeout));
else beAClient(JSON.parse(first) as SnapshotEndpoints);
