import type { StoredEntry, StoredMap } from "../src/store.js";

const EMPTY = new Uint8Array(0);

/** How many entries a map has that is replaced in tests: enough for several writes. */
export const REPLACED_SIZE = 9000;

/** An entry with what is given, and the least of all else. */
export function entryOf(
  key: string | Uint8Array,
  sequence: number,
  given: Partial<StoredEntry> = {},
): StoredEntry {
  return {
    key: Buffer.from(key),
    sequence,
    uuid: EMPTY,
    properties: EMPTY,
    value: Buffer.from(`value ${sequence}`),
    expiresAt: undefined,
    ...given,
  };
}

/** A UUID for a number. */
export function uuidOf(sequence: number): Buffer {
  const uuid = Buffer.alloc(16);
  uuid.writeDoubleBE(sequence);
  return uuid;
}

/** Two updates that are kept together, the second with this number. */
export function pairOf(sequence: number): [StoredEntry, StoredEntry] {
  return [
    entryOf(`first of ${sequence}`, sequence - 1, { uuid: uuidOf(sequence - 1) }),
    entryOf(`second of ${sequence}`, sequence, { uuid: uuidOf(sequence), value: Buffer.alloc(700, 7) }),
  ];
}

/** A map whose number is its sequence, and in each value. */
export function mapOf(number: number, size: number): StoredMap {
  return {
    sequence: number,
    entries: Array.from({ length: size }, (_, index) =>
      entryOf(`key ${index}`, number, { value: Buffer.from(`map ${number}`) }),
    ),
    known: [{ uuid: uuidOf(number), sequence: number }],
  };
}

/** What was kept, with text and numbers, and entries by key. */
export function plain({ sequence, entries, known }: StoredMap): {
  sequence: number;
  entries: Map<string, string>;
  known: number[];
} {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  return {
    sequence,
    entries: new Map(Array.from(entries, ({ key, value }) => [text(key), text(value)])),
    known: Array.from(known, (update) => update.sequence),
  };
}
