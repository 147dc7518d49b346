/** The frames of one ZeroMQ message. */
export type Frames = readonly Uint8Array[];

/** A message body as zeromq.js takes it: text (sent as UTF-8), bytes, or several of them. */
export type Body = string | Uint8Array | readonly (string | Uint8Array)[];

const encoder = new TextEncoder();
// A leading U+FEFF belongs to the text: without this it would be taken for a mark and dropped.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The empty frame that separates an envelope from what it carries (28/REQREP). Shared: never write to it. */
export const DELIMITER: Uint8Array = new Uint8Array(0);

/** Text as a frame, in UTF-8. */
export function textFrame(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A frame as text. Bytes that are not UTF-8 become replacement characters. */
export function frameText(frame: Uint8Array): string {
  return decoder.decode(frame);
}

/**
 * A frame as a string that can key a `Map`: one character per byte. Ids are bytes, not text, and
 * two different ids never share a key.
 */
export function frameKey(frame: Uint8Array): string {
  // Ids are a few bytes long, and more than some ten thousand arguments would overflow. `apply` and not
  // `...`, which takes four times as long: this runs for each message of a queue.
  if (frame.length === GENERATED_ID_BYTES) return shortKey(frame);
  if (frame.length <= 256) return characters(frame);
  let key = "";
  for (let start = 0; start < frame.length; start += 256) {
    key += characters(frame.subarray(start, start + 256));
  }
  return key;
}

/** The length of the routing ids that ZeroMQ makes up: the keys that are wanted most by far. */
const GENERATED_ID_BYTES = 5;

function shortKey(frame: Uint8Array): string {
  return String.fromCharCode(
    frame[0] as number,
    frame[1] as number,
    frame[2] as number,
    frame[3] as number,
    frame[4] as number,
  );
}

const characters = (bytes: Uint8Array): string =>
  String.fromCharCode.apply(undefined, bytes as unknown as number[]);

/** Large enough to be mapped: some KiB from the heap of the C library make it tidy up thousands of freed frames each time. */
const SLAB_BYTES = 256 * 1024;
let slab = new ArrayBuffer(0);
let slabUsed = 0;

/**
 * A new frame of a few bytes, all zero. Made one by one, such arrays cost ten times as much, since ZeroMQ has to give each
 * of them memory of its own outside of the heap. It shares its memory with others: never write beyond it.
 */
export function smallFrame(length: number): Uint8Array {
  if (slabUsed + length > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  slabUsed += length;
  // Half the price of subarray().
  return new Uint8Array(slab, slabUsed - length, length);
}

/** Smaller than for frames that are on their way: one that is kept for long keeps all of it. */
const KEPT_SLAB_BYTES = 32 * 1024;
let keptSlab = new ArrayBuffer(0);
let keptUsed = 0;

/** Up to this size a frame that is kept is copied, in bytes: ZeroMQ's own limit for what it hands over as a copy. */
const SMALL_BYTES = 128;

/**
 * The frame, or a copy if it is small, for whoever keeps it for a while. Each frame that a socket hands over has memory of
 * its own; thousands of small ones that live on among those that die at once make all later ones dearer.
 */
export function keptFrame(frame: Uint8Array): Uint8Array {
  const { length } = frame;
  if (length === 0 || length > SMALL_BYTES) return frame;
  if (keptUsed + length > keptSlab.byteLength) {
    keptSlab = new ArrayBuffer(KEPT_SLAB_BYTES);
    keptUsed = 0;
  }
  const copy = new Uint8Array(keptSlab, keptUsed, length);
  keptUsed += length;
  copy.set(frame);
  return copy;
}

/** Writes a 32-bit number, most significant byte first. */
export function writeUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/** Reads a 32-bit number, most significant byte first. */
export function readUint32(source: Uint8Array, offset: number): number {
  const high = ((source[offset] as number) << 8) | (source[offset + 1] as number);
  const low = ((source[offset + 2] as number) << 8) | (source[offset + 3] as number);
  return high * 2 ** 16 + low;
}

/** The bytes behind a {@link frameKey}. */
export function keyFrame(key: string): Uint8Array {
  const frame = new Uint8Array(key.length);
  for (let index = 0; index < key.length; index++) frame[index] = key.charCodeAt(index);
  return frame;
}

/**
 * Whether a routing id was made up by a ROUTER for one connection: such ids begin with a zero byte, which
 * peers may not choose. A peer with an id of its own may come back under it.
 */
export function isAnonymous(routingId: Uint8Array): boolean {
  return routingId[0] === 0;
}

/** A routing id for people: as it is if it is printable ASCII, or in hexadecimal. */
export function readableId(routingId: Uint8Array): string {
  if (routingId.every((byte) => byte > 0x20 && byte < 0x7f)) return frameText(routingId);
  return Array.from(routingId, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** True if both frames hold the same bytes. */
export function framesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** Total size of the frames in bytes. */
export function byteLength(frames: Frames): number {
  let total = 0;
  for (const frame of frames) total += frame.length;
  return total;
}

/** What a frame costs in memory besides its bytes, measured under Node.js 20 on x64, in bytes. */
const FRAME_OVERHEAD = 384;
/** So many frames of a message are not looked at: what they cost is bounded with the number of messages. */
const USUAL_FRAMES = 16;

/**
 * Size of frames in bytes, and what very many of them cost besides: empty ones take memory, too, and a
 * message can have any number of them.
 */
export function memoryOf(frames: Frames): number {
  return byteLength(frames) + FRAME_OVERHEAD * Math.max(0, frames.length - USUAL_FRAMES);
}

/**
 * A body as frames. Bytes are not copied: they must stay unchanged until the message has left.
 *
 * @throws TypeError for anything but strings and byte arrays over ordinary memory; zeromq.js would
 * send `undefined` or a `SharedArrayBuffer` as text
 */
export function bodyFrames(body: Body): Uint8Array[] {
  if (typeof body === "string" || body instanceof Uint8Array) return [bodyFrame(body)];
  if (!Array.isArray(body))
    throw new TypeError(`a body must be a string, a Uint8Array or an array of them, got ${kindOf(body)}`);
  if (body.length === 0) throw new TypeError("a body must have at least one frame, got an empty array");
  // Not map(), which passes over the holes of a sparse array and leaves them in its result.
  return Array.from(body, bodyFrame);
}

function bodyFrame(part: unknown): Uint8Array {
  if (typeof part === "string") return encoder.encode(part);
  if (part instanceof Uint8Array) {
    if (typeof SharedArrayBuffer !== "undefined" && part.buffer instanceof SharedArrayBuffer) {
      throw new TypeError(
        "a body frame must not lie in a SharedArrayBuffer: it could change while it is sent",
      );
    }
    return part;
  }
  throw new TypeError(`a body frame must be a string or a Uint8Array, got ${kindOf(part)}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;
}

/** A message that is not what the protocol allows. It is counted and dropped, never thrown at the user. */
export interface Malformed {
  readonly type: "malformed";
  /** What is wrong with it, for logs. */
  readonly reason: string;
}

/** A {@link Malformed} with the given reason. */
export function malformed(reason: string): Malformed {
  return { type: "malformed", reason };
}

/** Longest envelope that is believed, in frames: each is one hop through a ROUTER. */
export const MAX_ENVELOPE_FRAMES = 32;

/**
 * Where the envelope of a message ends: the index of the first empty frame at or after `from`, or
 * -1 if there is none within {@link MAX_ENVELOPE_FRAMES}.
 */
export function delimiterIndex(frames: Frames, from = 0): number {
  const end = Math.min(frames.length, from + MAX_ENVELOPE_FRAMES + 1);
  for (let index = from; index < end; index++) {
    if ((frames[index] as Uint8Array).length === 0) return index;
  }
  return -1;
}

/** Writes a 64-bit number, most significant byte first. */
export function writeUint64(target: Uint8Array, offset: number, value: bigint): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setBigUint64(offset, value);
}

/** Reads a 64-bit number, most significant byte first. */
export function readUint64(source: Uint8Array, offset: number): bigint {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  return view.getBigUint64(offset);
}

/** A message that came through a ROUTER, split at its first empty frame. */
export interface Enveloped {
  readonly type: "enveloped";
  /** The way back: all frames before the empty one, the routing id first. */
  readonly route: Uint8Array[];
  /** At least one frame. */
  readonly body: Uint8Array[];
}

/**
 * Takes a message apart that a ROUTER received from a REQ, or from a DEALER that acts like one
 * (28/REQREP): `[routing id][…][][body…]`.
 */
export function openEnvelope(frames: Uint8Array[]): Enveloped | Malformed {
  const end = delimiterIndex(frames, 1);
  if (end === -1) return malformed("request without an empty frame after its envelope");
  if (end === frames.length - 1) return malformed("request without a body");
  return { type: "enveloped", route: frames.slice(0, end), body: frames.slice(end + 1) };
}
