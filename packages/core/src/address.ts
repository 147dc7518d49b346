import { readUint32, smallFrame, writeUint32 } from "./frames.js";

const EPOCH_BYTES = 8;
const ADDRESS_BYTES = 16;
const HIGH_OFFSET = EPOCH_BYTES;
const LOW_OFFSET = EPOCH_BYTES + 4;
const WORD = 2 ** 32;

/**
 * Names requests on their way through a queue to its workers. A worker is given one opaque frame for the
 * whole envelope of the client, so that workers which know of one address frame only, as many in the guide
 * do, serve clients with any envelope. The frame holds the epoch of the queue, 8 bytes, and a
 * number: what a worker kept from an earlier life of the queue is not taken for something of this one.
 */
export class Addresses {
  readonly #epoch: Uint8Array;

  /** @param epoch - 8 random bytes that no other life of this queue uses */
  constructor(epoch: Uint8Array) {
    if (epoch.length !== EPOCH_BYTES) {
      throw new RangeError(`Addresses: the epoch must have ${EPOCH_BYTES} bytes, got ${epoch.length}`);
    }
    this.#epoch = epoch.slice();
  }

  /** The frame for a number from 0 to 2^53 - 1. */
  encode(number: number): Uint8Array {
    const frame = smallFrame(ADDRESS_BYTES);
    frame.set(this.#epoch);
    writeUint32(frame, HIGH_OFFSET, Math.floor(number / WORD));
    writeUint32(frame, LOW_OFFSET, number % WORD);
    return frame;
  }

  /** The number in a frame, or `undefined` if it is none of this queue's. */
  decode(frame: Uint8Array): number | undefined {
    if (frame.length !== ADDRESS_BYTES) return undefined;
    for (let index = 0; index < EPOCH_BYTES; index++) {
      if (frame[index] !== this.#epoch[index]) return undefined;
    }
    const number = readUint32(frame, HIGH_OFFSET) * WORD + readUint32(frame, LOW_OFFSET);
    // A larger one was not made here, and cannot even be told from its neighbours.
    return Number.isSafeInteger(number) ? number : undefined;
  }
}
