import { integer, milliseconds, resolveOptions } from "./options.js";

/** How often one side of a conversation is heard, and how much silence means that it is gone. */
export interface HeartbeatOptions {
  /**
   * We send something at least this often, in ms. Default 1000, the interval of the guide's
   * programs and of 6/PPP and 7/MDP.
   */
  intervalMs?: number;
  /** The peer sends something at least this often, in ms. Default: the same as `intervalMs`. */
  peerIntervalMs?: number | undefined;
  /** How many of the peer's intervals may pass in silence before it is expired. Default 3. */
  liveness?: number;
}

const DEFAULT_INTERVAL_MS = 1000;
const bounds = { min: 1 };
const schema = {
  intervalMs: milliseconds(DEFAULT_INTERVAL_MS, bounds),
  peerIntervalMs: milliseconds(DEFAULT_INTERVAL_MS, bounds),
  liveness: integer(3),
};

/**
 * Presence in both directions between us and one peer. Anything that is sent counts as our sign
 * of life, anything that arrives as the peer's; a heartbeat is only due when nothing else was
 * said for an interval.
 *
 * The two directions are independent: the peer may keep a longer or shorter interval than ours.
 * A peer that announces its interval is judged by that ({@link expectInterval}), not by ours.
 */
export class Heartbeat {
  /** Intervals of silence after which the peer is expired. */
  readonly liveness: number;
  #intervalMs: number;
  #peerIntervalMs: number;
  #sentAt: number;
  #heardAt: number;
  #graceUntil = Number.NEGATIVE_INFINITY;

  /**
   * Starts as if both sides had just spoken.
   *
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: HeartbeatOptions, now: number, owner = "Heartbeat") {
    const { intervalMs, peerIntervalMs, liveness } = resolveOptions(owner, schema, options);
    this.#intervalMs = intervalMs;
    this.liveness = liveness;
    this.#peerIntervalMs = options.peerIntervalMs === undefined ? intervalMs : peerIntervalMs;
    this.#sentAt = now;
    this.#heardAt = now;
  }

  /** We send at least this often, in ms. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** The peer's interval as it is believed now, in ms. */
  get peerIntervalMs(): number {
    return this.#peerIntervalMs;
  }

  /** When we must say something, if nothing else is sent before. */
  get sendAt(): number {
    return this.#sentAt + this.#intervalMs;
  }

  /** When the peer is expired, if nothing is heard before. */
  get expiresAt(): number {
    return Math.max(this.#heardAt + this.liveness * this.#peerIntervalMs, this.#graceUntil);
  }

  /** When the peer was last heard. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** The earlier of {@link sendAt} and {@link expiresAt}: when this heartbeat wants attention. */
  get deadline(): number {
    return Math.min(this.sendAt, this.expiresAt);
  }

  /** Something was sent to the peer. */
  sent(now: number): void {
    this.#sentAt = now;
  }

  /**
   * The peer was told right now how often we send from now on. It has to be told before a longer interval is kept.
   *
   * @param spread - from 0 to 1: by how much of what the interval has grown by the next heartbeat is due earlier. If many
   * were told so at once and each has a share of its own, they do not speak at once ever after.
   * @throws TypeError or RangeError if the interval is not a duration of at least 1 ms
   */
  announced(intervalMs: number, spread: number, now: number): void {
    this.#sentAt = now;
    if (intervalMs === this.#intervalMs) return;
    this.#sentAt -= spread * Math.max(0, intervalMs - this.#intervalMs);
    this.#intervalMs = resolveOptions("Heartbeat", schema, { intervalMs }).intervalMs;
  }

  /** Something arrived from the peer, whatever it was. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /**
   * The peer has said how often it speaks.
   *
   * @throws TypeError or RangeError if that is not a duration of at least 1 ms
   */
  expectInterval(peerIntervalMs: number): void {
    this.#peerIntervalMs = resolveOptions("Heartbeat", schema, { peerIntervalMs }).peerIntervalMs;
  }

  /** True when a heartbeat has to be sent. */
  isDue(now: number): boolean {
    return now >= this.sendAt;
  }

  /** True when the peer has been silent for too long. */
  isExpired(now: number): boolean {
    return now >= this.expiresAt;
  }

  /**
   * Our own process did not run for a while, so the peer's silence proves nothing: it gets one
   * more of its intervals, counted from now, to be heard again.
   */
  stalled(now: number): void {
    this.#graceUntil = now + this.#peerIntervalMs;
  }
}
