import type { LedgerSurroundings } from "./ledger-ground.js";

/**
 * The time of a ledger: the wall clock's, but never backwards, also not over a restart. A clock that is set back would
 * otherwise put off all that was to happen before the old time comes again; here it goes on at the usual pace.
 */
export class Timeline {
  readonly #surroundings: LedgerSurroundings;
  /** A moment of the monotonic clock, and the time at it. */
  #moment: number;
  #time: number;

  /** @param latest - the latest time that was told in earlier lives */
  constructor(surroundings: LedgerSurroundings, latest: number) {
    this.#surroundings = surroundings;
    this.#moment = surroundings.now();
    this.#time = latest;
  }

  /** In whole ms since 1970. */
  now(): number {
    const moment = this.#surroundings.now();
    this.#time = Math.max(this.#time + (moment - this.#moment), this.#surroundings.wall());
    this.#moment = moment;
    return Math.floor(this.#time);
  }
}
