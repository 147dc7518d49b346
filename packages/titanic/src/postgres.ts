/**
 * A store in a PostgreSQL database, which several servers on several machines may share. Needs the package `pg`.
 *
 * @module
 */
import { type Frames, frameText } from "@seaworthy/core";
import { Database } from "./postgres-database.js";
import { closedError } from "./postgres-errors.js";
import { Lanes } from "./postgres-lanes.js";
import { prepareLayout } from "./postgres-layout.js";
import { HeldLeases } from "./postgres-leases.js";
import { Listener } from "./postgres-listener.js";
import {
  type PostgresStoreOptions,
  type ResolvedPostgresOptions,
  resolvePostgresOptions,
} from "./postgres-options.js";
import {
  CLAIM,
  type ClaimRow,
  COUNTS,
  type InfoRow,
  listStatement,
  SERVICES,
  SHOW,
  SWEEP,
} from "./postgres-sql.js";
import { bytes } from "./postgres-values.js";
import type {
  Added,
  Claim,
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
import { StoreNews } from "./store-news.js";

export type { PostgresStoreOptions } from "./postgres-options.js";
export { StoreError, type StoreErrorCode } from "./store-errors.js";

type Life = "new" | "open" | "closed";

/**
 * Requests and replies in a PostgreSQL database, version 12 or later. Servers that share it claim requests from each
 * other's; leases and times are the database's own, whatever the clocks of the servers say.
 *
 * When the database goes away, calls reject with `ERR_STORE_UNAVAILABLE` until it is back. One whose connection was lost
 * while it was under way may have been carried out nevertheless: to add the same request again adds it once.
 *
 * It listens on a connection of its own, so a pooler between it and the database must keep sessions.
 */
export class PostgresStore implements TitanicStore {
  readonly #options: ResolvedPostgresOptions;
  readonly #database: Database;
  readonly #listener: Listener;
  readonly #lanes: Lanes;
  readonly #held = new HeldLeases();
  readonly #news = new StoreNews();
  #life: Life = "new";
  #closing: Promise<void> | undefined;

  /**
   * @throws TypeError or RangeError that names the option at fault
   */
  constructor(options: PostgresStoreOptions = {}) {
    this.#options = resolvePostgresOptions(options);
    this.#database = new Database(this.#options);
    this.#lanes = new Lanes(this.#database, this.#options);
    this.#listener = new Listener(this.#options, this.#news);
  }

  /** May be called again if it has failed. */
  async open(): Promise<void> {
    if (this.#life !== "new") throw closedError();
    await this.#database.transaction((query) => prepareLayout(query, this.#options.schema));
    await this.#listener.open();
    if (this.#isClosed) throw closedError();
    this.#life = "open";
  }

  async close(): Promise<void> {
    this.#life = "closed";
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async add(request: NewRequest): Promise<Added> {
    const lanes = this.#ready();
    for (;;) {
      const added = await lanes.add.submit(request);
      if (added === "again") continue;
      if (added.type === "added") this.#listener.tell(request.service);
      return added;
    }
  }

  async find(id: Uint8Array): Promise<Found | undefined> {
    return await this.#ready().find.submit(id);
  }

  async remove(id: Uint8Array, keyRetentionMs: number): Promise<boolean> {
    const removed = await this.#ready().remove.submit({ id, keyRetentionMs });
    this.#held.drop(id);
    // Also if there was none: an earlier try may have removed it, and its outcome been lost.
    this.#listener.tellRemoved(id);
    return removed;
  }

  async claim(service: Uint8Array, limit: number, leaseMs: number, maxBytes: number): Promise<Claims> {
    // A bigint of PostgreSQL's holds no more, and nothing is that large.
    const room = Math.min(maxBytes, Number.MAX_SAFE_INTEGER);
    return await this.#ready().claim(async () => {
      const rows = await this.#database.run(CLAIM, [bytes(service), limit, leaseMs, room]);
      const claims = rows.flatMap(claimOf);
      for (const claim of claims) this.#held.hold(claim, leaseMs);
      return { claims, moreInMs: rows[0]?.more ?? undefined };
    });
  }

  async renew(leases: readonly Lease[], leaseMs: number): Promise<readonly Lease[]> {
    const lanes = this.#ready();
    const stand = await Promise.all(leases.map((lease) => lanes.renew.submit({ lease, leaseMs })));
    return leases.filter((lease, index) => {
      if (stand[index]) this.#held.hold(lease, leaseMs);
      return !stand[index];
    });
  }

  async complete(lease: Lease, reply: Frames, retentionMs: number): Promise<boolean> {
    const completed = await this.#ready().complete.submit({ lease, reply, retentionMs });
    this.#held.drop(lease.id);
    return completed;
  }

  async release(lease: Lease, delayMs: number, failure?: string): Promise<boolean> {
    const service = await this.#ready().release.submit({ lease, delayMs, failure });
    if (service === undefined) return false;
    this.#held.drop(lease.id);
    // Others wait until the lease would have ended.
    if (delayMs <= 0) this.#listener.tell(service);
    return true;
  }

  async bury(lease: Lease, failure: string): Promise<boolean> {
    const buried = await this.#ready().bury.submit({ lease, failure });
    if (buried) this.#held.drop(lease.id);
    return buried;
  }

  async services(): Promise<readonly Uint8Array[]> {
    const rows = await this.#ready().other(() => this.#database.run(SERVICES));
    return rows.map(({ service }) => service);
  }

  async counts(): Promise<StoreCounts> {
    const [counts] = await this.#ready().other(() => this.#database.run(COUNTS));
    return counts as StoreCounts;
  }

  async list({ state, service, after, limit }: StoreQuery): Promise<readonly RequestInfo[]> {
    const values = [service && bytes(service), after && bytes(after), limit];
    const rows = await this.#ready().other(() => this.#database.run(listStatement(state), values));
    return rows.map(infoOf);
  }

  async show(id: Uint8Array): Promise<RequestDetails | undefined> {
    const [row] = await this.#ready().other(() => this.#database.run(SHOW, [bytes(id)]));
    if (row === undefined) return undefined;
    return { ...infoOf(row), body: row.body as Uint8Array[], reply: row.reply ?? undefined };
  }

  async requeue(id: Uint8Array): Promise<boolean> {
    const service = await this.#ready().requeue.submit(id);
    if (service === undefined) return false;
    this.#listener.tell(service);
    return true;
  }

  async sweep(limit: number): Promise<number> {
    const [row] = await this.#ready().other(() => this.#database.run(SWEEP, [limit]));
    return row?.swept ?? 0;
  }

  onWork(listener: (service: Uint8Array) => void): void {
    this.#news.onWork(listener);
  }

  onRemoved(listener: (id: Uint8Array) => void): void {
    this.#news.onRemoved(listener);
  }

  /** Asked again after a wait: what was true before may be so no more. */
  get #isClosed(): boolean {
    return this.#life === "closed";
  }

  #ready(): Lanes {
    if (this.#life !== "open") throw closedError();
    return this.#lanes;
  }

  async #close(): Promise<void> {
    await this.#lanes.idle();
    // If the database cannot be reached, the leases end by themselves.
    await this.#giveUpLeases().catch(() => undefined);
    await this.#listener.close();
    await this.#database.end();
  }

  async #giveUpLeases(): Promise<void> {
    const release = (lease: Lease) => this.#lanes.release.submit({ lease, delayMs: 0, failure: undefined });
    const services = await Promise.all(this.#held.takeAll().map(release));
    for (const service of services) if (service !== undefined) this.#listener.tell(service);
  }
}

function claimOf({ id, token, failures, body }: ClaimRow): Claim[] {
  return id === null ? [] : [{ id, token, failures, body }];
}

function infoOf(row: InfoRow): RequestInfo {
  const { id, service, state, failures, accepted_at: acceptedAt, at } = row;
  const failure = row.failure === null ? undefined : frameText(row.failure);
  return { id, service, state, key: row.key ?? undefined, failures, failure, acceptedAt, at };
}
