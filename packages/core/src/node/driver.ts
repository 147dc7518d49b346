import { Publisher, Router, type Socket, Subscriber } from "zeromq";
import { lastReading } from "../clock.js";
import { BindError } from "../errors.js";
import type { Frames } from "../frames.js";
import { Fifo } from "../machine.js";
import type { SocketHandlers, TransportSocket } from "../transport.js";
import { ConnectionMonitor } from "./connection-monitor.js";
import { throwUncaught } from "./uncaught.js";
import { waitAtMost } from "./wait.js";

/** A zeromq.js socket, seen with all that some types lack; in fact each type has send and receive. */
type AnySocket = Socket & {
  send(frames: Frames): Promise<void>;
  receive(): Promise<Buffer[]>;
  subscribe?(prefix: Uint8Array): void;
};

/** What a driver counts. */
export interface DriverStats {
  /** Messages handed to ZeroMQ. */
  sent: number;
  /** Messages read. */
  received: number;
  /** Messages that a ROUTER could not route. */
  refused: number;
  /** Messages not taken because the send queue was full. */
  overflowed: number;
  /** Messages that never left the send queue: no longer wanted, or given up by a close. */
  discarded: number;
  /** Messages waiting in the send queue now. */
  queued: number;
}

/** Counters at their beginning. */
export function noStats(): DriverStats {
  return { sent: 0, received: 0, refused: 0, overflowed: 0, discarded: 0, queued: 0 };
}

interface Outgoing {
  readonly frames: Frames;
  readonly isWanted: (() => boolean) | undefined;
}

/** Time that a loop may run before others get their turn, in ms. */
const SLICE_MS = 5;

/** Longest wait for a socket on which messages keep coming from other peers to fall quiet, in ms. */
const QUIET_MAX_MS = 1000;

/** Longest pause between two looks whether a peer has room again, in ms. */
const MAX_ROOM_PAUSE_MS = 8;

/** Longest time that a timer and a socket take, in ms. */
const MAX_LINGER_MS = 2 ** 31 - 1;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Keeps a loop from starving timers and other sockets: zeromq.js itself yields by count, not by time. */
class Slice {
  #startedAt = performance.now();
  #seen = lastReading();

  /**
   * True when it is time to yield. Looked at after each message: a single handler may take long. Most handlers read the
   * clock first of all, and to read it twice for each message is felt: so one that takes long may be followed by another.
   */
  isOver(): boolean {
    const reading = lastReading();
    const now = reading === this.#seen ? performance.now() : reading;
    this.#seen = reading;
    return now - this.#startedAt > SLICE_MS;
  }

  begin(): void {
    this.#startedAt = performance.now();
  }
}

/** So many messages leave together at most, as far as it is for us. */
const BATCH = 16;

/** A message is being handled that some driver has read: what is sent now, over whichever socket, replies to it. */
let isHandling = false;

function errorCode(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

/**
 * Owns one zeromq.js socket: the one receive loop and the one bounded send queue that the library
 * allows, and the monitor that must be read if it is opened at all. Nobody else may touch the
 * socket.
 */
export class SocketDriver implements TransportSocket {
  readonly stats: DriverStats = noStats();
  readonly #socket: AnySocket;
  readonly #reads: boolean;
  readonly #routes: boolean;
  readonly #handlers: SocketHandlers;
  readonly #maxQueued: number;
  readonly #queue = new Fifo<Outgoing>();
  readonly #monitor: ConnectionMonitor;
  readonly #loops: Promise<void>[] = [];
  /** Messages are on their way from the send queue to ZeroMQ, or will be in this turn of the event loop. */
  #pumping = false;
  /** The pump is yet to begin. */
  #isPumpDue = false;
  /** A reply has left ahead of the others of this turn. */
  #hasLed = false;
  readonly #endTurn = (): void => {
    this.#hasLed = false;
    this.#beginToPump();
  };
  #drained: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  /**
   * Takes over a socket on which all options are set and nothing is bound or connected.
   *
   * @param socket - must have `sendTimeout: 0` and, if it reads, a `receiveTimeout`: zeromq.js loses
   * wake-ups of sends that wait, and may lose those of a receive (docs/decisions/0006). A ROUTER must
   * have `mandatory: true`, or it drops messages silently.
   * @param maxQueued - see `SocketSettings.maxQueued`
   */
  constructor(socket: Socket, handlers: SocketHandlers, maxQueued: number) {
    this.#socket = socket as AnySocket;
    // An XPUB is no `Publisher`: what its peers subscribe to is there to be read.
    this.#reads = !(socket instanceof Publisher);
    this.#routes = socket instanceof Router;
    this.#handlers = handlers;
    this.#maxQueued = maxQueued;
    this.#monitor = new ConnectionMonitor(
      (event) => this.#tell(() => this.#handlers.connection?.(event)),
      () => this.#quiet(),
    );
    this.#loops.push(this.#monitor.run(socket.events));
    if (this.#reads) this.#loops.push(this.#receive());
  }

  bind(endpoint: string): string {
    try {
      // Not bind(): that blocks the socket on another thread while our loop is reading it.
      this.#socket.bindSync(endpoint);
    } catch (error) {
      throw new BindError(endpoint, error);
    }
    return this.#socket.lastEndpoint ?? endpoint;
  }

  connect(endpoint: string): void {
    this.#monitor.expect(endpoint);
    try {
      this.#socket.connect(endpoint);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      queueMicrotask(() => this.#monitor.report({ type: "failed", endpoint, reason }));
    }
  }

  subscribe(prefix: Uint8Array): void {
    this.#socket.subscribe?.(prefix);
  }

  send(frames: Frames, isWanted?: () => boolean): boolean {
    if (this.#socket instanceof Subscriber) throw new TypeError("a subscriber cannot send");
    if (this.#closing !== undefined) return false;
    if (this.#queue.length >= this.#maxQueued) {
      this.stats.overflowed += 1;
      return false;
    }
    this.#queue.push({ frames, isWanted });
    this.stats.queued = this.#queue.length;
    if (!this.#pumping) {
      this.#pumping = true;
      this.#isPumpDue = true;
      // When our receive loop waits or lets others have their turn (docs/decisions/0010): replies that leave one
      // behind the other cost ZeroMQ fewer wake-ups of its own thread than replies between what is read.
      process.nextTick(this.#endTurn);
      // The first reply goes ahead: whoever waits for it alone need not wait until the loop has looked for more.
      if (isHandling && !this.#hasLed && isWanted === undefined) {
        this.#hasLed = true;
        this.#beginToPump(true);
      }
    }
    // More at a time would keep a worker waiting that could have begun with the first.
    if (this.#queue.length >= BATCH) this.#beginToPump();
    return true;
  }

  close(lingerMs: number): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#close(lingerMs);
      // Last words do not wait: a peer that closes in the same turn would leave them to linger for all their time.
      this.#beginToPump();
    }
    return this.#closing;
  }

  async #close(lingerMs: number): Promise<void> {
    const limitMs = Math.min(lingerMs, MAX_LINGER_MS);
    const deadline = performance.now() + limitMs;
    if (this.#pumping) {
      await waitAtMost(limitMs, (done) => {
        this.#drained = done;
      });
    }
    this.#closed = true;
    this.stats.discarded += this.#queue.length;
    this.#queue.clear();
    this.stats.queued = 0;
    this.#socket.linger = Math.max(0, Math.ceil(deadline - performance.now()));
    this.#socket.close();
    // The monitor ends only when the port is free again, so that the next one can bind it.
    await Promise.all(this.#loops);
  }

  async #receive(): Promise<void> {
    const socket = this.#socket;
    const slice = new Slice();
    while (!this.#closed) {
      let frames: Buffer[];
      try {
        frames = await socket.receive();
      } catch (error) {
        // A pending receive ends with an error when the socket is closed under it.
        if (this.#closed) return;
        // Nothing came within the receiveTimeout, or what came went with its connection.
        if (errorCode(error) === "EAGAIN") continue;
        throwUncaught(error);
        return;
      }
      if (this.#closed) return;
      this.stats.received += 1;
      isHandling = true;
      try {
        this.#handlers.message(frames);
      } catch (error) {
        throwUncaught(error);
      }
      isHandling = false;
      if (slice.isOver()) {
        await yieldToEventLoop();
        slice.begin();
      }
    }
  }

  /** Whether nothing was read for two turns of the event loop: two, because the first one begins in the middle. */
  async #nothingComes(): Promise<boolean> {
    const before = this.stats.received;
    await yieldToEventLoop();
    await yieldToEventLoop();
    return this.stats.received === before;
  }

  /** @param isAhead - of what else is said in this turn: with the first message only */
  #beginToPump(isAhead = false): void {
    if (!this.#isPumpDue) return;
    this.#isPumpDue = false;
    void this.#pump(isAhead);
  }

  async #pump(isAhead: boolean): Promise<void> {
    const slice = new Slice();
    let handed = 0;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (this.#isWanted(next)) {
        // Here and not in a function of its own: one more promise for each message is felt.
        try {
          await this.#socket.send(next.frames);
          this.stats.sent += 1;
        } catch (error) {
          if (!this.#hasFailed(next, error)) await this.#sendLater(next, slice);
        }
      }
      if (this.#closed) break;
      this.stats.queued = this.#queue.length;
      if (this.#restWaits(isAhead && handed === 0)) return;
      // To hand over a message never takes long, other than to handle one: a look at the clock now and then will do.
      handed += 1;
      if (handed % BATCH === 0 && slice.isOver()) {
        await yieldToEventLoop();
        slice.begin();
      }
    }
    this.#pumping = false;
    this.#drained?.();
  }

  /** Whether what is still queued waits behind the first reply for the end of the turn. */
  #restWaits(isBehindFirst: boolean): boolean {
    const { length } = this.#queue;
    this.#isPumpDue = isBehindFirst && this.#hasLed && length > 0 && length < BATCH;
    return this.#isPumpDue;
  }

  /** No peer has room. Waiting for one in zeromq.js may never end, so this asks again and again. */
  async #sendLater(outgoing: Outgoing, slice: Slice): Promise<void> {
    for (let pauseMs = 0; !this.#closed; pauseMs = Math.min(2 * pauseMs + 1, MAX_ROOM_PAUSE_MS)) {
      await (pauseMs === 0 ? yieldToEventLoop() : sleep(pauseMs));
      slice.begin();
      if (this.#closed || !this.#isWanted(outgoing)) return;
      try {
        await this.#socket.send(outgoing.frames);
        this.stats.sent += 1;
        return;
      } catch (error) {
        if (this.#hasFailed(outgoing, error)) return;
      }
    }
  }

  #isWanted({ isWanted }: Outgoing): boolean {
    if (isWanted?.() !== false) return true;
    this.stats.discarded += 1;
    return false;
  }

  /** False if a message that could not be sent only waits for room. */
  #hasFailed({ frames }: Outgoing, error: unknown): boolean {
    if (this.#closed || (!this.#routes && errorCode(error) === "EAGAIN")) return false;
    this.#refused(frames, error);
    return true;
  }

  #refused(frames: Frames, error: unknown): void {
    this.stats.refused += 1;
    const code = errorCode(error);
    if (code !== "EHOSTUNREACH" && code !== "EAGAIN") throwUncaught(error);
    else this.#tell(() => this.#handlers.refused?.(frames, code === "EAGAIN" ? "peer-full" : "peer-unknown"));
  }

  /** A handler that throws is a defect of its owner, and must not end our loop. */
  #tell(call: () => void): void {
    if (this.#closed) return;
    try {
      call();
    } catch (error) {
      throwUncaught(error);
    }
  }

  /**
   * Waits until nothing more comes to be read, which a PUB never has. Asking the socket whether
   * it is readable would take away the wake-up that our pending receive waits for, so this looks at
   * what the loop hands over.
   */
  async #quiet(): Promise<void> {
    if (!this.#reads) return;
    const until = performance.now() + QUIET_MAX_MS;
    while (!(await this.#nothingComes()) && !this.#closed && performance.now() < until);
  }
}
