import { randomBytes } from "node:crypto";
import { Addresses, systemScheduler } from "@seaworthy/core";
import { type DriverStats, QueueRole, ZmqTransport } from "@seaworthy/core/node";
import { SimplePirateQueueMachine } from "./queue-machine.js";
import type { SimplePirateQueueEvent, SimplePirateQueueStats } from "./queue-messages.js";
import { resolveQueueOptions, type SimplePirateQueueOptions } from "./queue-options.js";
import { wireQueue } from "./queue-wiring.js";

const OWNER = "SimplePirateQueue";

/** How much a queue has at present. */
export interface SimplePirateQueueLoad {
  /** Requests that wait for a worker. */
  waiting: number;
  /** Workers that are known: sessions, not processes. */
  workers: number;
  /** Workers that wait for a request. */
  ready: number;
  /** Workers that have a request; the queue cannot know which of them have died of it. */
  busy: number;
  sockets: DriverStats;
}

/**
 * A queue between clients and workers: each request goes to the worker that has been ready for longest.
 * While none is ready requests wait, and clients are served in turn. Clients are REQ sockets in any language
 * or Lazy Pirate clients; workers are ours, or REQ sockets that say READY.
 *
 * There is no heartbeat: a worker that dies takes its request with it, and the client has to ask again, as
 * Lazy Pirate clients do.
 *
 * @example
 * ```ts
 * const queue = new SimplePirateQueue();
 * await queue.bindFrontend("tcp://*:5555");
 * await queue.bindBackend("tcp://*:5556");
 * ```
 */
export class SimplePirateQueue extends QueueRole<SimplePirateQueueEvent> {
  readonly #machine: SimplePirateQueueMachine;
  readonly #transport: ZmqTransport;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: SimplePirateQueueOptions = {}) {
    const resolved = resolveQueueOptions(options);
    const machine = new SimplePirateQueueMachine(resolved);
    const transport = new ZmqTransport(OWNER);
    const { frontend, backend } = resolved;
    super("simple-pirate", OWNER, resolved, (owner) =>
      wireQueue(machine, {
        transport,
        scheduler: systemScheduler,
        addresses: new Addresses(randomBytes(8)),
        frontend,
        backend,
        owner,
      }),
    );
    this.#machine = machine;
    this.#transport = transport;
  }

  /** Counters since construction, and how much there is now. */
  stats(): SimplePirateQueueStats & SimplePirateQueueLoad {
    const { stats, waiting, workers, ready, busy } = this.#machine;
    return { ...stats, waiting, workers, ready, busy, sockets: this.#transport.stats() };
  }
}
