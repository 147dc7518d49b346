import { Link, LinkedList } from "@seaworthy/core";
import type { Pending } from "./pending.js";

/** How many requests that a full queue did not take are offered for each reply that comes. */
const OFFERED_PER_REPLY = 2;

/** Requests that wait for room in the queue in front of the socket. */
export class Crowd {
  readonly #waiting = new LinkedList<Pending>();

  /** The queue did not take it. */
  add(pending: Pending): void {
    pending.place ??= new Link(pending);
    this.#waiting.append(pending.place);
  }

  /** It was sent, or its attempt is over. */
  leave({ place }: Pending): void {
    place?.unlink();
  }

  /**
   * A reply came, so the queue has moved. Some are offered again: more than one, so that a large crowd is gone before
   * long, and not all, since most would only be refused again.
   */
  offer(send: (pending: Pending) => void): void {
    for (let offered = 0; offered < OFFERED_PER_REPLY; offered++) {
      const pending = this.#waiting.shift();
      if (pending === undefined) return;
      send(pending);
    }
  }
}
