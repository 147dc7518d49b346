import { frameKey } from "@seaworthy/core";

/*
 * The tables of a ledger, each under a letter of its own. Requests are stored under the number in which they came and not
 * under their ids: ids are random, and each would touch pages of its own in every table.
 *
 * I id                          -> number of the request
 * M number                      -> what is known of it but for its bodies
 * B number                      -> its body
 * R number                      -> its reply
 * Q service, due time, number   -> id, for each pending request
 * D number                      -> id, for each dead letter
 * K key                         -> id, digest, and when the key is forgotten
 * X time, "r", number           -> id, for each reply that is forgotten then
 * X time, "k", key              -> nothing, for each key that is forgotten then
 * C                             -> counters
 * F                             -> what this is, and of which version
 */

export const COUNTERS = "C";
export const FORMAT = "F";
export const QUEUES = "Q";
/** Behind all queues. */
export const QUEUES_END = "R";
export const EXPIRIES = "X";
export const METAS = "M";
export const DEAD = "D";

/** Behind all keys that begin with what stands before it, if a number follows there: numbers never begin with this byte. */
export const END = "\xff";

/** A number of up to 53 bits as 8 characters that sort as numbers do. */
export function numberKey(value: number): string {
  const high = Math.floor(value / 2 ** 32);
  const low = value >>> 0;
  return String.fromCharCode(
    high >>> 24,
    (high >>> 16) & 255,
    (high >>> 8) & 255,
    high & 255,
    low >>> 24,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
  );
}

/** Reads what {@link numberKey} wrote. */
export function keyNumber(key: string, offset = 0): number {
  let high = 0;
  let low = 0;
  for (let index = 0; index < 4; index++) {
    high = high * 256 + key.charCodeAt(offset + index);
    low = low * 256 + key.charCodeAt(offset + 4 + index);
  }
  return high * 2 ** 32 + low;
}

/** Where the queue of a service begins: its length in front of its name, so that no name is the beginning of another. */
export function queueKey(service: Uint8Array): string {
  return QUEUES + String.fromCharCode(service.length) + frameKey(service);
}

/** The place of a request in its queue. Places of one queue compare as the order in which requests are given out. */
export const placeKey = (due: number, number: string): string => numberKey(due) + number;

/** Characters of a place. */
export const PLACE_LENGTH = 16;

export const idKey = (id: Uint8Array): string => `I${frameKey(id)}`;
export const metaKey = (number: string): string => METAS + number;
export const bodyKey = (number: string): string => `B${number}`;
export const replyKey = (number: string): string => `R${number}`;
export const deadKey = (number: string): string => DEAD + number;
export const keyKey = (key: Uint8Array): string => `K${frameKey(key)}`;
export const replyExpiryKey = (at: number, number: string): string => `${EXPIRIES}${numberKey(at)}r${number}`;
export const keyExpiryKey = (at: number, key: string): string => `${EXPIRIES}${numberKey(at)}k${key}`;
