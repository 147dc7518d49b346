import { type Body, RequestServerMachine, systemScheduler } from "@seaworthy/core";
import { type DriverStats, RequestServerRole, ZmqTransport } from "@seaworthy/core/node";
import { LazyPirateRequest } from "./request.js";
import type { LazyPirateServerEvent, LazyPirateServerStats } from "./server-messages.js";
import { type LazyPirateServerOptions, resolveServerOptions } from "./server-options.js";
import { type WiredServer, wireServer } from "./server-wiring.js";

/** Answers a request: returns the reply's body. What it throws is reported to our clients. */
export type LazyPirateHandler = (request: LazyPirateRequest) => Body | Promise<Body>;

const OWNER = "LazyPirateServer";

/** A server's machine with its socket. */
interface LazyPirateServerEngine extends WiredServer {
  readonly machine: RequestServerMachine;
}

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
export class LazyPirateServer extends RequestServerRole<
  LazyPirateServerEvent,
  LazyPirateRequest,
  LazyPirateServerEngine
> {
  readonly #transport: ZmqTransport;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: LazyPirateServerOptions = {}) {
    const resolved = resolveServerOptions(options);
    const machine = new RequestServerMachine(resolved);
    const transport = new ZmqTransport(OWNER);
    const { socket } = resolved;
    super(
      "lazy-pirate",
      OWNER,
      resolved,
      (owner) => ({
        machine,
        ...wireServer(machine, { transport, scheduler: systemScheduler, socket, owner }),
      }),
      (run, signal, answers) => new LazyPirateRequest(run, signal, answers),
    );
    this.#transport = transport;
  }

  /**
   * Listens on an endpoint; several calls, several endpoints.
   *
   * @returns the endpoint with its real port, where `*` asked the system for one
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint;
   * ClosedError
   */
  async bind(endpoint: string): Promise<string> {
    this.assertBindable(endpoint);
    return this.engine.bind(endpoint);
  }

  /** Counters since construction, and how much waits, runs and is remembered now. */
  stats(): LazyPirateServerStats & { queued: number; running: number; cached: number; sockets: DriverStats } {
    const { stats, queued, running, cached } = this.engine.machine;
    // Nothing takes a Lazy Pirate server's office from it.
    const { revoked: _, ...counters } = stats;
    return { ...counters, queued, running, cached, sockets: this.#transport.stats() };
  }
}
