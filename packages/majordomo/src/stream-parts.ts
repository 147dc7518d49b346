import { Fifo } from "@seaworthy/core";

interface Reader<T> {
  resolve(result: IteratorResult<T, void>): void;
  reject(error: Error): void;
}

/** Parts of a stream on their way from the role to whoever reads them. */
export class StreamParts<T> {
  readonly #onRead: (part: T) => void;
  readonly #unread = new Fifo<T>();
  /** Who waits for a part; then none is unread. */
  readonly #readers = new Fifo<Reader<T>>();
  #isOver = false;
  /** What the stream ended with, until somebody has been told. */
  #error: Error | undefined;

  /** @param onRead - told of each part that is handed over */
  constructor(onRead: (part: T) => void) {
    this.#onRead = onRead;
  }

  /** No more parts come. */
  get isOver(): boolean {
    return this.#isOver;
  }

  push(part: T): void {
    if (this.#isOver) return;
    const reader = this.#readers.shift();
    if (reader === undefined) this.#unread.push(part);
    else this.#hand(part, reader);
  }

  /** No more parts come; what has come can still be read, before the error if there is one. */
  end(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift())
      this.#dismiss(reader);
  }

  /** No more parts come, and what has come is not wanted any more. */
  abort(error: Error): void {
    this.#unread.clear();
    this.end(error);
  }

  /** Whoever reads has had enough: there is nothing more to be told, no error either. */
  close(): void {
    this.#unread.clear();
    this.end();
    this.#error = undefined;
  }

  /**
   * The next part, or the end.
   *
   * @throws (by rejecting, once) the error that the stream ended with
   */
  next(): Promise<IteratorResult<T, void>> {
    return new Promise((resolve, reject) => {
      const reader: Reader<T> = { resolve, reject };
      const part = this.#unread.shift();
      if (part !== undefined) this.#hand(part, reader);
      else if (this.#isOver) this.#dismiss(reader);
      else this.#readers.push(reader);
    });
  }

  #hand(part: T, { resolve }: Reader<T>): void {
    this.#onRead(part);
    resolve({ value: part, done: false });
  }

  #dismiss({ resolve, reject }: Reader<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve({ value: undefined, done: true });
    else reject(error);
  }
}
