import { randomBytes } from "node:crypto";
import { Addresses, ClosedError, checkEndpoint, systemScheduler } from "@seaworthy/core";
import { type DriverStats, Role, waitAtMost, ZmqTransport } from "@seaworthy/core/node";
import { ParanoidPirateQueueMachine } from "./queue-machine.js";
import type { ParanoidPirateQueueEvent, ParanoidPirateQueueStats } from "./queue-messages.js";
import {
  type ParanoidPirateQueueOptions,
  type ResolvedQueueOptions,
  resolveQueueOptions,
} from "./queue-options.js";
import { type WiredQueue, wireQueue } from "./queue-wiring.js";

const OWNER = "ParanoidPirateQueue";

/** How much a queue has at present. */
export interface ParanoidPirateQueueLoad {
  /** Requests that wait for a worker. */
  waiting: number;
  /** Requests that workers have at hand. */
  running: number;
  /** Workers in the books: sessions, not processes. */
  workers: number;
  /** Workers that wait for a request. */
  ready: number;
  /** Whether ends of connections are learned at once (`detectDepartures`, and ZeroMQ's draft API). */
  detectsDepartures: boolean;
  sockets: DriverStats;
}

/**
 * A queue between clients and workers that heartbeat (6/PPP). Requests go to the worker that has been ready
 * for longest; a request whose worker dies goes to another, up to `maxDeliveries` times. Clients are plain
 * REQ sockets or Lazy Pirate clients; workers are ours, or speak 6/PPP in any language.
 *
 * @example
 * ```ts
 * const queue = new ParanoidPirateQueue();
 * await queue.bindFrontend("tcp://*:5555");
 * await queue.bindBackend("tcp://*:5556");
 * ```
 */
export class ParanoidPirateQueue extends Role<ParanoidPirateQueueEvent> {
  readonly #options: ResolvedQueueOptions;
  readonly #machine: ParanoidPirateQueueMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredQueue;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: ParanoidPirateQueueOptions = {}) {
    super("paranoid-pirate");
    this.#options = resolveQueueOptions(options);
    this.#machine = new ParanoidPirateQueueMachine(this.#options);
    this.#wired = wireQueue(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      addresses: new Addresses(randomBytes(8)),
      frontend: this.#options.frontend,
      backend: this.#options.backend,
      detectDepartures: this.#options.detectDepartures,
      status: (event) => this.report(event),
      settled: () => {
        if (this.#idle !== undefined && this.#machine.running === 0) this.#idle();
      },
    });
  }

  /**
   * Listens for clients; several calls, several endpoints.
   *
   * @returns the endpoint with its real port, where `*` asked the system for one
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint;
   * ClosedError
   */
  async bindFrontend(endpoint: string): Promise<string> {
    this.#assertBindable(endpoint);
    return this.#wired.bindFrontend(endpoint);
  }

  /**
   * Listens for workers; several calls, several endpoints.
   *
   * @returns the endpoint with its real port, where `*` asked the system for one
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint;
   * ClosedError
   */
  async bindBackend(endpoint: string): Promise<string> {
    this.#assertBindable(endpoint);
    return this.#wired.bindBackend(endpoint);
  }

  /** Counters since construction, and how much there is now. */
  stats(): ParanoidPirateQueueStats & ParanoidPirateQueueLoad {
    const { stats, waiting, running, workers, ready } = this.#machine;
    const detectsDepartures = this.#options.detectDepartures && this.#transport.tellsDepartures;
    return {
      ...stats,
      waiting,
      running,
      workers,
      ready,
      detectsDepartures,
      sockets: this.#transport.stats(),
    };
  }

  /**
   * Takes no more requests and drops those that wait (their clients ask again), lets those that workers
   * have at hand be answered for up to `lingerMs`, and closes the sockets.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    const deadline = performance.now() + this.#options.lingerMs;
    this.#wired.feed({ type: "close" });
    if (this.#machine.running > 0) {
      await waitAtMost(this.#options.lingerMs, (done) => {
        this.#idle = done;
      });
    }
    await this.#wired.close(Math.max(0, deadline - performance.now()));
  }

  #assertBindable(endpoint: string): void {
    checkEndpoint(OWNER, endpoint, "bind");
    if (this.#closing !== undefined) throw new ClosedError(OWNER);
  }
}
