import { StreamParts } from "./stream-parts.js";

/** What a stream does to its request. */
interface StreamActions<T> {
  /** Make the request; its parts go where is said. Returns the number that it is known by. */
  begin(parts: StreamParts<T>): number;
  /** A part was handed over. */
  read(call: number, part: T): void;
  /** Nobody wants the rest. */
  cancel(call: number): void;
}

/**
 * Reads the parts of a stream, whose request is made when the first one is asked for. A generator function
 * would let `return()` wait behind a `next()` that waits for a part.
 */
export class StreamReader<T> implements AsyncGenerator<T, void, undefined> {
  readonly #actions: StreamActions<T>;
  readonly #parts: StreamParts<T>;
  #hasBegun = false;
  #call = 0;

  constructor(actions: StreamActions<T>) {
    this.#actions = actions;
    this.#parts = new StreamParts((part) => actions.read(this.#call, part));
  }

  async next(): Promise<IteratorResult<T, void>> {
    if (!this.#hasBegun) this.#begin();
    return this.#parts.next();
  }

  /** Ends the stream at once, and whatever `next()` still waits ends as after the last part. */
  async return(): Promise<IteratorResult<T, void>> {
    this.#stop();
    return { value: undefined, done: true };
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#stop();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
  }

  #begin(): void {
    this.#hasBegun = true;
    try {
      this.#call = this.#actions.begin(this.#parts);
    } catch (error) {
      this.#parts.close();
      throw error;
    }
  }

  #stop(): void {
    const isOpen = this.#hasBegun && !this.#parts.isOver;
    this.#hasBegun = true;
    this.#parts.close();
    if (isOpen) this.#actions.cancel(this.#call);
  }
}
