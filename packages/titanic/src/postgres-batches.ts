import { createHash } from "node:crypto";
import { byteLength, type Frames, frameKey, frameText, textFrame } from "@seaworthy/core";
import type { Database } from "./postgres-database.js";
import { isDuplicate } from "./postgres-errors.js";
import type { ResolvedPostgresOptions } from "./postgres-options.js";
import {
  ADD,
  ADD_AGAIN,
  type AddRow,
  BURY,
  COMPLETE,
  FIND,
  type FindRow,
  RELEASE,
  REMOVE,
  RENEW,
  REQUEUE,
} from "./postgres-sql.js";
import { byteArrays, joinedBodies, numbers, uuids } from "./postgres-values.js";
import type { Added, Found, Lease, NewRequest } from "./store.js";

/** A request to remove. */
export interface Removal {
  readonly id: Uint8Array;
  readonly keyRetentionMs: number;
}

/** A reply to store. */
export interface Completion {
  readonly lease: Lease;
  readonly reply: Frames;
  readonly retentionMs: number;
}

/** A request to give back. */
export interface Release {
  readonly lease: Lease;
  readonly delayMs: number;
  readonly failure: string | undefined;
}

/** A request to make a dead letter. */
export interface Burial {
  readonly lease: Lease;
  readonly failure: string;
}

/** A lease to renew. */
export interface Renewal {
  readonly lease: Lease;
  readonly leaseMs: number;
}

/** Whether there was such a request in the state for it; if so, its service. */
export type ServiceIfChanged = Uint8Array | undefined;

/** The statements that do for many callers what each of them asked for; results are in the order of the items. */
export class Batches {
  readonly #database: Database;
  readonly #maxRequests: number;
  readonly #maxKeys: number;

  constructor(database: Database, { maxRequests, maxKeys }: ResolvedPostgresOptions) {
    this.#database = database;
    this.#maxRequests = maxRequests;
    this.#maxKeys = maxKeys;
  }

  /** `again`: another has taken the key at the same moment, and a second try will tell who. */
  async add(requests: readonly NewRequest[]): Promise<(Added | "again")[]> {
    const { frames, first, last } = joinedBodies(requests.map(({ body }) => body));
    const values = [
      uuids(requests.map(({ id }) => id)),
      byteArrays(requests.map(({ service }) => service)),
      byteArrays(requests.map(({ key }) => key)),
      byteArrays(requests.map((request) => (request.key === undefined ? undefined : digest(request)))),
      numbers(requests.map(({ body }) => byteLength(body))),
      first,
      last,
      frames,
      this.#maxRequests,
      this.#maxKeys,
    ];
    const rows = await this.#database.run(ADD, values).catch((error: unknown) => {
      if (isDuplicate(error)) return this.#database.run(ADD_AGAIN, values);
      throw error;
    });
    const results = requests.map((): Added | "again" => ({ type: "added" }));
    for (const row of rows) results[row.n - 1] = this.#outcome(row);
    return results;
  }

  async find(ids: readonly Uint8Array[]): Promise<(Found | undefined)[]> {
    const rows = await this.#database.run(FIND, [uuids(ids)]);
    const found = new Map(rows.map((row) => [frameKey(row.id), foundRequest(row)]));
    return ids.map((id) => found.get(frameKey(id)));
  }

  async remove(removals: readonly Removal[]): Promise<boolean[]> {
    const rows = await this.#database.run(REMOVE, [
      uuids(removals.map(({ id }) => id)),
      numbers(removals.map(({ keyRetentionMs }) => keyRetentionMs)),
    ]);
    return changed(removals, rows);
  }

  async complete(completions: readonly Completion[]): Promise<boolean[]> {
    const { frames, first, last } = joinedBodies(completions.map(({ reply }) => reply));
    const rows = await this.#database.run(COMPLETE, [
      uuids(completions.map(({ lease }) => lease.id)),
      numbers(completions.map(({ retentionMs }) => retentionMs)),
      first,
      last,
      frames,
    ]);
    return changed(completions, rows);
  }

  async release(releases: readonly Release[]): Promise<ServiceIfChanged[]> {
    const rows = await this.#database.run(RELEASE, [
      ...leases(releases),
      numbers(releases.map(({ delayMs }) => delayMs)),
      byteArrays(releases.map(({ failure }) => (failure === undefined ? undefined : textFrame(failure)))),
    ]);
    return services(releases, rows);
  }

  async bury(burials: readonly Burial[]): Promise<boolean[]> {
    const failures = byteArrays(burials.map(({ failure }) => textFrame(failure)));
    return changed(burials, await this.#database.run(BURY, [...leases(burials), failures]));
  }

  async renew(renewals: readonly Renewal[]): Promise<boolean[]> {
    const lengths = numbers(renewals.map(({ leaseMs }) => leaseMs));
    return changed(renewals, await this.#database.run(RENEW, [...leases(renewals), lengths]));
  }

  async requeue(ids: readonly Uint8Array[]): Promise<ServiceIfChanged[]> {
    return services(ids, await this.#database.run(REQUEUE, [uuids(ids)]));
  }

  #outcome({ outcome, id }: AddRow): Added | "again" {
    switch (outcome) {
      case "again":
        return "again";
      case "known":
        return { type: "known", id: id as Uint8Array };
      case "conflict":
        return { type: "conflict" };
      case "maxRequests":
        return { type: "full", option: outcome, limit: this.#maxRequests };
      case "maxKeys":
        return { type: "full", option: outcome, limit: this.#maxKeys };
    }
  }
}

/** What tells two requests of one key apart. It has the lengths, so that frames cannot be cut differently. */
function digest({ service, body }: NewRequest): Uint8Array {
  const hash = createHash("sha256");
  for (const part of [service, ...body]) hash.update(`${part.length}:`).update(part);
  return hash.digest();
}

function foundRequest({ state, reply, failure }: FindRow): Found {
  if (state === "done") return { state, reply: reply ?? [] };
  return state === "dead" ? { state, failure: frameText(failure ?? new Uint8Array(0)) } : { state };
}

function leases(items: readonly { readonly lease: Lease }[]): [Buffer, string] {
  return [uuids(items.map(({ lease }) => lease.id)), numbers(items.map(({ lease }) => lease.token))];
}

/** Of which items the statement returned the place. */
function changed(items: readonly unknown[], rows: readonly { readonly n: number }[]): boolean[] {
  const results = items.map(() => false);
  for (const { n } of rows) results[n - 1] = true;
  return results;
}

function services(
  items: readonly unknown[],
  rows: readonly { readonly n: number; readonly service: Uint8Array }[],
): ServiceIfChanged[] {
  const results = items.map((): ServiceIfChanged => undefined);
  for (const { n, service } of rows) results[n - 1] = service;
  return results;
}
