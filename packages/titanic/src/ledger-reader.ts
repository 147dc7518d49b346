import { frameKey, framesEqual, keyFrame } from "@seaworthy/core";
import type { Ground } from "./ledger-ground.js";
import { bodyKey, DEAD, END, idKey, METAS, metaKey, QUEUES, QUEUES_END, replyKey } from "./ledger-layout.js";
import { corrupt, type Meta, type Records } from "./ledger-records.js";
import type { Found, RequestDetails, RequestInfo, StoreQuery } from "./store.js";
import { StoreError } from "./store-errors.js";

/** Where records are read from: what is committed, or a draft. */
export interface Source {
  readonly records: Records;
  get(key: string): Uint8Array | undefined;
}

/** @throws StoreError ERR_STORE_CORRUPT if it is here and cannot be read */
export function metaOf(source: Source, id: Uint8Array): Meta | undefined {
  const target = source.get(idKey(id));
  if (target === undefined) return undefined;
  const number = frameKey(target);
  const meta = source.records.readMeta(source.get(metaKey(number)), number);
  if (!framesEqual(meta.id, id)) throw corrupt("a request");
  return meta;
}

/** What is known of a request, if it can be read. */
export function readableMeta(source: Source, number: string): Meta | undefined {
  try {
    return source.records.readMeta(source.get(metaKey(number)), number);
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    return undefined;
  }
}

export const isCorrupt = (error: unknown): error is StoreError =>
  error instanceof StoreError && error.code === "ERR_STORE_CORRUPT";

/** A part of a list. */
export interface ListPart {
  readonly infos: RequestInfo[];
  /** The number from which on to look further; `undefined` if all is listed. */
  readonly next: string | undefined;
}

/** So many requests are looked at in one go. */
const LIST_STEP = 500;

/** Reads what is committed. */
export class LedgerReader implements Source {
  readonly records: Records;
  readonly #ground: Ground;

  constructor(ground: Ground, records: Records) {
    this.#ground = ground;
    this.records = records;
  }

  get(key: string): Uint8Array | undefined {
    return this.#ground.get(key);
  }

  find(id: Uint8Array): Found | undefined {
    const meta = metaOf(this, id);
    if (meta === undefined) return undefined;
    if (meta.state === "pending") return { state: "pending" };
    return meta.state === "dead"
      ? { state: "dead", failure: meta.failure as string }
      : { state: "done", reply: this.#reply(meta) };
  }

  show(id: Uint8Array): RequestDetails | undefined {
    const meta = metaOf(this, id);
    if (meta === undefined) return undefined;
    const body = this.records.readFrames(this.get(bodyKey(meta.number)), "the body of a request");
    return { ...infoOf(meta), body, reply: meta.state === "done" ? this.#reply(meta) : undefined };
  }

  #reply({ number }: Meta): Uint8Array[] {
    return this.records.readFrames(this.get(replyKey(number)), "a reply");
  }

  /** Goes from the first request of each queue to the one behind all of its requests. */
  services(): Uint8Array[] {
    const services: Uint8Array[] = [];
    for (let from = QUEUES; ; ) {
      const [entry] = this.#ground.range(from, QUEUES_END, 1);
      if (entry === undefined) return services;
      const queue = entry.key.slice(0, 2 + entry.key.charCodeAt(1));
      services.push(keyFrame(queue.slice(2)));
      from = queue + END;
    }
  }

  /** Where a list begins that is to begin behind a request; at the beginning, if that is not here. */
  numberBehind(after: Uint8Array | undefined): string {
    const target = after === undefined ? undefined : this.get(idKey(after));
    return target === undefined ? "" : `${frameKey(target)}\0`;
  }

  /** Lists up to `limit` of the next {@link LIST_STEP} requests. Those that cannot be read are left out. */
  list({ state, service, limit }: StoreQuery, from: string): ListPart {
    const infos: RequestInfo[] = [];
    // Few are dead, usually: they have a table of their own, so that not all others must be looked at.
    const table = state === "dead" ? DEAD : METAS;
    const entries = this.#ground.range(table + from, table + END, LIST_STEP);
    for (const { key } of entries) {
      if (infos.length >= limit) return { infos, next: undefined };
      const meta = readableMeta(this, key.slice(1));
      if (meta === undefined || (state !== undefined && meta.state !== state)) continue;
      if (service === undefined || framesEqual(meta.service, service)) infos.push(infoOf(meta));
    }
    const last = entries.length < LIST_STEP ? undefined : entries.at(-1);
    return { infos, next: last === undefined ? undefined : `${last.key.slice(1)}\0` };
  }
}

function infoOf({ id, service, state, key, failures, failure, acceptedAt, at }: Meta): RequestInfo {
  return { id, service, state, key, failures, failure, acceptedAt, at };
}
