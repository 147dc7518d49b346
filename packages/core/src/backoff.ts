import type { Random } from "./clock.js";
import { fraction, milliseconds, number, resolveOptions } from "./options.js";

/** How pauses between attempts grow. */
export interface BackoffOptions {
  /** Pause before the first retry, in ms. Default 50. */
  initialMs?: number;
  /** Longest pause, in ms. Default 2000. */
  maxMs?: number;
  /** Growth from one pause to the next. Default 2. */
  factor?: number;
  /**
   * Share of each pause that is random, 0 to 1: with 0.5 a pause of 100 ms lasts between 50 and
   * 100 ms. It keeps clients that failed together from coming back together. Default 0.5.
   */
  jitter?: number;
}

const schema = {
  initialMs: milliseconds(50),
  maxMs: milliseconds(2000),
  factor: number(2, { min: 1, max: 100 }),
  jitter: fraction(0.5),
};

/** Exponential backoff with jitter and a cap. */
export class Backoff {
  /** Longest pause that {@link delay} can return, in ms. */
  readonly maxMs: number;
  readonly #initialMs: number;
  readonly #factor: number;
  readonly #jitter: number;
  readonly #random: Random;
  #failures = 0;

  /**
   * @param options - see {@link BackoffOptions}
   * @param random - source of the jitter
   * @param owner - the name that error messages begin with
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: BackoffOptions, random: Random, owner = "Backoff") {
    const { initialMs, maxMs, factor, jitter } = resolveOptions(owner, schema, options);
    this.maxMs = Math.max(maxMs, initialMs);
    this.#initialMs = initialMs;
    this.#factor = factor;
    this.#jitter = jitter;
    this.#random = random;
  }

  /** The pause after the given failure, counted from 1, in ms. */
  delay(failure: number): number {
    // Growth must stay finite: an initial pause of 0 times infinity would be no number at all.
    const growth = Math.min(this.#factor ** (failure - 1), Number.MAX_VALUE);
    const full = Math.min(this.#initialMs * growth, this.maxMs);
    return full * (1 - this.#jitter * this.#random());
  }

  /** The pause after one more failure in a row, in ms. */
  next(): number {
    this.#failures += 1;
    return this.delay(this.#failures);
  }

  /** It worked: the next pause is a first one again. */
  reset(): void {
    this.#failures = 0;
  }
}
