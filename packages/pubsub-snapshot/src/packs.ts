import {
  type Frames,
  framesEqual,
  type Malformed,
  malformed,
  readUint32,
  textFrame,
  writeUint32,
} from "@seaworthy/core";
import {
  type Command,
  decodeMessage,
  EMPTY,
  encodeCommand,
  encodeKeyValue,
  type KeyValue,
  NUMBER_BYTES,
  readNumber,
  UUID_BYTES,
  writeNumber,
} from "./wire.js";

/**
 * Credit counts portions. A message of up to so many bytes, all frames together, is one; a larger one is as many as it has begun. What a
 * client may leave unread is so bounded in bytes, but for one message.
 */
export const PORTION_BYTES: number = 16 * 1024;

/** How many portions a message of so many bytes is. */
export function portionsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PORTION_BYTES));
}

/** An item of a snapshot. */
export type Item = Omit<KeyValue, "type">;

/** Items of a snapshot that came in one message. They share its memory: who keeps a part of it makes a copy, or keeps all of it. */
export interface Items {
  readonly type: "items";
  readonly items: readonly KeyValue[];
}

/** How many portions a message is that came. */
export function portionsIn(message: KeyValue | Items): number {
  // Larger ones are malformed.
  if (message.type === "items") return 1;
  const { key, uuid, properties, value } = message;
  return portionsOf(key.length + NUMBER_BYTES + uuid.length + properties.length + value.length);
}

/** Reads what a server of ours says over the connection for snapshots. */
export function decodeAnswer(frames: Uint8Array[]): KeyValue | Items | Command | Malformed {
  const message = decodeMessage(frames);
  if (message.type !== "command" || message.name !== "ITEMS") return message;
  const items = decodeItems(message.properties, message.number);
  return Array.isArray(items) ? { type: "items", items } : (items as Malformed);
}

const ITEMS = textFrame("ITEMS");

/** How many items of a snapshot a message has: one of our own, which needs no check. */
export function countItems(frames: Frames): number {
  if (frames.length !== 5) return 0;
  const [key, number, , , name] = frames as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  if (key.length > 0) return 1;
  return framesEqual(name, ITEMS) ? (readNumber(number, 0) as number) : 0;
}

/** All of `ITEMS` but its properties: number and name. */
const FRAME_BYTES = NUMBER_BYTES + "ITEMS".length;
const KEY_AT = 0;
const UUID_AT = 1;
const NUMBER_AT = 2;
const PROPERTIES_AT = NUMBER_AT + NUMBER_BYTES;
const VALUE_AT = PROPERTIES_AT + 4;
/** What is in front of each item. */
const HEAD_BYTES = VALUE_AT + 4;

const bytesOf = ({ key, uuid, properties, value }: Item): number =>
  HEAD_BYTES + key.length + uuid.length + properties.length + value.length;

/**
 * `ITEMS`: many items in one message, one behind the other in its properties. What a socket does for each frame takes longer than all else
 * that is done for an item.
 *
 * | bytes | of an item                                             |
 * |-------|--------------------------------------------------------|
 * | 0     | length of the key, 1 to 255                            |
 * | 1     | length of the UUID, 16 or 0                            |
 * | 2–9   | sequence number                                        |
 * | 10–13 | length of the properties, most significant byte first  |
 * | 14–17 | length of the value, at least 1                        |
 * | 18…   | key, UUID, properties and value                        |
 */
export function encodeItems(items: readonly Item[]): Frames {
  const frame = new Uint8Array(items.reduce((bytes, item) => bytes + bytesOf(item), 0));
  let at = 0;
  for (const item of items) at = writeItem(frame, at, item);
  return encodeCommand("ITEMS", items.length, EMPTY, frame);
}

function writeItem(
  frame: Uint8Array,
  start: number,
  { key, sequence, uuid, properties, value }: Item,
): number {
  frame[start + KEY_AT] = key.length;
  frame[start + UUID_AT] = uuid.length;
  writeNumber(frame, start + NUMBER_AT, sequence);
  writeUint32(frame, start + PROPERTIES_AT, properties.length);
  writeUint32(frame, start + VALUE_AT, value.length);
  let at = start + HEAD_BYTES;
  for (const part of [key, uuid, properties, value]) {
    frame.set(part, at);
    at += part.length;
  }
  return at;
}

/** Reads the properties of `ITEMS`: all of them, or none if anything is wrong. */
function decodeItems(frame: Uint8Array, count: number): KeyValue[] | Malformed {
  if (frame.length + FRAME_BYTES > PORTION_BYTES) return malformed("ITEMS that are more than a portion");
  const items: KeyValue[] = [];
  for (let at = 0; at < frame.length; ) {
    if (at + HEAD_BYTES > frame.length) return malformed("ITEMS with a part of an item");
    const [keyBytes, uuidBytes] = [frame[at + KEY_AT] as number, frame[at + UUID_AT] as number];
    const sequence = readNumber(frame, at + NUMBER_AT);
    const propertiesBytes = readUint32(frame, at + PROPERTIES_AT);
    const valueBytes = readUint32(frame, at + VALUE_AT);
    if (keyBytes === 0 || valueBytes === 0) return malformed("item without a key or a value");
    if (uuidBytes !== 0 && uuidBytes !== UUID_BYTES) return malformed(`UUID of ${uuidBytes} bytes`);
    if (sequence === undefined) return malformed("sequence number that is none");
    const uuidAt = at + HEAD_BYTES + keyBytes;
    const propertiesAt = uuidAt + uuidBytes;
    const valueAt = propertiesAt + propertiesBytes;
    const end = valueAt + valueBytes;
    if (end > frame.length) return malformed("ITEMS with a part of an item");
    items.push({
      type: "key-value",
      key: part(frame, at + HEAD_BYTES, keyBytes),
      sequence,
      uuid: part(frame, uuidAt, uuidBytes),
      properties: part(frame, propertiesAt, propertiesBytes),
      value: part(frame, valueAt, valueBytes),
    });
    at = end;
  }
  if (items.length === 0 || items.length !== count) return malformed("ITEMS of another number");
  return items;
}

/** Not by `subarray()`, which takes longer where the frame is a Buffer. */
function part({ buffer, byteOffset }: Uint8Array, at: number, length: number): Uint8Array {
  return length === 0 ? EMPTY : new Uint8Array(buffer, byteOffset + at, length);
}

/** Fills messages with items. */
export class ItemPack {
  readonly #maxBytes: number;
  #items: Item[] = [];
  #bytes = FRAME_BYTES;

  /** @param maxBytes - of a message with several items, as its reader says: a portion at most */
  constructor(maxBytes: number) {
    this.#maxBytes = Math.min(maxBytes, PORTION_BYTES);
  }

  /**
   * Puts in an item.
   *
   * @returns the message with those before it, if this one has no room in that; or with this one, if it has no room in any
   */
  add(item: Item): Frames | undefined {
    const bytes = bytesOf(item);
    if (this.#bytes + bytes <= this.#maxBytes) {
      this.#put(item, bytes);
      return undefined;
    }
    const full = this.close();
    if (full === undefined) return encodeAlone(item);
    this.#put(item, bytes);
    return full;
  }

  /** The message with what is in it; `undefined` if that is nothing. */
  close(): Frames | undefined {
    const items = this.#items;
    const [first] = items;
    if (first === undefined) return undefined;
    this.#items = [];
    this.#bytes = FRAME_BYTES;
    return items.length > 1 ? encodeItems(items) : encodeAlone(first);
  }

  #put(item: Item, bytes: number): void {
    this.#items.push(item);
    this.#bytes += bytes;
  }
}

/** An item that is alone has a message as any other. */
function encodeAlone({ key, sequence, uuid, properties, value }: Item): Frames {
  return encodeKeyValue(key, sequence, uuid, properties, value);
}

/** An update that was ordered: its UUID, and its number. */
export type Known = readonly [uuid: Uint8Array, sequence: number];

const KNOWN_BYTES = UUID_BYTES + NUMBER_BYTES;

/** `KNOWN`: updates that were ordered, so many in one message that it is worth one. */
export function encodeKnown(updates: readonly Known[]): Frames {
  const frame = new Uint8Array(updates.length * KNOWN_BYTES);
  for (const [index, [uuid, sequence]] of updates.entries()) {
    frame.set(uuid, index * KNOWN_BYTES);
    writeNumber(frame, index * KNOWN_BYTES + UUID_BYTES, sequence);
  }
  return encodeCommand("KNOWN", updates.length, EMPTY, frame);
}

/** Reads the properties of `KNOWN`. */
export function decodeKnown(frame: Uint8Array): Known[] | Malformed {
  const count = frame.length / KNOWN_BYTES;
  if (!Number.isInteger(count)) return malformed("KNOWN with a part of an update");
  const updates: Known[] = [];
  for (let start = 0; start < frame.length; start += KNOWN_BYTES) {
    const sequence = readNumber(frame, start + UUID_BYTES);
    if (sequence === undefined) return malformed("sequence number that is none");
    updates.push([frame.subarray(start, start + UUID_BYTES), sequence]);
  }
  return updates;
}
