import { byteLength } from "@seaworthy/core";
import {
  Batches,
  type Burial,
  type Completion,
  type Release,
  type Removal,
  type Renewal,
  type ServiceIfChanged,
} from "./postgres-batches.js";
import type { Database } from "./postgres-database.js";
import { Lane, type LaneOptions } from "./postgres-lane.js";
import type { ResolvedPostgresOptions } from "./postgres-options.js";
import type { Added, Found, NewRequest } from "./store.js";

/** With two, one batch is written while the disk syncs the other; more only make the batches smaller. */
const WRITES_UNDER_WAY = 2;
/** Claims are for one service each, so they cannot share a statement. */
const CLAIMS_UNDER_WAY = 3;

/** One lane for each kind of statement: what is slow holds up its own kind only. */
export class Lanes {
  readonly add: Lane<NewRequest, Added | "again">;
  readonly find: Lane<Uint8Array, Found | undefined>;
  readonly remove: Lane<Removal, boolean>;
  readonly complete: Lane<Completion, boolean>;
  readonly release: Lane<Release, ServiceIfChanged>;
  readonly bury: Lane<Burial, boolean>;
  readonly renew: Lane<Renewal, boolean>;
  readonly requeue: Lane<Uint8Array, ServiceIfChanged>;
  readonly #claims: Lane<() => Promise<unknown>, unknown>;
  readonly #others: Lane<() => Promise<unknown>, unknown>;

  constructor(database: Database, options: ResolvedPostgresOptions) {
    const batches = new Batches(database, options);
    this.add = new Lane({
      run: (items) => batches.add(items),
      maxUnderWay: WRITES_UNDER_WAY,
      size: ({ body }) => byteLength(body),
    });
    this.complete = new Lane({
      run: (items) => batches.complete(items),
      maxUnderWay: WRITES_UNDER_WAY,
      size: ({ reply }) => byteLength(reply),
    });
    this.find = new Lane({ run: (items) => batches.find(items) });
    this.remove = new Lane({ run: (items) => batches.remove(items) });
    this.release = new Lane({ run: (items) => batches.release(items) });
    this.bury = new Lane({ run: (items) => batches.bury(items) });
    this.renew = new Lane({ run: (items) => batches.renew(items) });
    this.requeue = new Lane({ run: (items) => batches.requeue(items) });
    this.#claims = new Lane(oneByOne(CLAIMS_UNDER_WAY));
    this.#others = new Lane(oneByOne(1));
  }

  /** Runs a claim; a few are under way at a time, so that many services leave connections for the other lanes. */
  claim<T>(work: () => Promise<T>): Promise<T> {
    return this.#claims.submit(work) as Promise<T>;
  }

  /** Runs anything else. */
  other<T>(work: () => Promise<T>): Promise<T> {
    return this.#others.submit(work) as Promise<T>;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    const { add, find, remove, complete, release, bury, renew, requeue } = this;
    const all = [add, find, remove, complete, release, bury, renew, requeue, this.#claims, this.#others];
    await Promise.all(all.map((lane) => lane.idle()));
  }
}

function oneByOne(maxUnderWay: number): LaneOptions<() => Promise<unknown>, unknown> {
  return { run: async (items) => [await items[0]?.()], maxItems: 1, maxUnderWay };
}
