import { availableParallelism } from "node:os";
import {
  type Body,
  type Frames,
  failureText,
  integer,
  resolveOptions,
  systemScheduler,
} from "@seaworthy/core";
import { type DriverStats, type ServeOptions, WorkerRole, ZmqTransport } from "@seaworthy/core/node";
import { offeredService } from "./service-name.js";
import { ThreadPool } from "./threads.js";
import { MajordomoWorkerMachine } from "./worker-machine.js";
import type { MajordomoWorkerEvent, MajordomoWorkerInput, MajordomoWorkerStats } from "./worker-messages.js";
import { type MajordomoWorkerOptions, resolveWorkerOptions } from "./worker-options.js";
import { MajordomoRequest } from "./worker-request.js";
import { type WiredWorker, wireWorker } from "./worker-wiring.js";

const OWNER = "MajordomoWorker";

/** Answers a request: returns the reply's body, or the last part of it. */
export type MajordomoHandler = (request: MajordomoRequest) => Body | Promise<Body>;

/** How `serve` runs a handler in threads. */
export interface ThreadServeOptions {
  /** Threads, up to 1024. Default: one less than there are processors, and at least 1. */
  threads?: number | undefined;
  /** Requests that may be here at the same time, up to 100,000: some may wait for a thread. Default `threads`. */
  concurrency?: number | undefined;
}

const threadSchema = {
  threads: integer(Math.max(1, availableParallelism() - 1), { max: 1024 }),
  concurrency: integer(1, { max: 100_000 }),
};

/** How much a worker has at present. */
export interface MajordomoWorkerLoad {
  /** Requests that the application has at hand. */
  running: number;
  /** Requests that wait for the application. */
  waiting: number;
  /** Sessions with brokers, those that have no connection at present included. */
  sessions: number;
  sockets: DriverStats;
}

/** Parts of replies that are on their way to the socket. */
class PartsOnTheWay {
  readonly #waiting = new Map<number, () => void>();
  #last = 0;

  send(ticket: number, body: Frames, feed: (input: MajordomoWorkerInput) => void): Promise<void> {
    const part = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(part, resolve);
      feed({ type: "partial", ticket, part, body });
    });
  }

  passed(part: number): void {
    this.#waiting.get(part)?.();
    this.#waiting.delete(part);
  }
}

/**
 * A worker for Majordomo brokers (7/MDP, 18/MDP): ours, or the guide's in any language. It offers one service to any
 * number of brokers, sends heartbeats, notices when a broker is gone and comes back to it, and takes its leave when
 * it is closed.
 *
 * @example
 * ```ts
 * const worker = new MajordomoWorker("echo");
 * worker.connect("tcp://localhost:5555");
 * await worker.serve(({ body }) => body, { concurrency: 4 });
 * ```
 */
export class MajordomoWorker extends WorkerRole<MajordomoWorkerEvent, MajordomoRequest> {
  readonly #machine: MajordomoWorkerMachine;
  readonly #transport: ZmqTransport;
  readonly #pools = new Set<ThreadPool>();
  #closed: Promise<void> | undefined;

  /**
   * @param service - the name of the service that it offers, of 1 to 255 bytes in UTF-8; names that begin with `mmi.`
   * are the broker's own
   * @throws TypeError or RangeError that names what is wrong
   */
  constructor(service: string, options: MajordomoWorkerOptions = {}) {
    const name = offeredService(OWNER, service);
    const resolved = resolveWorkerOptions(options);
    const machine = new MajordomoWorkerMachine(resolved, Math.random);
    const transport = new ZmqTransport(OWNER);
    const parts = new PartsOnTheWay();
    let wired: WiredWorker | undefined;
    const feed = (input: MajordomoWorkerInput): void => wired?.feed(input);
    super(
      "majordomo",
      OWNER,
      { ...resolved, signalsClosing: true },
      (owner) => {
        wired = wireWorker(machine, {
          transport,
          scheduler: systemScheduler,
          socket: resolved.socket,
          service: name,
          lingerMs: resolved.lingerMs,
          owner: { ...owner, passed: (part) => parts.passed(part) },
        });
        return wired;
      },
      (ticket, body, signal, answers) =>
        new MajordomoRequest(body, signal, {
          ...answers,
          partial: (part) => parts.send(ticket, part, feed),
        }),
    );
    this.#machine = machine;
    this.#transport = transport;
  }

  /**
   * Answers requests with what `handler` returns, until the worker is closed. It says READY to no broker before this
   * call (or an iteration) asks for requests.
   *
   * If a handler throws, our client is told so, with the message (up to 1024 characters). A broker that is not ours
   * can only be left, so that it does not think the worker busy for ever: the client gets no reply, and the worker is
   * back at once. The same happens to requests that are dropped.
   *
   * @param handler - a function; or the URL of a module whose default export is one, to be run in threads, see
   * `ThreadHandler`. One that computes for long belongs there: in this thread it keeps heartbeats from being sent
   * @returns a promise that resolves when the worker has been told to close and no handler of this call runs
   * @throws (by rejecting) TypeError or RangeError that names the option at fault; what importing the module throws
   */
  override serve(handler: MajordomoHandler, options?: ServeOptions): Promise<void>;
  override serve(handler: URL, options?: ThreadServeOptions): Promise<void>;
  override async serve(
    handler: MajordomoHandler | URL,
    options: ServeOptions | ThreadServeOptions = {},
  ): Promise<void> {
    if (!(handler instanceof URL)) return super.serve(handler, options);
    const { threads, ...rest } = resolveOptions(`${OWNER}.serve`, threadSchema, options);
    const concurrency = options.concurrency === undefined ? threads : rest.concurrency;
    const pool = new ThreadPool(handler, threads, (error) => this.#threadFailed(error));
    this.#pools.add(pool);
    try {
      await pool.open().catch((error) => this.#unlessClosing(error));
      await super.serve((request) => pool.run(request), { concurrency });
    } finally {
      this.#pools.delete(pool);
      await pool.close();
    }
  }

  /**
   * Takes no more requests, lets those at hand finish for up to `lingerMs`, leaves the brokers, and closes the
   * sockets. Brokers of ours give to other workers at once what waits here and what is dropped meanwhile, and in the
   * end what is not finished. Threads are ended.
   */
  override close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Counters since construction, and how much there is now. */
  stats(): MajordomoWorkerStats & MajordomoWorkerLoad {
    const { stats, running, waiting, sessions } = this.#machine;
    return { ...stats, running, waiting, sessions, sockets: this.#transport.stats() };
  }

  async #close(): Promise<void> {
    await super.close();
    await Promise.all(Array.from(this.#pools, (pool) => pool.close()));
  }

  /** Threads that are ended while they start say so by an error, which is nobody's fault. */
  #unlessClosing(error: unknown): void {
    if (this.#closed === undefined) throw error;
  }

  #threadFailed(error: unknown): void {
    this.report({ type: "thread-failed", at: systemScheduler.now(), message: failureText(error) });
  }
}
