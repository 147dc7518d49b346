// Promises of a simulation: they go on in virtual time, since those of the engine would only when a run is over.

/** What will be known later: calls back at once when it is. */
export class Word<T> implements PromiseLike<T> {
  #outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  readonly #waiting: (() => void)[] = [];

  keep(value: T): void {
    this.#settle({ value });
  }

  break(error: unknown): void {
    this.#settle({ error });
  }

  // biome-ignore lint/suspicious/noThenProperty: it stands in for a promise
  then<R = T, E = never>(
    kept?: ((value: T) => R | PromiseLike<R>) | null,
    broken?: ((error: unknown) => E | PromiseLike<E>) | null,
  ): PromiseLike<R | E> {
    const tell = (): void => {
      if (this.#outcome === undefined) return;
      if ("value" in this.#outcome) kept?.(this.#outcome.value);
      else broken?.(this.#outcome.error);
    };
    if (this.#outcome === undefined) this.#waiting.push(tell);
    else tell();
    // Nobody goes on from here: see `Epochs`.
    return new Word<R | E>();
  }

  #settle(outcome: { readonly value: T } | { readonly error: unknown }): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    for (const tell of this.#waiting) tell();
  }
}
