import { byteLength, type Frames } from "@seaworthy/core";

/** What a frame costs in memory besides its bytes, about: empty ones are not free, and there may be any number. */
const FRAME_OVERHEAD_BYTES = 384;
/** So many frames cost nothing besides. */
const USUAL_FRAMES = 16;

/** Parts of one reply, for whom 0.1 is spoken with: they go on together with the end of the reply. */
export class CollectedParts {
  readonly #frames: Uint8Array[] = [];
  #bytes = 0;

  /** How many bytes there are, over all frames. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the parts cost, in bytes. */
  get size(): number {
    return this.sizeWith([]);
  }

  /** What the parts and `more` cost together, in bytes. */
  sizeWith(more: Frames): number {
    const count = this.#frames.length + more.length;
    return this.#bytes + byteLength(more) + FRAME_OVERHEAD_BYTES * Math.max(0, count - USUAL_FRAMES);
  }

  add(part: Frames): void {
    // One by one: as arguments of one call, very many of them would overflow the stack.
    for (const frame of part) this.#frames.push(frame);
    this.#bytes += byteLength(part);
  }

  /** All frames, with those of the end of the reply. */
  complete(end: Frames): Uint8Array[] {
    return this.#frames.concat(end);
  }
}
