import { Backoff } from "@seaworthy/core";
import type { CallDesk, CallOutcome } from "./call-desk.js";
import { type Flight, Flights } from "./flights.js";
import { RecentRemovals } from "./recent-removals.js";
import type { TitanicServerEvent, TitanicServerStats } from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import type { ServiceQueue } from "./service-queue.js";
import { ServiceQueues } from "./service-queues.js";
import type { Claim } from "./store.js";
import type { StoreDesk } from "./store-desk.js";
import { describeFailure, verdictOn } from "./verdict.js";
import { idText } from "./wire.js";

/** Requests that are claimed in one call of the store. */
const CLAIM_BATCH = 100;
/** Size of their bodies, in bytes; one may be larger. */
const CLAIM_BYTES = 4 * 1024 * 1024;
/** How long nothing is claimed from a store that could not give anything, in ms. */
const STORE_PAUSE_MS = 1000;

type Unstamped<E> = E extends unknown ? Omit<E, "at"> : never;

/** What a {@link Dispatcher} needs. */
export interface DispatcherSurroundings {
  readonly store: StoreDesk;
  readonly calls: CallDesk;
  readonly stats: TitanicServerStats;
  now(): number;
  report(event: Unstamped<TitanicServerEvent>): void;
}

/** Gives the requests of the store to their services: each service at its own pace, so that none waits for another. */
export class Dispatcher {
  readonly #options: ResolvedServerOptions;
  readonly #around: DispatcherSurroundings;
  readonly #queues: ServiceQueues;
  readonly #flights: Flights;
  readonly #pauses: Backoff;
  readonly #removals = new RecentRemovals();
  /** Services that could work on more, had the limits over all services room for it, in turn. */
  readonly #hungry = new Set<ServiceQueue>();
  /** Requests that are being claimed, and the size of their bodies, at most. */
  #reserved = 0;
  #reservedBytes = 0;
  #isClosing = false;

  constructor(options: ResolvedServerOptions, random: () => number, around: DispatcherSurroundings) {
    this.#options = options;
    this.#around = around;
    const { calls, store } = around;
    const now = (): number => around.now();
    this.#pauses = new Backoff(options.backoff, random, "TitanicServer: backoff");
    this.#queues = new ServiceQueues(options, random, {
      calls,
      now,
      dispatch: (queue) => this.#dispatch(queue),
      told: (queue, type) => around.report({ type, service: queue.text }),
    });
    this.#flights = new Flights(options, random, {
      calls,
      store,
      now,
      outcome: (flight) => this.#outcome(flight),
      lost: (flight) => this.#lost(flight),
      landed: (queue) => this.#next(queue),
    });
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  get services(): number {
    return this.#queues.size;
  }

  get missed(): number {
    return this.#queues.missed;
  }

  get deadline(): number | undefined {
    const { deadline: flights } = this.#flights;
    if (this.#isClosing) return flights;
    const { deadline: queues } = this.#queues;
    if (queues === undefined || flights === undefined) return queues ?? flights;
    return Math.min(queues, flights);
  }

  /** A request is being taken in, if there is room for its service, until it is {@link tookIn}. */
  takesIn(service: Uint8Array): boolean {
    return this.#queues.takesIn(service);
  }

  tookIn(service: Uint8Array): void {
    this.#queues.tookIn(service);
  }

  /** There may be work for a service. */
  note(service: Uint8Array): void {
    if (!this.#isClosing) this.#queues.note(service);
  }

  /** The services that have work are these, as of `askedAt`. */
  reconcile(services: readonly Uint8Array[], askedAt: number): void {
    if (!this.#isClosing) this.#queues.reconcile(services, askedAt);
  }

  /** A request is removed: nobody needs to work on it any more. */
  removed(id: Uint8Array): void {
    this.#removals.add(id);
    this.#flights.removed(id);
  }

  tick(now: number): void {
    if (!this.#isClosing) this.#queues.tick(now);
    this.#flights.tick(now);
  }

  stalled(now: number): void {
    this.#flights.stalled(now);
  }

  /** Begins no more. */
  close(): void {
    this.#isClosing = true;
  }

  /** Gives back what is worked on. */
  giveBack(): void {
    this.#flights.close();
  }

  #dispatch(queue: ServiceQueue): void {
    if (!queue.hasWork || queue.isClaiming || queue.state !== "found" || this.#isClosing) return;
    const { maxInFlight, leaseMs } = this.#options;
    const ownRoom = maxInFlight - queue.inFlight;
    if (ownRoom <= 0) return;
    const { requests, bytes } = this.#room(queue);
    if (requests <= 0) {
      this.#hungry.add(queue);
      return;
    }
    const limit = Math.min(ownRoom, requests, CLAIM_BATCH);
    this.#reserved += limit;
    this.#reservedBytes += bytes;
    queue.isClaiming = true;
    // What is heard from now on may be newer than what the store will say.
    queue.hasWork = false;
    queue.workAt = undefined;
    const number = this.#removals.claimBegins();
    const over = (moreInMs: number | undefined): void => {
      this.#reserved -= limit;
      this.#reservedBytes -= bytes;
      queue.isClaiming = false;
      queue.expect(this.#around.now(), moreInMs);
      this.#removals.claimOver(number);
      this.#next(queue);
    };
    this.#around.store.ask(
      "claim",
      [queue.name, limit, leaseMs, bytes],
      ({ claims, moreInMs }) => {
        for (const claim of claims) this.#claimed(queue, claim);
        over(moreInMs);
      },
      () => over(STORE_PAUSE_MS),
    );
  }

  /** What the limits over all services have room for. A service that has nothing may have one request all the same. */
  #room(queue: ServiceQueue): { requests: number; bytes: number } {
    const { maxInFlightTotal, maxInFlightBytes } = this.#options;
    const requests = maxInFlightTotal - this.#flights.size - this.#reserved;
    const bytes = Math.min(CLAIM_BYTES, maxInFlightBytes - this.#flights.bytes - this.#reservedBytes);
    if (requests > 0 && bytes > 0) return { requests, bytes };
    return { requests: queue.inFlight === 0 ? 1 : 0, bytes: 1 };
  }

  #claimed(queue: ServiceQueue, claim: Claim): void {
    if (this.#removals.has(claim.id)) return;
    if (this.#isClosing) this.#flights.decline(queue, claim);
    else if (this.#flights.begin(queue, claim)) this.#around.stats.attempts += 1;
  }

  /** There is room again: first for those who had none. */
  #next(queue: ServiceQueue): void {
    for (const hungry of this.#hungry) {
      if (this.#room(hungry).requests === 0) break;
      this.#hungry.delete(hungry);
      this.#dispatch(hungry);
    }
    this.#dispatch(queue);
    this.#queues.settle(queue);
  }

  #outcome(flight: Flight): CallOutcome {
    const { queue } = flight;
    return {
      answered: (body) => {
        queue.postponed = 0;
        this.#flights.complete(flight, body, (isStored) => this.#completed(flight, isStored));
      },
      failed: (failure) => {
        switch (verdictOn(failure)) {
          case "counts":
            queue.postponed = 0;
            // A broker that is not ours keeps what nobody is there for any more, and says nothing until it is asked.
            if (failure.code === "ERR_REQUEST_TIMEOUT") this.#queues.step(queue, "doubted");
            return this.#failed(flight, describeFailure(failure));
          case "doubt":
            this.#queues.step(queue, "doubted");
            return this.#postpone(flight);
          case "postpone":
            return this.#postpone(flight);
        }
      },
    };
  }

  #completed(flight: Flight, isStored: boolean): void {
    const { stats } = this.#around;
    if (isStored) {
      stats.completed += 1;
      return;
    }
    stats.repliesDropped += 1;
    this.#around.report({ type: "reply-dropped", ...named(flight) });
  }

  #failed(flight: Flight, failure: string): void {
    const failures = flight.failures + 1;
    this.#around.stats.failed += 1;
    if (failures >= this.#options.maxAttempts) {
      return this.#flights.bury(flight, failure, (stood) => {
        if (!stood) return this.#lost(flight);
        this.#around.stats.buried += 1;
        this.#around.report({ type: "request-buried", ...named(flight), failure });
      });
    }
    const pauseMs = this.#pauses.delay(failures);
    this.#release(flight, pauseMs, failure);
    this.#around.report({ type: "attempt-failed", ...named(flight), failures, failure, pauseMs });
  }

  #postpone(flight: Flight): void {
    this.#around.stats.postponed += 1;
    this.#release(flight, this.#queues.postpone(flight.queue));
  }

  #release(flight: Flight, pauseMs: number, failure?: string): void {
    this.#flights.release(flight, pauseMs, failure, (stood) => {
      if (stood) flight.queue.expectBy(this.#around.now() + pauseMs);
      else this.#lost(flight);
    });
  }

  #lost(flight: Flight): void {
    if (flight.isRemoved) return;
    this.#around.stats.leasesLost += 1;
    this.#around.report({ type: "lease-lost", ...named(flight) });
  }
}

function named({ lease, queue }: Flight): { id: string; service: string } {
  return { id: idText(lease.id), service: queue.text };
}
