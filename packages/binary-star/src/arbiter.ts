import type { Clock } from "@seaworthy/core";
import type { StarRole } from "./wire.js";

/** The right to be active in an epoch, for a while. */
export interface Lease {
  /** Above the epochs of all leases before. */
  readonly epoch: number;
  /** How long the lease lasts, in ms, counted from when it was asked for. */
  readonly durationMs: number;
}

/** A node's wish to be active. */
export interface Bid {
  readonly role: StarRole;
  /** The lease's epoch is to be at least this: storage may know of all below. */
  readonly minEpoch: number;
  /** Fires when the node does not wait any more; a lease that is granted all the same is released. */
  readonly signal: AbortSignal;
}

/**
 * A third party that lets one node of a pair be active at a time, for splits that two cannot judge by themselves. One arbiter serves
 * one pair; a lease service (of ZooKeeper, etcd, a database) is behind it.
 *
 * What holds the pair together is that no lease is granted before the one before has been released or is over **by the arbiter's
 * clock**, and that the holder counts from when it asked, by a clock that runs no slower than the arbiter's, give or take what
 * `durationMs` is shortened by.
 */
export interface Arbiter {
  /**
   * Grants a lease, or `undefined` while another has it.
   *
   * @throws (by rejecting) if the arbiter cannot be asked
   */
  acquire(bid: Bid): PromiseLike<Lease | undefined>;
  /**
   * Lets the lease last longer, or `undefined` if it is over.
   *
   * @throws (by rejecting) if the arbiter cannot be asked
   */
  renew(lease: Lease): PromiseLike<Lease | undefined>;
  /** Ends the lease. One that is over, or not known, is no error. */
  release(lease: Lease): PromiseLike<void>;
}

/** What a {@link MemoryArbiter} is made with. */
export interface MemoryArbiterOptions {
  /** How long a lease lasts, in ms. */
  readonly leaseMs: number;
  /** Whose time it goes by: `systemScheduler` of `@seaworthy/core`, or a simulation's. */
  readonly clock: Clock;
}

/** Which lease was granted last, and until when it lasts. */
export class LeaseBook {
  readonly #leaseMs: number;
  readonly #clock: Clock;
  #epoch = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor({ leaseMs, clock }: MemoryArbiterOptions) {
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  acquire(minEpoch: number): Lease | undefined {
    if (this.#clock.now() < this.#until) return undefined;
    this.#epoch = Math.max(this.#epoch + 1, minEpoch);
    return this.#extend();
  }

  renew({ epoch }: Lease): Lease | undefined {
    return epoch === this.#epoch && this.#clock.now() < this.#until ? this.#extend() : undefined;
  }

  release({ epoch }: Lease): void {
    if (epoch === this.#epoch) this.#until = Number.NEGATIVE_INFINITY;
  }

  #extend(): Lease {
    this.#until = this.#clock.now() + this.#leaseMs;
    return { epoch: this.#epoch, durationMs: this.#leaseMs };
  }
}

/** An arbiter in the memory of one process, for tests and simulations: it is only as reachable as that process. */
export class MemoryArbiter implements Arbiter {
  readonly #book: LeaseBook;

  constructor(options: MemoryArbiterOptions) {
    this.#book = new LeaseBook(options);
  }

  async acquire({ minEpoch }: Pick<Bid, "minEpoch">): Promise<Lease | undefined> {
    return this.#book.acquire(minEpoch);
  }

  async renew(lease: Lease): Promise<Lease | undefined> {
    return this.#book.renew(lease);
  }

  async release(lease: Lease): Promise<void> {
    this.#book.release(lease);
  }
}
