import {
  checkEndpoint,
  RequestServerMachine,
  type RequestServerStats,
  systemScheduler,
} from "@seaworthy/core";
import { type DriverStats, RequestServerRole, type ServerHandler, ZmqTransport } from "@seaworthy/core/node";
import { type BinaryStarHooks, DeposedError, Hooks } from "./hooks.js";
import { BinaryStarRequest } from "./request.js";
import { resolveStarServerOptions, type StarServerOptions } from "./server-options.js";
import { type BinaryStarServerEvent, type WiredStarServer, wireStarServer } from "./server-wiring.js";
import { type BinaryStarView, type EpochOptions, openEpochs } from "./star.js";
import { BinaryStarMachine } from "./star-machine.js";
import type { BinaryStarStats } from "./star-messages.js";

/** Options of a server of a pair. */
export interface BinaryStarServerOptions extends StarServerOptions, EpochOptions, BinaryStarHooks {}

/** Answers a request: returns the reply's body. What it throws is reported to our clients. */
export type BinaryStarHandler = ServerHandler<BinaryStarRequest>;

/** Counters of a server of a pair, and how much waits, runs and is remembered now. */
export interface BinaryStarServerStats extends RequestServerStats {
  readonly pair: BinaryStarStats;
  /** Replies that were ready, and were not sent because the node was no longer active. */
  readonly fenced: number;
  readonly queued: number;
  readonly running: number;
  readonly cached: number;
  readonly sockets: DriverStats;
}

const OWNER = "BinaryStarServer";

interface BinaryStarServerEngine extends WiredStarServer {
  readonly machine: RequestServerMachine;
  readonly star: BinaryStarMachine;
  readonly transport: ZmqTransport;
}

/**
 * A server of which there are two, and the active one answers: for our clients and for REQ clients in any language.
 *
 * @example
 * ```ts
 * const server = new BinaryStarServer({ role: "primary" });
 * await server.bind("tcp://*:5001");
 * await server.bindPeer("tcp://*:5003");
 * server.connectPeer("tcp://backup:5004");
 * await server.serve(({ body, epoch }) => store(body, epoch), { concurrency: 10 });
 * ```
 */
export class BinaryStarServer extends RequestServerRole<
  BinaryStarServerEvent,
  BinaryStarRequest,
  BinaryStarServerEngine
> {
  /**
   * @throws TypeError or RangeError that names the option at fault; Error if the epoch file cannot be read, or holds something else
   */
  constructor(options: BinaryStarServerOptions) {
    const { arbiter, epochFile, onActive, onPassive, transferState, ...given } = options;
    const { star: starOptions, server: serverOptions } = resolveStarServerOptions(OWNER, given);
    const { store, beginning } = openEpochs(OWNER, { arbiter, epochFile });
    const star = new BinaryStarMachine(starOptions, beginning);
    const machine = new RequestServerMachine(serverOptions);
    const transport = new ZmqTransport(OWNER);
    super(
      "binary-star",
      OWNER,
      serverOptions,
      (owner) => {
        const hooks = new Hooks(OWNER, { onActive, onPassive, transferState }, (input) =>
          wired.feedStar(input),
        );
        const wired = wireStarServer(
          { star, server: machine },
          {
            transport,
            scheduler: systemScheduler,
            socket: serverOptions.socket,
            peerSocket: starOptions.peerSocket,
            arbiter,
            store,
            owner: {
              run: (request) => owner.run(request),
              revoke: (epoch, reason) => owner.revoke(new DeposedError(epoch, reason)),
              activate: (epoch) => hooks.activate(epoch),
              deactivate: (epoch, reason) => hooks.deactivate(epoch, reason),
              transfer: (transfer) => hooks.transfer(transfer),
              stopTransfer: () => hooks.stopTransfer(),
              status: (event) => owner.status(event),
            },
          },
        );
        const { close } = wired;
        return Object.assign(wired, {
          machine,
          star,
          transport,
          close: (lingerMs: number) => close(lingerMs).then(() => hooks.close()),
        });
      },
      (run, signal, answers) => new BinaryStarRequest(run, signal, answers),
    );
  }

  /**
   * Listens for clients; several calls, several endpoints.
   *
   * @returns the endpoint with its real port, where `*` asked the system for one
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint; ClosedError
   */
  async bind(endpoint: string): Promise<string> {
    this.assertBindable(endpoint);
    return this.engine.bind(endpoint);
  }

  /**
   * Publishes this node's states there, for the peer.
   *
   * @returns the endpoint with its real port
   * @throws (by rejecting) as `bind`
   */
  async bindPeer(endpoint: string): Promise<string> {
    this.assertBindable(endpoint);
    return this.engine.bindPeer(endpoint);
  }

  /**
   * Hears the peer's states from there. The node speaks from now on, and judges its peer.
   *
   * @throws TypeError or RangeError if it is no endpoint; ClosedError
   */
  connectPeer(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "connect");
    this.assertOpen();
    this.engine.connectPeer(endpoint);
  }

  /** What the node knows of itself and its peer. */
  view(): BinaryStarView {
    const { role, published: state, epoch, peerState } = this.engine.star;
    const isServing = this.engine.star.isServing(systemScheduler.now());
    return { role, state, isServing, epoch, peerState };
  }

  /** Counters since construction, and how much waits, runs and is remembered now. */
  stats(): BinaryStarServerStats {
    const { machine, star, transport, fenced } = this.engine;
    const { stats, queued, running, cached } = machine;
    return { ...stats, pair: { ...star.stats }, fenced, queued, running, cached, sockets: transport.stats() };
  }
}
