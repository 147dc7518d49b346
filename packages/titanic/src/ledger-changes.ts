import { byteLength, type Frames, frameKey, framesEqual, keyFrame } from "@seaworthy/core";
import type { Unreadable } from "./ledger-claims.js";
import type { Draft } from "./ledger-draft.js";
import type { LedgerLimits, LedgerSurroundings } from "./ledger-ground.js";
import {
  bodyKey,
  deadKey,
  EXPIRIES,
  idKey,
  keyExpiryKey,
  keyKey,
  keyNumber,
  metaKey,
  numberKey,
  placeKey,
  queueKey,
  replyExpiryKey,
  replyKey,
} from "./ledger-layout.js";
import type { LeaseRecord, Leases } from "./ledger-leases.js";
import { metaOf, readableMeta } from "./ledger-reader.js";
import { copied, type KeyRecord, keyBytes, type Meta } from "./ledger-records.js";
import type { Added, Lease, NewRequest } from "./store.js";

const ADDED: Added = { type: "added" };
const CONFLICT: Added = { type: "conflict" };

/** What changes need besides the draft that they go to. */
export interface ChangeDesk {
  readonly leases: Leases;
  readonly limits: LedgerLimits;
  readonly surroundings: LedgerSurroundings;
}

/** Every change that can be made to a ledger. */
export class LedgerChanges {
  readonly #desk: ChangeDesk;

  constructor(desk: ChangeDesk) {
    this.#desk = desk;
  }

  add(draft: Draft, { id, service, body, key }: NewRequest): Added {
    const { records, counters, time } = draft;
    const content = records.writeFrames(body);
    const held = key === undefined ? undefined : heldKey(draft, key);
    const digest = key === undefined ? undefined : this.#digest(service, content);
    if (held !== undefined && digest !== undefined && isKept(held, time)) {
      return framesEqual(held.digest, digest) ? { type: "known", id: held.id } : CONFLICT;
    }
    // Whoever is not told what has become of a commit takes the request in again.
    if (draft.get(idKey(id)) !== undefined) return ADDED;
    const isNewKey = key !== undefined && held === undefined;
    const full = this.#full(draft, isNewKey);
    if (full !== undefined) return full;
    const number = numberKey(counters.next++);
    draft.put(idKey(id), keyBytes(number));
    draft.put(bodyKey(number), content);
    this.#enqueue(draft, {
      id: copied(id),
      number,
      service,
      key,
      acceptedAt: time,
      bodyBytes: byteLength(body),
      state: "pending",
      failures: 0,
      failure: undefined,
      at: time,
      expiresAt: 0,
    });
    if (key === undefined || digest === undefined) return ADDED;
    if (held === undefined) counters.keys += 1;
    else draft.remove(keyExpiryKey(held.expiresAt, frameKey(key)));
    draft.put(keyKey(key), records.writeKey({ id, digest, expiresAt: 0 }));
    return ADDED;
  }

  remove(draft: Draft, id: Uint8Array, keyRetentionMs: number): boolean {
    const meta = metaOf(draft, id);
    if (meta === undefined) return false;
    const held = meta.key === undefined ? undefined : heldKey(draft, meta.key);
    this.#endLease(draft, id);
    this.#forget(draft, meta);
    if (meta.key === undefined || held === undefined) return true;
    if (keyRetentionMs <= 0) {
      this.#forgetKey(draft, meta.key);
      return true;
    }
    const expiresAt = draft.time + Math.ceil(keyRetentionMs);
    draft.put(keyKey(meta.key), draft.records.writeKey({ ...held, expiresAt }));
    draft.put(keyExpiryKey(expiresAt, frameKey(meta.key)), meta.id);
    return true;
  }

  complete(draft: Draft, { id }: Lease, reply: Frames, retentionMs: number): boolean {
    const meta = metaOf(draft, id);
    if (meta?.state !== "pending") return false;
    const { number } = meta;
    const expiresAt = draft.time + Math.ceil(retentionMs);
    this.#endLease(draft, id);
    this.#dequeue(draft, meta);
    draft.put(
      metaKey(number),
      draft.records.writeMeta({ ...meta, state: "done", at: draft.time, expiresAt }),
    );
    draft.put(replyKey(number), draft.records.writeFrames(reply));
    draft.put(replyExpiryKey(expiresAt, number), meta.id);
    draft.counters.done += 1;
    return true;
  }

  release(draft: Draft, lease: Lease, delayMs: number, failure: string | undefined): boolean {
    const record = this.#standing(lease);
    if (record === undefined) return false;
    // Nothing to write: it keeps its place, and a restart would give it back as well.
    if (failure === undefined && delayMs <= 0) {
      draft.endLease(record, true);
      return true;
    }
    const meta = metaOf(draft, lease.id) as Meta;
    const failures = failure === undefined ? meta : { failures: meta.failures + 1, failure };
    const later = { ...meta, failures: failures.failures, failure: failures.failure };
    draft.endLease(record, delayMs <= 0);
    if (delayMs <= 0) {
      draft.put(metaKey(meta.number), draft.records.writeMeta(later));
      return true;
    }
    this.#dequeue(draft, meta);
    this.#enqueue(draft, { ...later, at: draft.time + Math.ceil(delayMs) });
    return true;
  }

  bury(draft: Draft, lease: Lease, failure: string): boolean {
    const record = this.#standing(lease);
    if (record === undefined) return false;
    const meta = metaOf(draft, lease.id) as Meta;
    draft.endLease(record, false);
    this.#dequeue(draft, meta);
    this.#bury(draft, { ...meta, failures: meta.failures + 1, failure });
    return true;
  }

  /** @returns the service of the dead letter that there was */
  requeue(draft: Draft, id: Uint8Array): Uint8Array | undefined {
    const meta = metaOf(draft, id);
    if (meta?.state !== "dead") return undefined;
    draft.remove(deadKey(meta.number));
    draft.counters.dead -= 1;
    this.#enqueue(draft, { ...meta, state: "pending", failures: 0, failure: undefined, at: draft.time });
    return meta.service;
  }

  sweep(draft: Draft, limit: number): number {
    let count = 0;
    for (const { key, value } of draft.range(EXPIRIES, EXPIRIES + numberKey(draft.time + 1), limit)) {
      // Another change of this commit may have been first.
      if (draft.get(key) === undefined) continue;
      count += 1;
      const isReply = key[9] === "r";
      if (isReply) this.#forgetReply(draft, key, value);
      else {
        draft.remove(key);
        this.#forgetKey(draft, keyFrame(key.slice(10)));
      }
    }
    return count;
  }

  /** Makes what cannot be given out a dead letter, with what can be read of it. */
  putAside(draft: Draft, { queue, place, id, reason }: Unreadable): void {
    if (draft.get(queue + place) === undefined) return;
    const number = place.slice(8);
    const blank: Meta = {
      ...{ id, number, service: keyFrame(queue.slice(2)), key: undefined, acceptedAt: keyNumber(place) },
      ...{ bodyBytes: 0, state: "pending", failures: 0, failure: undefined, at: 0, expiresAt: 0 },
    };
    const meta = readableMeta(draft, number) ?? blank;
    draft.remove(queue + place);
    if (meta.state !== "pending") return;
    draft.counters.pending -= 1;
    this.#bury(draft, { ...meta, failures: meta.failures + 1, failure: `cannot be read: ${reason}` });
  }

  #enqueue(draft: Draft, meta: Meta): void {
    draft.put(metaKey(meta.number), draft.records.writeMeta(meta));
    draft.enqueue(queueKey(meta.service), placeKey(meta.at, meta.number), meta.id);
    draft.counters.pending += 1;
  }

  #dequeue(draft: Draft, meta: Meta): void {
    draft.remove(queueKey(meta.service) + placeKey(meta.at, meta.number));
    draft.counters.pending -= 1;
  }

  #bury(draft: Draft, meta: Meta): void {
    draft.put(metaKey(meta.number), draft.records.writeMeta({ ...meta, state: "dead", at: draft.time }));
    draft.put(deadKey(meta.number), meta.id);
    draft.counters.dead += 1;
  }

  /** Forgets a request with all that hangs on it but its key. */
  #forget(draft: Draft, meta: Meta): void {
    const { number, state } = meta;
    draft.remove(idKey(meta.id));
    draft.remove(metaKey(number));
    draft.remove(bodyKey(number));
    if (state === "pending") this.#dequeue(draft, meta);
    else draft.counters[state] -= 1;
    if (state === "dead") draft.remove(deadKey(number));
    if (state !== "done") return;
    draft.remove(replyKey(number));
    draft.remove(replyExpiryKey(meta.expiresAt, number));
  }

  #forgetReply(draft: Draft, expiry: string, id: Uint8Array): void {
    const number = expiry.slice(10);
    const meta = readableMeta(draft, number);
    if (meta !== undefined) {
      this.#forget(draft, meta);
      if (meta.key !== undefined) this.#forgetKey(draft, meta.key);
      return;
    }
    // What it was cannot be read, but what hangs on its number and id can be found.
    for (const key of [expiry, idKey(id), metaKey(number), bodyKey(number), replyKey(number)])
      draft.remove(key);
    draft.counters.done -= 1;
  }

  #forgetKey(draft: Draft, key: Uint8Array): void {
    draft.remove(keyKey(key));
    draft.counters.keys -= 1;
  }

  #full({ counters }: Draft, isNewKey: boolean): Added | undefined {
    const { maxRequests, maxKeys } = this.#desk.limits;
    if (counters.pending + counters.done + counters.dead >= maxRequests) {
      return { type: "full", option: "maxRequests", limit: maxRequests };
    }
    return isNewKey && counters.keys >= maxKeys
      ? { type: "full", option: "maxKeys", limit: maxKeys }
      : undefined;
  }

  #digest(service: Uint8Array, content: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(1 + service.length + content.length);
    bytes[0] = service.length;
    bytes.set(service, 1);
    bytes.set(content, 1 + service.length);
    return this.#desk.surroundings.digest(bytes);
  }

  #standing({ id, token }: Lease): LeaseRecord | undefined {
    const record = this.#desk.leases.get(frameKey(id));
    return record?.token === token && !record.isEnding ? record : undefined;
  }

  #endLease(draft: Draft, id: Uint8Array): void {
    const key = frameKey(id);
    const record = this.#desk.leases.get(key);
    if (record !== undefined && !record.isEnding) draft.endLease(record, false);
    draft.settled.push(key);
  }
}

function heldKey(draft: Draft, key: Uint8Array): KeyRecord | undefined {
  const bytes = draft.get(keyKey(key));
  return bytes === undefined ? undefined : draft.records.readKey(bytes);
}

const isKept = ({ expiresAt }: KeyRecord, time: number): boolean => expiresAt === 0 || expiresAt > time;
