import { randomBytes } from "node:crypto";
import { Addresses, systemScheduler } from "@seaworthy/core";
import { type DriverStats, QueueRole, ZmqTransport } from "@seaworthy/core/node";
import { ParanoidPirateQueueMachine } from "./queue-machine.js";
import type { ParanoidPirateQueueEvent, ParanoidPirateQueueStats } from "./queue-messages.js";
import { type ParanoidPirateQueueOptions, resolveQueueOptions } from "./queue-options.js";
import { wireQueue } from "./queue-wiring.js";

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
export class ParanoidPirateQueue extends QueueRole<ParanoidPirateQueueEvent> {
  readonly #machine: ParanoidPirateQueueMachine;
  readonly #transport: ZmqTransport;
  readonly #detectsDepartures: boolean;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: ParanoidPirateQueueOptions = {}) {
    const resolved = resolveQueueOptions(options);
    const machine = new ParanoidPirateQueueMachine(resolved);
    const transport = new ZmqTransport(OWNER);
    const { frontend, backend, detectDepartures } = resolved;
    super("paranoid-pirate", OWNER, resolved, (owner) =>
      wireQueue(machine, {
        transport,
        scheduler: systemScheduler,
        addresses: new Addresses(randomBytes(8)),
        frontend,
        backend,
        detectDepartures,
        owner,
      }),
    );
    this.#machine = machine;
    this.#transport = transport;
    this.#detectsDepartures = detectDepartures && transport.tellsDepartures;
  }

  /** Counters since construction, and how much there is now. */
  stats(): ParanoidPirateQueueStats & ParanoidPirateQueueLoad {
    const { stats, waiting, running, workers, ready } = this.#machine;
    const detectsDepartures = this.#detectsDepartures;
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
}
