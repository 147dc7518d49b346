import { Fifo } from "@seaworthy/core";
import type { Entry } from "./entry.js";
import type { KnownUpdates } from "./known-updates.js";
import type { ServerMap } from "./server-map.js";
import type { ServerOutput, SnapshotServerEvent } from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";

/** Updates that are given to the store at a time. */
const BATCH = 1000;
/** Pause before the store is tried again, in ms. */
const RETRY_MS = 1000;

type StoreOutput = ServerOutput & { type: "store" | "store-all" };

/** What the store is given, one thing at a time, in order; and what waits for it. */
export class StoreKeeper {
  /** There is a store. */
  readonly isOn: boolean;
  /** The store has all updates up to this one. */
  sequence = 0;
  /** It did not take what it was given last. */
  isFailing = false;
  readonly #max: number;
  readonly #map: ServerMap;
  readonly #known: KnownUpdates;
  readonly #put: (output: ServerOutput) => void;
  readonly #report: (event: SnapshotServerEvent) => void;
  readonly #waiting = new Fifo<Entry>();
  /** Number of the last update that was to be kept. */
  #lastAdded = 0;
  #given: { readonly output: StoreOutput; readonly sequence: number } | undefined;
  /** What it is given comes to nothing: something else was decided meanwhile. */
  #isStale = false;
  /** It has to be given all of the map. */
  #needsAll = false;
  #retryAt: number | undefined;

  constructor(
    { hasStore, maxUncommitted }: Pick<ResolvedServerOptions, "hasStore" | "maxUncommitted">,
    map: ServerMap,
    known: KnownUpdates,
    put: (output: ServerOutput) => void,
    report: (event: SnapshotServerEvent) => void,
  ) {
    this.isOn = hasStore;
    this.#max = maxUncommitted;
    this.#map = map;
    this.#known = known;
    this.#put = put;
    this.#report = report;
  }

  get deadline(): number | undefined {
    return this.#retryAt;
  }

  /** Keep this one, after all before. */
  add(entry: Entry, now: number): void {
    if (!this.isOn) return;
    // What is applied already can be given with all of the map, which is not more than what already is in memory.
    const isApplied = entry.sequence <= this.#map.sequence;
    if (isApplied && this.#waiting.length >= this.#max) return this.replace(now);
    this.#waiting.push(entry);
    this.#lastAdded = entry.sequence;
    this.#next(now);
  }

  /** Keep the map as it is, and nothing of what was before. */
  replace(now: number): void {
    if (!this.isOn) return;
    this.#waiting.clear();
    this.#needsAll = true;
    this.#isStale = true;
    this.sequence = 0;
    this.#lastAdded = 0;
    this.#next(now);
  }

  /** Updates behind this number come to nothing. The store may have some of them, and then is to have the map anew. */
  reset(sequence: number, now: number): void {
    if (Math.max(this.sequence, this.#given?.sequence ?? 0, this.#lastAdded) > sequence) this.replace(now);
  }

  /** It has what it was given. */
  stored(now: number): void {
    if (this.#given === undefined) return;
    if (!this.#isStale) this.sequence = this.#given.sequence;
    this.#given = undefined;
    if (this.isFailing) this.#report({ type: "store-recovered", at: now });
    this.isFailing = false;
    this.#next(now);
  }

  /** It could not take it. */
  failed(reason: string, now: number): void {
    this.isFailing = true;
    this.#retryAt = now + RETRY_MS;
    this.#report({ type: "store-failed", at: now, reason });
  }

  tick(now: number): void {
    if (this.#retryAt === undefined || now < this.#retryAt) return;
    this.#retryAt = undefined;
    if (this.#isStale) this.#given = undefined;
    if (this.#given === undefined) this.#next(now);
    else this.#give({ ...this.#given.output, at: now }, this.#given.sequence);
  }

  #next(now: number): void {
    if (this.#given !== undefined) return;
    if (this.#needsAll) return this.#giveAll(now);
    const updates: Entry[] = [];
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift()) {
      updates.push(entry);
      if (updates.length === BATCH) break;
    }
    const last = updates.at(-1);
    if (last !== undefined) this.#give({ type: "store", updates, at: now }, last.sequence);
  }

  #giveAll(now: number): void {
    const { sequence } = this.#map;
    this.#needsAll = false;
    this.#isStale = false;
    // Of those that came meanwhile, what the map has already.
    while ((this.#waiting.peek()?.sequence ?? Number.POSITIVE_INFINITY) <= sequence) this.#waiting.shift();
    const entries = [...this.#map.values()];
    const known = [...this.#known.entries()].filter(([, number]) => number <= sequence);
    this.#give({ type: "store-all", sequence, entries, known, at: now }, sequence);
  }

  #give(output: StoreOutput, sequence: number): void {
    this.#given = { output, sequence };
    this.#put(output);
  }
}
