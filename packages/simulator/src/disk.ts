/**
 * What a node has on disk: survives its crashes. Values are copied in and out, so that no object
 * in memory lives on through it; writes are durable when `set` returns.
 */
export class Disk {
  readonly #files = new Map<string, unknown>();

  /** Names of all entries, in the order in which they were first written. */
  keys(): string[] {
    return [...this.#files.keys()];
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** A copy of what is stored, or `undefined`. */
  get<T>(name: string): T | undefined {
    return structuredClone(this.#files.get(name)) as T | undefined;
  }

  /** @throws DOMException if the value cannot be copied (functions, for one) */
  set(name: string, value: unknown): void {
    this.#files.set(name, structuredClone(value));
  }

  delete(name: string): boolean {
    return this.#files.delete(name);
  }
}
