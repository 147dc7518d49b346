import { type DeadlineEntry, DeadlineQueue, LinkedList } from "@seaworthy/core";
import type { ResolvedQueueOptions } from "./queue-options.js";
import { WorkerRecord } from "./worker-record.js";

/** The workers that a queue knows: by routing id, by when they want attention, and those that are ready in order. */
export class WorkerBooks {
  /** Those that wait for a request, the one that has waited for longest in front. */
  readonly #prompt = new LinkedList<WorkerRecord>();
  /** Those that would wait, too, but may be dead: they are given nothing until they are heard again. */
  readonly #late = new LinkedList<WorkerRecord>();
  readonly #options: ResolvedQueueOptions;
  readonly #byKey = new Map<string, WorkerRecord>();
  /** Sessions of the same process, as far as they are ours. */
  readonly #byProcess = new Map<string, Set<WorkerRecord>>();
  readonly #timers = new DeadlineQueue<WorkerRecord>();

  constructor(options: ResolvedQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** How many wait for a request, those that may be dead included. */
  get ready(): number {
    return this.#prompt.length + this.#late.length;
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
    this.#siblings(worker)?.add(worker);
    this.watch(worker);
    return worker;
  }

  /** Puts a worker at the end of those that wait for a request. */
  enlist(worker: WorkerRecord): void {
    worker.isLate = false;
    this.#prompt.append(worker.place);
  }

  /**
   * Whose turn it is, or `undefined`. When a process with many sessions hangs, they are taken for dead one after
   * the other, and what one had must not be given to the next, and so on: so whoever has been silent almost for
   * its liveness is passed over until it is heard.
   *
   * @param passedOver - parties whose turn it is not
   */
  next(now: number, passedOver: ReadonlySet<string>): WorkerRecord | undefined {
    for (;;) {
      const worker = this.#firstBut(passedOver);
      if (worker === undefined || now < worker.doubtfulAt) return worker;
      this.#doubt(worker);
    }
  }

  /** Whether there is a worker of another party than these. */
  hasOthers(parties: readonly string[]): boolean {
    let own = 0;
    for (const party of parties) own += this.#byProcess.get(party)?.size ?? (this.#byKey.has(party) ? 1 : 0);
    return this.#byKey.size > own;
  }

  /** The connection of a worker has ended: those of its process may have ended as well, one after the other. */
  doubtSiblings(worker: WorkerRecord): void {
    for (const sibling of this.#siblings(worker) ?? []) {
      if (sibling.state === "ready" && !sibling.isLate) this.#doubt(sibling);
    }
  }

  /** A worker was heard. True if it was in doubt, and is given requests again. */
  trust(worker: WorkerRecord): boolean {
    if (!worker.isLate || worker.state !== "ready") return false;
    this.enlist(worker);
    return true;
  }

  /** Strikes a worker that was entered. */
  strike(worker: WorkerRecord): void {
    worker.place.unlink();
    this.#byKey.delete(worker.key);
    const siblings = this.#siblings(worker);
    siblings?.delete(worker);
    if (siblings?.size === 0) this.#byProcess.delete(worker.process as string);
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

  #firstBut(passedOver: ReadonlySet<string>): WorkerRecord | undefined {
    if (passedOver.size === 0) return this.#prompt.first;
    for (const worker of this.#prompt) if (!passedOver.has(worker.party)) return worker;
    return undefined;
  }

  #doubt(worker: WorkerRecord): void {
    worker.isLate = true;
    this.#late.append(worker.place);
  }

  #siblings({ process }: WorkerRecord): Set<WorkerRecord> | undefined {
    if (process === undefined) return undefined;
    let siblings = this.#byProcess.get(process);
    if (siblings === undefined) {
      siblings = new Set();
      this.#byProcess.set(process, siblings);
    }
    return siblings;
  }
}
