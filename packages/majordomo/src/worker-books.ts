import { type DeadlineEntry, DeadlineQueue, frameKey, framesEqual } from "@seaworthy/core";
import type { WorkerRecord } from "./worker-record.js";

/** The workers that a broker knows: by routing id, and by when they want attention. */
export class WorkerBooks {
  readonly #byKey = new Map<string, WorkerRecord>();
  readonly #timers = new DeadlineQueue<WorkerRecord>();
  #last: WorkerRecord | undefined;

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

  /** The same by routing id. Often it is the one that was asked for last, which costs less to see than a key to make. */
  withId(id: Uint8Array): WorkerRecord | undefined {
    const last = this.#last;
    if (last !== undefined && framesEqual(last.id, id)) return last;
    const worker = this.#byKey.get(frameKey(id));
    this.#last = worker;
    return worker;
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
    if (this.#last === worker) this.#last = undefined;
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
