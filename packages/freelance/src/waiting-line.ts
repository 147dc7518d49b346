import { LinkedList } from "@seaworthy/core";
import type { Pending } from "./pending.js";

/** How many requests that a full queue did not take are offered for each word that comes. */
const OFFERED_PER_WORD = 2;

/** Requests that wait: for a server that takes them, or for room in the queue in front of a socket. */
export class WaitingLine {
  readonly #waiting = new LinkedList<Pending>();
  readonly #crowded = new LinkedList<Pending>();
  readonly #offer: (pending: Pending) => void;

  /** @param offer - places a request if some server takes it: it leaves the line then */
  constructor(offer: (pending: Pending) => void) {
    this.#offer = offer;
  }

  /** No server takes it. */
  add(pending: Pending): void {
    this.#waiting.append(pending.place);
  }

  /** The queue in front of the socket did not take it. */
  addCrowded(pending: Pending): void {
    this.#crowded.append(pending.place);
  }

  /** A server takes requests. */
  offerAll(): void {
    if (this.#waiting.length > 0) for (const pending of [...this.#waiting]) this.#offer(pending);
    this.offerCrowded();
  }

  /**
   * A word came, so a queue that was full has moved. Some are offered again: more than one, so that a large crowd is gone
   * before long, and not all, since most would only be refused again.
   */
  offerCrowded(): void {
    for (let offered = 0; offered < OFFERED_PER_WORD; offered++) {
      const pending = this.#crowded.first;
      if (pending === undefined) return;
      this.#crowded.append(pending.place);
      this.#offer(pending);
    }
  }
}
