import { systemScheduler } from "@seaworthy/core";
import { type DriverStats, WorkerRole, ZmqTransport } from "@seaworthy/core/node";
import { SimplePirateWorkerMachine } from "./worker-machine.js";
import type { SimplePirateWorkerEvent, SimplePirateWorkerStats } from "./worker-messages.js";
import { resolveWorkerOptions, type SimplePirateWorkerOptions } from "./worker-options.js";
import { wireWorker } from "./worker-wiring.js";

const OWNER = "SimplePirateWorker";

/** How much a worker has at present. */
export interface SimplePirateWorkerLoad {
  /** Sessions with its queues, whether they stand or not. */
  sessions: number;
  /** Sessions that wait for a request. */
  ready: number;
  /** Requests that the application has in hand. */
  running: number;
  /** Requests that wait for the application. */
  waiting: number;
  sockets: DriverStats;
}

/**
 * A worker for our queues, and for those of the guide in any language. For each request that it may run
 * at a time it has a session with each queue, a connection that acts like a REQ socket.
 *
 * @example
 * ```ts
 * const worker = new SimplePirateWorker();
 * worker.connect("tcp://localhost:5556");
 * await worker.serve(({ body }) => body, { concurrency: 10 });
 * ```
 */
export class SimplePirateWorker extends WorkerRole<SimplePirateWorkerEvent> {
  readonly #machine: SimplePirateWorkerMachine;
  readonly #transport: ZmqTransport;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: SimplePirateWorkerOptions = {}) {
    const resolved = resolveWorkerOptions(options);
    const machine = new SimplePirateWorkerMachine(resolved, Math.random);
    const transport = new ZmqTransport(OWNER);
    super("simple-pirate", OWNER, resolved, (owner) => {
      const { socket, lingerMs } = resolved;
      return wireWorker(machine, { transport, scheduler: systemScheduler, socket, lingerMs, owner });
    });
    this.#machine = machine;
    this.#transport = transport;
  }

  /** Counters since construction, and how much there is now. */
  stats(): SimplePirateWorkerStats & SimplePirateWorkerLoad {
    const { stats, sessions, ready, running, waiting } = this.#machine;
    return { ...stats, sessions, ready, running, waiting, sockets: this.#transport.stats() };
  }
}
