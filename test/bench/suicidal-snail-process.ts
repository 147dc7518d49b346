/**
 * One process of those that suicidal-snail.ts measures; it answers its parent over IPC. Arguments:
 *
 *     publisher bare|ours <bytes>                 publishes what jobs say, and pilots until the first job comes
 *     subscriber bare|ours <bytes> <endpoint>     counts what arrives, and tells when a job is done
 *
 * Bare sockets send and receive the same frames: a topic, 36 bytes and a body.
 */
import { SnailPublisher, SnailSubscriber } from "@seaworthy/suicidal-snail";
import { Publisher, Subscriber } from "zeromq";
import type { Side } from "./turns.js";

/** Where the publisher is. */
export interface Place {
  readonly endpoint: string;
}

/** So many messages, one after the other. */
export interface SnailJob {
  readonly count: number;
}

/** What a subscriber has to say of a job. */
export interface SnailDone {
  /** From the first message to the last. */
  readonly elapsedMs: number;
  /** Processor time in all of this, the thread of ZeroMQ included. */
  readonly cpuMs: number;
}

const TOPIC = Buffer.from("topic");
const HEADER = Buffer.alloc(36, 1);
/** Shorter than all bodies that are measured. */
const PILOT = Buffer.from("!");
const PILOT_EVERY_MS = 5;
/** Nothing may be dropped: everything that a job sends may wait somewhere. */
const MARK = 1_000_000;
const BATCH = 1000;

/** Publishes the same body so many times. */
type Publish = (body: Buffer, count: number) => Promise<void>;

function barePublisher(): { endpoint: string; publish: Publish } {
  const socket = new Publisher({ linger: 0, sendHighWaterMark: MARK });
  socket.bindSync("tcp://127.0.0.1:*");
  const publish: Publish = async (body, count) => {
    for (let sent = 0; sent < count; sent++) await socket.send([TOPIC, HEADER, body]);
  };
  return { endpoint: socket.lastEndpoint as string, publish };
}

async function ourPublisher(): Promise<{ endpoint: string; publish: Publish }> {
  const publisher = new SnailPublisher({ socket: { sendHighWaterMark: MARK } });
  const endpoint = await publisher.bind("tcp://127.0.0.1:*");
  const publish: Publish = async (body, count) => {
    for (let sent = 0; sent < count; sent++) {
      publisher.publish(TOPIC, body);
      if (sent % BATCH !== BATCH - 1) continue;
      do await new Promise((resolve) => setImmediate(resolve));
      while (publisher.stats().sockets.queued > BATCH);
    }
  };
  return { endpoint, publish };
}

async function beThePublisher(side: Side, bytes: number): Promise<void> {
  const { endpoint, publish } = await (side === "bare" ? barePublisher() : ourPublisher());
  const body = Buffer.alloc(bytes, 7);
  // A socket sends one thing at a time.
  let said = Promise.resolve();
  const pilots = setInterval(() => {
    said = said.then(() => publish(PILOT, 1));
  }, PILOT_EVERY_MS);
  process.on("message", ({ count }: SnailJob) => {
    clearInterval(pilots);
    said = said.then(() => publish(body, count));
  });
  process.send?.({ endpoint } satisfies Place);
}

/** Counts the messages of jobs. */
class Counter {
  readonly #bytes: number;
  #left = 0;
  #startedAt = 0;
  #cpuBefore = process.cpuUsage();
  #isReady = false;
  #count = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
    process.on("message", ({ count }: SnailJob) => {
      this.#left = count;
      this.#count = count;
      process.send?.({});
    });
  }

  heard(length: number): void {
    if (length !== this.#bytes) return this.#pilot();
    if (this.#left === this.#count) {
      this.#startedAt = performance.now();
      this.#cpuBefore = process.cpuUsage();
    }
    this.#left -= 1;
    if (this.#left > 0) return;
    const elapsedMs = performance.now() - this.#startedAt;
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    process.send?.({ elapsedMs, cpuMs: (user + system) / 1000 } satisfies SnailDone);
  }

  #pilot(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    process.send?.({});
  }
}

async function beTheSubscriber(side: Side, bytes: number, endpoint: string): Promise<void> {
  const counter = new Counter(bytes);
  if (side === "bare") {
    const socket = new Subscriber({ linger: 0, receiveHighWaterMark: MARK });
    socket.subscribe("");
    socket.connect(endpoint);
    for await (const [, , body] of socket) counter.heard((body as Buffer).length);
  } else {
    const subscriber = new SnailSubscriber({
      maxDelayMs: 600_000,
      maxQueued: MARK,
      socket: { receiveHighWaterMark: MARK },
    });
    subscriber.subscribe("");
    subscriber.connect(endpoint);
    for await (const { body } of subscriber) counter.heard((body[0] as Buffer).length);
  }
}

const [role, side, bytes, endpoint = ""] = process.argv.slice(2) as [string, Side, string, string?];
if (role === "publisher") await beThePublisher(side, Number(bytes));
else await beTheSubscriber(side, Number(bytes), endpoint);
