import { Dealers, type DealtServer } from "./dealers.js";
import type { Copy, Pending } from "./pending.js";
import type { Server } from "./server-book.js";

/** Guide model 2: a connection to each server. An attempt goes to all that are connected, and the first reply wins. */
export class Shotgun extends Dealers {
  override choose(): readonly Server[] {
    // A copy: the list changes when a socket turns out to be broken.
    return this.book.listed.slice();
  }

  override heard(connection: number, now: number): DealtServer | undefined {
    const server = super.heard(connection, now);
    if (server !== undefined) server.failuresInRow = 0;
    return server;
  }

  /** Whoever had it for the whole of an attempt and said not a word may be at the end of a half-open connection. */
  override timedOut(_pending: Pending, copies: readonly Copy[], now: number): void {
    for (const { server, sentAt } of copies) {
      if (this.isSilent(server, sentAt)) this.step(server as DealtServer, "expired", now);
    }
  }

  protected override added(server: DealtServer, now: number): void {
    this.begin(server, now);
  }

  protected override scheduleNext(server: DealtServer, hasWorked: boolean, now: number): void {
    server.failuresInRow = hasWorked ? 1 : server.failuresInRow + 1;
    this.wake(server, now + this.reconnection.delay(server.failuresInRow));
  }
}
