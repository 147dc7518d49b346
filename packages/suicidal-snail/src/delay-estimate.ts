/** How much faster than another a clock may run, as a share: far more than quartz does. */
const MAX_DRIFT = 1 / 2000;

/**
 * How late messages of one publisher are, without comparing clocks: the time of arrival on the subscriber's clock less the
 * time of publication on the publisher's has no meaning of its own, but the least such difference seen lately is that of
 * a message that did not wait, and what others have more is their delay.
 *
 * "Lately" is the last half to whole window: clocks that drift apart are followed. Silence ends no window: the message
 * after it is measured by those before.
 */
export class DelayEstimate {
  readonly #halfMs: number;
  #least = Number.POSITIVE_INFINITY;
  #leastBefore = Number.POSITIVE_INFINITY;
  #halfEndsAt = Number.NEGATIVE_INFINITY;
  #lastAt = 0;

  /** @param windowMs - how long a difference counts at most, in ms */
  constructor(windowMs: number) {
    this.#halfMs = windowMs / 2;
  }

  /**
   * Takes note of one message, and returns how late it is, in ms.
   *
   * @param difference - time of arrival less time of publication, in ms
   */
  observe(difference: number, now: number): number {
    if (now >= this.#halfEndsAt) {
      // Clocks drift in silence as well, and nothing tells.
      this.#leastBefore = this.#least + (now - this.#lastAt) * MAX_DRIFT;
      this.#least = difference;
      this.#halfEndsAt = now + this.#halfMs;
    } else if (difference < this.#least) this.#least = difference;
    this.#lastAt = now;
    return difference - Math.min(this.#least, this.#leastBefore);
  }
}
