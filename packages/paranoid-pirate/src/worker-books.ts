import { DeadlineQueue, LinkedList } from "@seaworthy/core";
import type { ResolvedQueueOptions } from "./queue-options.js";
import { WorkerRecord } from "./worker-record.js";

/** The workers that a queue knows: by routing id, by when they want attention, and those that are ready in order. */
export class WorkerBooks {
  /** Those that wait for a request, the one that has waited for longest in front. */
  readonly ready: LinkedList<WorkerRecord> = new LinkedList();
  readonly #options: ResolvedQueueOptions;
  readonly #byKey = new Map<string, WorkerRecord>();
  readonly #timers = new DeadlineQueue<WorkerRecord>();

  constructor(options: ResolvedQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Whether there is room for one more. */
  get hasRoom(): boolean {
    return this.#byKey.size < this.#options.maxWorkers;
  }

  /** When the first worker wants attention, or `undefined`. */
  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  find(key: string): WorkerRecord | undefined {
    return this.#byKey.get(key);
  }

  /** Enters a worker. */
  enter(id: Uint8Array, now: number): WorkerRecord {
    const worker = new WorkerRecord(id, this.#options, now);
    this.#byKey.set(worker.key, worker);
    this.watch(worker);
    return worker;
  }

  /** Strikes a worker. */
  strike(worker: WorkerRecord): void {
    worker.place.unlink();
    this.#byKey.delete(worker.key);
    if (worker.timer !== undefined) this.#timers.cancel(worker.timer);
  }

  /** A worker that wants attention, or `undefined`; {@link watch} it again. */
  takeDue(now: number): WorkerRecord | undefined {
    return this.#timers.takeDue(now);
  }

  /**
   * Sets the time of a worker anew. Not needed when its deadline moves away, as it does with each message: a
   * vain look now and then costs less.
   */
  watch(worker: WorkerRecord): void {
    if (worker.timer === undefined) worker.timer = this.#timers.add(worker, worker.deadline);
    else this.#timers.move(worker.timer, worker.deadline);
  }

  /** Our own process stood still: nobody's silence means anything yet. */
  stalled(now: number): void {
    for (const { heartbeat } of this.#byKey.values()) heartbeat.stalled(now);
  }
}
