import { Fifo, frameKey } from "@seaworthy/core";

/** UUIDs of the updates that were ordered lately: one that comes again is not ordered again. */
export class KnownUpdates {
  readonly #max: number;
  readonly #sequences = new Map<string, number>();
  /** The same, the oldest first, and what was taken out: a `Map` looks at the places of all that have left before it finds its first. */
  readonly #order = new Fifo<readonly [name: string, sequence: number]>();

  /** @param max - how many are remembered */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#sequences.size;
  }

  /** The number under which it was ordered. */
  find(uuid: Uint8Array): number | undefined {
    return this.#sequences.get(frameKey(uuid));
  }

  /** Updates without a UUID cannot be known. */
  add(uuid: Uint8Array, sequence: number): void {
    if (uuid.length === 0) return;
    const name = frameKey(uuid);
    if (this.#sequences.get(name) === sequence) return;
    this.#sequences.delete(name);
    this.#sequences.set(name, sequence);
    this.#order.push([name, sequence]);
    while (this.#order.length > this.#max) this.#forgetOldest();
  }

  /** It was ordered, and comes to nothing. */
  remove(uuid: Uint8Array): void {
    this.#sequences.delete(frameKey(uuid));
  }

  clear(): void {
    this.#sequences.clear();
    this.#order.clear();
  }

  /** By `frameKey`, the oldest first. */
  entries(): MapIterator<[name: string, sequence: number]> {
    return this.#sequences.entries();
  }

  #forgetOldest(): void {
    const [name, sequence] = this.#order.shift() as readonly [string, number];
    if (this.#sequences.get(name) === sequence) this.#sequences.delete(name);
  }
}
