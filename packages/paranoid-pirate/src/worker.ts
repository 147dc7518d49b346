import { randomBytes } from "node:crypto";
import { systemScheduler } from "@seaworthy/core";
import { type DriverStats, WorkerRole, ZmqTransport } from "@seaworthy/core/node";
import { ParanoidPirateWorkerMachine } from "./worker-machine.js";
import type { ParanoidPirateWorkerEvent, ParanoidPirateWorkerStats } from "./worker-messages.js";
import { type ParanoidPirateWorkerOptions, resolveWorkerOptions } from "./worker-options.js";
import { wireWorker } from "./worker-wiring.js";

const OWNER = "ParanoidPirateWorker";

/** How much a worker has at present. */
export interface ParanoidPirateWorkerLoad {
  /** Requests that the application has at hand. */
  running: number;
  /** Requests that wait for the application. */
  waiting: number;
  /** Sessions with queues, those that have no connection at present included. */
  sessions: number;
  sockets: DriverStats;
}

/**
 * A worker for Paranoid Pirate queues (6/PPP): ours, or the guide's in any language. It sends heartbeats,
 * notices when a queue is gone and comes back to it, and takes its leave when it is closed.
 *
 * @example
 * ```ts
 * const worker = new ParanoidPirateWorker();
 * worker.connect("tcp://localhost:5556");
 * await worker.serve(({ body }) => body, { concurrency: 4 });
 * ```
 */
export class ParanoidPirateWorker extends WorkerRole<ParanoidPirateWorkerEvent> {
  readonly #machine: ParanoidPirateWorkerMachine;
  readonly #transport: ZmqTransport;

  /** @throws TypeError or RangeError that names the option at fault */
  constructor(options: ParanoidPirateWorkerOptions = {}) {
    const resolved = resolveWorkerOptions(options);
    const machine = new ParanoidPirateWorkerMachine(resolved, Math.random);
    const transport = new ZmqTransport(OWNER);
    super("paranoid-pirate", OWNER, resolved, (owner) =>
      wireWorker(machine, {
        transport,
        scheduler: systemScheduler,
        socket: resolved.socket,
        name: randomBytes(8).toString("hex"),
        lingerMs: resolved.lingerMs,
        owner,
      }),
    );
    this.#machine = machine;
    this.#transport = transport;
  }

  /** Counters since construction, and how much there is now. */
  stats(): ParanoidPirateWorkerStats & ParanoidPirateWorkerLoad {
    const { stats, running, waiting, sessions } = this.#machine;
    return { ...stats, running, waiting, sessions, sockets: this.#transport.stats() };
  }
}
