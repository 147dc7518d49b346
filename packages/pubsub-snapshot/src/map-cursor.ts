import type { Entry } from "./entry.js";
import type { MapReader, ServerMap } from "./server-map.js";
import { isUnder } from "./wire.js";

/**
 * Goes through a map as it is now, however long that takes and whatever becomes of the map meanwhile. An entry that is about to go
 * before it was come to is kept; one that is newer is passed over.
 */
export class MapCursor implements MapReader {
  /** Number of the last update that it contains. */
  readonly sequence: number;
  readonly #subtree: Uint8Array;
  readonly #values: MapIterator<Entry>;
  readonly #kept: Entry[] = [];
  /** How far it has come, by {@link Entry.ordinal}. */
  #position = 0;

  constructor(map: ServerMap, subtree: Uint8Array) {
    this.sequence = map.sequence;
    this.#subtree = subtree;
    this.#values = map.values();
    map.readers.add(this);
  }

  leaving(entry: Entry): void {
    const isToCome = entry.ordinal > this.#position && entry.sequence <= this.sequence;
    if (isToCome && isUnder(entry.key, this.#subtree)) this.#kept.push(entry);
  }

  /**
   * The next entry; `undefined` if there are no more.
   *
   * @param look - called for each entry that is looked at; false to stop, which is answered by `pause`
   */
  next(look: () => boolean): Entry | "pause" | undefined {
    for (;;) {
      if (!look()) return "pause";
      const { value: entry, done } = this.#values.next();
      if (done === true) {
        this.#position = Number.POSITIVE_INFINITY;
        return this.#kept.pop();
      }
      this.#position = entry.ordinal;
      if (entry.sequence <= this.sequence && isUnder(entry.key, this.#subtree)) return entry;
    }
  }
}
