import { type DeadlineEntry, DeadlineQueue } from "@seaworthy/core";
import type { WorkerRecord } from "./worker-record.js";

/** The workers that a broker knows: by routing id, and by when they want attention. */
export class WorkerBooks {
  readonly #byKey = new Map<string, WorkerRecord>();
  readonly #timers = new DeadlineQueue<WorkerRecord>();

  get size(): number {
    return this.#byKey.size;
  }

  /** When the first worker wants attention, or `undefined`. */
  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  find(key: string): WorkerRecord | undefined {
    return this.#byKey.get(key);
  }

  all(): IterableIterator<WorkerRecord> {
    return this.#byKey.values();
  }

  enter(worker: WorkerRecord): void {
    this.#byKey.set(worker.key, worker);
    this.watch(worker);
  }

  /** Strikes a worker that was entered. */
  strike(worker: WorkerRecord): void {
    worker.place.unlink();
    this.#byKey.delete(worker.key);
    this.#timers.cancel(worker.timer as DeadlineEntry<WorkerRecord>);
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
