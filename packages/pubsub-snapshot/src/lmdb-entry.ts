import { crc32 } from "node:zlib";
import type { KnownUpdate, StoredEntry } from "./store.js";

/** Bytes of a header, by where they begin. The checksum covers all that is behind it, and the key. */
const AT = {
  checksum: 0,
  sequence: 4,
  expiresAt: 12,
  uuidLength: 20,
  propertiesLength: 21,
  uuid: 25,
} as const;

const EMPTY = new Uint8Array(0);
const UUID_BYTES = 16;
const MAX_KEY_BYTES = 255;
const HASH_BYTES = 4;
const HASHES = 2 ** 32;
const SEQUENCE_BYTES = 8;

/** What is put under a key; `undefined` if the key is removed. */
export type Change = readonly [key: Buffer, record: Buffer | undefined];

/** Where in the table of entries a key is, from 0 to less than 1. */
export const placeOf = ({ key }: StoredEntry): number => crc32(key) / HASHES;

/**
 * What an update does to the table of entries. An entry is written as a header, the UUID, the properties and the value. Its
 * key has a hash before it, so that it is known without sorting which of them are beside each other in the table.
 *
 * @throws RangeError for a key that is empty or too long
 */
export function entryChange({ key, sequence, uuid, properties, value, expiresAt }: StoredEntry): Change {
  if (key.length === 0 || key.length > MAX_KEY_BYTES)
    throw new RangeError(`LmdbStore: a key must have from 1 to ${MAX_KEY_BYTES} bytes, not ${key.length}`);
  const hash = crc32(key);
  const placed = Buffer.allocUnsafe(HASH_BYTES + key.length);
  placed.writeUInt32BE(hash);
  placed.set(key, HASH_BYTES);
  if (value.length === 0) return [placed, undefined];
  const propertiesAt = AT.uuid + uuid.length;
  const valueAt = propertiesAt + properties.length;
  const record = Buffer.allocUnsafe(valueAt + value.length);
  record.writeDoubleBE(sequence, AT.sequence);
  record.writeDoubleBE(expiresAt ?? Number.NaN, AT.expiresAt);
  record.writeUInt8(uuid.length, AT.uuidLength);
  record.writeUInt32BE(properties.length, AT.propertiesLength);
  record.set(uuid, AT.uuid);
  record.set(properties, propertiesAt);
  record.set(value, valueAt);
  record.writeUInt32BE(crc32(record.subarray(AT.sequence), hash), AT.checksum);
  return [placed, record];
}

/** @throws Error if it is not what was written under this key */
export function readEntry(placed: Buffer, record: Buffer): StoredEntry {
  const key = placed.subarray(HASH_BYTES);
  const isWhole = record.length > AT.uuid && placed.length > HASH_BYTES;
  if (!isWhole || record.readUInt32BE(AT.checksum) !== crc32(record.subarray(AT.sequence), crc32(key)))
    throw new Error(`the entry of the key 0x${key.toString("hex")} is damaged`);
  const expiresAt = record.readDoubleBE(AT.expiresAt);
  const propertiesAt = AT.uuid + record.readUInt8(AT.uuidLength);
  const valueAt = propertiesAt + record.readUInt32BE(AT.propertiesLength);
  return {
    key,
    sequence: record.readDoubleBE(AT.sequence),
    uuid: part(record, AT.uuid, propertiesAt),
    properties: part(record, propertiesAt, valueAt),
    value: record.subarray(valueAt),
    expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt,
  };
}

/** There may be millions: what is empty takes no memory. */
const part = (record: Buffer, start: number, end: number): Uint8Array =>
  start === end ? EMPTY : record.subarray(start, end);

/** Whether an update has a UUID by which it can be known again. */
export const isKnowable = ({ uuid }: KnownUpdate): boolean => uuid.length === UUID_BYTES;

/** What an update does to the table of UUIDs, whose keys are in the order of the sequence. */
export function knownChange({ sequence, uuid }: KnownUpdate): Change {
  const key = Buffer.allocUnsafe(SEQUENCE_BYTES);
  key.writeDoubleBE(sequence);
  return [key, Buffer.from(uuid)];
}

/** An update that is known, as it was written. */
export function readKnown(key: Buffer, uuid: Buffer): KnownUpdate {
  return { uuid, sequence: key.readDoubleBE() };
}
