import { type AbortedError, LimitError } from "@seaworthy/core";
import type { MapChange } from "./client-entry.js";
import type { Watcher } from "./watchers.js";

type Next<T> = IteratorResult<T, undefined>;

/** A call of `next()` that found nothing. */
interface Waiter<T> {
  resolve(result: Next<T>): void;
  reject(error: Error): void;
}

const END = { done: true, value: undefined } as const;

/** The changes that a watcher collects, for one reader. */
export class Watch<T> implements AsyncIterableIterator<T, undefined> {
  readonly #watcher: Watcher;
  readonly #convert: (change: MapChange) => T;
  readonly #stop: () => void;
  #waiters: Waiter<T>[] = [];
  #isOver = false;
  /** What the next call is to be rejected with, once. */
  #error: LimitError | AbortedError | undefined;

  /**
   * @param convert - what the application gets to see of a change
   * @param stop - collects no more; called once
   */
  constructor(watcher: Watcher, convert: (change: MapChange) => T, stop: () => void) {
    this.#watcher = watcher;
    this.#convert = convert;
    this.#stop = stop;
  }

  next(): Promise<Next<T>> {
    const result = this.#take();
    if (result !== undefined) return result;
    this.#watcher.isAwaited = true;
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  return(): Promise<Next<T>> {
    this.end();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** There may be something for whoever waits. */
  changed(): void {
    for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
      const result = this.#take();
      if (result === undefined) {
        this.#watcher.isAwaited = true;
        return;
      }
      this.#waiters.shift();
      result.then(waiter.resolve, waiter.reject);
    }
  }

  /** There is no more; whoever waits, or calls next, is told why if there is a reason. */
  end(error?: AbortedError): void {
    if (this.#isOver) return;
    this.#error = error;
    this.#close();
    this.changed();
  }

  #take(): Promise<Next<T>> | undefined {
    const watcher = this.#watcher;
    const change = watcher.take();
    if (change !== undefined) return Promise.resolve({ done: false, value: this.#convert(change) });
    if (watcher.hasOverflowed && !this.#isOver) {
      this.#error = new LimitError("maxQueued", watcher.maxQueued, "the reader of a watch is too far behind");
      this.#close();
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) return Promise.reject(error);
    return this.#isOver ? Promise.resolve(END) : undefined;
  }

  #close(): void {
    this.#isOver = true;
    this.#watcher.clear();
    this.#stop();
  }
}
