import type { Frames } from "@seaworthy/core";

/**
 * Where a Titanic server keeps requests and replies. Several servers may share one store: a request is worked on by
 * whoever has claimed it, until the lease of the claim ends. The suite `@seaworthy/titanic/store-compliance` says in
 * tests what this interface says in words.
 *
 * Every method that changes something resolves when the change would survive a loss of power, and not before. Claims
 * and leases alone may be forgotten: the request is then given out again. A method that rejects has changed nothing
 * that was promised before, and the store works again when what ailed it is gone: see {@link StoreError}.
 */
export interface TitanicStore {
  /** Opens files or connections, and brings an older layout up to date. Called once, before all else. */
  open(): Promise<void>;
  /** Lets what has begun finish, and closes. Claims of this server's are given up. */
  close(): Promise<void>;

  /**
   * Takes in a request. One whose key is known already is not taken in again, not even after it was removed, for as
   * long as the key is kept.
   */
  add(request: NewRequest): Promise<Added>;
  /** What became of a request; `undefined` if it is not here (any more). */
  find(id: Uint8Array): Promise<Found | undefined>;
  /**
   * Forgets a request, its reply with it, whatever its state. Other servers are told ({@link onRemoved}); one that does
   * not hear of it learns so when it renews its lease, or stores the outcome.
   *
   * @param keyRetentionMs - for how long its key is known from now on
   * @returns whether there was one
   */
  remove(id: Uint8Array, keyRetentionMs: number): Promise<boolean>;

  /**
   * Leases requests of one service that are due and that nobody has a lease of, the oldest first. Nobody else is given
   * them before the lease has ended.
   *
   * @param limit - how many at most
   * @param maxBytes - how large their bodies may be together; the first is given whatever its size
   */
  claim(service: Uint8Array, limit: number, leaseMs: number, maxBytes: number): Promise<Claims>;
  /**
   * Makes leases last for `leaseMs` from now on.
   *
   * @returns those that are lost: the lease had ended and another has claimed the request, or it is removed
   */
  renew(leases: readonly Lease[], leaseMs: number): Promise<readonly Lease[]>;
  /**
   * Stores the reply of a request, for `retentionMs`. Whoever comes first with one is believed, whether or not the
   * lease still stands: it has run.
   *
   * @returns whether it was stored: not if the request is removed, or is answered or dead already
   */
  complete(lease: Lease, reply: Frames, retentionMs: number): Promise<boolean>;
  /**
   * Gives a request back, to be claimed again after `delayMs`.
   *
   * @param failure - why the attempt failed; without it, it is not counted
   * @returns whether the lease still stood
   */
  release(lease: Lease, delayMs: number, failure?: string): Promise<boolean>;
  /**
   * Makes it a dead letter: it is not claimed again until it is requeued.
   *
   * @returns whether the lease still stood
   */
  bury(lease: Lease, failure: string): Promise<boolean>;

  /** Services that have pending requests. */
  services(): Promise<readonly Uint8Array[]>;
  /** How many requests there are. */
  counts(): Promise<StoreCounts>;
  /** What there is, the oldest first, from behind `after` on. */
  list(query: StoreQuery): Promise<readonly RequestInfo[]>;
  /** One request with its bodies. */
  show(id: Uint8Array): Promise<RequestDetails | undefined>;
  /**
   * Makes a dead letter pending again, its attempts forgotten.
   *
   * @returns whether there was a dead letter of that id
   */
  requeue(id: Uint8Array): Promise<boolean>;
  /**
   * Forgets replies and keys that have been kept long enough, up to `limit` of them.
   *
   * @returns how many it forgot
   */
  sweep(limit: number): Promise<number>;
  /**
   * Tells of services that other servers have taken requests in for, or requeued. Stores that are not shared never
   * call it; a shared one may miss some, so servers look for themselves from time to time.
   */
  onWork(listener: (service: Uint8Array) => void): void;
  /**
   * Tells of requests that other servers have removed, also of those that were not there: whoever works on one can stop.
   * Stores that are not shared never call it; a shared one may miss some, which is noticed when leases are renewed.
   */
  onRemoved(listener: (id: Uint8Array) => void): void;
}

/** A request as a server takes it in. */
export interface NewRequest {
  /** 16 bytes, made by the server: at their beginning the time, at their end random. */
  readonly id: Uint8Array;
  /** 1 to 255 bytes. */
  readonly service: Uint8Array;
  readonly body: Frames;
  /** What the client knows the request by, 1 to 255 bytes. */
  readonly key: Uint8Array | undefined;
}

/**
 * `added`: it is stored. `known`: the key belongs to a request that was taken in before, with this id. `conflict`: it
 * belongs to one for another service or with another body. `full`: a limit of the store is reached.
 */
export type Added =
  | { readonly type: "added" }
  | { readonly type: "known"; readonly id: Uint8Array }
  | { readonly type: "conflict" }
  | { readonly type: "full"; readonly option: string; readonly limit: number };

/** What became of a request. */
export type Found =
  | { readonly state: "pending" }
  | { readonly state: "done"; readonly reply: Uint8Array[] }
  | { readonly state: "dead"; readonly failure: string };

export type RequestState = Found["state"];

/** A claim on a request: its id, and a number that no other claim on it has. */
export interface Lease {
  readonly id: Uint8Array;
  readonly token: number;
}

/** A request that was claimed. */
export interface Claim extends Lease {
  readonly body: Uint8Array[];
  /** Attempts that have failed. */
  readonly failures: number;
}

/** Requests that were claimed. */
export interface Claims {
  readonly claims: readonly Claim[];
  /**
   * When there may be more, in ms from now: 0 if a limit was reached, otherwise when the next is due or a lease
   * ends; `undefined` if there is nothing else for this service.
   */
  readonly moreInMs: number | undefined;
}

/** How many requests a store has. */
export interface StoreCounts {
  readonly pending: number;
  readonly done: number;
  readonly dead: number;
}

/** What to list. */
export interface StoreQuery {
  readonly state?: RequestState | undefined;
  readonly service?: Uint8Array | undefined;
  /**
   * Begin behind this one. If it is not here (any more), begin at the start: who goes on from page to page while others
   * remove requests may be given some again, but misses none.
   */
  readonly after?: Uint8Array | undefined;
  readonly limit: number;
}

/** A request, its bodies apart. Times are of the wall clock, in ms since 1970. */
export interface RequestInfo {
  readonly id: Uint8Array;
  readonly service: Uint8Array;
  readonly state: RequestState;
  readonly key: Uint8Array | undefined;
  /** Attempts that have failed. */
  readonly failures: number;
  /** Why the last of them did. */
  readonly failure: string | undefined;
  readonly acceptedAt: number;
  /** Pending: when it may be tried; done and dead: since when it is. */
  readonly at: number;
}

/** A request with its bodies. */
export interface RequestDetails extends RequestInfo {
  readonly body: Uint8Array[];
  readonly reply: Uint8Array[] | undefined;
}
