import { integer, resolveOptions } from "../options.js";

/** How `serve` runs its handler. */
export interface ServeOptions {
  /** Handlers that may run at the same time, up to 100,000. Default 1. */
  concurrency?: number | undefined;
}

const serveSchema = { concurrency: integer(1, { max: 100_000 }) };

type Waiter<T> = (result: IteratorResult<T, undefined>) => void;

/** Where a role leaves requests for the application, which takes each when it can. */
export class Inbox<T> {
  readonly #demand: () => void;
  readonly #waiters: Waiter<T>[] = [];
  #isClosed = false;

  /** @param demand - called each time the application asks for one more; {@link hand} answers it */
  constructor(demand: () => void) {
    this.#demand = demand;
  }

  /** Hands over what was asked for. */
  hand(item: T): void {
    this.#waiters.shift()?.({ done: false, value: item });
  }

  /** Ends all iterations. */
  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters.splice(0)) waiter({ done: true, value: undefined });
  }

  /** An iterator of which each call of `next()` takes one. It ends when the inbox is closed. */
  iterator(): AsyncIterator<T, undefined> {
    return {
      next: () => {
        if (this.#isClosed) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => {
          this.#waiters.push(resolve);
          this.#demand();
        });
      },
    };
  }

  /**
   * Lets `work` see to each item, for up to `concurrency` at a time, until the inbox is closed.
   *
   * @param owner - the name that error messages begin with
   * @param handler - the application's, only checked here
   * @throws (by rejecting) TypeError or RangeError that names what is wrong
   */
  async serve(
    owner: string,
    handler: unknown,
    options: ServeOptions,
    work: (item: T) => Promise<void>,
  ): Promise<void> {
    if (typeof handler !== "function") throw new TypeError(`${owner}.serve: the handler must be a function`);
    const { concurrency } = resolveOptions(`${owner}.serve`, serveSchema, options);
    const items: AsyncIterable<T> = { [Symbol.asyncIterator]: () => this.iterator() };
    const runner = async (): Promise<void> => {
      for await (const item of items) await work(item);
    };
    await Promise.all(Array.from({ length: concurrency }, runner));
  }
}
