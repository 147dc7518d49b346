import { createHash } from "node:crypto";
import type { MapStore, StoredEntry } from "@seaworthy/pubsub-snapshot";

const NOTHING = new Uint8Array(0);

/** A key of a {@link largeMap}. */
export const largeKey = (index: number): string => `/large/${index}`;

/** A store that a server begins with so many keys from, and that keeps nothing: so a large map is there at once. */
export function largeMap(keys: number, valueBytes: number): MapStore {
  function* entries(): Generator<StoredEntry> {
    for (let index = 0; index < keys; index++) {
      const value = Buffer.from(`${index} `.padEnd(valueBytes, "x"));
      const key = Buffer.from(largeKey(index));
      yield { key, sequence: index + 1, uuid: NOTHING, properties: NOTHING, value, expiresAt: undefined };
    }
  }
  return {
    open: async () => ({ sequence: keys, entries: entries(), known: [] }),
    commit: async () => undefined,
    replace: async () => undefined,
    close: async () => undefined,
  };
}

/** A digest of the values of the keys of a {@link largeMap}, whatever has become of them. */
export function digestOf(keys: number, get: (key: string) => Uint8Array | undefined): string {
  const hash = createHash("sha256");
  for (let index = 0; index < keys; index++) {
    const value = get(largeKey(index));
    hash.update(`${value?.length} `);
    if (value !== undefined) hash.update(value);
  }
  return hash.digest("hex");
}
