import assert from "node:assert/strict";
import { frameKey } from "@seaworthy/core";
import type { GroundEntry } from "../src/ledger-ground.js";
import { keyNumber, numberKey, placeKey, queueKey } from "../src/ledger-layout.js";
import { type Counters, type Meta, Records } from "../src/ledger-records.js";

/** The tables of a ledger, by their letters: what is under a key without its letter. */
class Tables {
  readonly #tables = new Map<string, Map<string, Uint8Array>>();

  constructor(entries: readonly GroundEntry[]) {
    for (const { key, value } of entries) {
      const letter = key.charAt(0);
      const table = this.#tables.get(letter) ?? new Map<string, Uint8Array>();
      this.#tables.set(letter, table.set(key.slice(1), value));
    }
  }

  of(letter: string): Map<string, Uint8Array> {
    return this.#tables.get(letter) ?? new Map();
  }

  keys(letter: string): string[] {
    return [...this.of(letter).keys()].sort();
  }
}

/** What a ledger holds, counted anew. */
export interface Audit {
  readonly counters: Counters;
  readonly metas: readonly Meta[];
}

/**
 * Checks that everything that a ledger has written agrees: the counters with what there is, and each index with the
 * requests. The checksums are those of the store that wrote it.
 */
export function auditLedger(entries: readonly GroundEntry[], checksum: (bytes: Uint8Array) => number): Audit {
  const records = new Records(checksum);
  const tables = new Tables(entries);
  const metas = [...tables.of("M")].map(([number, bytes]) => records.readMeta(bytes, number));
  const counters = records.readCounters(tables.of("C").get(""));
  const inState = (state: Meta["state"]): Meta[] => metas.filter((meta) => meta.state === state);
  for (const state of ["pending", "done", "dead"] as const) {
    assert.equal(counters[state], inState(state).length, `the counter of ${state} is wrong`);
  }
  assert.equal(counters.keys, tables.of("K").size, "the counter of keys is wrong");
  const numbersOf = (list: readonly Meta[]): string[] => list.map(({ number }) => number).sort();
  assert.deepEqual(tables.keys("B"), numbersOf(metas));
  assert.deepEqual(tables.keys("R"), numbersOf(inState("done")));
  assert.deepEqual(tables.keys("D"), numbersOf(inState("dead")));
  assert.deepEqual(tables.keys("I"), metas.map(({ id }) => frameKey(id)).sort());
  for (const { id, number } of metas)
    assert.equal(frameKey(tables.of("I").get(frameKey(id)) as Uint8Array), number);
  const places = inState("pending").map(
    ({ service, at, number }) => queueKey(service) + placeKey(at, number),
  );
  assert.deepEqual(tables.keys("Q"), places.map((place) => place.slice(1)).sort());
  assert.ok(metas.every(({ number }) => keyNumber(number) < counters.next));
  auditKeys(tables, records, metas);
  return { counters, metas };
}

function auditKeys(tables: Tables, records: Records, metas: readonly Meta[]): void {
  const expiries = metas
    .filter(({ state }) => state === "done")
    .map(({ expiresAt, number }) => `${numberKey(expiresAt)}r${number}`);
  const owners = new Map(
    metas.flatMap(({ key, id }) => (key === undefined ? [] : [[frameKey(key), frameKey(id)]])),
  );
  for (const [key, bytes] of tables.of("K")) {
    const { id, expiresAt } = records.readKey(bytes);
    if (expiresAt === 0) assert.equal(owners.get(key), frameKey(id), "a key belongs to no request");
    else expiries.push(`${numberKey(expiresAt)}k${key}`);
  }
  for (const key of owners.keys()) assert.ok(tables.of("K").has(key), "a request's key is not known");
  assert.deepEqual(tables.keys("X"), expiries.sort());
}
