import { Backoff, type DeadlineEntry, DeadlineQueue, type Frames, frameKey, memoryOf } from "@seaworthy/core";
import type { CallDesk, CallOutcome } from "./call-desk.js";
import type { ResolvedServerOptions } from "./server-options.js";
import type { ServiceQueue } from "./service-queue.js";
import type { Claim, Lease } from "./store.js";
import type { StoreDesk } from "./store-desk.js";

/** Pauses between tries to store an outcome that the store did not take, in ms. */
const STORE_PAUSES = { initialMs: 100, maxMs: 5000 };
/** Leases that are renewed in one call of the store. */
const RENEWAL_BATCH = 1000;

/** A request that is worked on, or whose outcome is on its way to the store. */
export class Flight {
  readonly queue: ServiceQueue;
  /** Attempts that had failed before. */
  failures: number;
  readonly bytes: number;
  lease: Lease;
  /** The request to its service, as long as that is under way. */
  call: number | undefined;
  /** Stores the outcome, as soon as there is one. */
  store: (() => void) | undefined;
  /** That outcome is a failure, which the store counts. */
  hasFailed = false;
  /** Nobody wants the outcome any more. */
  isRemoved = false;
  /** How often the store did not take it. */
  tries = 0;
  /** When it is tried again, unless it is on its way. */
  retry: DeadlineEntry<Flight> | undefined;

  constructor(queue: ServiceQueue, claim: Claim) {
    this.queue = queue;
    this.lease = claim;
    this.failures = claim.failures;
    this.bytes = memoryOf(claim.body);
  }
}

/** What {@link Flights} need. */
export interface FlightsSurroundings {
  readonly store: StoreDesk;
  readonly calls: CallDesk;
  now(): number;
  outcome(flight: Flight): CallOutcome;
  /** Another server has claimed a request that was worked on here, or has removed it. */
  lost(flight: Flight): void;
  /** There is room for another. */
  landed(queue: ServiceQueue): void;
}

/** Requests that are worked on, their leases, and the storing of what became of them. */
export class Flights {
  readonly #options: ResolvedServerOptions;
  readonly #around: FlightsSurroundings;
  readonly #flights = new Map<string, Flight>();
  readonly #retries = new DeadlineQueue<Flight>();
  readonly #pauses: Backoff;
  #renewAt: number | undefined;
  #isClosing = false;
  #bytes = 0;

  constructor(options: ResolvedServerOptions, random: () => number, around: FlightsSurroundings) {
    this.#options = options;
    this.#around = around;
    this.#pauses = new Backoff(STORE_PAUSES, random, "TitanicServer");
  }

  get size(): number {
    return this.#flights.size;
  }

  /** Size of their bodies. */
  get bytes(): number {
    return this.#bytes;
  }

  get deadline(): number | undefined {
    const [retryAt, renewAt] = [this.#retries.deadline, this.#renewAt];
    if (retryAt === undefined || renewAt === undefined) return retryAt ?? renewAt;
    return Math.min(retryAt, renewAt);
  }

  /** Sends a claimed request to its service; false if it is worked on already. */
  begin(queue: ServiceQueue, claim: Claim): boolean {
    const flight = this.#enter(queue, claim);
    if (flight === undefined) return false;
    this.#renewAt ??= this.#around.now() + this.#options.leaseMs / 3;
    const { calls } = this.#around;
    flight.call = calls.begin(queue.name, claim.body, this.#options.timeoutMs, this.#around.outcome(flight));
    return true;
  }

  /** Gives a claimed request back that was not begun. */
  decline(queue: ServiceQueue, claim: Claim): void {
    const flight = this.#enter(queue, claim);
    if (flight !== undefined) this.release(flight, 0, undefined, () => {});
  }

  /** Stores a reply. `done` is told whether anybody wants it. */
  complete(flight: Flight, reply: Frames, done: (isStored: boolean) => void): void {
    const { retentionMs } = this.#options;
    this.#settle(flight, done, (stored, failed) =>
      this.#around.store.ask("complete", [flight.lease, reply, retentionMs], stored, failed),
    );
  }

  /**
   * Gives a request back; it counts as failed if `failure` says why. `done` is told whether it was this server's still.
   */
  release(
    flight: Flight,
    delayMs: number,
    failure: string | undefined,
    done: (stood: boolean) => void,
  ): void {
    flight.hasFailed = failure !== undefined;
    this.#settle(flight, done, (stored, failed) =>
      this.#around.store.ask("release", [flight.lease, delayMs, failure], stored, failed),
    );
  }

  /** Makes a dead letter of a request. `done` is told whether it was this server's still. */
  bury(flight: Flight, failure: string, done: (stood: boolean) => void): void {
    flight.hasFailed = true;
    this.#settle(flight, done, (stored, failed) =>
      this.#around.store.ask("bury", [flight.lease, failure], stored, failed),
    );
  }

  /** A request is removed: nobody needs to work on it any more. */
  removed(id: Uint8Array): void {
    const flight = this.#flights.get(frameKey(id));
    if (flight === undefined) return;
    flight.isRemoved = true;
    if (flight.call !== undefined) this.#giveUp(flight, flight.call);
    else if (flight.retry !== undefined) this.#land(flight);
  }

  tick(now: number): void {
    for (let flight = this.#retries.takeDue(now); flight !== undefined; flight = this.#retries.takeDue(now)) {
      (flight.store as () => void)();
    }
    if (this.#renewAt !== undefined && this.#renewAt <= now) this.#renew(now);
  }

  /** The process stood still, and leases may end any moment. */
  stalled(now: number): void {
    if (this.#renewAt !== undefined) this.#renewAt = now;
  }

  /** Gives back what is worked on. What the store does not take at once is left to the end of its lease. */
  close(): void {
    this.#isClosing = true;
    for (const flight of [...this.#flights.values()]) {
      if (flight.call !== undefined) {
        this.#around.calls.abort(flight.call);
        this.release(flight, 0, undefined, () => {});
      } else if (flight.retry !== undefined) this.#land(flight);
    }
  }

  #enter(queue: ServiceQueue, claim: Claim): Flight | undefined {
    const key = frameKey(claim.id);
    const earlier = this.#flights.get(key);
    if (earlier !== undefined) {
      const isCounted = earlier.hasFailed && claim.failures !== earlier.failures;
      earlier.lease = claim;
      earlier.failures = claim.failures;
      // The store has its failure, although it did not say so: this is another attempt.
      if (isCounted) return this.#anew(earlier);
      // This server has stood still until its own lease ended, and then claimed the request again: one run is enough.
      return undefined;
    }
    const flight = new Flight(queue, claim);
    this.#flights.set(key, flight);
    queue.inFlight += 1;
    this.#bytes += flight.bytes;
    return flight;
  }

  /** Another attempt begins. What is still under way of the last one is forgotten. */
  #anew(flight: Flight): Flight {
    if (flight.retry !== undefined) this.#retries.cancel(flight.retry);
    flight.retry = undefined;
    flight.store = undefined;
    flight.hasFailed = false;
    flight.tries = 0;
    return flight;
  }

  #settle(
    flight: Flight,
    done: (outcome: boolean) => void,
    ask: (stored: (outcome: boolean) => void, failed: () => void) => void,
  ): void {
    flight.call = undefined;
    const store = (): void => {
      flight.retry = undefined;
      const { lease } = flight;
      ask(
        (outcome) => {
          if (flight.store !== store) return;
          // The lease may have ended meanwhile, and this server have another by now.
          if (!outcome && flight.lease !== lease) return store();
          done(outcome);
          this.#land(flight);
        },
        () => {
          if (flight.store === store) this.#storeLater(flight);
        },
      );
    };
    flight.store = store;
    store();
  }

  #storeLater(flight: Flight): void {
    if (this.#isClosing) return this.#land(flight);
    flight.tries += 1;
    flight.retry = this.#retries.add(flight, this.#around.now() + this.#pauses.delay(flight.tries));
  }

  #giveUp(flight: Flight, call: number): void {
    flight.call = undefined;
    this.#around.calls.abort(call);
    this.#land(flight);
  }

  #land(flight: Flight): void {
    const { lease, queue, retry } = flight;
    if (retry !== undefined) this.#retries.cancel(retry);
    this.#flights.delete(frameKey(lease.id));
    queue.inFlight -= 1;
    this.#bytes -= flight.bytes;
    if (this.#flights.size === 0) this.#renewAt = undefined;
    this.#around.landed(queue);
  }

  #renew(now: number): void {
    const { leaseMs } = this.#options;
    this.#renewAt = now + leaseMs / 3;
    const leases = Array.from(this.#flights.values(), ({ lease }) => lease);
    for (let from = 0; from < leases.length; from += RENEWAL_BATCH) {
      const batch = leases.slice(from, from + RENEWAL_BATCH);
      // What the store does not renew now it is asked for again in time.
      this.#around.store.ask(
        "renew",
        [batch, leaseMs],
        (lost) => lost.forEach(this.#lost, this),
        () => {},
      );
    }
  }

  #lost(lease: Lease): void {
    const flight = this.#flights.get(frameKey(lease.id));
    // What has run is stored all the same; and it may have been claimed anew meanwhile.
    if (flight?.call === undefined || flight.lease.token !== lease.token) return;
    this.#around.lost(flight);
    this.#giveUp(flight, flight.call);
  }
}
