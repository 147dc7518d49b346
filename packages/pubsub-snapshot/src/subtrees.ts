import { frameKey } from "@seaworthy/core";

/** A subtree that clients follow. */
export interface Subtree {
  readonly bytes: Uint8Array;
  readonly topic: Uint8Array;
  /** Updates that it has had, counted from where it began. Of the whole map this is the sequence, and not counted here. */
  count: number;
  /** When its heartbeat was sent last. */
  beatAt: number;
}

/** The subtrees that clients follow, and how many updates each has had. */
export class Subtrees {
  readonly #max: number;
  readonly #subtrees = new Map<string, Subtree>();
  /** How many subtrees have a name of so many bytes. */
  readonly #lengths = new Map<number, number>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#subtrees.size;
  }

  values(): MapIterator<Subtree> {
    return this.#subtrees.values();
  }

  find(bytes: Uint8Array): Subtree | undefined {
    return this.#subtrees.get(frameKey(bytes));
  }

  /**
   * Counts from now on; `undefined` if there are too many.
   *
   * @param sequence - number of the last update. Counting begins with it, so that no number is said twice, should there have been the
   * same subtree before: somebody may have missed that it ended.
   */
  add(bytes: Uint8Array, topic: Uint8Array, sequence: number): Subtree | undefined {
    // The whole map is always to be had: it is what clients take instead.
    if (this.#subtrees.size >= this.#max && bytes.length > 0) return undefined;
    const subtree = { bytes, topic, count: sequence, beatAt: Number.NEGATIVE_INFINITY };
    this.#subtrees.set(frameKey(bytes), subtree);
    this.#lengths.set(bytes.length, (this.#lengths.get(bytes.length) ?? 0) + 1);
    return subtree;
  }

  remove(bytes: Uint8Array): void {
    if (!this.#subtrees.delete(frameKey(bytes))) return;
    const left = (this.#lengths.get(bytes.length) as number) - 1;
    if (left === 0) this.#lengths.delete(bytes.length);
    else this.#lengths.set(bytes.length, left);
  }

  /** Counts an update in each subtree that its key lies in, the whole map aside. */
  count(name: string): [length: number, count: number][] {
    const counts: [number, number][] = [];
    for (const length of this.#lengths.keys()) {
      if (length === 0 || length > name.length) continue;
      const subtree = this.#subtrees.get(name.slice(0, length));
      if (subtree === undefined) continue;
      subtree.count += 1;
      counts.push([length, subtree.count]);
    }
    return counts;
  }
}
