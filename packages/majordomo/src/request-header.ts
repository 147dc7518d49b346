/**
 * The frame that our clients put before the empty frame in front of a command, once the broker has said that
 * it is ours. It makes many requests on one connection tell apart, and leaves room for what MDP has no
 * words for: how long a request is worth waiting for, and why there is no reply.
 *
 * | bytes | meaning                                                                                    |
 * |-------|--------------------------------------------------------------------------------------------|
 * | 0–1   | `SW`                                                                                       |
 * | 2     | version, 1                                                                                 |
 * | 3     | kind, see {@link HeaderKind}                                                               |
 * | 4–11  | epoch: one life of a client, random                                                        |
 * | 12–19 | sequence number within the epoch                                                           |
 * | 20–23 | request: how long it may wait for a worker, in ms, 0 for as long as the broker lets it; reply: which part it is, from 0 |
 * | 24–27 | request: number of the attempt, from 1; reply: how often the request had been given to a worker; otherwise 0 |
 *
 * Numbers begin with their most significant byte.
 */
import { type Frames, readUint32, readUint64, smallFrame, writeUint32, writeUint64 } from "@seaworthy/core";

const HEADER_BYTES = 28;
const MAGIC_0 = 0x53; // S
const MAGIC_1 = 0x57; // W
const VERSION = 1;
const KIND_OFFSET = 3;
const EPOCH_OFFSET = 4;
const SEQUENCE_OFFSET = 12;
const FIRST_OFFSET = 20;
const SECOND_OFFSET = 24;
const MAX_UINT32 = 2 ** 32 - 1;

/** What a message with a request header is, by the number on the wire. */
const KINDS = [
  /** A request, or a part of its reply. */
  "message",
  /** From the client: it has given the request up. */
  "cancel",
  /** The worker's handler threw; the body is its message. */
  "handler-failed",
  /** No worker offered the service in the time that the request could wait. */
  "no-worker",
  /** Workers offered the service, but none was free in the time that the request could wait. */
  "too-old",
  /** As many workers as `maxDeliveries` had it and were lost, or gave no reply that could be passed on. */
  "given-up",
  /** A limit of the broker is reached; the body says which. */
  "limit",
  /** The broker is closing: another one may take the request. */
  "closing",
  /** The worker's application dropped the request. */
  "dropped",
] as const;

/** What a message with a request header is. */
export type HeaderKind = (typeof KINDS)[number];

/** Why there is no reply to a request. */
export type RefusalKind = Exclude<HeaderKind, "message" | "cancel">;

/** A request header, taken apart. */
export interface RequestHeader {
  readonly kind: HeaderKind;
  readonly epoch: bigint;
  readonly sequence: bigint;
  /** Request: how long it may wait for a worker, in ms, or 0. Reply: which part it is, from 0. */
  readonly first: number;
  /** Request: number of the attempt, from 1. Reply: how often the request had been given to a worker. */
  readonly second: number;
}

/** The header of a request. Those of its attempts differ in their number, and in the time that it may wait. */
export function encodeRequestHeader(header: RequestHeader): Uint8Array {
  const frame = smallFrame(HEADER_BYTES);
  frame[0] = MAGIC_0;
  frame[1] = MAGIC_1;
  frame[2] = VERSION;
  frame[KIND_OFFSET] = KINDS.indexOf(header.kind);
  writeUint64(frame, EPOCH_OFFSET, header.epoch);
  writeUint64(frame, SEQUENCE_OFFSET, header.sequence);
  writeNumbers(frame, header.first, header.second);
  return frame;
}

/** The header of what a broker says of a request: the request's own, with the kind and the numbers changed. */
export function answerHeader(
  frame: Uint8Array,
  kind: HeaderKind,
  part: number,
  delivery: number,
): Uint8Array {
  const answer = smallFrame(HEADER_BYTES);
  answer.set(frame);
  answer[KIND_OFFSET] = kind === "message" ? 0 : KINDS.indexOf(kind);
  writeNumbers(answer, part, delivery);
  return answer;
}

/** Whether a frame is a request header. */
export function isRequestHeader(frame: Uint8Array): boolean {
  return (
    frame.length === HEADER_BYTES && frame[0] === MAGIC_0 && frame[1] === MAGIC_1 && frame[2] === VERSION
  );
}

/** The header in a frame, or `undefined` if it is none, or of a kind that is not known. */
export function decodeRequestHeader(frame: Uint8Array): RequestHeader | undefined {
  if (!isRequestHeader(frame)) return undefined;
  const kind = KINDS[frame[KIND_OFFSET] as number];
  if (kind === undefined) return undefined;
  return {
    kind,
    epoch: readUint64(frame, EPOCH_OFFSET),
    sequence: readUint64(frame, SEQUENCE_OFFSET),
    first: readUint32(frame, FIRST_OFFSET),
    second: readUint32(frame, SECOND_OFFSET),
  };
}

/** The kind of a request header, which costs less than all of it. */
export function headerKind(frame: Uint8Array): HeaderKind | undefined {
  return KINDS[frame[KIND_OFFSET] as number];
}

/** How long the request of this header may wait for a worker, in ms, or 0. */
export function headerTtlMs(frame: Uint8Array): number {
  return readUint32(frame, FIRST_OFFSET);
}

/** Which attempt at its request this header is of. */
export function headerAttempt(frame: Uint8Array): number {
  return readUint32(frame, SECOND_OFFSET);
}

/** What a request and its retries have in common, over whatever connection they come. */
export function headerKey(frame: Uint8Array): string {
  // Two bytes a character, all at once: this runs for each request.
  return String.fromCharCode(
    pairAt(frame, 4),
    pairAt(frame, 6),
    pairAt(frame, 8),
    pairAt(frame, 10),
    pairAt(frame, 12),
    pairAt(frame, 14),
    pairAt(frame, 16),
    pairAt(frame, 18),
  );
}

const pairAt = (frame: Uint8Array, at: number): number =>
  ((frame[at] as number) << 8) | (frame[at + 1] as number);

/** The header in the way back to a client, `[routing id][hop…][header][]`, if that is one of ours. */
export function routeHeader(route: Frames): Uint8Array | undefined {
  const at = route.length - 2;
  if (at < 1 || route[at + 1]?.length !== 0) return undefined;
  const header = route[at] as Uint8Array;
  return isRequestHeader(header) ? header : undefined;
}

function writeNumbers(frame: Uint8Array, first: number, second: number): void {
  writeUint32(frame, FIRST_OFFSET, Math.min(first, MAX_UINT32));
  writeUint32(frame, SECOND_OFFSET, Math.min(second, MAX_UINT32));
}
