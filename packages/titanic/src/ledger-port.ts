import type { Frames } from "@seaworthy/core";
import type { Ledger } from "./ledger.js";
import type {
  Added,
  Claims,
  Found,
  Lease,
  NewRequest,
  RequestDetails,
  RequestInfo,
  StoreCounts,
  StoreQuery,
} from "./store.js";

export type Done<T> = (outcome: T) => void;
export type Failed = (error: unknown) => void;

/**
 * One server's way into a ledger, with callbacks in place of promises: a simulation decides when things happen. Exactly
 * one of `done` and `failed` is called.
 */
export class LedgerPort {
  readonly #ledger: Ledger;
  /** Is told of what has been taken in or requeued through this port. */
  readonly #tell: (service: Uint8Array) => void;
  /** Is told of what has been removed through this port. */
  readonly #tellRemoved: (id: Uint8Array) => void;

  constructor(
    ledger: Ledger,
    tell: (service: Uint8Array) => void = ignore,
    tellRemoved: (id: Uint8Array) => void = ignore,
  ) {
    this.#ledger = ledger;
    this.#tell = tell;
    this.#tellRemoved = tellRemoved;
  }

  add(request: NewRequest, done: Done<Added>, failed: Failed): void {
    const { changes } = this.#ledger;
    const added = (outcome: Added): void => {
      done(outcome);
      if (outcome.type === "added") this.#tell(request.service);
    };
    this.#ledger.change((draft) => changes.add(draft, request), added, failed);
  }

  find(id: Uint8Array, done: Done<Found | undefined>, failed: Failed): void {
    attempt(() => this.#ledger.reader.find(id), done, failed);
  }

  remove(id: Uint8Array, keyRetentionMs: number, done: Done<boolean>, failed: Failed): void {
    const { changes } = this.#ledger;
    const removed = (wasThere: boolean): void => {
      done(wasThere);
      this.#tellRemoved(id);
    };
    this.#ledger.change((draft) => changes.remove(draft, id, keyRetentionMs), removed, failed);
  }

  claim(
    service: Uint8Array,
    limit: number,
    leaseMs: number,
    maxBytes: number,
    done: Done<Claims>,
    failed: Failed,
  ): void {
    attempt(() => this.#ledger.claim(service, limit, leaseMs, maxBytes, this), done, failed);
  }

  renew(leases: readonly Lease[], leaseMs: number, done: Done<readonly Lease[]>, failed: Failed): void {
    attempt(() => this.#ledger.renew(leases, leaseMs), done, failed);
  }

  complete(lease: Lease, reply: Frames, retentionMs: number, done: Done<boolean>, failed: Failed): void {
    const { changes } = this.#ledger;
    this.#ledger.change((draft) => changes.complete(draft, lease, reply, retentionMs), done, failed);
  }

  release(
    lease: Lease,
    delayMs: number,
    failure: string | undefined,
    done: Done<boolean>,
    failed: Failed,
  ): void {
    const { changes } = this.#ledger;
    this.#ledger.change((draft) => changes.release(draft, lease, delayMs, failure), done, failed);
  }

  bury(lease: Lease, failure: string, done: Done<boolean>, failed: Failed): void {
    const { changes } = this.#ledger;
    this.#ledger.change((draft) => changes.bury(draft, lease, failure), done, failed);
  }

  services(done: Done<readonly Uint8Array[]>, failed: Failed): void {
    attempt(() => this.#ledger.reader.services(), done, failed);
  }

  counts(done: Done<StoreCounts>, failed: Failed): void {
    attempt(() => this.#ledger.counts(), done, failed);
  }

  list(query: StoreQuery, done: Done<readonly RequestInfo[]>, failed: Failed): void {
    const infos: RequestInfo[] = [];
    const step = (from: string): void => {
      const part = this.#ledger.reader.list({ ...query, limit: query.limit - infos.length }, from);
      for (const info of part.infos) infos.push(info);
      const { next } = part;
      if (next === undefined || infos.length >= query.limit) return done(infos);
      // A store may hold millions: others get their turn in between.
      this.#ledger.defer(() => attempt(() => step(next), ignore, failed));
    };
    attempt(() => step(this.#ledger.reader.numberBehind(query.after)), ignore, failed);
  }

  show(id: Uint8Array, done: Done<RequestDetails | undefined>, failed: Failed): void {
    attempt(() => this.#ledger.reader.show(id), done, failed);
  }

  requeue(id: Uint8Array, done: Done<boolean>, failed: Failed): void {
    const { changes } = this.#ledger;
    const requeued = (service: Uint8Array | undefined): void => {
      done(service !== undefined);
      if (service !== undefined) this.#tell(service);
    };
    this.#ledger.change((draft) => changes.requeue(draft, id), requeued, failed);
  }

  sweep(limit: number, done: Done<number>, failed: Failed): void {
    const { changes } = this.#ledger;
    this.#ledger.change((draft) => changes.sweep(draft, limit), done, failed);
  }

  /** Gives its claims up when what it has begun is finished. */
  close(done: () => void): void {
    this.#ledger.whenIdle(() => {
      for (const service of this.#ledger.giveUp(this)) this.#tell(service);
      done();
    });
  }
}

function ignore(): void {}

function attempt<T>(read: () => T, done: Done<T>, failed: Failed): void {
  let outcome: T;
  try {
    outcome = read();
  } catch (error) {
    return failed(error);
  }
  done(outcome);
}
