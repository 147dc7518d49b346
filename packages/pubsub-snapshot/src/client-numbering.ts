import { countUnder } from "./properties.js";
import type { KeyValue } from "./wire.js";

/** What the number of an update means: it is the next. */
export const NEXT = 0;
/** It came before. */
export const OLD = -1;
/** Some updates before it are lost, and it cannot be known how many. */
export const UNKNOWN: number = Number.POSITIVE_INFINITY;

/** How updates are numbered that come over one connection: by their sequence, or by the count of a subtree. */
export class Numbering {
  readonly #length: number;
  #last: number | undefined;

  /**
   * @param length - of the subtree's name; 0 if all updates come
   * @param last - number of the last update; `undefined` if the next one begins
   */
  constructor(length: number, last: number | undefined) {
    this.#length = length;
    this.#last = last;
  }

  /** Takes note of an update: {@link NEXT}, {@link OLD}, or how many before it are lost. */
  take({ sequence, properties }: KeyValue): number {
    const number = this.#length === 0 ? sequence : countUnder(properties, this.#length);
    if (number === undefined) return UNKNOWN;
    const last = this.#last;
    if (last === undefined || number === last + 1) {
      this.#last = number;
      return NEXT;
    }
    if (number > last) return number - last - 1;
    // A count never comes twice.
    return this.#length === 0 ? OLD : UNKNOWN;
  }

  /** The last update that was published has this number: {@link NEXT} if it is the last one that came, or how many are lost. */
  compare(number: number | undefined): number {
    // Where no update has come yet, there was none when it began: whoever says a number now would have said it then.
    const last = this.#last ?? 0;
    return number === undefined || number < last ? UNKNOWN : number - last;
  }
}
