/** A place in a {@link DeadlineQueue}; hold on to it to cancel or move the deadline. */
export interface DeadlineEntry<T> {
  readonly item: T;
  /** When it is due, on the caller's clock. */
  readonly at: number;
}

/** Positions of a {@link Slot} that is not in the heap. */
const NOWHERE = -1;
const IN_LINE = -2;

class Slot<T> implements DeadlineEntry<T> {
  readonly item: T;
  at: number;
  /** Breaks ties, so that equal deadlines fall due in the order in which they were set. */
  order: number;
  /** Position in the heap, if it is there. */
  index = NOWHERE;
  /** Its neighbours in the line, if it is there. */
  previous: Slot<T> | undefined = undefined;
  next: Slot<T> | undefined = undefined;

  constructor(item: T, at: number, order: number) {
    this.item = item;
    this.at = at;
    this.order = order;
  }
}

/**
 * Many deadlines, one timer. Most deadlines are set in the order in which they fall due, since what waits
 * waits equally long: these stand in a line, where setting and cancelling cost the same however many there are. Those
 * that are set out of order go to a binary heap whose entries know their place, and cost O(log n). Nothing cancelled
 * stays behind. Equal deadlines fall due in the order in which they were set.
 */
export class DeadlineQueue<T> {
  #first: Slot<T> | undefined;
  #last: Slot<T> | undefined;
  #lineLength = 0;
  readonly #heap: Slot<T>[] = [];
  #order = 0;

  /** How many deadlines are pending. */
  get size(): number {
    return this.#lineLength + this.#heap.length;
  }

  /** The earliest deadline, or `undefined` if none is pending. */
  get deadline(): number | undefined {
    return this.#earliest()?.at;
  }

  /** The item whose deadline is the earliest, which stays, or `undefined`. */
  get first(): T | undefined {
    return this.#earliest()?.item;
  }

  /** Sets a deadline for `item`. */
  add(item: T, at: number): DeadlineEntry<T> {
    const slot = new Slot(item, at, this.#order++);
    this.#enter(slot);
    return slot;
  }

  /** Moves a pending deadline, or sets it again if it was cancelled or has fallen due. */
  move(entry: DeadlineEntry<T>, at: number): void {
    const slot = entry as Slot<T>;
    this.cancel(slot);
    slot.at = at;
    slot.order = this.#order++;
    this.#enter(slot);
  }

  /** Withdraws a deadline; harmless if it is no longer pending. */
  cancel(entry: DeadlineEntry<T>): void {
    const slot = entry as Slot<T>;
    const { index } = slot;
    if (index === NOWHERE) return;
    slot.index = NOWHERE;
    if (index === IN_LINE) this.#leaveLine(slot);
    else this.#leaveHeap(slot, index);
  }

  /** Removes and returns the next item that is due at `now`, or `undefined`. */
  takeDue(now: number): T | undefined {
    const first = this.#earliest();
    if (first === undefined || first.at > now) return undefined;
    this.cancel(first);
    return first.item;
  }

  #earliest(): Slot<T> | undefined {
    const top = this.#heap[0];
    const front = this.#first;
    if (top === undefined || front === undefined) return front ?? top;
    return before(top, front) ? top : front;
  }

  #enter(slot: Slot<T>): void {
    const last = this.#last;
    if (last !== undefined && slot.at < last.at) {
      slot.index = this.#heap.length;
      this.#heap.push(slot);
      return this.#rise(slot);
    }
    slot.index = IN_LINE;
    slot.previous = last;
    if (last === undefined) this.#first = slot;
    else last.next = slot;
    this.#last = slot;
    this.#lineLength += 1;
  }

  #leaveLine(slot: Slot<T>): void {
    const { previous, next } = slot;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    slot.previous = undefined;
    slot.next = undefined;
    this.#lineLength -= 1;
  }

  #leaveHeap(slot: Slot<T>, index: number): void {
    const last = this.#heap.pop() as Slot<T>;
    if (last === slot) return;
    last.index = index;
    this.#heap[index] = last;
    this.#rise(last);
    this.#sink(last);
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
