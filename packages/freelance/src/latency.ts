/** Weight of the newest measurement. */
const WEIGHT = 0.2;

/** Time in which a measurement loses half of its weight if no newer one comes, in ms. */
const HALF_LIFE_MS = 10_000;

/** What is assumed of a server that was never measured, in ms. */
const ASSUMED_MS = 1;

/** Shorter ones count as this, in ms, so that what a server has in hand is never multiplied by nothing. */
const FLOOR_MS = 0.05;

/**
 * How long a server takes to answer, smoothed over its answers. What is old is worth less and less, so that a
 * server which was slow once is tried again.
 */
export class SmoothedLatency {
  #ms: number | undefined;
  #at = 0;
  #isMeasured = false;

  /** The smoothed latency in ms, or `undefined` before the first answer. */
  get ms(): number | undefined {
    return this.#isMeasured ? this.#ms : undefined;
  }

  /** What the next request is expected to take, in ms: more than 0, also where nothing was measured. */
  expected(now: number): number {
    if (this.#ms === undefined) return ASSUMED_MS;
    return Math.max(FLOOR_MS, this.#aged(this.#ms, now));
  }

  /** A first idea of it, from a PING and its PONG. No effect once an answer was measured. */
  suppose(ms: number, now: number): void {
    if (!this.#isMeasured) this.#set(ms, now);
  }

  /** An answer took so long. */
  observe(ms: number, now: number): void {
    const known = this.#isMeasured ? this.#aged(this.#ms as number, now) : ms;
    this.#isMeasured = true;
    this.#set(known + WEIGHT * (ms - known), now);
  }

  /** An answer has not come for so long, and will not be waited for: news only if that is longer than usual. */
  observeAtLeast(ms: number, now: number): void {
    if (this.#ms === undefined || ms > this.#aged(this.#ms, now)) this.observe(ms, now);
  }

  #aged(ms: number, now: number): number {
    return ms * 2 ** ((this.#at - now) / HALF_LIFE_MS);
  }

  #set(ms: number, now: number): void {
    this.#ms = ms;
    this.#at = now;
  }
}

/** So many failures in a row count at most: a server that was mended is tried again in two or three minutes. */
const MAX_FAILURES = 16;

/**
 * How many times as much a server counts as its latency says, since its handlers fail. To fail is quick, and leaves nothing
 * in hand: else all requests would end up with the one server that can do nothing. Each failure in a row doubles it, a
 * reply takes all of it back, and time as much as it takes of a latency.
 */
export class Handicap {
  #doublings = 0;
  #at = 0;

  /** From 1. */
  factor(now: number): number {
    return this.#doublings === 0 ? 1 : 2 ** this.#left(now);
  }

  failed(now: number): void {
    this.#doublings = Math.min(MAX_FAILURES, this.#left(now) + 1);
    this.#at = now;
  }

  answered(): void {
    this.#doublings = 0;
  }

  #left(now: number): number {
    return Math.max(0, this.#doublings - (now - this.#at) / HALF_LIFE_MS);
  }
}

/** How many of the latest latencies are kept. */
const WINDOW = 512;

/** After so many new ones they are sorted again. */
const REFRESH = 32;

/** The latest latencies of all servers, to take percentiles of. */
export class LatencyWindow {
  readonly #ring = new Float64Array(WINDOW);
  #sorted = new Float64Array(0);
  #observed = 0;

  observe(ms: number): void {
    this.#ring[this.#observed % WINDOW] = ms;
    this.#observed += 1;
    if (this.#observed % REFRESH === 0)
      this.#sorted = this.#ring.slice(0, Math.min(this.#observed, WINDOW)).sort();
  }

  /**
   * What the given share of the latest latencies is not above, in ms, as it was at most 32 of them ago;
   * `undefined` while there are fewer.
   */
  percentile(share: number): number | undefined {
    return this.#sorted[Math.ceil(share * this.#sorted.length) - 1];
  }
}
