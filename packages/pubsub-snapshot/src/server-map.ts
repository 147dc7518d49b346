import { DeadlineQueue } from "@seaworthy/core";
import type { Entry } from "./entry.js";

/** What a snapshot has to know of a map that changes under it. */
export interface MapReader {
  /** This entry is about to be replaced or deleted. */
  leaving(entry: Entry): void;
}

/** A server's map as it is published. */
export class ServerMap {
  /** Number of the last update. */
  sequence = 0;
  /** Size of all entries, see {@link Entry.bytes}. */
  bytes = 0;
  readonly readers: Set<MapReader> = new Set();
  readonly #entries = new Map<string, Entry>();
  readonly #deadlines = new DeadlineQueue<Entry>();
  #ordinal = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** When the time to live of the next entry is over. */
  get deadline(): number | undefined {
    return this.#deadlines.deadline;
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** In the order in which their keys came in. What comes in meanwhile is found at the end. */
  values(): MapIterator<Entry> {
    return this.#entries.values();
  }

  /** Does what an update says. */
  apply(entry: Entry): void {
    const before = this.#entries.get(entry.name);
    this.sequence = entry.sequence;
    if (before !== undefined) this.#leave(before);
    if (entry.isDelete) {
      this.#entries.delete(entry.name);
      return;
    }
    // A key that is there keeps its place.
    entry.ordinal = before?.ordinal ?? ++this.#ordinal;
    this.#entries.set(entry.name, entry);
    this.bytes += entry.bytes;
    if (entry.expiresAt !== undefined) entry.timer = this.#deadlines.add(entry, entry.expiresAt);
  }

  /** An entry whose time to live is over, the first to end first. It stays until its deletion is applied. */
  takeExpired(now: number): Entry | undefined {
    const entry = this.#deadlines.takeDue(now);
    if (entry !== undefined) entry.timer = undefined;
    return entry;
  }

  /** What was to take the place of this entry comes to nothing: if its time is over, it will be found again. */
  putBack(name: string): void {
    const entry = this.#entries.get(name);
    if (entry?.expiresAt === undefined || entry.timer !== undefined) return;
    entry.timer = this.#deadlines.add(entry, entry.expiresAt);
  }

  /** Forgets everything. */
  clear(): void {
    for (const entry of this.#entries.values())
      if (entry.timer !== undefined) this.#deadlines.cancel(entry.timer);
    this.#entries.clear();
    this.bytes = 0;
    this.sequence = 0;
  }

  #leave(entry: Entry): void {
    for (const reader of this.readers) reader.leaving(entry);
    this.bytes -= entry.bytes;
    if (entry.timer !== undefined) this.#deadlines.cancel(entry.timer);
    entry.timer = undefined;
  }
}
