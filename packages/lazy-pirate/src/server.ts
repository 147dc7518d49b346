import {
  type Body,
  bodyFrames,
  byteLength,
  ClosedError,
  checkEndpoint,
  integer,
  LimitError,
  resolveOptions,
  systemScheduler,
} from "@seaworthy/core";
import { type DriverStats, Role, waitAtMost, ZmqTransport } from "@seaworthy/core/node";
import type { NonEmptyFrames } from "./client.js";
import { LazyPirateRequest } from "./request.js";
import { LazyPirateServerMachine } from "./server-machine.js";
import type { LazyPirateServerEvent, LazyPirateServerStats } from "./server-messages.js";
import {
  type LazyPirateServerOptions,
  type ResolvedServerOptions,
  resolveServerOptions,
} from "./server-options.js";
import { type WiredServer, wireServer } from "./server-wiring.js";

/** Answers a request: returns the reply's body. What it throws is reported to our clients. */
export type LazyPirateHandler = (request: LazyPirateRequest) => Body | Promise<Body>;

/** How {@link LazyPirateServer.serve} runs its handler. */
export interface ServeOptions {
  /** Handlers that may run at the same time. Default 1. */
  concurrency?: number | undefined;
}

type Waiter = (result: IteratorResult<LazyPirateRequest, undefined>) => void;

const OWNER = "LazyPirateServer";
const serveSchema = { concurrency: integer(1) };

/**
 * A server for Lazy Pirate clients and for plain REQ clients in any language.
 *
 * @example
 * ```ts
 * const server = new LazyPirateServer();
 * await server.bind("tcp://*:5555");
 * await server.serve(({ body }) => body, { concurrency: 10 });
 * ```
 */
export class LazyPirateServer
  extends Role<LazyPirateServerEvent>
  implements AsyncIterable<LazyPirateRequest>
{
  readonly #options: ResolvedServerOptions;
  readonly #machine: LazyPirateServerMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredServer;
  readonly #waiters: Waiter[] = [];
  readonly #abort = new AbortController();
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: LazyPirateServerOptions = {}) {
    super("lazy-pirate");
    this.#options = resolveServerOptions(options);
    this.#machine = new LazyPirateServerMachine(this.#options);
    this.#wired = wireServer(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      socket: this.#options.socket,
      owner: {
        run: ({ ticket, key, body }) => this.#hand(this.#request(ticket, key, body as NonEmptyFrames)),
        status: (event) => this.report(event),
      },
    });
  }

  /**
   * Listens on an endpoint; several calls, several endpoints.
   *
   * @returns the endpoint with its real port, where `*` asked the system for one
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint;
   * ClosedError
   */
  async bind(endpoint: string): Promise<string> {
    checkEndpoint(OWNER, endpoint, "bind");
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
    return this.#wired.bind(endpoint);
  }

  /**
   * Answers requests with what `handler` returns, until the server is closed. If it throws, our
   * clients get its message as `ERR_HANDLER_FAILED`; others get no answer.
   *
   * @returns a promise that resolves when the server has been told to close and no handler of this call runs
   * @throws (by rejecting) TypeError or RangeError that names the option at fault
   */
  async serve(handler: LazyPirateHandler, options: ServeOptions = {}): Promise<void> {
    if (typeof handler !== "function") throw new TypeError(`${OWNER}.serve: the handler must be a function`);
    const { concurrency } = resolveOptions(`${OWNER}.serve`, serveSchema, options);
    const worker = async (): Promise<void> => {
      for await (const request of this) await answer(request, handler);
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  }

  /** The requests as they come; each call of `next()` takes one. Ends when the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<LazyPirateRequest, undefined> {
    return {
      next: () => {
        if (this.#closing !== undefined) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => {
          this.#waiters.push(resolve);
          this.#wired.feed({ type: "demand", count: 1 });
        });
      },
    };
  }

  /** Counters since construction, and how much waits, runs and is remembered now. */
  stats(): LazyPirateServerStats & { queued: number; running: number; cached: number; sockets: DriverStats } {
    const { stats, queued, running, cached } = this.#machine;
    return { ...stats, queued, running, cached, sockets: this.#transport.stats() };
  }

  /**
   * Takes no more requests, lets running handlers finish for up to `lingerMs`, then fires the
   * requests' `signal` and closes the socket. Requests still queued are refused: their clients ask again.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    const deadline = performance.now() + this.#options.lingerMs;
    this.#wired.feed({ type: "close" });
    for (const waiter of this.#waiters.splice(0)) waiter({ done: true, value: undefined });
    if (this.#machine.running > 0) {
      await waitAtMost(this.#options.lingerMs, (done) => {
        this.#idle = done;
      });
    }
    this.#abort.abort(new ClosedError(OWNER));
    await this.#wired.close(Math.max(0, deadline - performance.now()));
  }

  #hand(request: LazyPirateRequest): void {
    this.#waiters.shift()?.({ done: false, value: request });
  }

  #request(ticket: number, key: string | undefined, body: NonEmptyFrames): LazyPirateRequest {
    const finish = (input: Parameters<WiredServer["feed"]>[0]): void => {
      this.#wired.feed(input);
      if (this.#machine.running === 0) this.#idle?.();
    };
    return new LazyPirateRequest(body, key, this.#abort.signal, {
      reply: (reply) => {
        const frames = bodyFrames(reply);
        const { maxBodyBytes } = this.#options;
        if (byteLength(frames) > maxBodyBytes) {
          throw new LimitError("maxBodyBytes", maxBodyBytes, "reply body is too large", false);
        }
        if (this.#abort.signal.aborted) throw new ClosedError(OWNER);
        finish({ type: "reply", ticket, body: frames });
      },
      fail: (message) => finish({ type: "fail", ticket, message }),
      drop: () => finish({ type: "drop", ticket }),
    });
  }
}

async function answer(request: LazyPirateRequest, handler: LazyPirateHandler): Promise<void> {
  try {
    const body = await handler(request);
    if (!request.isAnswered) await request.reply(body);
  } catch (error) {
    if (!request.isAnswered) request.fail(error);
  }
}
