/** A place in a {@link DeadlineQueue}; hold on to it to cancel or move the deadline. */
export interface DeadlineEntry<T> {
  readonly item: T;
  /** When it is due, on the caller's clock. */
  readonly at: number;
}

interface Slot<T> extends DeadlineEntry<T> {
  at: number;
  /** Breaks ties, so that equal deadlines fall due in the order in which they were set. */
  order: number;
  /** Position in the heap, -1 when not in it. */
  index: number;
}

/**
 * Many deadlines, one timer: a binary heap whose entries know their place, so that setting,
 * moving and cancelling cost O(log n) and nothing cancelled stays behind. Equal deadlines fall
 * due in the order in which they were set.
 */
export class DeadlineQueue<T> {
  readonly #heap: Slot<T>[] = [];
  #order = 0;

  /** How many deadlines are pending. */
  get size(): number {
    return this.#heap.length;
  }

  /** The earliest deadline, or `undefined` if none is pending. */
  get deadline(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** The item whose deadline is the earliest, which stays, or `undefined`. */
  get first(): T | undefined {
    return this.#heap[0]?.item;
  }

  /** Sets a deadline for `item`. */
  add(item: T, at: number): DeadlineEntry<T> {
    const slot: Slot<T> = { item, at, order: this.#order++, index: this.#heap.length };
    this.#heap.push(slot);
    this.#rise(slot);
    return slot;
  }

  /** Moves a pending deadline, or sets it again if it was cancelled or has fallen due. */
  move(entry: DeadlineEntry<T>, at: number): void {
    const slot = entry as Slot<T>;
    slot.at = at;
    slot.order = this.#order++;
    if (slot.index === -1) {
      slot.index = this.#heap.length;
      this.#heap.push(slot);
    }
    this.#rise(slot);
    this.#sink(slot);
  }

  /** Withdraws a deadline; harmless if it is no longer pending. */
  cancel(entry: DeadlineEntry<T>): void {
    const slot = entry as Slot<T>;
    const { index } = slot;
    if (index === -1) return;
    slot.index = -1;
    const last = this.#heap.pop() as Slot<T>;
    if (last === slot) return;
    last.index = index;
    this.#heap[index] = last;
    this.#rise(last);
    this.#sink(last);
  }

  /** Removes and returns the next item that is due at `now`, or `undefined`. */
  takeDue(now: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.cancel(first);
    return first.item;
  }

  #rise(slot: Slot<T>): void {
    const heap = this.#heap;
    let { index } = slot;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex] as Slot<T>;
      if (!before(slot, parent)) break;
      heap[index] = parent;
      parent.index = index;
      index = parentIndex;
    }
    heap[index] = slot;
    slot.index = index;
  }

  #sink(slot: Slot<T>): void {
    const heap = this.#heap;
    let { index } = slot;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      if (child === undefined) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (!before(child, slot)) break;
      heap[index] = child;
      child.index = index;
      index = childIndex;
    }
    heap[index] = slot;
    slot.index = index;
  }
}

function before<T>(a: Slot<T>, b: Slot<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
