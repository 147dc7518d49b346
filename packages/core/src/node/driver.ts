import type { Event, Socket } from "zeromq";
import { BindError } from "../errors.js";
import type { Frames } from "../frames.js";
import { Fifo } from "../machine.js";
import type { SocketHandlers, TransportSocket } from "../transport.js";

/** A zeromq.js socket, seen with all that some types lack. */
type AnySocket = Socket & {
  send?(frames: Frames): Promise<void>;
  receive?(): Promise<Buffer[]>;
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
  /** Messages waiting in the send queue now. */
  queued: number;
}

/** Time that a loop may run before others get their turn, in ms, and how often it looks at the clock. */
const SLICE_MS = 5;
const MESSAGES_PER_LOOK = 32;

const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Keeps a loop from starving timers and other sockets: zeromq.js itself yields by count, not by time. */
class Slice {
  #messages = 0;
  #startedAt = performance.now();

  /** Counts a message; true when it is time to yield. */
  isOver(): boolean {
    this.#messages += 1;
    return this.#messages % MESSAGES_PER_LOOK === 0 && performance.now() - this.#startedAt > SLICE_MS;
  }

  begin(): void {
    this.#startedAt = performance.now();
  }
}

function errorCode(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

/**
 * Owns one zeromq.js socket: the one receive loop and the one bounded send queue that the library
 * allows, and the monitor that must be read if it is opened at all. Nobody else may touch the
 * socket.
 */
export class SocketDriver implements TransportSocket {
  readonly stats: DriverStats = { sent: 0, received: 0, refused: 0, overflowed: 0, queued: 0 };
  readonly #socket: AnySocket;
  readonly #handlers: SocketHandlers;
  readonly #maxQueued: number;
  readonly #queue = new Fifo<Frames>();
  readonly #up = new Set<string>();
  readonly #loops: Promise<void>[] = [];
  #pumping = false;
  #drained: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  /**
   * Takes over a socket on which all options are set and nothing is bound or connected.
   *
   * @param socket - a ROUTER must have `mandatory: true` and `sendTimeout: 0`: without the first it
   * drops messages silently, without the second it may wait for ever
   * @param maxQueued - see `SocketSettings.maxQueued`
   */
  constructor(socket: Socket, handlers: SocketHandlers, maxQueued: number) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#maxQueued = maxQueued;
    this.#loops.push(this.#monitor());
    if (this.#socket.receive !== undefined) this.#loops.push(this.#receive());
  }

  /** True while messages wait to be read. */
  get backlog(): boolean {
    return !this.#closed && this.#socket.receive !== undefined && this.#socket.readable;
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
    this.#socket.connect(endpoint);
  }

  disconnect(endpoint: string): void {
    this.#socket.disconnect(endpoint);
  }

  subscribe(prefix: Uint8Array): void {
    this.#socket.subscribe?.(prefix);
  }

  send(frames: Frames): boolean {
    if (this.#closing !== undefined || this.#queue.length >= this.#maxQueued) {
      this.stats.overflowed += 1;
      return false;
    }
    this.#queue.push(frames);
    this.stats.queued = this.#queue.length;
    if (!this.#pumping) void this.#pump();
    return true;
  }

  close(lingerMs: number): Promise<void> {
    this.#closing ??= this.#close(lingerMs);
    return this.#closing;
  }

  async #close(lingerMs: number): Promise<void> {
    const deadline = performance.now() + lingerMs;
    if (this.#pumping && lingerMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lingerMs);
        this.#drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#closed = true;
    this.#queue.clear();
    this.stats.queued = 0;
    this.#socket.linger = Math.max(0, Math.ceil(deadline - performance.now()));
    this.#socket.close();
    // The monitor ends only when the port is free again, so that the next one can bind it.
    await Promise.all(this.#loops);
  }

  async #receive(): Promise<void> {
    const socket = this.#socket as Required<Pick<AnySocket, "receive">>;
    const slice = new Slice();
    while (!this.#closed) {
      let frames: Buffer[];
      try {
        frames = await socket.receive();
      } catch (error) {
        // A pending receive ends with EAGAIN when the socket is closed under it.
        if (this.#closed) return;
        throw error;
      }
      if (this.#closed) return;
      this.stats.received += 1;
      this.#handlers.message(frames);
      if (slice.isOver()) {
        await yieldToEventLoop();
        slice.begin();
      }
    }
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    const socket = this.#socket as Required<Pick<AnySocket, "send">>;
    const slice = new Slice();
    for (let frames = this.#queue.shift(); frames !== undefined; frames = this.#queue.shift()) {
      try {
        await socket.send(frames);
        this.stats.sent += 1;
      } catch (error) {
        if (this.#closed) break;
        this.#refused(frames, error);
      }
      this.stats.queued = this.#queue.length;
      if (slice.isOver()) {
        await yieldToEventLoop();
        slice.begin();
      }
    }
    this.#pumping = false;
    this.#drained?.();
  }

  #refused(frames: Frames, error: unknown): void {
    const code = errorCode(error);
    if (code !== "EHOSTUNREACH" && code !== "EAGAIN") throw error;
    this.stats.refused += 1;
    this.#handlers.refused?.(frames, code === "EAGAIN" ? "peer-full" : "peer-unknown");
  }

  async #monitor(): Promise<void> {
    const { events } = this.#socket;
    for (;;) {
      let event: Event;
      try {
        event = await events.receive();
      } catch {
        return; // the socket was closed
      }
      if (event.type === "end") return;
      if (!this.#closed) this.#connectionEvent(event);
    }
  }

  #connectionEvent(event: Event): void {
    const { connection } = this.#handlers;
    if (connection === undefined) return;
    switch (event.type) {
      case "handshake":
        this.#up.add(event.address);
        connection({ type: "up", endpoint: event.address });
        break;
      case "disconnect":
        if (this.#up.delete(event.address)) connection({ type: "down", endpoint: event.address });
        break;
      case "handshake:error:protocol":
      case "handshake:error:auth":
      case "handshake:error:other":
        connection({ type: "failed", endpoint: event.address, reason: event.error.message });
        break;
      case "close":
        connection({ type: "failed", endpoint: event.address });
        break;
    }
  }
}
