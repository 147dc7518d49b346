/** Largest sequence number: 64 bits, all set. */
export const MAX_SEQUENCE: bigint = 2n ** 64n - 1n;

/**
 * Hands out consecutive 64-bit numbers within one epoch. An epoch is one life of the sender: a
 * restarted sender takes a new one, and receivers then know that numbering begins again.
 */
export class SequenceSource {
  /** Identifies this life of the sender; 64 bits. */
  readonly epoch: bigint;
  #next: bigint;

  /**
   * @param epoch - 64-bit number that no earlier life of this sender used: random, or from a store
   * @param first - the first number handed out. Default 1.
   * @throws RangeError if either does not fit in 64 unsigned bits
   */
  constructor(epoch: bigint, first = 1n) {
    this.epoch = checked("epoch", epoch);
    this.#next = checked("first", first);
  }

  /**
   * The next number.
   *
   * @throws RangeError after 2^64 - 1: numbers never wrap, because a receiver would take them for
   * duplicates
   */
  next(): bigint {
    const sequence = this.#next;
    if (sequence > MAX_SEQUENCE) throw new RangeError("sequence numbers of this epoch are used up");
    this.#next = sequence + 1n;
    return sequence;
  }
}

/** What the arrival of one number means. */
export type Arrival =
  /** The first number seen from this sender: a late joiner starts where it starts. */
  | { readonly kind: "first" }
  /** The expected number. */
  | { readonly kind: "next" }
  /** Already seen, or older than something already seen. */
  | { readonly kind: "duplicate" }
  /** Numbers `from` to `to` (inclusive, `missing` of them) were passed over. */
  | { readonly kind: "gap"; readonly from: bigint; readonly to: bigint; readonly missing: bigint }
  /** The sender restarted: the epoch is new. Nothing is known of what it sent before this number. */
  | { readonly kind: "restart"; readonly previousEpoch: bigint };

const FIRST: Arrival = { kind: "first" };
const NEXT: Arrival = { kind: "next" };
const DUPLICATE: Arrival = { kind: "duplicate" };

/** Judges the numbers that arrive from one sender over an ordered channel. */
export class SequenceTracker {
  #epoch: bigint | undefined;
  #last = 0n;

  /** Epoch of the newest arrival, or `undefined` before the first. */
  get epoch(): bigint | undefined {
    return this.#epoch;
  }

  /** Highest number seen in this epoch, or `undefined` before the first. */
  get last(): bigint | undefined {
    return this.#epoch === undefined ? undefined : this.#last;
  }

  /**
   * Takes note of one arrival and says what it means. After a gap the tracker goes on from the
   * number that arrived, so that one gap is reported once.
   */
  observe(epoch: bigint, sequence: bigint): Arrival {
    const previousEpoch = this.#epoch;
    if (previousEpoch !== epoch) {
      this.#epoch = epoch;
      this.#last = sequence;
      return previousEpoch === undefined ? FIRST : { kind: "restart", previousEpoch };
    }
    const last = this.#last;
    if (sequence <= last) return DUPLICATE;
    this.#last = sequence;
    if (sequence === last + 1n) return NEXT;
    return { kind: "gap", from: last + 1n, to: sequence - 1n, missing: sequence - last - 1n };
  }

  /** Takes a number as seen without judging it, for example that of a snapshot. */
  reset(epoch: bigint, sequence: bigint): void {
    this.#epoch = epoch;
    this.#last = sequence;
  }
}

function checked(name: string, value: bigint): bigint {
  if (value < 0n || value > MAX_SEQUENCE) {
    throw new RangeError(`${name} must fit in 64 unsigned bits, got ${value}n`);
  }
  return value;
}
