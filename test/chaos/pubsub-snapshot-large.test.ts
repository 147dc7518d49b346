import { once } from "node:events";
import { SnapshotClient, type SnapshotEndpoints } from "@seaworthy/pubsub-snapshot";
import { expect, it } from "vitest";
import { Dealer, XPublisher } from "zeromq";
import { digestOf, largeKey } from "../harness/large-map.js";
import { monotonicMs } from "../harness/monotonic.js";
import { Program } from "../harness/program.js";
import type { ServerNow } from "./pubsub-snapshot-large-process.js";

const LIMIT_MS = 120_000;
const EVERY_MS = 10;
/** Updates that the server has not taken yet, at most. */
const UNDER_WAY = 20_000;
const FLOOD_END = "/end";
const NUMBER = Buffer.alloc(8);

const newProcess = (...args: string[]): Program =>
  new Program({ file: "test/chaos/pubsub-snapshot-large-process.ts", args, ipc: true });

/** A server of a large map, in a process of its own. */
class LargeServer implements AsyncDisposable {
  readonly endpoints: SnapshotEndpoints;
  readonly #program: Program;
  #answered: Promise<unknown> = Promise.resolve();

  private constructor(program: Program, ready: string) {
    this.#program = program;
    this.endpoints = JSON.parse(ready.slice("ready ".length)) as SnapshotEndpoints;
  }

  static async start(keys: number, valueBytes: number, snapshotTimeoutMs: number): Promise<LargeServer> {
    const program = newProcess("server", ...[keys, valueBytes, snapshotTimeoutMs].map(String));
    return new LargeServer(program, await program.start());
  }

  async now(what: "" | "with digest" = ""): Promise<ServerNow> {
    // One question after another: answers do not tell to what.
    const answer = this.#answered.then(() => this.#ask(what));
    this.#answered = answer.catch(() => undefined);
    return await answer;
  }

  /** Resolves when this is true of it. */
  async until(isTrue: (now: ServerNow) => boolean): Promise<void> {
    while (!isTrue(await this.now()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.kill();
  }

  async #ask(what: string): Promise<ServerNow> {
    const answer = once(this.#program, "message");
    this.#program.send({ what });
    return ((await answer) as [ServerNow])[0];
  }
}

/**
 * Updates at a steady rate, by a client that is not ours: each replaces a key of the map. On a machine that is too slow for the rate
 * there are fewer, and not ever more that wait.
 */
class Flood implements Disposable {
  /** Updates that were published. */
  published = 0;
  readonly #publisher: XPublisher;
  readonly #server: LargeServer;
  readonly #keys: number;
  readonly #perTurn: number;
  readonly #timer: NodeJS.Timeout;
  /** Of those that were published. */
  #taken = 0;
  #saying: Promise<void> | undefined;
  #dueSince: number;

  private constructor(publisher: XPublisher, server: LargeServer, keys: number, perSecond: number) {
    this.#publisher = publisher;
    this.#server = server;
    this.#keys = keys;
    this.#perTurn = (perSecond * EVERY_MS) / 1000;
    this.#dueSince = monotonicMs();
    this.#timer = setInterval(() => this.#turn(), EVERY_MS);
  }

  /** Begins when the server listens: what is published before goes nowhere. */
  static async begin(server: LargeServer, keys: number, perSecond: number): Promise<Flood> {
    const publisher = new XPublisher({ linger: 0, sendHighWaterMark: 0 });
    publisher.connect(server.endpoints.collector);
    await publisher.receive();
    return new Flood(publisher, server, keys, perSecond);
  }

  /** Publishes {@link FLOOD_END}, and nothing after it. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saying;
    await this.#publisher.send([FLOOD_END, NUMBER, "", "", "1"]);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#publisher.close();
  }

  /** All that is due, also after a turn that came late. */
  #turn(): void {
    const turns = Math.floor((monotonicMs() - this.#dueSince) / EVERY_MS);
    this.#dueSince += turns * EVERY_MS;
    this.#saying ??= this.#say(turns * this.#perTurn).finally(() => {
      this.#saying = undefined;
    });
  }

  async #say(count: number): Promise<void> {
    for (let said = 0; said < count; said++) {
      if (this.published - this.#taken >= UNDER_WAY) await this.#serverTakes();
      const key = largeKey((this.published * 7919) % this.#keys);
      await this.#publisher.send([key, NUMBER, "", "", `update ${this.published}`]);
      this.published += 1;
    }
  }

  async #serverTakes(): Promise<void> {
    await this.#server.until(({ sequence }) => {
      this.#taken = sequence - this.#keys;
      return this.published - this.#taken < UNDER_WAY / 2;
    });
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
  "200,000 keys are joined while 10,000 updates a second go on",
  async () => {
    const keys = 200_000;
    await using server = await LargeServer.start(keys, 32, 10_000);
    using flood = await Flood.begin(server, keys, 10_000);
    await server.until(({ sequence }) => sequence > keys + 1000);
    const client = connected(server);
    const beganAt = monotonicMs();
    const before = flood.published;
    await client.ready();
    const ms = monotonicMs() - beganAt;
    const meanwhile = flood.published - before;
    const { items, updates, gaps, joins } = client.stats();
    console.log(
      `${items} keys joined in ${ms.toFixed(0)} ms, while ${meanwhile} updates were published; ${updates} of them came, ${gaps} gaps`,
    );
    expect(meanwhile).toBeGreaterThan(1000);
    expect({ size: client.size, joins }).toEqual({ size: keys, joins: 1 });
    await flood.end();
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
    using flood = await Flood.begin(server, keys, 5000);
    await server.until(({ sequence }) => sequence > keys + 1000);
    const { rssBytes } = await server.now();

    await using frozen = newProcess("client", JSON.stringify(server.endpoints));
    const amid = frozen.nextLine((line) => line === "amid");
    frozen.spawn();
    await amid;
    // Of others, who say nothing of what they take, and of ours, who never give credit again; more than are served at a time.
    const stuck: Dealer[] = [];
    for (let count = 0; count < 9; count++) {
      stuck.push(await askInVain(server), await askInVain(server, "sw-credit=400\n"));
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
    await flood.end();
    await isEqual(client, server, keys);
    await client.close();
  },
  LIMIT_MS,
);
