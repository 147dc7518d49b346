import { Link, LinkedList } from "../linked-list.js";
import { integer, resolveOptions } from "../options.js";

/** How `serve` runs its handler. */
export interface ServeOptions {
  /** Handlers that may run at the same time, up to 100,000. Default 1. */
  concurrency?: number | undefined;
}

const serveSchema = { concurrency: integer(1, { max: 100_000 }) };

type Waiter<T> = (result: IteratorResult<T, undefined>) => void;

/** What an {@link Inbox} asks for. */
export interface InboxOwner {
  /** The application asks for `count` more; {@link Inbox.hand} answers each. */
  demand(count: number): void;
  /**
   * `count` of those that were asked for and did not come are wanted no more. Those that go on asking ask for up to
   * `concurrency` at a time.
   */
  withdraw(count: number, concurrency: number): void;
}

const END = { done: true, value: undefined } as const;

/** Where a role leaves requests for the application, which takes each when it can. */
export class Inbox<T> {
  readonly #owner: InboxOwner;
  readonly #waiters = new LinkedList<Waiter<T>>();
  /** What the iterations that are not over have asked for at a time, at most. */
  #concurrency = 0;
  #isClosed = false;

  constructor(owner: InboxOwner) {
    this.#owner = owner;
  }

  /** Hands over what was asked for. */
  hand(item: T): void {
    this.#waiters.shift()?.({ done: false, value: item });
  }

  /** Ends all iterations. */
  close(): void {
    this.#isClosed = true;
    while (this.#waiters.length > 0) this.#waiters.shift()?.(END);
  }

  /**
   * An iterator of which each call of `next()` takes one. It ends when the inbox is closed, or by `return()`, which
   * withdraws what it has asked for.
   */
  iterator(): Required<Pick<AsyncIterator<T, undefined>, "next" | "return">> {
    const own = new Set<Link<Waiter<T>>>();
    let most = 0;
    let isOver = false;
    return {
      next: () => {
        if (isOver || this.#isClosed) return Promise.resolve(END);
        const item = this.#wait(own);
        this.#concurrency += Math.max(0, own.size - most);
        most = Math.max(most, own.size);
        this.#owner.demand(1);
        return item;
      },
      return: () => {
        if (!isOver && !this.#isClosed && most > 0) {
          this.#concurrency -= most;
          const open = [...own];
          for (const link of open) link.unlink();
          for (const { item: waiter } of open) waiter(END);
          this.#owner.withdraw(open.length, this.#concurrency);
        }
        isOver = true;
        return Promise.resolve(END);
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
    if (this.#isClosed) return;
    const firsts = Array.from({ length: concurrency }, () => this.#wait());
    this.#concurrency += concurrency;
    // At once: what is told of it elsewhere is told once.
    this.#owner.demand(concurrency);
    const rest: AsyncIterable<T> = { [Symbol.asyncIterator]: () => ({ next: () => this.#another() }) };
    const runner = async (first: Promise<IteratorResult<T, undefined>>): Promise<void> => {
      const { done, value } = await first;
      if (done) return;
      await work(value);
      for await (const item of rest) await work(item);
    };
    await Promise.all(firsts.map(runner));
  }

  #another(): Promise<IteratorResult<T, undefined>> {
    if (this.#isClosed) return Promise.resolve(END);
    const item = this.#wait();
    this.#owner.demand(1);
    return item;
  }

  /** @param own - where it is entered for as long as it waits */
  #wait(own?: Set<Link<Waiter<T>>>): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve) => {
      const link: Link<Waiter<T>> = new Link((result) => {
        own?.delete(link);
        resolve(result);
      });
      own?.add(link);
      this.#waiters.append(link);
    });
  }
}
