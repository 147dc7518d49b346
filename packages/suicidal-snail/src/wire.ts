import {
  type Frames,
  type Malformed,
  malformed,
  readUint32,
  readUint64,
  smallFrame,
  writeUint32,
  writeUint64,
} from "@seaworthy/core";

/** Length of the second frame of each message, in bytes. */
export const HEADER_BYTES = 36;

/**
 * Largest sequence number, series and time: what a `number` holds exactly. A message with a larger one is malformed.
 * The publisher keeps the last sequence number for an END, and goes on in a new series.
 */
export const MAX_NUMBER: number = Number.MAX_SAFE_INTEGER;

const MAGIC_S = 0x53;
const MAGIC_W = 0x57;
const VERSION = 1;
const END_FLAG = 1;
const EPOCH_AT = 4;
const SERIES_AT = 12;
const SEQUENCE_AT = 20;
const TIME_AT = 28;
const TWO_32 = 2 ** 32;

/** What a header says besides its publisher's epoch. */
export interface Stamp {
  /** One life of the topic within the epoch: its begin in µs on the publisher's clock, which no other life has. */
  readonly series: number;
  /** Number within the series, from 1. */
  readonly sequence: number;
  /** When it was published, in µs on the publisher's own monotonic clock; never before the begin of any series so far. */
  readonly timeUs: number;
}

/** A message of a publisher, checked. Its header is read by the functions of this module. */
export interface Published {
  readonly type: "published";
  readonly topic: Uint8Array;
  readonly header: Uint8Array;
  /** No frame if it is an END, or else at least one. */
  readonly body: Uint8Array[];
}

/** A message of the guide's publisher, whose only frame is a time. */
export interface Timestamp {
  readonly type: "timestamp";
  /** The publisher's wall clock, in ms. */
  readonly timeMs: number;
  readonly frame: Uint8Array;
}

/** The epoch as headers carry it. */
export function epochBytes(epoch: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  writeUint64(bytes, 0, epoch);
  return bytes;
}

/**
 * A message as frames: `[topic][header][body…]`. An END has no body.
 *
 * @param epoch - see {@link epochBytes}
 */
export function encodePublished(topic: Uint8Array, epoch: Uint8Array, stamp: Stamp, body: Frames): Frames {
  const header = smallFrame(HEADER_BYTES);
  header[0] = MAGIC_S;
  header[1] = MAGIC_W;
  header[2] = VERSION;
  header[3] = body.length === 0 ? END_FLAG : 0;
  for (let index = 0; index < 8; index++) header[EPOCH_AT + index] = epoch[index] as number;
  writeNumber(header, SERIES_AT, stamp.series);
  writeNumber(header, SEQUENCE_AT, stamp.sequence);
  writeNumber(header, TIME_AT, stamp.timeUs);
  if (body.length === 1) return [topic, header, body[0] as Uint8Array];
  return [topic, header, ...body];
}

/** Checks every byte of a header that has only some values. Flags that are not known mean nothing. */
export function decodePublished(frames: Uint8Array[]): Published | Malformed {
  if (frames.length < 2) return malformed("message without a header");
  const [topic, header] = frames as [Uint8Array, Uint8Array];
  if (header.length !== HEADER_BYTES) return malformed(`header of ${header.length} bytes`);
  if (header[0] !== MAGIC_S || header[1] !== MAGIC_W) return malformed("header of another protocol");
  if (header[2] !== VERSION) return malformed(`version ${header[2]}`);
  if (isEnd(header) !== (frames.length === 2)) {
    return malformed(isEnd(header) ? "END with a body" : "message without a body");
  }
  if (!isNumber(header, SERIES_AT) || !isNumber(header, SEQUENCE_AT) || !isNumber(header, TIME_AT)) {
    return malformed("number above 2^53 - 1");
  }
  if (sequenceOf(header) === 0) return malformed("sequence number 0");
  // Most have one frame: to slice takes several times as long.
  const body = frames.length === 3 ? [frames[2] as Uint8Array] : frames.slice(2);
  return { type: "published", topic, header, body };
}

const DIGIT_0 = 0x30;
const MAX_DIGITS = 15;

/** Reads what the guide's publisher sends: milliseconds as text, in one frame. */
export function decodeTimestamp(frames: Uint8Array[]): Timestamp | Malformed {
  const frame = frames[0];
  if (frame === undefined || frames.length !== 1) return malformed(`timestamp of ${frames.length} frames`);
  if (frame.length === 0 || frame.length > MAX_DIGITS)
    return malformed(`timestamp of ${frame.length} characters`);
  let timeMs = 0;
  for (const byte of frame) {
    const digit = byte - DIGIT_0;
    if (digit < 0 || digit > 9) return malformed("timestamp that is no number");
    timeMs = timeMs * 10 + digit;
  }
  return { type: "timestamp", timeMs, frame };
}

/** Whether a message is the last of its series. */
export function isEnd(header: Uint8Array): boolean {
  return ((header[3] as number) & END_FLAG) !== 0;
}

/** The life of the publisher that a message belongs to. */
export function epochOf(header: Uint8Array): bigint {
  return readUint64(header, EPOCH_AT);
}

/** The epoch as the key of a `Map`. */
export function epochKey(header: Uint8Array): string {
  return String.fromCharCode(
    header[EPOCH_AT] as number,
    header[EPOCH_AT + 1] as number,
    header[EPOCH_AT + 2] as number,
    header[EPOCH_AT + 3] as number,
    header[EPOCH_AT + 4] as number,
    header[EPOCH_AT + 5] as number,
    header[EPOCH_AT + 6] as number,
    header[EPOCH_AT + 7] as number,
  );
}

/** Whether two messages come from the same life of a publisher. */
export function isSameEpoch(one: Uint8Array, other: Uint8Array): boolean {
  for (let index = EPOCH_AT; index < SERIES_AT; index++) if (one[index] !== other[index]) return false;
  return true;
}

/** See {@link Stamp.series}. */
export function seriesOf(header: Uint8Array): number {
  return readNumber(header, SERIES_AT);
}

/** See {@link Stamp.sequence}. */
export function sequenceOf(header: Uint8Array): number {
  return readNumber(header, SEQUENCE_AT);
}

/** See {@link Stamp.timeUs}. */
export function timeOf(header: Uint8Array): number {
  return readNumber(header, TIME_AT);
}

function writeNumber(target: Uint8Array, offset: number, value: number): void {
  writeUint32(target, offset, value / TWO_32);
  writeUint32(target, offset + 4, value);
}

function readNumber(source: Uint8Array, offset: number): number {
  const low = readUint32(source, offset + 4);
  const high = readUint32(source, offset);
  return high === 0 ? low : high * TWO_32 + low;
}

/** Two bytes and three bits above 2^53 must be zero. */
function isNumber(source: Uint8Array, offset: number): boolean {
  return source[offset] === 0 && (source[offset + 1] as number) < 0x20;
}
