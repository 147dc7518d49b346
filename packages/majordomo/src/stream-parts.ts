import { Fifo } from "@seaworthy/core";

/** Parts of a stream on their way from the role to whoever reads them, one at a time. */
export class StreamParts<T> {
  readonly #unread = new Fifo<T>();
  #end: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  /** No more parts come. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  push(part: T): void {
    this.#unread.push(part);
    this.#wake?.();
  }

  /** No more parts come; what has come can still be read, before the error if there is one. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** No more parts come, and what has come is not wanted any more. */
  abort(error: Error): void {
    this.#unread.clear();
    this.end(error);
  }

  /**
   * The next part, or `undefined` after the last. One call at a time.
   *
   * @throws (by rejecting) the error that the stream ended with
   */
  async next(): Promise<T | undefined> {
    while (this.#unread.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const part = this.#unread.shift();
    if (part === undefined && this.#end?.error !== undefined) throw this.#end.error;
    return part;
  }
}
