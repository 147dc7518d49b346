import { randomBytes } from "node:crypto";
import { Addresses, ClosedError, checkEndpoint, systemScheduler } from "@seaworthy/core";
import { type DriverStats, Role, waitAtMost, ZmqTransport } from "@seaworthy/core/node";
import { MajordomoBrokerMachine } from "./broker-machine.js";
import type {
  MajordomoBrokerEvent,
  MajordomoBrokerStats,
  ServiceInfo,
  WorkerInfo,
} from "./broker-messages.js";
import { type MajordomoBrokerOptions, resolveBrokerOptions } from "./broker-options.js";
import { type WiredBroker, wireBroker } from "./broker-wiring.js";

const OWNER = "MajordomoBroker";

/** Workers that are told to go come again at once, and others only when they miss heartbeats: worth a moment, in ms. */
const FAREWELL_MS = 100;

/** How much a broker has at present. */
export interface MajordomoBrokerLoad {
  /** Requests that wait for a worker. */
  waiting: number;
  /** Requests that workers have at hand. */
  running: number;
  /** Size of the requests at hand, in bytes. */
  heldBytes: number;
  /** Services that workers offer, and names that requests wait for. */
  services: number;
  /** Registered workers. */
  workers: number;
  /** Whether ends of connections are learned at once (`detectDepartures`, and ZeroMQ's draft API). */
  detectsDepartures: boolean;
  sockets: DriverStats;
}

/**
 * A broker of services: clients ask for a service by name, workers offer one. Speaks 7/MDP (0.1) and 18/MDP (0.2)
 * at once, and 8/MMI. A request goes to the worker of its service that was used least recently; one whose
 * worker dies goes to another, up to `maxDeliveries` times.
 *
 * @example
 * ```ts
 * const broker = new MajordomoBroker();
 * await broker.bind("tcp://*:5555");
 * ```
 */
export class MajordomoBroker extends Role<MajordomoBrokerEvent> {
  readonly #lingerMs: number;
  readonly #machine: MajordomoBrokerMachine;
  readonly #transport = new ZmqTransport(OWNER);
  readonly #wired: WiredBroker;
  readonly #detectsDepartures: boolean;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: MajordomoBrokerOptions = {}) {
    super("majordomo");
    const resolved = resolveBrokerOptions(options);
    const { socket, detectDepartures, lingerMs } = resolved;
    this.#lingerMs = lingerMs;
    this.#machine = new MajordomoBrokerMachine(resolved);
    this.#detectsDepartures = detectDepartures && this.#transport.tellsDepartures;
    this.#wired = wireBroker(this.#machine, {
      transport: this.#transport,
      scheduler: systemScheduler,
      addresses: new Addresses(randomBytes(8)),
      socket,
      detectDepartures,
      owner: { idle: () => this.#idle?.(), status: (event) => this.report(event) },
    });
  }

  /**
   * Listens for clients and workers; several calls, several endpoints. Whoever reaches it can offer services and
   * take requests: keep it in a network of your own, or turn CURVE on.
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

  /** Services that workers offer, and names that requests wait for. */
  services(): ServiceInfo[] {
    return this.#machine.services();
  }

  /** Registered workers. */
  workers(): WorkerInfo[] {
    return this.#machine.workers(systemScheduler.now());
  }

  /** Counters since construction, and how much there is now. */
  stats(): MajordomoBrokerStats & MajordomoBrokerLoad {
    const { stats, waiting, running, heldBytes, serviceCount, workerCount } = this.#machine;
    return {
      ...stats,
      waiting,
      running,
      heldBytes,
      services: serviceCount,
      workers: workerCount,
      detectsDepartures: this.#detectsDepartures,
      sockets: this.#transport.stats(),
    };
  }

  /**
   * Takes no more requests and drops those that wait (our clients are told, and go to another broker), lets those
   * that workers have be answered for up to `lingerMs`, tells all workers to go, and closes the socket.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    const deadline = performance.now() + this.#lingerMs;
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    this.#wired.feed({ type: "close" });
    await waitAtMost(this.#lingerMs, (done) => void idle.then(done));
    await this.#wired.close(Math.max(FAREWELL_MS, deadline - performance.now()));
  }
}
