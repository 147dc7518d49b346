import type { Entry } from "./entry.js";

/**
 * Updates that are ordered, in their order: those that are not published yet, and those that are and are still to be sent to the follower.
 */
export class UpdateLog {
  /** Number of the last update that was ordered. */
  head: number;
  /** Number of the last that was published. */
  published: number;
  /** From the one after `#base` on. */
  #entries: Entry[] = [];
  #base: number;
  /** The last update of each key that is ordered and not published. */
  readonly #latest = new Map<string, Entry>();

  constructor(sequence: number) {
    this.head = sequence;
    this.published = sequence;
    this.#base = sequence;
  }

  /** How many are kept. */
  get length(): number {
    return this.head - this.#base;
  }

  /** How many are ordered, and not published. */
  get uncommitted(): number {
    return this.head - this.published;
  }

  /** Those that are ordered, and not published. */
  unpublished(): Entry[] {
    return this.#entries.slice(this.published - this.#base);
  }

  /** Begins anew behind this number. */
  reset(sequence: number): void {
    this.head = sequence;
    this.published = sequence;
    this.#base = sequence;
    this.#entries = [];
    this.#latest.clear();
  }

  append(entry: Entry): void {
    this.head = entry.sequence;
    this.#entries.push(entry);
    this.#latest.set(entry.name, entry);
  }

  /** The update of this number, if it is kept. */
  at(sequence: number): Entry | undefined {
    return this.#entries[sequence - this.#base - 1];
  }

  /** The last update of a key that is not published, or `undefined`. */
  latest(name: string): Entry | undefined {
    return this.#latest.get(name);
  }

  /** The next update is published now. */
  publish(): Entry {
    const entry = this.at(this.published + 1) as Entry;
    this.published = entry.sequence;
    if (this.#latest.get(entry.name) === entry) this.#latest.delete(entry.name);
    return entry;
  }

  /** Forgets what is published, up to this number. */
  release(sequence: number): void {
    const count = Math.min(sequence, this.published) - this.#base;
    // Not each time: what is cut off is copied.
    if (count === 0 || (count < 1024 && count < this.#entries.length)) return;
    this.#entries = this.#entries.slice(count);
    this.#base += count;
  }
}
