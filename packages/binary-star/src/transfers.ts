import type { BinaryStarOutput } from "./star-messages.js";

/** Transfers of the active peer's state to one node: one at a time, told apart by their numbers. */
export class Transfers {
  readonly #put: (output: BinaryStarOutput) => void;
  #count = 0;
  #isUnderWay = false;

  constructor(put: (output: BinaryStarOutput) => void) {
    this.#put = put;
  }

  /** Begins one, unless one is under way. */
  begin(): void {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    this.#count += 1;
    this.#put({ type: "transfer", transfer: this.#count });
  }

  /** Whether this is the one that is under way. */
  isCurrent(transfer: number): boolean {
    return this.#isUnderWay && transfer === this.#count;
  }

  /** The one that is under way is over, with the state or without. */
  ended(): void {
    this.#isUnderWay = false;
  }

  /** There is nobody to have state from any more, or no need of it. */
  stop(): void {
    if (this.#isUnderWay) this.#put({ type: "stop-transfer", transfer: this.#count });
    this.#isUnderWay = false;
  }
}
