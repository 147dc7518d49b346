import { frameKey, framesEqual } from "@seaworthy/core";
import { MapChange, MapEntry } from "./client-entry.js";
import { decodeItemTerms } from "./properties.js";
import type { Watcher, Watchers } from "./watchers.js";
import type { KeyValue } from "./wire.js";

type Entries = ReadonlyMap<string, MapEntry>;

/** A client's map, with those that watch it. */
export class LiveMap {
  readonly watchers: Watchers;
  /** Number of the last update that it is known to contain. */
  sequence = 0;
  #entries = new Map<string, MapEntry>();

  constructor(watchers: Watchers) {
    this.watchers = watchers;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string): MapEntry | undefined {
    return this.#entries.get(name);
  }

  /** The entries as they are now whose keys begin so: what becomes of the map later does not change them. */
  under(name: string): MapEntry[] {
    const all = [...this.#entries.values()];
    return name === "" ? all : all.filter((entry) => entry.name.startsWith(name));
  }

  /** Does what an update says. */
  apply(update: KeyValue): void {
    const name = frameKey(update.key);
    const entry = update.value.length > 0 ? new MapEntry(name, update) : undefined;
    const previous = this.watchers.size > 0 ? this.#entries.get(name) : undefined;
    if (entry === undefined) this.#entries.delete(name);
    else this.#entries.set(name, entry);
    this.sequence = update.sequence;
    if (this.watchers.size === 0 || previous === entry) return;
    const watchers = this.watchers.interested(name);
    if (watchers.length > 0)
      this.watchers.tell(watchers, new MapChange(name, entry, previous, update.sequence));
  }

  /**
   * Puts a new map in the place of the old one, and tells those that watch of what has become different, in the order of
   * sequence numbers.
   *
   * @param sequence - of the last update that it contains
   * @param asOf - of the snapshot that it was made of
   */
  replace(entries: Map<string, MapEntry>, sequence: number, asOf: number): void {
    const before = this.#entries;
    this.#entries = entries;
    this.sequence = sequence;
    if (this.watchers.size > 0) this.#tellDifferences(before, entries, asOf);
  }

  #tellDifferences(before: Entries, after: Entries, asOf: number): void {
    const told = new Map<Watcher, MapChange[]>();
    const compare = (name: string): void => {
      const watchers = this.watchers.interested(name);
      if (watchers.length === 0) return;
      const change = difference(name, before.get(name), after.get(name), asOf);
      if (change === undefined) return;
      for (const watcher of watchers) {
        const changes = told.get(watcher);
        if (changes === undefined) told.set(watcher, [change]);
        else changes.push(change);
      }
    };
    const keys = this.watchers.onlyKeys;
    if (keys !== undefined) for (const name of keys) compare(name);
    else {
      for (const name of after.keys()) compare(name);
      for (const name of before.keys()) if (!after.has(name)) compare(name);
    }
    for (const [watcher, changes] of told) {
      changes.sort((a, b) => a.sequence - b.sequence);
      this.watchers.tellAll(watcher, changes);
    }
  }
}

function difference(
  name: string,
  before: MapEntry | undefined,
  after: MapEntry | undefined,
  asOf: number,
): MapChange | undefined {
  if (before === undefined && after === undefined) return undefined;
  if (before !== undefined && after !== undefined && isSame(before, after)) return undefined;
  return new MapChange(name, after, before, after?.sequence ?? asOf);
}

/** Sequence numbers say it; but the items of a snapshot need not have one, and two lives of a server may give the same. */
function isSame(a: MapEntry, b: MapEntry): boolean {
  if (!framesEqual(a.value, b.value)) return false;
  if (a.sequence > 0 && b.sequence > 0) return a.sequence === b.sequence;
  return framesEqual(decodeItemTerms(a.lines).stored, decodeItemTerms(b.lines).stored);
}
