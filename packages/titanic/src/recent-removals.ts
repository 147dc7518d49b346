import { frameKey } from "@seaworthy/core";

/**
 * Requests that were removed while something was being claimed: the store may have given one out just before, and tell
 * of it only now.
 */
export class RecentRemovals {
  /** Claims begun before each removal, the oldest first. */
  readonly #removed = new Map<string, number>();
  /** Claims under way by number, the oldest first. */
  readonly #underWay = new Set<number>();
  #begun = 0;

  /** @returns the number of the claim */
  claimBegins(): number {
    this.#begun += 1;
    this.#underWay.add(this.#begun);
    return this.#begun;
  }

  /** What it gave has been looked at. */
  claimOver(claim: number): void {
    this.#underWay.delete(claim);
    const [oldest = Number.POSITIVE_INFINITY] = this.#underWay;
    for (const [key, begun] of this.#removed) {
      if (begun >= oldest) return;
      this.#removed.delete(key);
    }
  }

  add(id: Uint8Array): void {
    if (this.#underWay.size > 0) this.#removed.set(frameKey(id), this.#begun);
  }

  has(id: Uint8Array): boolean {
    return this.#removed.size > 0 && this.#removed.has(frameKey(id));
  }
}
