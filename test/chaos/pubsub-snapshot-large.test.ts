import { once } from "node:events";
import { SnapshotClient, type SnapshotEndpoints } from "@seaworthy/pubsub-snapshot";
import { expect, it } from "vitest";
import { Dealer } from "zeromq";
import { FLOOD_END } from "../harness/flood.js";
import { digestOf } from "../harness/large-map.js";
import { monotonicMs } from "../harness/monotonic.js";
import { Program } from "../harness/program.js";
import type { FloodNow, ServerNow } from "./pubsub-snapshot-large-process.js";

const LIMIT_MS = 180_000;
/** Updates per second. */
const RATE = 10_000;
/** As ours ask. */
const TERMS = "sw-credit=400\nsw-pack=16384\n";

const newProcess = (...args: string[]): Program =>
  new Program({ file: "test/chaos/pubsub-snapshot-large-process.ts", args, ipc: true });

/** A server of a large map, in a process of its own. */
class LargeServer implements AsyncDisposable {
  readonly endpoints: SnapshotEndpoints;
  readonly #program: Program;

  private constructor(program: Program, ready: string) {
    this.#program = program;
    this.endpoints = JSON.parse(ready.slice("ready ".length)) as SnapshotEndpoints;
  }

  static async start(keys: number, valueBytes: number, snapshotTimeoutMs: number): Promise<LargeServer> {
    const program = newProcess("server", ...[keys, valueBytes, snapshotTimeoutMs].map(String));
    return new LargeServer(program, await program.start());
  }

  async now(what: "" | "with digest" = ""): Promise<ServerNow> {
    const answer = once(this.#program, "message");
    this.#program.send({ what });
    return ((await answer) as [ServerNow])[0];
  }

  /** Resolves when this is true of it. */
  async until(isTrue: (now: ServerNow) => boolean): Promise<void> {
    while (!isTrue(await this.now()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.kill();
  }
}

/** Updates at a steady rate, of a process of its own: what they are put into is not what keeps them back. */
class FloodProcess implements AsyncDisposable {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  static async start({ endpoints }: LargeServer, keys: number, perSecond: number): Promise<FloodProcess> {
    const program = newProcess("flood", JSON.stringify(endpoints), ...[keys, perSecond].map(String));
    await program.start();
    return new FloodProcess(program);
  }

  async now(what: "" | "end" = ""): Promise<FloodNow> {
    const answer = once(this.#program, "message");
    this.#program.send({ what });
    return ((await answer) as [FloodNow])[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.kill();
  }
}

const connected = ({ endpoints }: LargeServer): SnapshotClient => {
  const client = new SnapshotClient({ timeoutMs: 60_000, joinTimeoutMs: 20_000 });
  client.connect(endpoints);
  return client;
};

/** When no updates come any more, its map and the server's are the same. */
async function isEqual(client: SnapshotClient, server: LargeServer, keys: number): Promise<void> {
  // What was published before is ordered before.
  const flooded = client.watch(FLOOD_END);
  if (!client.has(FLOOD_END)) await flooded.next();
  await flooded.return?.();
  const { digest, ...now } = await server.now("with digest");
  expect({ keys: client.size, sequence: client.sequence }).toEqual({
    keys: now.keys,
    sequence: now.sequence,
  });
  expect(digestOf(keys, (key) => client.get(key))).toBe(digest);
}

it(
  "1,000,000 keys are joined while 10,000 updates a second go on",
  async () => {
    const keys = 1_000_000;
    await using server = await LargeServer.start(keys, 32, 10_000);
    await using flood = await FloodProcess.start(server, keys, RATE);
    await server.until(({ sequence }) => sequence > keys + 1000);
    const before = await flood.now();
    const client = connected(server);
    const beganAt = monotonicMs();
    await client.ready();
    const ms = monotonicMs() - beganAt;
    const after = await flood.now();
    const meanwhile = after.published - before.published;
    const rate = (meanwhile / (after.atMs - before.atMs)) * 1000;
    const { items, updates, gaps, joins } = client.stats();
    console.log(
      `${items} keys joined in ${ms.toFixed(0)} ms, while ${meanwhile} updates were published (${rate.toFixed(0)} a second), and ${updates} came`,
    );
    // They went on, through the server, to this client, and were not kept back until it had its map.
    expect(meanwhile).toBeGreaterThan(1000);
    expect(updates).toBeGreaterThan(1000);
    expect({ items, size: client.size, joins, gaps }).toEqual({ items: keys, size: keys, joins: 1, gaps: 0 });
    await flood.now("end");
    await isEqual(client, server, keys);
    await client.close();
  },
  LIMIT_MS,
);

/** Asks for the map, and reads nothing of it. */
async function askInVain({ endpoints }: LargeServer, ...terms: string[]): Promise<Dealer> {
  const dealer = new Dealer({ linger: 0, receiveHighWaterMark: 1 });
  dealer.connect(endpoints.snapshot);
  await dealer.send(["ICANHAZ?", "", ...terms]);
  return dealer;
}

it(
  "clients that stop in the middle of a snapshot hurt no others, and cost no memory without bounds",
  async () => {
    const keys = 40_000;
    await using server = await LargeServer.start(keys, 500, 1000);
    // Most of it is left alone: with nothing but small updates it would fit into the buffers of those who read nothing.
    await using flood = await FloodProcess.start(server, keys / 10, RATE / 2);
    await server.until(({ sequence }) => sequence > keys + 1000);
    const { rssBytes } = await server.now();

    await using frozen = newProcess("client", JSON.stringify(server.endpoints));
    const amid = frozen.nextLine((line) => line === "amid");
    frozen.spawn();
    await amid;
    // Of others, who say nothing of what they take, and of ours, who never give credit again; more than are served at a time.
    const stuck: Dealer[] = [];
    for (let count = 0; count < 9; count++) {
      stuck.push(await askInVain(server), await askInVain(server, TERMS));
    }
    const client = connected(server);
    await client.ready();
    expect(client.size).toBe(keys);
    await server.until(({ slow }) => slow > stuck.length);
    const grownBy = (await server.now()).rssBytes - rssBytes;
    console.log(
      `${stuck.length + 1} clients stopped: the server has grown by ${(grownBy / 2 ** 20).toFixed(0)} MiB`,
    );
    expect(grownBy).toBeLessThan(400 * 2 ** 20);
    expect(client.stats()).toMatchObject({ joins: 1, gaps: 0 });

    const joins = frozen.nextLine((line) => line.startsWith("joined "));
    frozen.resume();
    expect(await joins).toMatch(`joined ${keys} `);
    for (const dealer of stuck) dealer.close();
    await flood.now("end");
    await isEqual(client, server, keys);
    await client.close();
  },
  LIMIT_MS,
);
