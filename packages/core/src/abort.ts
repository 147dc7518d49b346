/**
 * Calls that end when an `AbortSignal` fires. One signal often stands for a whole batch of calls;
 * it gets one listener all the same, and loses it when the last call of the batch is over.
 */
export class AbortedCalls {
  readonly #onAbort: (call: number) => void;
  readonly #groups = new WeakMap<AbortSignal, Group>();

  /** @param onAbort - told of each call whose signal has fired */
  constructor(onAbort: (call: number) => void) {
    this.#onAbort = onAbort;
  }

  /** The call is to end when the signal fires, which it has not yet. */
  add(signal: AbortSignal, call: number): void {
    let group = this.#groups.get(signal);
    if (group === undefined) {
      group = { calls: new Set(), listener: () => this.#fire(signal) };
      this.#groups.set(signal, group);
      signal.addEventListener("abort", group.listener, { once: true });
    }
    group.calls.add(call);
  }

  /** The call is over. */
  remove(signal: AbortSignal, call: number): void {
    const group = this.#groups.get(signal);
    if (group === undefined) return;
    group.calls.delete(call);
    if (group.calls.size > 0) return;
    this.#groups.delete(signal);
    signal.removeEventListener("abort", group.listener);
  }

  #fire(signal: AbortSignal): void {
    const calls = this.#groups.get(signal)?.calls ?? [];
    this.#groups.delete(signal);
    for (const call of calls) this.#onAbort(call);
  }
}

interface Group {
  readonly calls: Set<number>;
  readonly listener: () => void;
}
