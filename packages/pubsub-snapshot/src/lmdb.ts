/**
 * A store in a folder on this machine.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import { integer, resolveOptions } from "@seaworthy/core";
import {
  type Change,
  entryChange,
  isKnowable,
  knownChange,
  placeOf,
  readEntry,
  readKnown,
} from "./lmdb-entry.js";
import { FIRST, LmdbFile, putAll, type Table } from "./lmdb-file.js";
import type { KnownUpdate, MapStore, StoredEntry, StoredMap } from "./store.js";

/** Options of an `LmdbStore`. */
export interface LmdbStoreOptions {
  /** How many UUIDs of updates are kept, the latest. Default 100,000. */
  maxKnown?: number | undefined;
}

const rules = { maxKnown: integer(100_000) };

/** A whole map is written in parts of this size, so that the process can do other things between them. */
const PART_BYTES = 1024 * 1024;
const PART_RECORDS = 2000;
/** Most UUIDs that one commit removes. */
const MAX_STALE = 1000;

/**
 * Keeps a server's map in a folder, in a file of LMDB. Updates that come while others are being synced share the next sync.
 *
 * Whoever opens it takes it from the process that had it, whose next commit is refused. The folder must be on a local file
 * system, not on NFS or another network file system: LMDB maps the file into memory.
 */
export class LmdbStore implements MapStore {
  readonly #folder: string;
  readonly #maxKnown: number;
  /** While it is open. */
  #file: LmdbFile | undefined;
  /** Settles when it is, or could not be opened. Never rejects. */
  #opening: Promise<unknown> | undefined;
  #current: 0 | 1 = 0;
  /** UUIDs in the file. */
  #knownCount = 0;
  #isPruning = false;
  /** Commits wait for it, since replacing takes several writes. Never rejects. */
  #replaced: Promise<void> = Promise.resolve();

  /**
   * @param folder - is made if it does not exist
   * @throws TypeError or RangeError for a wrong argument
   */
  constructor(folder: string, options: LmdbStoreOptions = {}) {
    if (typeof folder !== "string" || folder === "")
      throw new TypeError(`LmdbStore: the folder must be a path, got ${JSON.stringify(folder)}`);
    this.#folder = folder;
    this.#maxKnown = resolveOptions("LmdbStore", rules, options).maxKnown;
  }

  /**
   * Entries and UUIDs are read from the file when they are iterated, which must be before anything is committed. Once closed, it
   * can be opened again.
   *
   * @throws (by rejecting) Error if it is open, or the file cannot be used
   */
  async open(): Promise<StoredMap> {
    if (this.#opening !== undefined) throw new Error(`LmdbStore: ${this.#folder} is open already`);
    const opening = this.#open();
    this.#opening = opening.catch(() => {
      this.#opening = undefined;
    });
    return opening;
  }

  async #open(): Promise<StoredMap> {
    const file = await LmdbFile.open(this.#folder);
    try {
      const { sequence, current } = file.head;
      await file.write(() => {
        file.setHead({ sequence, current });
        // What is left of a replacement that was not completed.
        clear(file, other(current));
      });
      const { entries, known } = file.tables[current];
      this.#lookAt(file);
      const offset = Math.max(0, this.#knownCount - this.#maxKnown);
      const map = {
        sequence,
        entries: { [Symbol.iterator]: () => file.read(entries, 0, readEntry) },
        known: { [Symbol.iterator]: () => file.read(known, offset, readKnown) },
      };
      // It is told now if one of them is damaged, and not when they are wanted.
      for (const _ of map.entries);
      this.#file = file;
      return map;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async commit(updates: readonly StoredEntry[]): Promise<void> {
    const file = this.#opened();
    const changes = updates.map(entryChange);
    const ordered = updates.filter(isKnowable).map(knownChange);
    const sequence = updates.at(-1)?.sequence;
    await this.#replaced;
    if (sequence === undefined) return;
    if (file.isBroken) await this.#mend(file);
    const current = this.#current;
    const { entries, known } = file.tables[current];
    const stale = this.#takeStale(known);
    try {
      await file.write(() => {
        putAll(entries, changes);
        putAll(known, ordered);
        putAll(known, stale);
        file.setHead({ sequence, current });
      });
      this.#knownCount += ordered.length - stale.length;
    } finally {
      if (stale.length > 0) this.#isPruning = false;
    }
  }

  /** Takes the entries at once, and writes them in parts: other commits wait meanwhile. */
  async replace({ sequence, entries, known }: StoredMap): Promise<void> {
    const file = this.#opened();
    const all = Array.from(entries);
    const uuids = Array.from(known).filter(isKnowable).slice(-this.#maxKnown);
    const done = this.#replaced.then(() => this.#replace(file, sequence, all, uuids));
    this.#replaced = done.catch(() => {});
    return done;
  }

  async close(): Promise<void> {
    if (this.#file === undefined) await this.#opening;
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    await this.#replaced;
    await file.close();
    this.#opening = undefined;
  }

  #opened(): LmdbFile {
    if (this.#file === undefined) throw new Error(`LmdbStore: ${this.#folder} is not open`);
    return this.#file;
  }

  /** Opens the file anew. The last write may have come through, though it was said to have failed. */
  async #mend(file: LmdbFile): Promise<void> {
    await file.reopen();
    this.#lookAt(file);
  }

  #lookAt({ head: { current }, tables }: LmdbFile): void {
    this.#current = current;
    this.#knownCount = tables[current].known.getKeysCount({ start: FIRST });
  }

  /** Removes UUIDs that are too many, the oldest first. One commit at a time does, since the next would find the same ones. */
  #takeStale(known: Table): Change[] {
    const limit = Math.min(MAX_STALE, this.#knownCount - this.#maxKnown);
    if (limit <= 0 || this.#isPruning) return [];
    this.#isPruning = true;
    return Array.from(known.getKeys({ start: FIRST, limit }), (key) => [key, undefined]);
  }

  /** Fills the tables that are not the map. The last write makes them the map. */
  async #replace(
    file: LmdbFile,
    sequence: number,
    all: readonly StoredEntry[],
    uuids: readonly KnownUpdate[],
  ): Promise<void> {
    if (file.isBroken) await this.#mend(file);
    const current = other(this.#current);
    const { entries, known } = file.tables[current];
    try {
      // What is left of one that failed, if it could not be cleared then.
      await file.write(() => clear(file, current));
      for (const part of partsOf(uuids, knownChange)) await file.write(() => putAll(known, part));
      for (const group of await groupByPlace(all)) {
        for (const part of partsOf(group, entryChange)) await file.write(() => putAll(entries, part));
      }
      await file.write(() => {
        file.setHead({ sequence, current });
        clear(file, this.#current);
      });
    } catch (error) {
      await file.write(() => clear(file, other(file.head.current))).catch(() => {});
      throw error;
    }
    this.#current = current;
    this.#knownCount = uuids.length;
  }
}

const other = (index: 0 | 1): 0 | 1 => (index === 0 ? 1 : 0);

/** To be called within a write. */
function clear({ tables }: LmdbFile, index: 0 | 1): void {
  tables[index].entries.clearAsync();
  tables[index].known.clearAsync();
}

/**
 * Entries that are beside each other in the table, together: a write changes few pages then, where entries in any order
 * would have each write change most of them.
 */
async function groupByPlace(entries: readonly StoredEntry[]): Promise<StoredEntry[][]> {
  const groups: StoredEntry[][] = Array.from({ length: Math.ceil(entries.length / PART_RECORDS) }, () => []);
  for (const [index, entry] of entries.entries()) {
    groups[Math.floor(placeOf(entry) * groups.length)]?.push(entry);
    if (index % PART_RECORDS === 0) await setImmediate();
  }
  return groups;
}

/** Changes in parts of a size. */
function* partsOf<T>(items: Iterable<T>, changeOf: (item: T) => Change): Generator<Change[]> {
  let part: Change[] = [];
  let bytes = 0;
  for (const item of items) {
    const change = changeOf(item);
    part.push(change);
    bytes += change[1]?.length ?? 0;
    if (part.length < 2 * PART_RECORDS && bytes < PART_BYTES) continue;
    yield part;
    part = [];
    bytes = 0;
  }
  yield part;
}
