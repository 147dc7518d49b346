/** A longer interval is halved when so much of it would do: not as soon as one worker has left. */
const SPARE_SHARE = 0.4;
/** No worker is slowed down to less. */
const LEAST_MS = 1;

/**
 * The interval at which so many workers may send heartbeats, and be sent some, that there are not too many of those: the
 * broker's own, doubled or halved as often as is needed.
 */
export class HeartbeatPace {
  /** In ms. It has a meaning only for who keeps a shorter one. */
  intervalMs: number;
  readonly #maxPerSecond: number;

  /**
   * @param intervalMs - of the broker
   * @param maxPerSecond - heartbeats in each direction
   */
  constructor(intervalMs: number, maxPerSecond: number) {
    this.intervalMs = intervalMs;
    this.#maxPerSecond = maxPerSecond;
    this.keepFor(0);
  }

  /** There are so many workers now. */
  keepFor(workers: number): void {
    const neededMs = (1000 * workers) / this.#maxPerSecond;
    while (neededMs > this.intervalMs) this.intervalMs *= 2;
    while (neededMs <= SPARE_SHARE * this.intervalMs && this.intervalMs > LEAST_MS) this.intervalMs /= 2;
  }
}
