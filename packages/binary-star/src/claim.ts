import type { ClaimReason } from "./star-messages.js";
import { MAX_EPOCH, type StarRole } from "./wire.js";

/**
 * The lowest epoch of this role above all that are known. The primary's are odd and the backup's even, so that the two are never
 * active in the same one, not even while they cannot hear each other.
 */
export function nextEpoch(known: number, role: StarRole): number {
  const parity = role === "primary" ? 1 : 0;
  return known + 1 + ((known + 1 + parity) % 2);
}

/** What is wrong with an epoch that was granted to a claim of at least `minEpoch`, if anything is. */
export function epochFault(epoch: number, minEpoch: number): string | undefined {
  // What is not above all that is known would not keep a deposed node's writes out.
  if (epoch < minEpoch) return `the epoch granted is ${epoch}, which is below ${minEpoch}`;
  // The peer could not read it.
  if (epoch > MAX_EPOCH) return `the epoch granted is ${epoch}, beyond 2^52`;
  return undefined;
}

/** A lease is renewed when a third of it is over, so that two more tries fit in. */
const RENEWALS_PER_LEASE = 3;

/** The way of one node to one epoch: asked for, granted, and, where it is lent, renewed. All times in ms. */
export class Claim {
  readonly number: number;
  readonly because: ClaimReason;
  /** At least this before it is granted; then the epoch itself. */
  epoch: number;
  isGranted = false;
  /** When the lease is over. */
  leaseUntil: number = Number.POSITIVE_INFINITY;
  /** When an answer is overdue, or the lease is to be renewed or over. */
  deadline: number;
  #askedAt: number;
  #leaseMs = Number.POSITIVE_INFINITY;

  constructor(number: number, epoch: number, because: ClaimReason, now: number, timeoutMs: number) {
    this.number = number;
    this.epoch = epoch;
    this.because = because;
    this.#askedAt = now;
    this.deadline = now + timeoutMs;
  }

  granted(epoch: number, leaseMs: number = Number.POSITIVE_INFINITY): void {
    this.epoch = epoch;
    this.isGranted = true;
    this.#extend(leaseMs);
  }

  /** More time was asked for. */
  renewing(now: number): void {
    this.#askedAt = now;
    this.deadline = this.leaseUntil;
  }

  renewed(leaseMs: number): void {
    this.#extend(leaseMs);
  }

  renewalFailed(now: number): void {
    this.deadline = Math.min(this.leaseUntil, now + this.#leaseMs / RENEWALS_PER_LEASE / 2);
  }

  /** Counted from when it was asked for: the arbiter began to count later. */
  #extend(leaseMs: number): void {
    this.#leaseMs = leaseMs;
    this.leaseUntil = this.#askedAt + leaseMs;
    this.deadline = this.#askedAt + leaseMs / RENEWALS_PER_LEASE;
  }
}
