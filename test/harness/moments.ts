/** Moments that are remembered. */
const REMEMBERED = 1 << 17;

/** The latest of many moments, each no earlier than the one before, to look back for the first one after another. */
export class Moments {
  #times: Float64Array = new Float64Array(1024);
  #count = 0;

  record(at: number): void {
    if (this.#count === this.#times.length && this.#count < REMEMBERED) {
      const times = new Float64Array(this.#times.length * 2);
      times.set(this.#times);
      this.#times = times;
    }
    this.#times[this.#count % this.#times.length] = at;
    this.#count += 1;
  }

  /** The first that is later than `since`; `undefined` if there is none yet. */
  firstAfter(since: number): number | undefined {
    let found: number | undefined;
    for (let index = this.#count - 1; index >= Math.max(0, this.#count - this.#times.length); index--) {
      const time = this.#times[index % this.#times.length] as number;
      if (time <= since) break;
      found = time;
    }
    return found;
  }
}
