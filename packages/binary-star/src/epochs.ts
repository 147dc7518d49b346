import { Fifo, failureText, type Scheduler } from "@seaworthy/core";
import type { Arbiter, Lease } from "./arbiter.js";
import { epochFault } from "./claim.js";
import type { BinaryStarInput, BinaryStarOutput } from "./star-messages.js";
import type { StarRole } from "./wire.js";

/** Where a node keeps the highest epoch that it knows, beyond the end of its process. */
export interface EpochStore {
  /**
   * Resolves when the epoch would outlive the process, and the machine.
   *
   * @throws (by rejecting) if it may not
   */
  save(epoch: number): PromiseLike<void>;
}

/** What the machine asks for about epochs. */
export type EpochOutput = BinaryStarOutput & { type: "claim" | "release" | "renew" | "remember" };

interface Holding {
  readonly abort: AbortController;
  lease: Lease | undefined;
}

/** An epoch that is to be written down. */
interface Saving {
  readonly epoch: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Gets a machine the epochs that it claims: from the arbiter, if there is one, and written down first, if there is a store.
 *
 * It goes on in callbacks alone, never with `await`: what arbiters and stores return need not be promises of the engine, and where
 * they call back at once, as in a simulation, all happens in virtual time.
 */
export class Epochs {
  readonly #role: StarRole;
  readonly #arbiter: Arbiter | undefined;
  readonly #store: EpochStore | undefined;
  readonly #feed: (input: BinaryStarInput) => void;
  readonly #held = new Map<number, Holding>();
  readonly #toSave = new Fifo<Saving>();
  #saved: number;
  #isSaving = false;
  #releasing = 0;
  #settled: (() => void)[] = [];

  /** @param saved - what the store holds at the beginning, which the machine knows from it */
  constructor(
    role: StarRole,
    arbiter: Arbiter | undefined,
    store: EpochStore | undefined,
    saved: number,
    feed: (input: BinaryStarInput) => void,
  ) {
    this.#role = role;
    this.#arbiter = arbiter;
    this.#store = store;
    this.#saved = saved;
    this.#feed = feed;
  }

  perform(output: EpochOutput): void {
    switch (output.type) {
      case "claim":
        return this.#claim(output.claim, output.epoch);
      case "release":
        return this.#release(output.claim);
      case "renew":
        return this.#renew(output.claim);
      case "remember":
        return this.#save({
          epoch: output.epoch,
          done() {},
          failed: (error) =>
            this.#feed({ type: "not-remembered", epoch: output.epoch, reason: failureText(error) }),
        });
    }
  }

  /** Waits until what was released and remembered is, but no longer than `limitMs`. */
  settle(scheduler: Scheduler, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = scheduler.schedule(scheduler.now() + limitMs, resolve);
      this.#settled.push(() => {
        cancel();
        resolve();
      });
      this.#tellSettled();
    });
  }

  #claim(claim: number, minEpoch: number): void {
    const holding: Holding = { abort: new AbortController(), lease: undefined };
    this.#held.set(claim, holding);
    const denied = (reason: string): void => this.#feed({ type: "denied", claim, reason });
    const failed = (error: unknown): void => denied(failureText(error));
    const grant = (epoch: number, leaseMs: number | undefined): void => {
      // Judged before it is written down: what the store holds would be worse than what it held.
      const fault = epochFault(epoch, minEpoch);
      if (fault !== undefined) return denied(fault);
      this.#save({ epoch, done: () => this.#feed({ type: "granted", claim, epoch, leaseMs }), failed });
    };
    const arbiter = this.#arbiter;
    if (arbiter === undefined) return grant(minEpoch, undefined);
    const { signal } = holding.abort;
    ask(
      () => arbiter.acquire({ role: this.#role, minEpoch, signal }),
      (answer) => {
        const lease = answer ?? undefined;
        holding.lease = lease;
        if (signal.aborted) this.#giveBack(holding);
        else if (lease === undefined) denied("another holds the lease");
        else if (!isLease(lease)) denied(noLease(lease));
        else grant(lease.epoch, lease.durationMs);
      },
      failed,
    );
  }

  #renew(claim: number): void {
    const holding = this.#held.get(claim);
    const arbiter = this.#arbiter;
    const lease = holding?.lease;
    if (arbiter === undefined || holding === undefined || lease === undefined) return;
    const failed = (reason: string): void => this.#feed({ type: "renewal-failed", claim, reason });
    ask(
      () => arbiter.renew(lease),
      (answer) => {
        const renewed = answer ?? undefined;
        // Released meanwhile: the arbiter may have renewed it after that.
        if (holding.abort.signal.aborted) return this.#giveBack({ ...holding, lease: renewed });
        if (renewed === undefined) return this.#feed({ type: "lease-lost", claim });
        if (!isLease(renewed)) return failed(noLease(renewed));
        holding.lease = renewed;
        this.#feed({ type: "renewed", claim, leaseMs: renewed.durationMs });
      },
      (error) => failed(failureText(error)),
    );
  }

  #release(claim: number): void {
    const holding = this.#held.get(claim);
    if (holding === undefined) return;
    this.#held.delete(claim);
    holding.abort.abort();
    this.#giveBack(holding);
  }

  #giveBack({ lease }: Holding): void {
    const arbiter = this.#arbiter;
    if (lease === undefined || arbiter === undefined) return;
    this.#releasing += 1;
    const ended = (): void => {
      this.#releasing -= 1;
      this.#tellSettled();
    };
    // An arbiter that cannot be told grants the next lease when this one is over.
    ask(() => arbiter.release(lease), ended, ended);
  }

  #save(saving: Saving): void {
    this.#toSave.push(saving);
    if (!this.#isSaving) this.#saveNext();
  }

  /** One after the other: an older epoch must not be written over a newer one. */
  #saveNext(): void {
    const saving = this.#toSave.shift();
    if (saving === undefined) return this.#tellSettled();
    const { epoch, done, failed } = saving;
    const store = this.#store;
    if (store === undefined || epoch <= this.#saved) {
      done();
      return this.#saveNext();
    }
    this.#isSaving = true;
    const ended = (tell: () => void): void => {
      this.#isSaving = false;
      tell();
      if (!this.#isSaving) this.#saveNext();
    };
    ask(
      () => store.save(epoch),
      () => {
        this.#saved = epoch;
        ended(done);
      },
      (error) => ended(() => failed(error)),
    );
  }

  #tellSettled(): void {
    if (this.#releasing > 0 || this.#isSaving) return;
    for (const tell of this.#settled.splice(0)) tell();
  }
}

/** Arbiters are written by users: what is no lease would be found out late, by a peer or a timer that makes no sense of it. */
function isLease({ epoch, durationMs }: Lease): boolean {
  return Number.isSafeInteger(epoch) && durationMs > 0;
}

const noLease = ({ epoch, durationMs }: Lease): string =>
  `the arbiter's lease has the epoch ${epoch} and lasts ${durationMs} ms`;

/** Whoever is asked may also throw at once, or, where no compiler has seen it, return no promise and resolve to `null` for nothing. */
function ask<T>(
  question: () => PromiseLike<T | null>,
  answered: (answer: T | null) => void,
  failed: (error: unknown) => void,
): void {
  let asked: PromiseLike<T | null> | undefined | null;
  try {
    asked = question();
  } catch (error) {
    return failed(error);
  }
  if (typeof asked?.then !== "function") return failed(new TypeError("what was asked returned no promise"));
  asked.then(answered, failed);
}
