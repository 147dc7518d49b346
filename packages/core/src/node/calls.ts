import { AbortedCalls } from "../abort.js";
import { waitAtMost } from "./wait.js";

/** A call of the application that a role has not ended yet. */
interface OpenCall {
  /** Ends it early. */
  readonly signal: AbortSignal | undefined;
}

/** The calls of a client that have not ended, by number, from 1. */
export class OpenCalls<T extends OpenCall> {
  readonly #open = new Map<number, T>();
  readonly #aborted: AbortedCalls;
  #last = 0;
  #idle: (() => void) | undefined;

  /** @param onAbort - told of each open call whose signal has fired */
  constructor(onAbort: (number: number) => void) {
    this.#aborted = new AbortedCalls(onAbort);
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes a call up, whose signal has not fired yet, and returns its number. */
  add(call: T): number {
    const number = ++this.#last;
    this.#open.set(number, call);
    if (call.signal) this.#aborted.add(call.signal, number);
    return number;
  }

  /** An open call. */
  get(number: number): T | undefined {
    return this.#open.get(number);
  }

  /** The call is over; returns it, once. */
  settle(number: number): T | undefined {
    const call = this.#open.get(number);
    if (call === undefined) return undefined;
    this.#open.delete(number);
    if (call.signal) this.#aborted.remove(call.signal, number);
    if (this.#open.size === 0) this.#idle?.();
    return call;
  }

  /** Waits until none is open, for so long at most, in ms. */
  async whenIdle(limitMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    await waitAtMost(limitMs, (done) => {
      this.#idle = done;
    });
  }
}
