/** Passes on to a server what its store hears of other servers. */
export class StoreNews {
  readonly #workListeners: ((service: Uint8Array) => void)[] = [];
  readonly #removalListeners: ((id: Uint8Array) => void)[] = [];

  /** See `TitanicStore.onWork`. */
  onWork(listener: (service: Uint8Array) => void): void {
    this.#workListeners.push(listener);
  }

  /** See `TitanicStore.onRemoved`. */
  onRemoved(listener: (id: Uint8Array) => void): void {
    this.#removalListeners.push(listener);
  }

  /** A service has work. */
  work(service: Uint8Array): void {
    for (const listener of this.#workListeners) listener(service);
  }

  /** A request was removed. */
  removed(id: Uint8Array): void {
    for (const listener of this.#removalListeners) listener(id);
  }
}
