/**
 * The machine contract. A machine is the protocol of one role without its surroundings: plain
 * synchronous code that never touches a socket, a clock or a random number generator of its own.
 * Time comes in as an argument, randomness as an option, messages as values. The same machine
 * object is hosted by the real role, by the simulator, by unit tests and by a browser.
 */

/**
 * The host's own process did not run for `ms` milliseconds (a long handler, a garbage collection,
 * SIGSTOP, a closed laptop lid). What peers said meanwhile has been delivered before this input,
 * as far as it had arrived. A machine that judges peers by their silence gives them more time.
 */
export interface Stalled {
  readonly type: "stalled";
  readonly ms: number;
}

/**
 * What every machine offers to its host. `now` never decreases from call to call.
 *
 * The host calls `handle` for everything that happens and `tick` when `deadline` has come; after
 * either it calls `take` until it returns `undefined` and does what each output says, then reads
 * `deadline` again.
 */
export interface Machine<Input, Output> {
  /** Something happened: a command of a peer, a call by the application, a connection gone. */
  handle(input: Input | Stalled, now: number): void;
  /** Deadlines up to `now` are due. Only here may a machine conclude anything from the time. */
  tick(now: number): void;
  /** Earliest time at which `tick` has work to do, or `undefined`. */
  readonly deadline: number | undefined;
  /** The next output in order, or `undefined` when there is none. */
  take(): Output | undefined;
}

/** A {@link Fifo} keeps so many places when it is empty. Where more have become free in front, the array is made anew. */
const KEPT_PLACES = 1024;

/** A first-in, first-out queue whose `shift` costs the same however long it is. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;
  #end = 0;

  /** How many items wait. */
  get length(): number {
    return this.#end - this.#head;
  }

  push(item: T): void {
    this.#items[this.#end] = item;
    this.#end += 1;
  }

  /** The oldest item, which stays, or `undefined`. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Removes and returns the oldest item, or `undefined`. */
  shift(): T | undefined {
    const head = this.#head;
    if (head === this.#end) return undefined;
    const item = this.#items[head];
    this.#items[head] = undefined;
    this.#head = head + 1;
    if (this.#head === this.#end) this.#rewind();
    else if (this.#head >= KEPT_PLACES && this.#head * 2 >= this.#end) this.#compact();
    return item;
  }

  /** Forgets everything. */
  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#end = 0;
  }

  /** Empty, most often after one item: an array that is made shorter has to be given its memory anew. */
  #rewind(): void {
    this.#head = 0;
    this.#end = 0;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head, this.#end);
    this.#end -= this.#head;
    this.#head = 0;
  }
}
