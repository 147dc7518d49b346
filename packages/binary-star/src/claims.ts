import { Claim, epochFault, nextEpoch } from "./claim.js";
import type { BinaryStarInput, BinaryStarOutput, ClaimReason } from "./star-messages.js";
import type { StarRole } from "./wire.js";

/** What whoever grants epochs says of a claim. */
export type ClaimAnswer = BinaryStarInput & {
  type: "granted" | "denied" | "renewed" | "lease-lost" | "renewal-failed";
};

/** What became of a claim: it was granted, or was not, or what it was granted is over. */
export type ClaimOutcome =
  | { readonly type: "granted" }
  | { readonly type: "denied"; readonly reason: string }
  | { readonly type: "lost" };

const GRANTED: ClaimOutcome = { type: "granted" };
const LOST: ClaimOutcome = { type: "lost" };

/** The epochs of one node: the highest that it knows of, and the one that it claims or is active in. */
export class Claims {
  readonly #role: StarRole;
  readonly #timeoutMs: number;
  readonly #asks: boolean;
  readonly #put: (output: BinaryStarOutput) => void;
  #known: number;
  /** The highest epoch of which it was said that it could not be written down. */
  #unkept = 0;
  #isToBeKept = false;
  #count = 0;
  #current: Claim | undefined;

  /**
   * @param timeoutMs - how long a claim waits for its answer
   * @param known - the highest epoch that is known of
   * @param asks - epochs have to be granted by somebody else
   */
  constructor(
    { role, claimTimeoutMs }: { readonly role: StarRole; readonly claimTimeoutMs: number },
    known: number,
    asks: boolean,
    put: (output: BinaryStarOutput) => void,
  ) {
    this.#role = role;
    this.#timeoutMs = claimTimeoutMs;
    this.#known = known;
    this.#asks = asks;
    this.#put = put;
  }

  /** The highest epoch that is known of. */
  get known(): number {
    return this.#known;
  }

  /** The claim that is under way, or was granted. */
  get current(): Claim | undefined {
    return this.#current;
  }

  get deadline(): number {
    return this.#current?.deadline ?? Number.POSITIVE_INFINITY;
  }

  /** There is, or was, this epoch. */
  learn(epoch: number): void {
    if (epoch <= this.#known) return;
    this.#known = epoch;
    this.#put({ type: "remember", epoch });
  }

  /**
   * An epoch that was learned could not be written down.
   *
   * @returns whether this is the first time that it could not
   */
  notKept(epoch: number): boolean {
    this.#isToBeKept = true;
    if (epoch <= this.#unkept) return false;
    this.#unkept = epoch;
    return true;
  }

  /** What could not be written down is tried again: a disk that was full may have room by now. */
  keepAgain(): void {
    if (!this.#isToBeKept) return;
    this.#isToBeKept = false;
    this.#put({ type: "remember", epoch: this.#known });
  }

  /**
   * Claims an epoch above all that are known.
   *
   * @returns what became of it, if that is known at once
   */
  claim(because: ClaimReason, now: number): ClaimOutcome | undefined {
    const epoch = nextEpoch(this.#known, this.#role);
    this.#count += 1;
    const claim = new Claim(this.#count, epoch, because, now, this.#timeoutMs);
    this.#current = claim;
    if (!this.#asks) return this.#granted(claim, epoch, undefined, now);
    this.#put({ type: "claim", claim: claim.number, epoch });
    return undefined;
  }

  /** Gives back what the claim was or may yet be granted. */
  giveBack(): void {
    if (this.#current !== undefined && this.#asks)
      this.#put({ type: "release", claim: this.#current.number });
    this.#current = undefined;
  }

  /** What came of an answer; nothing if it is to a claim that was given back. */
  answered(answer: ClaimAnswer, now: number): ClaimOutcome | undefined {
    const claim = this.#current;
    if (claim?.number !== answer.claim) return undefined;
    switch (answer.type) {
      case "granted":
        return claim.isGranted ? undefined : this.#granted(claim, answer.epoch, answer.leaseMs, now);
      case "denied":
        return claim.isGranted ? undefined : { type: "denied", reason: answer.reason };
      case "renewed":
        claim.renewed(answer.leaseMs);
        return undefined;
      case "lease-lost":
        return claim.isGranted ? LOST : undefined;
      case "renewal-failed":
        claim.renewalFailed(now);
        this.#put({ type: "status", event: { type: "renewal-failed", at: now, reason: answer.reason } });
        return undefined;
    }
  }

  /** What the time has made of the claim. */
  judge(now: number): ClaimOutcome | undefined {
    const claim = this.#current;
    if (claim === undefined || now < claim.deadline) return undefined;
    if (!claim.isGranted) return { type: "denied", reason: "no answer in time" };
    if (now >= claim.leaseUntil) return LOST;
    claim.renewing(now);
    this.#put({ type: "renew", claim: claim.number });
    return undefined;
  }

  #granted(claim: Claim, epoch: number, leaseMs: number | undefined, now: number): ClaimOutcome | undefined {
    const fault = epochFault(epoch, claim.epoch);
    if (fault !== undefined) return { type: "denied", reason: fault };
    // The peer has told of more while arbiter or disk took their time.
    if (epoch <= this.#known) return this.#claimAnew(claim, now);
    claim.granted(epoch, leaseMs);
    this.learn(epoch);
    return GRANTED;
  }

  #claimAnew({ because }: Claim, now: number): ClaimOutcome | undefined {
    this.giveBack();
    return this.claim(because, now);
  }
}
