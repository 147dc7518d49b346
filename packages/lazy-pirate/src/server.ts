import {
  type Body,
  bodyFrames,
  byteLength,
  ClosedError,
  checkEndpoint,
  LimitError,
  systemScheduler,
} from "@seaworthy/core";
import {
  type DriverStats,
  Inbox,
  type NonEmptyFrames,
  Role,
  type ServeOptions,
  waitAtMost,
  ZmqTransport,
} from "@seaworthy/core/node";
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

const OWNER = "LazyPirateServer";

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
  readonly #inbox: Inbox<LazyPirateRequest> = new Inbox({
    demand: (count) => this.#wired.feed({ type: "demand", count }),
    withdraw: (count) => this.#wired.feed({ type: "demand", count: -count }),
  });
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
        run: ({ ticket, key, body }) => this.#inbox.hand(this.#request(ticket, key, body as NonEmptyFrames)),
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
    await this.#inbox.serve(OWNER, handler, options, (request) => answer(request, handler));
  }

  /** The requests as they come; each call of `next()` takes one. Ends when the server is closed. */
  [Symbol.asyncIterator](): AsyncIterator<LazyPirateRequest, undefined> {
    return this.#inbox.iterator();
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
    this.#inbox.close();
    if (this.#machine.running > 0) {
      await waitAtMost(this.#options.lingerMs, (done) => {
        this.#idle = done;
      });
    }
    this.#abort.abort(new ClosedError(OWNER));
    await this.#wired.close(Math.max(0, deadline - performance.now()));
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
