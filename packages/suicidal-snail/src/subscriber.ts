import { ClosedError, checkEndpoint, Fifo, systemScheduler, textFrame } from "@seaworthy/core";
import { type DriverStats, type NonEmptyFrames, Role, ZmqTransport } from "@seaworthy/core/node";
import type { SnailAlarm } from "./alarm.js";
import { SnailError } from "./errors.js";
import { SubscriberMachine } from "./subscriber-machine.js";
import type { SnailSubscriberEvent, SnailSubscriberStats } from "./subscriber-messages.js";
import { resolveSubscriberOptions, type SnailSubscriberOptions } from "./subscriber-options.js";
import { type WiredSubscriber, wireSubscriber } from "./subscriber-wiring.js";

const OWNER = "SnailSubscriber";

/** A message that arrived. */
export interface SnailMessage {
  /** Empty with the format `guide`. */
  readonly topic: Buffer;
  /** The topic as text. */
  readonly topicText: string;
  readonly body: NonEmptyFrames;
  /** How much later it is handed over than one that did not wait anywhere would be, in ms. */
  readonly delayMs: number;
  /** When it arrived, in ms as `performance.now()` counts. */
  readonly arrivedAt: number;
  /** The life of the publisher that it came from; 0 with the format `guide`. */
  readonly epoch: bigint;
  /** Its number within the topic's series, from 1; 0 with the format `guide`. */
  readonly sequence: number;
  /** What was noticed at this message, or since the one before; `undefined` if all is well. */
  readonly alarm: SnailAlarm | undefined;
}

type Next = IteratorResult<SnailMessage, undefined>;

/** A call of `next()` that found nothing. */
interface Waiter {
  readonly resolve: (result: Next) => void;
  readonly reject: (error: SnailError) => void;
  /** The iteration that it belongs to. */
  readonly of: { isOver: boolean };
}

const END = { done: true, value: undefined } as const;

/**
 * A subscriber that knows when it is too slow, and what it has lost. It notices, per topic, that messages are missing; how
 * late they are, without comparing clocks; and how long they then wait for the application. What follows is the
 * `policy`:
 *
 * - `die` (the default): it closes, and the iteration rejects with a `SnailError`.
 * - `resync`: it drops what waits, skips what is late, and goes on; the next message carries the `alarm`.
 * - `report`: it hands over everything, and the message carries the `alarm`.
 *
 * A loss is noticed at the next message on the topic. A topic starts where it is heard first, unless it began after
 * messages of the same subscription had arrived from its publisher. Each publisher must be reached by one path only.
 *
 * @example
 * ```ts
 * const subscriber = new SnailSubscriber();
 * subscriber.connect("tcp://localhost:5556");
 * subscriber.subscribe("weather.");
 * for await (const { topicText, body } of subscriber) console.log(topicText, `${body[0]}`);
 * ```
 */
export class SnailSubscriber extends Role<SnailSubscriberEvent> implements AsyncIterable<SnailMessage> {
  readonly #transport = new ZmqTransport(OWNER);
  readonly #machine: SubscriberMachine;
  readonly #wired: WiredSubscriber;
  readonly #waiters = new Fifo<Waiter>();
  #failure: SnailError | undefined;
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: SnailSubscriberOptions = {}) {
    super("suicidal-snail");
    const resolved = resolveSubscriberOptions(options);
    this.#machine = new SubscriberMachine(resolved);
    this.#wired = wireSubscriber(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      format: resolved.format,
      socket: resolved.socket,
      owner: {
        ready: () => this.#serve(),
        died: (alarm) => this.#die(new SnailError(alarm)),
        status: (event) => this.report(event),
      },
    });
  }

  /**
   * Connects to a publisher; several calls, several publishers.
   *
   * @throws ClosedError; TypeError or RangeError if the endpoint is not of the form `transport://address`
   */
  connect(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    this.#wired.connect(endpoint);
  }

  /**
   * Receives what begins with `prefix`, from now on; everything, if it is empty. Without a subscription nothing arrives.
   *
   * @param prefix - text stands for its UTF-8 bytes
   * @throws ClosedError; TypeError if it is neither text nor bytes
   */
  subscribe(prefix: string | Uint8Array): void {
    if (typeof prefix !== "string" && !(prefix instanceof Uint8Array))
      throw new TypeError(`${OWNER}: a subscription must be a string or a Uint8Array`);
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    this.#wired.subscribe(typeof prefix === "string" ? textFrame(prefix) : prefix);
  }

  /**
   * The messages as they come; each call of `next()` takes one. It ends when the subscriber is closed, and rejects with
   * the `SnailError` of which it died. Whoever leaves the loop should close the subscriber: messages go on to arrive, and
   * to wait.
   */
  [Symbol.asyncIterator](): Required<Pick<AsyncIterator<SnailMessage, undefined>, "next" | "return">> {
    const iteration = { isOver: false };
    return {
      next: () => (iteration.isOver ? Promise.resolve(END) : this.#next(iteration)),
      return: () => {
        iteration.isOver = true;
        this.#withdraw(iteration);
        return Promise.resolve(END);
      },
    };
  }

  /** Counters since construction, and how much is kept track of and waits now. */
  stats(): SnailSubscriberStats & {
    queued: number;
    topics: number;
    publishers: number;
    sockets: DriverStats;
  } {
    const { stats, queued, topicCount: topics, publisherCount: publishers } = this.#machine;
    return { ...stats, queued, topics, publishers, sockets: this.#transport.stats() };
  }

  /** Ends the iteration, drops what waits, and closes the socket. */
  override close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#wired.close();
      for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
        if (this.#failure === undefined) waiter.resolve(END);
        else waiter.reject(this.#failure);
      }
    }
    return this.#closing;
  }

  #take(): SnailMessage | undefined {
    return this.#wired.take() as SnailMessage | undefined;
  }

  #next(iteration: Waiter["of"]): Promise<Next> {
    if (this.#waiters.length === 0 && this.#closing === undefined) {
      const value = this.#take();
      if (value !== undefined) return Promise.resolve({ done: false, value });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closing !== undefined) return Promise.resolve(END);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject, of: iteration }));
  }

  /** Ends the calls of an iteration that is over, and keeps the others in their order. */
  #withdraw(iteration: Waiter["of"]): void {
    for (let count = this.#waiters.length; count > 0; count--) {
      const waiter = this.#waiters.shift() as Waiter;
      if (waiter.of === iteration) waiter.resolve(END);
      else this.#waiters.push(waiter);
    }
  }

  #serve(): void {
    for (let waiter = this.#waiters.peek(); waiter !== undefined; waiter = this.#waiters.peek()) {
      const value = this.#take();
      if (value === undefined) return;
      this.#waiters.shift();
      waiter.resolve({ done: false, value });
    }
  }

  #die(error: SnailError): void {
    this.#failure = error;
    void this.close();
  }
}
