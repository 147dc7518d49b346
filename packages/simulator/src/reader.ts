import { Fifo, type Frames } from "@seaworthy/core";
import type { Pipe } from "./pipe.js";
import type { NodeProcess } from "./process.js";

/** Reads a socket's pipes in turn, one message in each turn of the process's main thread. */
export class Reader {
  readonly #process: NodeProcess;
  readonly #handOver: (pipe: Pipe, frames: Frames) => void;
  readonly #readable = new Fifo<Pipe>();
  #isReading = false;

  constructor(process: NodeProcess, handOver: (pipe: Pipe, frames: Frames) => void) {
    this.#process = process;
    this.#handOver = handOver;
  }

  /** There is a message to be handled. */
  arrived(pipe: Pipe, frames: Frames): void {
    pipe.in.push(frames);
    this.#process.unread += 1;
    if (pipe.in.length === 1) this.#readable.push(pipe);
    if (this.#isReading) return;
    this.#isReading = true;
    this.#process.dispatch(this.#read);
  }

  /** Nobody wants what waits in a pipe any more; returns how much that is. */
  forget(pipe: Pipe): number {
    const count = pipe.in.length;
    this.#process.unread -= count;
    pipe.in.clear();
    return count;
  }

  /** Nobody wants anything any more. */
  clear(): void {
    for (let pipe = this.#readable.shift(); pipe !== undefined; pipe = this.#readable.shift()) {
      this.forget(pipe);
    }
  }

  readonly #read = (): void => {
    this.#isReading = false;
    let pipe = this.#readable.shift();
    while (pipe?.in.length === 0) pipe = this.#readable.shift();
    const frames = pipe?.in.shift();
    if (pipe === undefined || frames === undefined) return;
    this.#process.unread -= 1;
    if (pipe.in.length > 0) this.#readable.push(pipe);
    if (this.#readable.length > 0) {
      this.#isReading = true;
      this.#process.post(this.#read);
    }
    this.#handOver(pipe, frames);
  };
}
