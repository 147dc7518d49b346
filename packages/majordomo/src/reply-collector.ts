import { memoryOf } from "@seaworthy/core";
import { PartOrder } from "./part-order.js";

/** What a part costs in memory besides its bytes, about: empty ones are not free. */
const PART_OVERHEAD_BYTES = 384;

/** Parts of one reply, joined. */
interface Collection {
  readonly frames: Uint8Array[];
  /** What they cost, in bytes. */
  readonly bytes: number;
}

interface OpenCollection extends Collection {
  readonly order: PartOrder;
  bytes: number;
}

/**
 * The parts of one reply, joined to one body. Each connection has a collection of its own, since a retry may
 * bring parts of two runs at a time; a collection with a gap is thrown away.
 */
export class ReplyCollector {
  readonly #bySocket = new Map<number, OpenCollection>();

  /** Takes a part; returns the collection that it belongs to, or `undefined` if a part before it is missing. */
  add(socket: number, index: number, delivery: number, body: Uint8Array[]): Collection | undefined {
    const collection = this.#bySocket.get(socket) ?? { order: new PartOrder(), frames: [], bytes: 0 };
    const arrival = collection.order.take(index, delivery);
    if (arrival === "gap") {
      this.#bySocket.delete(socket);
      return undefined;
    }
    if (arrival === "restart") {
      collection.frames.length = 0;
      collection.bytes = 0;
    }
    // One by one: as arguments of one call, very many of them would overflow the stack.
    for (const frame of body) collection.frames.push(frame);
    collection.bytes += memoryOf(body) + PART_OVERHEAD_BYTES;
    this.#bySocket.set(socket, collection);
    return collection;
  }
}
