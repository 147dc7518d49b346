import type { Frames } from "@seaworthy/core";
import type { Done, Failed, LedgerPort } from "./ledger-port.js";
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
  TitanicStore,
} from "./store.js";
import { StoreError } from "./store-errors.js";

/** A store over a ledger: what {@link LedgerPort} does, with promises. Subclasses open and close it. */
export abstract class LedgerStore implements TitanicStore {
  #port: LedgerPort | undefined;
  #why = new StoreError("ERR_STORE_CLOSED", "the store was not opened");

  abstract open(): Promise<void>;
  abstract close(): Promise<void>;
  abstract onWork(listener: (service: Uint8Array) => void): void;
  abstract onRemoved(listener: (id: Uint8Array) => void): void;

  /** From now on, calls go to this port. */
  protected attach(port: LedgerPort): void {
    this.#port = port;
  }

  /** From now on, calls are rejected. @returns the port that there was */
  protected detach(
    why: StoreError = new StoreError("ERR_STORE_CLOSED", "the store is closed"),
  ): LedgerPort | undefined {
    const port = this.#port;
    this.#port = undefined;
    this.#why = why;
    return port;
  }

  add(request: NewRequest): Promise<Added> {
    return this.#call((port, done, failed) => port.add(request, done, failed));
  }

  find(id: Uint8Array): Promise<Found | undefined> {
    return this.#call((port, done, failed) => port.find(id, done, failed));
  }

  remove(id: Uint8Array, keyRetentionMs: number): Promise<boolean> {
    return this.#call((port, done, failed) => port.remove(id, keyRetentionMs, done, failed));
  }

  claim(service: Uint8Array, limit: number, leaseMs: number, maxBytes: number): Promise<Claims> {
    return this.#call((port, done, failed) => port.claim(service, limit, leaseMs, maxBytes, done, failed));
  }

  renew(leases: readonly Lease[], leaseMs: number): Promise<readonly Lease[]> {
    return this.#call((port, done, failed) => port.renew(leases, leaseMs, done, failed));
  }

  complete(lease: Lease, reply: Frames, retentionMs: number): Promise<boolean> {
    return this.#call((port, done, failed) => port.complete(lease, reply, retentionMs, done, failed));
  }

  release(lease: Lease, delayMs: number, failure?: string): Promise<boolean> {
    return this.#call((port, done, failed) => port.release(lease, delayMs, failure, done, failed));
  }

  bury(lease: Lease, failure: string): Promise<boolean> {
    return this.#call((port, done, failed) => port.bury(lease, failure, done, failed));
  }

  services(): Promise<readonly Uint8Array[]> {
    return this.#call((port, done, failed) => port.services(done, failed));
  }

  counts(): Promise<StoreCounts> {
    return this.#call((port, done, failed) => port.counts(done, failed));
  }

  list(query: StoreQuery): Promise<readonly RequestInfo[]> {
    return this.#call((port, done, failed) => port.list(query, done, failed));
  }

  show(id: Uint8Array): Promise<RequestDetails | undefined> {
    return this.#call((port, done, failed) => port.show(id, done, failed));
  }

  requeue(id: Uint8Array): Promise<boolean> {
    return this.#call((port, done, failed) => port.requeue(id, done, failed));
  }

  sweep(limit: number): Promise<number> {
    return this.#call((port, done, failed) => port.sweep(limit, done, failed));
  }

  #call<T>(ask: (port: LedgerPort, done: Done<T>, failed: Failed) => void): Promise<T> {
    const port = this.#port;
    if (port === undefined) return Promise.reject(this.#why);
    return new Promise((resolve, reject) => ask(port, resolve, reject));
  }
}
