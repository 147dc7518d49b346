import { Fifo, type Frames } from "@seaworthy/core";
import type { End } from "./connection.js";
import type { Event, EventEntry } from "./event-loop.js";
import type { Network } from "./network.js";

/** What travels on a connection. */
export type Segment =
  | { readonly type: "data"; readonly frames: Frames; arriveAt: number }
  | { readonly type: "subscribe"; readonly prefix: Uint8Array; arriveAt: number }
  | { readonly type: "connect" | "accept" | "ready" | "end" | "reset"; arriveAt: number };

/** A segment that has not been given its time of arrival. */
export type Unsent =
  | { readonly type: "data"; readonly frames: Frames }
  | { readonly type: "subscribe"; readonly prefix: Uint8Array }
  | { readonly type: "connect" | "accept" | "ready" | "end" | "reset" };

/** Not by a spread, which costs as much as all the rest of sending. */
function stamped(unsent: Unsent, arriveAt: number): Segment {
  if (unsent.type === "data") return { type: "data", frames: unsent.frames, arriveAt };
  if (unsent.type === "subscribe") return { type: "subscribe", prefix: unsent.prefix, arriveAt };
  return { type: unsent.type, arriveAt };
}

/**
 * One direction of a connection, as TCP gives it: in order, lossless while the connection lives,
 * and with room for a bounded number of messages that the other side's I/O thread has not read.
 */
export class Channel implements Event {
  readonly #network: Network;
  readonly #from: End;
  readonly #to: End;
  readonly #wire = new Fifo<Segment>();
  /** First of the wire; the one whose arrival is scheduled. */
  #head: Segment | undefined;
  /** Arrived, and not yet read by the I/O thread. */
  readonly #kernel = new Fifo<Segment>();
  #entry: EventEntry | undefined;
  #lastArrival = 0;
  #room: number;
  /** Acknowledgements that a partition of the way back holds up. */
  #unacknowledged = 0;
  #isHeld = false;
  #isClosed = false;
  #isReset = false;

  constructor(network: Network, from: End, to: End, windowMessages: number) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
    this.#room = windowMessages;
  }

  /** True while the sender's kernel takes another message. */
  get hasRoom(): boolean {
    return this.#room > 0;
  }

  /** True if nothing is under way to the other end. */
  get isEmpty(): boolean {
    return this.#head === undefined && this.#kernel.length === 0;
  }

  /** True if something has arrived that the I/O thread has not read. */
  get hasUnread(): boolean {
    return this.#kernel.length > 0;
  }

  /** Puts a segment on the wire. On a connection that is no more it gets lost. */
  transmit(unsent: Unsent): void {
    if (unsent.type === "data") this.#room -= 1;
    if (this.#isClosed) return;
    const { loop } = this.#network;
    const arriveAt = loop.now + this.#network.latency(this.#from.node, this.#to.node);
    this.#lastArrival = Math.max(this.#lastArrival, arriveAt);
    const segment = stamped(unsent, this.#lastArrival);
    if (this.#head === undefined) {
      this.#head = segment;
      this.#arm(segment.arriveAt);
    } else this.#wire.push(segment);
  }

  /** The last segment: what was sent before it still arrives. */
  end(): void {
    this.transmit({ type: "end" });
    this.#isClosed = true;
  }

  /** The connection breaks: what is in flight or unread is lost, and the other end is told. */
  reset(): void {
    this.close();
    this.#isReset = true;
    this.#isClosed = false;
    this.transmit({ type: "reset" });
    this.#isClosed = true;
  }

  /** Nobody is left to tell: everything is lost. */
  close(): void {
    this.#isClosed = true;
    this.#isHeld = false;
    this.#wire.clear();
    this.#kernel.clear();
    this.#head = undefined;
    if (this.#entry !== undefined) this.#network.loop.cancel(this.#entry);
  }

  /** The first segment arrives, unless a partition holds it up. */
  run(): void {
    const segment = this.#head as Segment;
    if (this.#network.isBlocked(this.#from.node, this.#to.node)) {
      this.#isHeld = true;
      return;
    }
    this.#head = this.#wire.shift();
    if (this.#head !== undefined) this.#arm(this.#head.arriveAt);
    if (this.#kernel.length > 0 || !this.#to.canRead(segment.type)) this.#kernel.push(segment);
    else this.#read(segment);
  }

  /** The I/O thread reads what it can of what has arrived. */
  pull(): void {
    const type = this.#isReset ? "reset" : "data";
    while (this.#kernel.length > 0 && this.#to.canRead(type)) this.#read(this.#kernel.shift() as Segment);
  }

  /** Partitions changed: held segments are sent again, held acknowledgements come back. */
  partitionsChanged(): void {
    const { loop } = this.#network;
    if (this.#isHeld && !this.#network.isBlocked(this.#from.node, this.#to.node)) {
      this.#isHeld = false;
      const arriveAt = loop.now + this.#network.latency(this.#from.node, this.#to.node);
      this.#lastArrival = Math.max(this.#lastArrival, arriveAt);
      if (this.#head !== undefined) this.#arm(arriveAt);
    }
    if (this.#unacknowledged > 0 && !this.#network.isBlocked(this.#to.node, this.#from.node)) {
      this.#room += this.#unacknowledged;
      this.#unacknowledged = 0;
      this.#from.flush();
    }
  }

  #read(segment: Segment): void {
    if (segment.type === "data") this.#acknowledge();
    this.#to.read(segment);
  }

  #acknowledge(): void {
    if (this.#network.isBlocked(this.#to.node, this.#from.node)) {
      this.#unacknowledged += 1;
      return;
    }
    this.#room += 1;
    if (this.#from.wantsRoom) this.#from.flush();
  }

  #arm(at: number): void {
    const { loop } = this.#network;
    if (this.#entry === undefined) this.#entry = loop.add(this, at);
    else loop.move(this.#entry, at);
  }
}
