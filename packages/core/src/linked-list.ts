/** A place in a {@link LinkedList}, made once and used again: in at most one list at a time. */
export class Link<T> {
  readonly item: T;
  /** @internal */
  list: LinkedList<T> | undefined;
  /** @internal */
  previous: Link<T> | undefined;
  /** @internal */
  next: Link<T> | undefined;

  constructor(item: T) {
    this.item = item;
  }

  /** Whether it is in a list. */
  get isLinked(): boolean {
    return this.list !== undefined;
  }

  /** Leaves its list; harmless if it is in none. */
  unlink(): void {
    this.list?.remove(this);
  }
}

/**
 * An ordered list whose members can leave from anywhere at the same small cost. What a `Map` or `Set`
 * in insertion order cannot do: those look at the places of all that have left before they find the first.
 */
export class LinkedList<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #length = 0;

  /** How many links are in it. */
  get length(): number {
    return this.#length;
  }

  /** The item in front, which stays, or `undefined`. */
  get first(): T | undefined {
    return this.#first?.item;
  }

  /** The item at the end, which stays, or `undefined`. */
  get last(): T | undefined {
    return this.#last?.item;
  }

  /** Puts a link at the end, taking it out of the list that it is in. */
  append(link: Link<T>): void {
    link.unlink();
    link.list = this;
    link.previous = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#length += 1;
  }

  /** Takes out the item in front and returns it, or `undefined`. */
  shift(): T | undefined {
    const link = this.#first;
    if (link === undefined) return undefined;
    this.remove(link);
    return link.item;
  }

  /** Takes out the item at the end and returns it, or `undefined`. */
  pop(): T | undefined {
    const link = this.#last;
    if (link === undefined) return undefined;
    this.remove(link);
    return link.item;
  }

  /** Takes a link out; harmless if it is not in this list. */
  remove(link: Link<T>): void {
    if (link.list !== this) return;
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    link.list = undefined;
    link.previous = undefined;
    link.next = undefined;
    this.#length -= 1;
  }

  /** The items in order. The list must not change meanwhile. */
  *[Symbol.iterator](): Generator<T, undefined> {
    for (let link = this.#first; link !== undefined; link = link.next) yield link.item;
  }
}
