import type { Copy, Pending } from "./pending.js";
import { Server } from "./server-book.js";
import { Strategy } from "./strategy.js";

/** Guide model 2: a connection to each server. An attempt goes to all that are connected, and the first reply wins. */
export class Shotgun extends Strategy {
  override choose(): readonly Server[] {
    // A copy: the list changes when a socket turns out to be broken.
    return this.book.listed.slice();
  }

  /** Whoever had it for the whole of an attempt and said not a word may be at the end of a half-open connection. */
  override timedOut(_pending: Pending, copies: readonly Copy[], now: number): void {
    for (const { server, sentAt } of copies) {
      if (this.isSilent(server, sentAt)) this.step(server, "expired", now);
    }
  }

  protected override make(endpoint: string): Server {
    return new Server(endpoint);
  }
}
