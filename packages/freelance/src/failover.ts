import { Dealers, type DealtServer } from "./dealers.js";
import type { Copy, Pending } from "./pending.js";
import type { Server } from "./server-book.js";

/**
 * Guide model 1: one server gets everything. When it is lost, cannot be reached, or lets a whole attempt pass without a
 * word, the next gets its turn, and what was in flight is sent there.
 */
export class Failover extends Dealers {
  /** In the order of their turns. */
  readonly #servers: DealtServer[] = [];
  /** Whose turn it is: connected, being connected, or to be connected after a pause. */
  #current: DealtServer | undefined;
  #failuresInRow = 0;

  override choose(): readonly Server[] {
    return this.#current?.isListed === true ? [this.#current] : [];
  }

  override heard(connection: number, now: number): DealtServer | undefined {
    const server = super.heard(connection, now);
    if (server === this.#current) this.#failuresInRow = 0;
    return server;
  }

  override timedOut(pending: Pending, _copies: readonly Copy[], now: number): void {
    const current = this.#current;
    if (current !== undefined && this.isSilent(current, pending.startedAt))
      this.step(current, "expired", now);
  }

  protected override added(server: DealtServer, now: number): void {
    this.#servers.push(server);
    // During a pause nobody is connected, and this one has not failed yet.
    if (this.#current?.connection === undefined) this.#give(server, now);
  }

  protected override retired(server: DealtServer, now: number): void {
    const index = this.#servers.indexOf(server);
    if (index === -1) return;
    const next = this.#after(server);
    this.#servers.splice(index, 1);
    if (server !== this.#current) return;
    this.#current = undefined;
    if (next !== server) this.#give(next, now);
  }

  /** At once while there is one that has not failed, then after a pause. */
  protected override scheduleNext(server: DealtServer, hasWorked: boolean, now: number): void {
    // One that was leaving and stayed is connected although it is not its turn.
    if (server !== this.#current) return;
    this.#failuresInRow = hasWorked ? 1 : this.#failuresInRow + 1;
    const next = this.#after(server);
    const count = this.#servers.length;
    // One that was leaving and stayed.
    const isConnected = next.connection !== undefined;
    if (isConnected || this.#failuresInRow % count !== 0) return this.#give(next, now);
    this.#current = next;
    this.wake(next, now + this.reconnection.delay(this.#failuresInRow / count));
  }

  protected override greeted(server: DealtServer, now: number): void {
    // One that was leaving and stays is in the line again.
    if (!this.#servers.includes(server)) this.#servers.push(server);
    if (this.#current?.connection === undefined) this.#give(server, now);
    super.greeted(server, now);
  }

  #give(server: DealtServer, now: number): void {
    const before = this.#current;
    if (before !== undefined) this.sleep(before);
    this.#current = server;
    if (server.connection === undefined) this.begin(server, now);
    else this.owner.offer(now);
  }

  #after(server: DealtServer): DealtServer {
    const index = this.#servers.indexOf(server);
    return this.#servers[(index + 1) % this.#servers.length] as DealtServer;
  }
}
