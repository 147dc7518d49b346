import { frameKey, keyFrame } from "@seaworthy/core";
import { LedgerChanges } from "./ledger-changes.js";
import { type ClaimDesk, Claiming, type Unreadable } from "./ledger-claims.js";
import { Draft } from "./ledger-draft.js";
import type { Ground, LedgerLimits, LedgerSurroundings } from "./ledger-ground.js";
import { COUNTERS, FORMAT, queueKey } from "./ledger-layout.js";
import { type LeaseRecord, Leases } from "./ledger-leases.js";
import { LedgerReader } from "./ledger-reader.js";
import { type Counters, FORMAT_VERSION, Records, readFormat, writeFormat } from "./ledger-records.js";
import { Timeline } from "./ledger-timeline.js";
import type { Claims, Lease, StoreCounts } from "./store.js";
import { StoreError } from "./store-errors.js";

/** One change that waits for its commit. */
interface Pending {
  apply(draft: Draft): unknown;
  done(outcome: unknown): void;
  failed(error: unknown): void;
}

/** A change that was applied to a draft. */
interface Applied {
  readonly pending: Pending;
  readonly outcome: unknown;
}

/** Tokens that each life sets aside for itself: claims write nothing, so what they use up is not on the disk. */
const TOKEN_RESERVE = 2 ** 32;
const NEW_LEDGER: Counters = { pending: 0, done: 0, dead: 0, keys: 0, next: 1, tokens: 1, time: 0 };

/**
 * The logic of a store, over any {@link Ground}. Changes that come while a commit is under way share the next one, and
 * are told of when it is synced. What is read, and what is claimed, is what has been committed.
 */
export class Ledger implements ClaimDesk {
  readonly ground: Ground;
  readonly records: Records;
  readonly leases: Leases = new Leases();
  readonly reader: LedgerReader;
  readonly changes: LedgerChanges;
  readonly #surroundings: LedgerSurroundings;
  #timeline: Timeline;
  #counters: Counters = NEW_LEDGER;
  #token = 0;
  #waiting: Pending[] = [];
  /** Changes are being committed, or soon will be. */
  #isBusy = false;
  #idle: (() => void)[] = [];

  constructor(ground: Ground, limits: LedgerLimits, surroundings: LedgerSurroundings) {
    this.ground = ground;
    this.records = new Records(surroundings.checksum);
    this.reader = new LedgerReader(ground, this.records);
    this.changes = new LedgerChanges({ leases: this.leases, limits, surroundings });
    this.#surroundings = surroundings;
    this.#timeline = new Timeline(surroundings, 0);
  }

  /**
   * Reads what the ground has, or makes a ledger of an empty one.
   *
   * @throws StoreError ERR_STORE_FOREIGN if it is something else, ERR_STORE_CORRUPT if it cannot be read
   */
  open(done: () => void, failed: (error: unknown) => void): void {
    const format = this.ground.get(FORMAT);
    if (format === undefined) checkEmpty(this.ground);
    else {
      checkFormat(format);
      this.#counters = this.records.readCounters(this.ground.get(COUNTERS));
    }
    this.#timeline = new Timeline(this.#surroundings, this.#counters.time);
    this.#token = this.#counters.tokens;
    this.change((draft) => draft.put(FORMAT, writeFormat()), done, failed);
  }

  /** Makes a change. Exactly one of `done` and `failed` is called: when it is synced, or when nothing has changed. */
  change<T>(apply: (draft: Draft) => T, done: (outcome: T) => void, failed: (error: unknown) => void): void {
    this.#waiting.push({ apply, done: done as (outcome: unknown) => void, failed });
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#surroundings.defer(() => this.#commit());
  }

  /** Calls back when nothing is under way any more. */
  whenIdle(done: () => void): void {
    if (this.#isBusy) this.#idle.push(done);
    else done();
  }

  claim(service: Uint8Array, limit: number, leaseMs: number, maxBytes: number, holder?: object): Claims {
    const now = this.#surroundings.now();
    const time = this.#timeline.now();
    const affordable = Math.min(limit, this.#counters.tokens - this.#token);
    const queue = queueKey(service);
    return new Claiming(this, { queue, limit: affordable, leaseMs, maxBytes, holder, now, time }).run();
  }

  renew(leases: readonly Lease[], leaseMs: number): readonly Lease[] {
    const until = this.#surroundings.now() + leaseMs;
    return leases.filter(({ id, token }) => !this.leases.renew(frameKey(id), token, until));
  }

  /** Gives up what one holder has claimed. @returns the services whose requests can be claimed again */
  giveUp(holder: object): Uint8Array[] {
    return Array.from(this.leases.giveUp(holder), (queue) => keyFrame(queue.slice(2)));
  }

  counts(): StoreCounts {
    const { pending, done, dead } = this.#counters;
    return { pending, done, dead };
  }

  /** Runs a task a little later. */
  defer(task: () => void): void {
    this.#surroundings.defer(task);
  }

  nextToken(): number {
    return this.#token++;
  }

  /** What cannot be read is not given out, and all else goes on. If putting it aside fails, the next claim tries again. */
  putAside(unreadable: Unreadable): void {
    const lease = this.leases.get(frameKey(unreadable.id)) as LeaseRecord;
    this.change(
      (draft) => this.changes.putAside(draft, unreadable),
      () => this.leases.end(lease, false),
      () => this.leases.end(lease, true),
    );
  }

  #commit(): void {
    const draft = new Draft(this.ground, this.records, this.#counters, this.#timeline.now());
    const applied: Applied[] = [];
    for (const pending of this.#take()) {
      try {
        applied.push({ pending, outcome: pending.apply(draft) });
      } catch (error) {
        pending.failed(error);
      }
    }
    if (draft.changes.size === 0) return this.#committed(draft, applied, undefined);
    this.#count(draft);
    this.ground.commit(draft.changes, (error) => this.#committed(draft, applied, error));
  }

  #take(): readonly Pending[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  #count(draft: Draft): void {
    const { counters } = draft;
    counters.time = draft.time;
    if (counters.tokens - this.#token < TOKEN_RESERVE / 2) counters.tokens = this.#token + TOKEN_RESERVE;
    draft.put(COUNTERS, draft.records.writeCounters(counters));
  }

  #committed(draft: Draft, applied: readonly Applied[], error: StoreError | undefined): void {
    if (error === undefined) {
      this.#counters = draft.counters;
      for (const { lease, isReturned } of draft.ended) this.leases.end(lease, isReturned);
      for (const id of draft.settled) this.leases.settle(id);
      for (const [queue, place] of draft.arrivals) this.leases.arrived(queue, place);
      for (const { pending, outcome } of applied) pending.done(outcome);
    } else {
      for (const { lease } of draft.ended) this.leases.keep(lease);
      for (const { pending } of applied) pending.failed(error);
    }
    if (this.#waiting.length > 0) return this.#surroundings.defer(() => this.#commit());
    this.#isBusy = false;
    const idle = this.#idle;
    this.#idle = [];
    for (const done of idle) done();
  }
}

function checkEmpty(ground: Ground): void {
  if (ground.range("\0", "\xff\xff", 1).length === 0) return;
  throw new StoreError("ERR_STORE_FOREIGN", "there is something else here, and not a store of Titanic");
}

function checkFormat(format: Uint8Array): void {
  const version = readFormat(format);
  if (version === FORMAT_VERSION) return;
  const found = version === undefined ? "no store of Titanic" : `a store of version ${version}`;
  throw new StoreError("ERR_STORE_FOREIGN", `this is ${found}: this program knows version ${FORMAT_VERSION}`);
}
