import { frameKey } from "@seaworthy/core";
import { MapEntry } from "./client-entry.js";
import type { KeyValue } from "./wire.js";

/**
 * A map on its way: the items of a snapshot, and the updates that go on meanwhile, of which the latest for each key is kept. So memory is bounded by
 * the number of keys, however long it takes.
 */
export class Stage {
  readonly #items = new Map<string, MapEntry>();
  readonly #updates = new Map<string, MapEntry>();

  /** Keys among the items, or among the updates, whichever are more. */
  get size(): number {
    return Math.max(this.#items.size, this.#updates.size);
  }

  /** An item of the snapshot. */
  item(item: KeyValue): void {
    const name = frameKey(item.key);
    this.#items.set(name, new MapEntry(name, item));
  }

  /** An update, later than all that came before. */
  update(update: KeyValue): void {
    const name = frameKey(update.key);
    this.#updates.set(name, new MapEntry(name, update));
  }

  /**
   * The snapshot is complete, as of this sequence number: what the updates after it make of it. To be called once.
   *
   * @returns entries by name
   */
  complete(sequence: number): Map<string, MapEntry> {
    for (const [name, update] of this.#updates) {
      if (update.sequence <= sequence) continue;
      if (update.value.length > 0) this.#items.set(name, update);
      else this.#items.delete(name);
    }
    return this.#items;
  }
}
