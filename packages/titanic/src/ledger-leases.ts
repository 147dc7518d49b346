import { type DeadlineEntry, DeadlineQueue } from "@seaworthy/core";
import { keyNumber } from "./ledger-layout.js";

/** A claim on a request. It stays here when its time is over, until another claims the request: it can be renewed. */
export interface LeaseRecord {
  /** Key of the request's id. */
  readonly id: string;
  readonly token: number;
  readonly queue: string;
  readonly place: string;
  /** Which of several stores over one ledger has it. */
  readonly holder: object | undefined;
  /** Its time is over. */
  hasLapsed: boolean;
  /** A change that is being committed ends it. */
  isEnding: boolean;
  until: DeadlineEntry<LeaseRecord> | undefined;
}

/**
 * What is known in memory of a queue that is claimed from. Claims write nothing, so what is leased stays in the queue;
 * `from` and `returned` spare each claim the way past it.
 */
export interface QueueState {
  /** What is before this place is leased, or is in `returned`. */
  from: string;
  /** Places before `from` that can be claimed again, by the number of the request. Some may be outdated. */
  readonly returned: DeadlineQueue<string>;
  /** By when they end. */
  readonly leases: DeadlineQueue<LeaseRecord>;
}

/** All leases, and what is known of the queues that they are from. */
export class Leases {
  readonly #leases = new Map<string, LeaseRecord>();
  readonly #queues = new Map<string, QueueState>();

  get(id: string): LeaseRecord | undefined {
    return this.#leases.get(id);
  }

  /** The queue, for a claim: leases whose time is over are returned to it. */
  open(key: string, now: number): QueueState {
    const queue = this.#queueOf(key);
    for (;;) {
      const lease = queue.leases.takeDue(now);
      if (lease === undefined) return queue;
      lease.hasLapsed = true;
      this.#return(lease);
    }
  }

  /** Forgets a queue that has nothing left to give out and nothing leased. */
  close(key: string): void {
    this.#queues.delete(key);
  }

  /** Whether a request can be claimed, as far as leases are concerned. */
  isFree(id: string): boolean {
    const lease = this.#leases.get(id);
    return lease === undefined || (lease.hasLapsed && !lease.isEnding);
  }

  /** @param until - on the monotonic clock; `undefined` for a lease that ends only by a change */
  grant(lease: LeaseRecord, until: number | undefined): void {
    this.#leases.set(lease.id, lease);
    if (until !== undefined) lease.until = this.#queueOf(lease.queue).leases.add(lease, until);
  }

  /** Makes a lease last until then. @returns whether it is known under this token */
  renew(id: string, token: number, until: number): boolean {
    const lease = this.#leases.get(id);
    if (lease?.token !== token) return false;
    // Also of one that a change is about to end: the change may fail.
    lease.hasLapsed = false;
    this.#withdraw(lease);
    lease.until = this.#queueOf(lease.queue).leases.add(lease, until);
    return true;
  }

  /** Ends a lease for good. @param isReturned - its request keeps its place, and can be claimed again */
  end(lease: LeaseRecord, isReturned: boolean): void {
    this.#leases.delete(lease.id);
    this.#withdraw(lease);
    if (isReturned) this.#return(lease);
  }

  /** Ends the lease of a request that nobody is to work on any more, if there is one. */
  settle(id: string): void {
    const lease = this.#leases.get(id);
    if (lease !== undefined) this.end(lease, false);
  }

  /** Takes back that a lease is about to end. */
  keep(lease: LeaseRecord): void {
    lease.isEnding = false;
    if (lease.hasLapsed) this.#return(lease);
  }

  /** Something has come to a place of a queue. */
  arrived(key: string, place: string): void {
    const queue = this.#queues.get(key);
    if (queue !== undefined && place < queue.from) queue.from = place;
  }

  /** Gives up all leases of one holder. @returns the queues that they were from */
  giveUp(holder: object): ReadonlySet<string> {
    const queues = new Set<string>();
    for (const lease of this.#leases.values()) {
      if (lease.holder !== holder || lease.isEnding) continue;
      this.end(lease, true);
      queues.add(lease.queue);
    }
    return queues;
  }

  #queueOf(key: string): QueueState {
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { from: "", returned: new DeadlineQueue(), leases: new DeadlineQueue() };
      this.#queues.set(key, queue);
    }
    return queue;
  }

  /** A queue that is not known is read from its beginning when it is claimed from. */
  #return(lease: LeaseRecord): void {
    this.#queues.get(lease.queue)?.returned.add(lease.place, keyNumber(lease.place, 8));
  }

  #withdraw(lease: LeaseRecord): void {
    if (lease.until !== undefined) this.#queues.get(lease.queue)?.leases.cancel(lease.until);
    lease.until = undefined;
  }
}
