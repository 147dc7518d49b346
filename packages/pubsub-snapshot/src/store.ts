/**
 * Where a server keeps its map beyond the end of its process. A method that rejects has changed nothing that was kept before, and the store works again
 * when what ailed it is gone.
 */
export interface MapStore {
  /**
   * Opens it. Called once, before all else.
   *
   * @throws (by rejecting) Error if what is there cannot be read, or is something else
   */
  open(): Promise<StoredMap>;
  /** Keeps updates, in their order: all of them or none. Resolves when they would survive a loss of power. */
  commit(updates: readonly StoredEntry[]): PromiseLike<void>;
  /** Forgets all that was kept, and keeps this: all of it or nothing. */
  replace(map: StoredMap): PromiseLike<void>;
  /** Lets what has begun finish, and closes. */
  close(): Promise<void>;
}

/** A map as it is kept. */
export interface StoredMap {
  /** Number of the last update that it contains; 0 for none. */
  readonly sequence: number;
  readonly entries: Iterable<StoredEntry>;
  /** UUIDs of updates that were ordered lately, the oldest first, so that none of them is ordered again. */
  readonly known: Iterable<KnownUpdate>;
}

/** An entry, or an update, as it is kept. */
export interface StoredEntry {
  readonly key: Uint8Array;
  readonly sequence: number;
  /** 16 bytes, or none. */
  readonly uuid: Uint8Array;
  readonly properties: Uint8Array;
  /** Of an update: empty if it deletes the key. */
  readonly value: Uint8Array;
  /** When its time to live is over, in ms since 1970, by the clock of the machine; `undefined` if it has none. */
  readonly expiresAt: number | undefined;
}

/** An update that was ordered. */
export interface KnownUpdate {
  readonly uuid: Uint8Array;
  readonly sequence: number;
}
