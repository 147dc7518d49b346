import { isUnreachable } from "./postgres-errors.js";

/** How a kind of statement is made for many callers at once. */
export interface LaneOptions<Item, Result> {
  /** Runs one statement for all of them; resolves to their results, in the same order. */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** Statements under way at a time. Default 1. */
  readonly maxUnderWay?: number;
  /** Items of one statement at most. Default 1024. */
  readonly maxItems?: number;
  /** What an item adds to the size of a statement, in bytes. Default: nothing. */
  size?(item: Item): number;
}

const MAX_ITEMS = 1024;
/** More than this is divided among the statements that may be under way; less is not worth a statement of its own. */
const UNDIVIDED = 64;
/** A larger statement would hold up the ones behind it, and be held in memory several times over. */
const MAX_BYTES = 8 * 1024 * 1024;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly size: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Group commit: what is asked for while a statement is under way goes into the next one, all of it together, so that
 * a thousand callers wait for one sync of the disk and not for a thousand.
 */
export class Lane<Item, Result> {
  readonly #run: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly #size: (item: Item) => number;
  readonly #maxUnderWay: number;
  readonly #maxItems: number;
  #waiting: Waiting<Item, Result>[] = [];
  #underWay = 0;
  #isScheduled = false;
  #whenIdle: (() => void)[] = [];

  constructor({ run, size = () => 0, maxUnderWay = 1, maxItems = MAX_ITEMS }: LaneOptions<Item, Result>) {
    this.#run = run;
    this.#size = size;
    this.#maxUnderWay = maxUnderWay;
    this.#maxItems = maxItems;
  }

  /** Runs the item with others. Rejects with what the statement failed with. */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, size: this.#size(item), resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  get #isIdle(): boolean {
    return this.#waiting.length === 0 && this.#underWay === 0;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#underWay >= this.#maxUnderWay) return;
    this.#isScheduled = true;
    // Whoever else asks in the same turn goes along.
    queueMicrotask(() => {
      this.#isScheduled = false;
      while (this.#waiting.length > 0 && this.#underWay < this.#maxUnderWay) this.#depart(this.#take());
    });
  }

  #take(): Waiting<Item, Result>[] {
    const share = Math.ceil(this.#waiting.length / (this.#maxUnderWay - this.#underWay));
    const most = Math.min(this.#waiting.length, this.#maxItems, Math.max(share, UNDIVIDED));
    let count = 0;
    for (let size = 0; count < most; count++) {
      size += (this.#waiting[count] as Waiting<Item, Result>).size;
      // One that is larger than the limit goes alone.
      if (size > MAX_BYTES && count > 0) break;
    }
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return taken;
  }

  async #depart(taken: readonly Waiting<Item, Result>[]): Promise<void> {
    this.#underWay += 1;
    try {
      const results = await this.#run(taken.map(({ item }) => item));
      for (const [index, { resolve }] of taken.entries()) resolve(results[index] as Result);
    } catch (error) {
      for (const { reject } of taken) reject(error);
      this.#giveUp(error);
    } finally {
      this.#underWay -= 1;
      if (this.#waiting.length > 0) this.#schedule();
      else if (this.#isIdle) this.#tellIdle();
    }
  }

  /** One after the other, those that wait would each find out by a timeout of its own that the database is gone. */
  #giveUp(error: unknown): void {
    if (!isUnreachable(error)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }

  #tellIdle(): void {
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }
}
