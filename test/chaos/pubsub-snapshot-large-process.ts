/**
 * A server of a large map, a client that joins it, or one that floods it with updates; the test starts each in a process of its own. Arguments:
 *
 *     server <keys> <bytes> <timeout>     answers any message with what it holds; the first of its lines is `ready <endpoints>`
 *     client <endpoints>                  says `amid` in the middle of its first join, and stops until it is resumed; `joined` after each
 *     flood <endpoints> <keys> <rate>     answers any message with how much it has published; `end` ends it
 */
import { SnapshotClient, type SnapshotEndpoints, SnapshotServer } from "@seaworthy/pubsub-snapshot";
import { Flood } from "../harness/flood.js";
import { digestOf, largeMap } from "../harness/large-map.js";
import { monotonicMs } from "../harness/monotonic.js";

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

/** How many updates a flood has published, and when. */
export interface FloodNow {
  readonly published: number;
  readonly atMs: number;
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
      // Here and now: what a signal of another finds is over, perhaps.
      process.kill(process.pid, "SIGSTOP");
    }
  };
  client.connect(endpoints);
  look();
}

async function beAFlood(endpoints: SnapshotEndpoints, keys: number, perSecond: number): Promise<void> {
  const flood = await Flood.begin(endpoints, keys, perSecond);
  process.on("message", async ({ what }: { readonly what: string }) => {
    if (what === "end") await flood.end();
    const now: FloodNow = { published: flood.published, atMs: monotonicMs() };
    process.send?.(now);
  });
  console.log("ready");
}

const [role, first, second, third] = process.argv.slice(2) as [string, string, string?, string?];
if (role === "server") await beTheServer(Number(first), Number(second), Number(third));
else if (role === "flood")
  await beAFlood(JSON.parse(first) as SnapshotEndpoints, Number(second), Number(third));
else beAClient(JSON.parse(first) as SnapshotEndpoints);
