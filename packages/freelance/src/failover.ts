import type { Copy, Pending } from "./pending.js";
import { Server } from "./server-book.js";
import { Strategy } from "./strategy.js";

/**
 * Guide model 1: one server gets everything. When it is lost, cannot be reached, or lets a whole attempt pass without a
 * word, the next gets its turn, and what was in flight is sent there.
 */
export class Failover extends Strategy {
  /** In the order of their turns. */
  readonly #servers: Server[] = [];
  /** Whose turn it is: connected, being connected, or to be connected after a pause. */
  #current: Server | undefined;
  #failuresInRow = 0;

  /** One that was leaving and stayed is connected although it is not its turn: better than none. */
  override choose(): readonly Server[] {
    const server = this.#current?.isListed === true ? this.#current : this.book.listed[0];
    return server === undefined ? [] : [server];
  }

  override heard(connection: number, now: number): Server | undefined {
    const server = super.heard(connection, now);
    if (server === this.#current) this.#failuresInRow = 0;
    return server;
  }

  /** Judges who had it, and whose turn it is, since that one's queue may have been too full for it. */
  override timedOut({ startedAt }: Pending, copies: readonly Copy[], now: number): void {
    for (const { server } of copies) if (server !== this.#current) this.#judge(server, startedAt, now);
    if (this.#current !== undefined) this.#judge(this.#current, startedAt, now);
  }

  protected override make(endpoint: string): Server {
    return new Server(endpoint);
  }

  protected override added(server: Server, now: number): void {
    this.#servers.push(server);
    // During a pause nobody is connected, and this one has not failed yet.
    if (this.#current?.connection === undefined) this.#give(server, now);
  }

  protected override retired(server: Server, now: number): void {
    const index = this.#servers.indexOf(server);
    if (index === -1) return;
    const next = this.#after(server);
    this.#servers.splice(index, 1);
    if (server !== this.#current) return;
    this.#current = undefined;
    if (next !== server) this.#give(next, now);
  }

  /** At once while there is one that has not failed, then after a pause. */
  protected override scheduleNext(server: Server, hasWorked: boolean, now: number): void {
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

  protected override greeted(server: Server, now: number): void {
    // One that was leaving and stays is in the line again.
    if (!this.#servers.includes(server)) this.#servers.push(server);
    if (this.#current?.connection === undefined) this.#give(server, now);
    super.greeted(server, now);
  }

  #judge(server: Server, since: number, now: number): void {
    if (this.isSilent(server, since)) this.step(server, "expired", now);
  }

  #give(server: Server, now: number): void {
    const before = this.#current;
    if (before !== undefined) this.sleep(before);
    this.#current = server;
    if (server.connection === undefined) this.begin(server, now);
    else this.owner.offer(now);
  }

  #after(server: Server): Server {
    const index = this.#servers.indexOf(server);
    return this.#servers[(index + 1) % this.#servers.length] as Server;
  }
}
