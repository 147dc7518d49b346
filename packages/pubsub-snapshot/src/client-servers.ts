import type { Backoff } from "@seaworthy/core";
import type { SnapshotEndpoints } from "./endpoints.js";

/** How a join ended, as far as the next one depends on it. */
export interface JoinEnd {
  /** The map was kept for long enough that what went wrong before does not count any more. */
  readonly hasHeld: boolean;
  /** The next join is not made to wait for the first failure in a row. */
  readonly isLoss: boolean;
  /** For the first failure in a row the same server is asked again. */
  readonly stays: boolean;
}

/** The servers of a client, which take turns, and the pauses between joins. */
export class Servers {
  readonly #servers: SnapshotEndpoints[] = [];
  readonly #backoff: Backoff;
  #turn = 0;
  #failuresInRow = 0;
  #hasPromised = false;

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  /** Whose turn it is. There must be one. */
  get current(): SnapshotEndpoints {
    return this.#servers[this.#turn] as SnapshotEndpoints;
  }

  /** @returns false if it is there already */
  add(server: SnapshotEndpoints): boolean {
    if (this.#servers.some(({ snapshot }) => snapshot === server.snapshot)) return false;
    this.#servers.push(server);
    return true;
  }

  /**
   * The current server is left.
   *
   * @returns how long to wait before the next join, in ms
   */
  left({ hasHeld, isLoss, stays }: JoinEnd): number {
    if (hasHeld) this.#failuresInRow = 0;
    const failures = ++this.#failuresInRow;
    if (!stays || failures > 1) this.#next();
    if (isLoss && failures === 1) return 0;
    const rounds = failures / this.#servers.length;
    return Number.isInteger(rounds) ? this.#backoff.delay(rounds) : 0;
  }

  /**
   * The current server is passive, and may take over after some time. It is asked again, once: should it then name another
   * time, it has heard its peer.
   *
   * @returns how long to wait before the next join, in ms
   */
  promised(retryAfterMs: number): number {
    if (this.#hasPromised) return this.left({ hasHeld: false, isLoss: false, stays: false });
    this.#hasPromised = true;
    // A little later than it said, and not all clients at once.
    return Math.min(retryAfterMs, this.#backoff.maxMs) + this.#backoff.delay(1);
  }

  /** There is no use in asking again soon. */
  refused(): number {
    this.#next();
    return this.#backoff.maxMs;
  }

  /** A join is complete. */
  joined(): void {
    this.#hasPromised = false;
  }

  #next(): void {
    this.#turn = (this.#turn + 1) % this.#servers.length;
    this.#hasPromised = false;
  }
}
