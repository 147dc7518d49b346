import { type DeadlineEntry, DeadlineQueue, LinkedList } from "@seaworthy/core";
import type { ResolvedQueueOptions } from "./queue-options.js";
import { WorkerRecord } from "./worker-record.js";

/** The workers that a queue knows: by routing id, by when they want attention, and those that are ready in order. */
export class WorkerBooks {
  /** Those that wait for a request, the one that has waited for longest in front. */
  readonly #prompt = new LinkedList<WorkerRecord>();
  /** Those that wait, too, and whose heartbeat is late. */
  readonly #late = new LinkedList<WorkerRecord>();
  readonly #options: ResolvedQueueOptions;
  readonly #byKey = new Map<string, WorkerRecord>();
  readonly #timers = new DeadlineQueue<WorkerRecord>();

  constructor(options: ResolvedQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** How many wait for a request. */
  get ready(): number {
    return this.#prompt.length + this.#late.length;
  }

  /** Whose turn it is, or `undefined`. */
  get next(): WorkerRecord | undefined {
    return this.#prompt.first ?? this.#late.first;
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

  /** Puts a worker at the end of those that wait for a request. */
  enlist(worker: WorkerRecord): void {
    worker.isLate = false;
    this.#prompt.append(worker.place);
  }

  /**
   * Lets a worker wait behind all others if its heartbeat is late. When a process with many sessions hangs,
   * they are taken for dead one after the other, and what one had is not to be given to the next, and so on.
   */
  doubt(worker: WorkerRecord, now: number): void {
    const { heardAt, peerIntervalMs } = worker.heartbeat;
    if (worker.state !== "ready" || worker.isLate || now <= heardAt + peerIntervalMs) return;
    worker.isLate = true;
    this.#late.append(worker.place);
  }

  /** A worker was heard: if it was late, it is no more. */
  trust(worker: WorkerRecord): void {
    if (worker.isLate && worker.state === "ready") this.enlist(worker);
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
