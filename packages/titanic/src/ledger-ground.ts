import type { StoreError } from "./store-errors.js";

/** What is to change: new values by key, `undefined` for what goes. */
export type Changes = ReadonlyMap<string, Uint8Array | undefined>;

/**
 * What a ledger stands on: an ordered map from keys to values. A key is a string with one character per byte, so that
 * keys can be compared, joined and looked up in maps at little cost; grounds write them as bytes.
 */
export interface Ground {
  /**
   * What was committed last under a key. The bytes are the caller's.
   *
   * @throws StoreError ERR_STORE_CORRUPT if it cannot be read
   */
  get(key: string): Uint8Array | undefined;
  /**
   * Up to `limit` entries from `from` on to before `to`, in order.
   *
   * @throws StoreError ERR_STORE_CORRUPT if they cannot be read
   */
  range(from: string, to: string, limit: number): readonly GroundEntry[];
  /**
   * Makes all changes or none of them, and calls `done` when they would survive a loss of power, or with what has gone
   * wrong. One commit is under way at a time. `done` may be called before this returns.
   */
  commit(changes: Changes, done: (error?: StoreError) => void): void;
}

export interface GroundEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

/** What a ledger needs of the outside world. */
export interface LedgerSurroundings {
  /** Monotonic time in ms. */
  now(): number;
  /** Wall-clock time in ms since 1970. */
  wall(): number;
  /** A digest of bytes: always of one length, and different for different bytes. */
  digest(bytes: Uint8Array): Uint8Array;
  /** A checksum of bytes, as an unsigned 32-bit number. */
  checksum(bytes: Uint8Array): number;
  /** Runs a task a little later: what is asked for until then shares a commit. */
  defer(task: () => void): void;
}

/** How much a ledger may hold. */
export interface LedgerLimits {
  readonly maxRequests: number;
  readonly maxKeys: number;
}
