import { Heartbeat } from "@seaworthy/core";
import type { PublishedState } from "./wire.js";

/** A heartbeat is late when it has not come in half an interval more. */
const LATE_AFTER_INTERVALS = 1.5;

/** What a node has made out about its peer, from the states that it published. All times in ms. */
export class Peer {
  readonly #heartbeat: Heartbeat;
  readonly #ownHeartbeatMs: number;
  #heardAt: number;
  #state: PublishedState | undefined;
  /** Since when its state has been the same, as far as it was heard. */
  #stateSince = 0;
  #isDead = false;
  /** States in a row without a record. */
  #plain = 0;

  /** @param now - from when on the peer's silence counts */
  constructor(heartbeatMs: number, liveness: number, now: number) {
    this.#ownHeartbeatMs = heartbeatMs;
    this.#heartbeat = new Heartbeat({ intervalMs: heartbeatMs, liveness }, now);
    this.#heardAt = now;
  }

  /** Its latest state; `undefined` before it was heard, and after it was silent for too long. */
  get state(): PublishedState | undefined {
    return this.#state;
  }

  /** It was silent for too long, or was not heard in time: found out by {@link judge}, never by the time alone. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /**
   * It may be one of ours that has not yet read that this node reads records: the first state after the two have found each other
   * may come without. Of a peer that is not ours it is the first state only.
   */
  get isUnclear(): boolean {
    return this.#plain === 1;
  }

  /** How often it says something, as far as it is known. */
  get intervalMs(): number {
    return this.#heartbeat.peerIntervalMs;
  }

  /** It should have been heard again by now. */
  isLate(now: number): boolean {
    return now >= this.#heardAt + LATE_AFTER_INTERVALS * this.intervalMs;
  }

  /** For how long it has been in its state. */
  stateMs(now: number): number {
    return now - this.#stateSince;
  }

  /** When it will have been silent for too long. */
  get expiresAt(): number {
    return this.#isDead ? Number.POSITIVE_INFINITY : this.#heartbeat.expiresAt;
  }

  /** When this node has to say something again. */
  get sendAt(): number {
    return this.#heartbeat.sendAt;
  }

  /**
   * It published a state.
   *
   * @param heartbeatMs - how often it does so, if a record says it
   * @returns the state before
   */
  heard(state: PublishedState, heartbeatMs: number | undefined, now: number): PublishedState | undefined {
    this.#plain = heartbeatMs === undefined ? this.#plain + 1 : 0;
    if (!this.isUnclear) this.#heartbeat.expectInterval(heartbeatMs ?? this.#ownHeartbeatMs);
    this.#heartbeat.heard(now);
    this.#heardAt = now;
    this.#isDead = false;
    const before = this.#state;
    if (state !== before) this.#stateSince = now;
    this.#state = state;
    return before;
  }

  /** Somebody is in its place who does not belong there: whether it lives cannot be known before that one is gone. */
  displaced(heartbeatMs: number | undefined, now: number): void {
    this.#heartbeat.expectInterval(heartbeatMs ?? this.#ownHeartbeatMs);
    this.#heartbeat.heard(now);
    this.#isDead = false;
  }

  /** This node said something. */
  told(now: number): void {
    this.#heartbeat.sent(now);
  }

  /** This node did not run for a while: its peer's silence proves nothing yet. */
  stalled(now: number): void {
    this.#heartbeat.stalled(now);
  }

  /**
   * To be called when all that has arrived has been read.
   *
   * @returns for how long it has been silent, if it has just died and had been heard before
   */
  judge(now: number): number | undefined {
    if (this.#isDead || !this.#heartbeat.isExpired(now)) return undefined;
    this.#isDead = true;
    const wasHeard = this.#state !== undefined;
    this.#state = undefined;
    return wasHeard ? now - this.#heardAt : undefined;
  }
}
