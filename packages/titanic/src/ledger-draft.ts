import type { Ground } from "./ledger-ground.js";
import type { LeaseRecord } from "./ledger-leases.js";
import type { Counters, Records } from "./ledger-records.js";

/**
 * The changes of one commit while they come together: what is read sees those that were made before, and nobody else
 * sees any of them. Each change reads all that it needs before it writes: one that fails then leaves nothing behind.
 */
export class Draft {
  readonly changes: Map<string, Uint8Array | undefined> = new Map();
  readonly counters: Counters;
  readonly records: Records;
  /** The time of all its changes. */
  readonly time: number;
  /** The first place in each queue that something has come to. */
  readonly arrivals: Map<string, string> = new Map();
  /** Leases that end with it, and whether their requests keep their places and can be claimed again. */
  readonly ended: { readonly lease: LeaseRecord; readonly isReturned: boolean }[] = [];
  /** Ids of requests that nobody is to work on any more: whoever claims one until this is committed has it no longer then. */
  readonly settled: string[] = [];
  readonly #ground: Ground;

  constructor(ground: Ground, records: Records, counters: Counters, time: number) {
    this.#ground = ground;
    this.records = records;
    this.counters = { ...counters };
    this.time = time;
  }

  get(key: string): Uint8Array | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.#ground.get(key);
  }

  put(key: string, value: Uint8Array): void {
    this.changes.set(key, value);
  }

  remove(key: string): void {
    this.changes.set(key, undefined);
  }

  /** What was committed, of which some may have been changed here. */
  range(from: string, to: string, limit: number): ReturnType<Ground["range"]> {
    return this.#ground.range(from, to, limit);
  }

  /** Puts a request into a queue. */
  enqueue(queue: string, place: string, id: Uint8Array): void {
    this.put(queue + place, id);
    const first = this.arrivals.get(queue);
    if (first === undefined || place < first) this.arrivals.set(queue, place);
  }

  /** Ends a lease when all this is committed; until then nobody else is given the request. */
  endLease(lease: LeaseRecord, isReturned: boolean): void {
    lease.isEnding = true;
    this.ended.push({ lease, isReturned });
  }
}
