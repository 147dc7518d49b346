import { type Body, systemScheduler } from "@seaworthy/core";
import { type DriverStats, RequestServerRole, ServerRequest, ZmqTransport } from "@seaworthy/core/node";
import { FreelanceServerMachine } from "./server-machine.js";
import type { FreelanceServerEvent, FreelanceServerStats } from "./server-messages.js";
import { type FreelanceServerOptions, resolveServerOptions } from "./server-options.js";
import { type WiredServer, wireServer } from "./server-wiring.js";

/**
 * A request to be answered once: by `reply`, `fail` or `drop`. One that is never answered counts
 * against `maxUnanswered` for as long as the server lives, and its repeats wait with it.
 */
export class FreelanceRequest extends ServerRequest {}

/** Answers a request: returns the reply's body. What it throws is reported to our clients. */
export type FreelanceHandler = (request: FreelanceRequest) => Body | Promise<Body>;

/** How an endpoint is bound. */
export interface FreelanceBindOptions {
  /**
   * FLP: the endpoint that clients connect to, letter by letter, which is the server's name (its routing id). Needed where
   * that is not the endpoint that is bound, as with `tcp://*:5555`. Where the port is left open in both, it is the same
   * in both. Default: the endpoint that is bound.
   */
  as?: string | undefined;
}

const OWNER = "FreelanceServer";

/** A server's machine with its sockets. */
interface FreelanceServerEngine extends WiredServer {
  readonly machine: FreelanceServerMachine;
}

/**
 * A server for Freelance clients, ours and the guide's. With `protocol: "flp"` (10/FLP) it serves clients of strategy
 * `tracked` and guide model 3, answers their PINGs, and has the endpoint that it is bound to as its routing id. With
 * `protocol: "plain"` it serves the strategies `failover` and `shotgun`, guide models 1 and 2, and REQ clients in any language.
 *
 * @example
 * ```ts
 * const server = new FreelanceServer();
 * await server.bind("tcp://*:5555", { as: "tcp://localhost:5555" });
 * await server.serve(({ body }) => body, { concurrency: 10 });
 * ```
 */
export class FreelanceServer extends RequestServerRole<
  FreelanceServerEvent,
  FreelanceRequest,
  FreelanceServerEngine
> {
  readonly #transport: ZmqTransport;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: FreelanceServerOptions = {}) {
    const resolved = resolveServerOptions(options);
    const machine = new FreelanceServerMachine(resolved);
    const transport = new ZmqTransport(OWNER);
    const { socket, protocol } = resolved;
    const ground = { transport, scheduler: systemScheduler, protocol, socket, random: Math.random };
    super(
      "freelance",
      OWNER,
      resolved,
      (owner) => ({ machine, ...wireServer(machine, { ...ground, owner }) }),
      (run, signal, answers) => new FreelanceRequest(run, signal, answers),
    );
    this.#transport = transport;
  }

  /**
   * Listens on an endpoint; several calls, several endpoints.
   *
   * @returns the endpoint that clients connect to, with its real port where `*` left it open. For FLP that is the
   * server's name.
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint, or if
   * `as` is needed and missing; ClosedError
   */
  async bind(endpoint: string, { as }: FreelanceBindOptions = {}): Promise<string> {
    this.assertBindable(endpoint);
    return this.engine.bind(endpoint, as);
  }

  /** Counters since construction, and how much waits, runs and is remembered now. */
  stats(): FreelanceServerStats & { queued: number; running: number; cached: number; sockets: DriverStats } {
    const { stats, queued, running, cached } = this.engine.machine;
    return { ...stats, queued, running, cached, sockets: this.#transport.stats() };
  }
}
