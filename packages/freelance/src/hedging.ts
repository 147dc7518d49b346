import { LatencyWindow } from "./latency.js";

/** Hedges that may be made beyond the share, so that the first requests and small bursts have some. */
export const HEDGE_BURST = 10;

/** When requests are hedged. */
export interface HedgingOptions {
  readonly hedgeAfterMs: number | undefined;
  readonly hedgePercentile: number | undefined;
  readonly maxHedgeRatio: number;
}

/**
 * Hedges that may be made: a bucket that each request puts the share `ratio` of a hedge into, and each hedge
 * takes one out of. However it goes, there are at most {@link HEDGE_BURST} + ratio × requests.
 */
export class HedgeBudget {
  readonly #ratio: number;
  #tokens = HEDGE_BURST;

  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /** A request was made. */
  earn(): void {
    this.#tokens = Math.min(HEDGE_BURST, this.#tokens + this.#ratio);
  }

  /** Takes a hedge out; false if there is none. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** When a request is sent to a second server, and whether it may be. */
export class Hedging {
  readonly budget: HedgeBudget;
  readonly #afterMs: number | undefined;
  readonly #percentile: number | undefined;
  readonly #window = new LatencyWindow();

  constructor({ hedgeAfterMs, hedgePercentile, maxHedgeRatio }: HedgingOptions) {
    this.budget = new HedgeBudget(maxHedgeRatio);
    this.#afterMs = hedgeAfterMs;
    this.#percentile = hedgePercentile;
  }

  /** How long a server may take before another is asked, in ms; `undefined` if none is to be, or while too little is known. */
  get delayMs(): number | undefined {
    return this.#percentile === undefined ? this.#afterMs : this.#window.percentile(this.#percentile);
  }

  /** A server has answered within this time. */
  observe(ms: number): void {
    if (this.#percentile !== undefined) this.#window.observe(ms);
  }
}
