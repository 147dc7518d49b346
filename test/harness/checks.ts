/** Waits for conditions on what its owner keeps: the owner says when it may have changed. */
export class Checks {
  readonly #waiting = new Set<() => void>();

  /** Resolves when the condition holds. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
    });
  }

  /** Something has changed. */
  run(): void {
    for (const check of this.#waiting) check();
  }
}
