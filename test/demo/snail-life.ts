import { TOPICS } from "./snail-words.js";

/** How many numbers back the witness remembers when it heard them. */
const REMEMBERED = 1 << 16;

/** What a subscriber has got of one topic in one life of the publisher. */
export interface Series {
  /** Index within the topic of the message that must come next. */
  next: number;
  /** The subscriber's alarms when the last message came: one more since then, and it knows that some may be missing. */
  alarms: number;
}

/** One life of the publisher: what of it was heard by whom. */
export class Life {
  /** The highest index that anybody has heard, by topic; -1 if none. */
  readonly heard: number[] = new Array<number>(TOPICS).fill(-1);
  /** By subscriber, and by topic. */
  readonly followers: Map<string, (Series | undefined)[]> = new Map();
  readonly #witnessedAt = new Float64Array(REMEMBERED).fill(Number.NaN);
  #witnessed = 0;

  /** The witness has heard a number. */
  witness(number: number, at: number): void {
    this.#witnessed = number;
    this.#witnessedAt[number % REMEMBERED] = at;
  }

  /**
   * How much later than the witness a subscriber has got a number, in ms; it may have got it sooner, or the witness not at
   * all because it has not connected yet. NaN if it was before all that is remembered.
   */
  latenessOf(number: number, at: number): number {
    if (number > this.#witnessed) return 0;
    if (number <= this.#witnessed - REMEMBERED) return Number.NaN;
    return Math.max(0, at - (this.#witnessedAt[number % REMEMBERED] as number));
  }
}
