import { keptFrame, smallFrame } from "@seaworthy/core";
import type { Changes, Ground, GroundEntry } from "./ledger-ground.js";
import type { StoreError } from "./store-errors.js";

/** Keys that one chunk holds before it is split. */
const CHUNK_KEYS = 256;

/** An ordered map in memory: values by key, and the sorted keys in chunks, so that none of them gets long. */
export class MemoryGround implements Ground {
  readonly #values = new Map<string, Uint8Array>();
  #chunks: string[][] = [[]];

  get(key: string): Uint8Array | undefined {
    const value = this.#values.get(key);
    return value && given(value);
  }

  range(from: string, to: string, limit: number): readonly GroundEntry[] {
    const entries: GroundEntry[] = [];
    let chunk = this.#chunkOf(from);
    let index = position(this.#chunks[chunk] as string[], from);
    while (entries.length < limit && chunk < this.#chunks.length) {
      const key = (this.#chunks[chunk] as string[])[index];
      if (key === undefined) {
        chunk += 1;
        index = 0;
        continue;
      }
      if (key >= to) break;
      entries.push({ key, value: this.get(key) as Uint8Array });
      index += 1;
    }
    return entries;
  }

  commit(changes: Changes, done: (error?: StoreError) => void): void {
    this.apply(changes);
    done();
  }

  /** Makes changes at once. */
  apply(changes: Changes): void {
    for (const [key, value] of changes) {
      if (value === undefined) this.#remove(key);
      else this.#put(key, value);
    }
  }

  #put(key: string, value: Uint8Array): void {
    const isNew = !this.#values.has(key);
    this.#values.set(key, kept(value));
    if (!isNew) return;
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index] as string[];
    chunk.splice(position(chunk, key), 0, key);
    if (chunk.length > CHUNK_KEYS) this.#chunks.splice(index + 1, 0, chunk.splice(CHUNK_KEYS / 2));
  }

  #remove(key: string): void {
    if (!this.#values.delete(key)) return;
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index] as string[];
    chunk.splice(position(chunk, key), 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(index, 1);
  }

  /** The chunk that a key belongs to: the last one that begins at or before it. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const first = this.#chunks[middle]?.[0];
      if (first !== undefined && first <= key) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Up to this size a copy that soon goes again shares its memory with others, in bytes: that costs least. */
const SHARED_BYTES = 1024;

/** A copy for whoever asks: what is in the map stays as it is. */
function given(value: Uint8Array): Uint8Array {
  if (value.length > SHARED_BYTES) return value.slice();
  const copy = smallFrame(value.length);
  copy.set(value);
  return copy;
}

/** A copy that is the map's own. */
function kept(value: Uint8Array): Uint8Array {
  const copy = keptFrame(value);
  return copy === value ? value.slice() : copy;
}

/** Where a key is in a sorted chunk, or would be. */
function position(chunk: readonly string[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunk[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
