/**
 * A map that entries come to and leave all the time. When a `Map` has outgrown its table, the table keeps all that it
 * referred to, and its successor with all of that, and so on, until the whole heap is collected, if it is old itself by then.
 * So what lives for milliseconds is moved, and then kept, as if it lived for long. Here, the tables refer to places only.
 */
export class ChurnMap<K, V> {
  readonly #places = new Map<K, number>();
  #values: (V | undefined)[] = [];
  #free: number[] = [];

  /** How many entries there are. */
  get size(): number {
    return this.#places.size;
  }

  get(key: K): V | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#values[place];
  }

  set(key: K, value: V): void {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#free.pop() ?? this.#values.length;
      this.#places.set(key, place);
    }
    this.#values[place] = value;
  }

  /** Removes an entry; harmless if there is none. */
  delete(key: K): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#values[place] = undefined;
    this.#free.push(place);
    if (this.#places.size > 0 || this.#values.length <= KEPT_PLACES) return;
    this.#values = [];
    this.#free = [];
  }

  /** The values, in the order in which their keys came. */
  *values(): Generator<V, undefined> {
    for (const place of this.#places.values()) yield this.#values[place] as V;
  }
}

/** So many places are kept by an empty map. */
const KEPT_PLACES = 1024;
