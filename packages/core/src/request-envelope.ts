/**
 * A request travels as `[request id][][body…]`: the envelope that REP sockets and well-behaved ROUTER
 * servers send back unread (28/REQREP), so that many requests can be in flight on one DEALER socket and each
 * reply finds its own. On a ROUTER the routing ids of the hops come first. Byte 3 of the request id is the
 * kind: 0 and 1 mean the same in every pattern, the others are for the patterns to give a meaning to.
 */
import {
  DELIMITER,
  type Frames,
  frameText,
  type Malformed,
  malformed,
  openEnvelope,
  readUint64,
  textFrame,
  writeUint64,
} from "./frames.js";
import { blankRequestId, isRequestId, REQUEST_ID_EPOCH, requestIdKey } from "./request-id.js";

const KIND_OFFSET = 3;
const SEQUENCE_OFFSET = 12;

/** The kind of requests and their replies. */
export const REQUEST_KIND = 0;

/** The kind of a reply that reports that the server's handler failed. */
export const FAILURE_KIND = 1;

/** Longest failure message that is sent, in characters: it informs, it is no log. */
const MAX_FAILURE_TEXT = 1024;

/** Names one request of one client, on all its attempts. */
export interface RequestId {
  readonly epoch: bigint;
  readonly sequence: bigint;
}

/** A reply as the client reads it. */
export interface Reply extends RequestId {
  readonly type: "reply";
  readonly body: Uint8Array[];
}

/** The server's handler threw; only our own servers say so, and only to our own clients. */
export interface FailureReply extends RequestId {
  readonly type: "failure";
  readonly message: string;
}

/** A request as the server reads it. */
export interface EnvelopedRequest {
  readonly type: "request";
  /** The way back: all frames before the delimiter. */
  readonly route: Uint8Array[];
  /** Key of the request id, if the request came from one of our clients. */
  readonly key: string | undefined;
  /** {@link REQUEST_KIND}, or one of the further kinds that its reader asked for. */
  readonly kind: number;
  readonly body: Uint8Array[];
}

/** The kind that a request id says, or `undefined` if the frame is no request id. */
export function requestKind(frame: Uint8Array): number | undefined {
  return isRequestId(frame) ? frame[KIND_OFFSET] : undefined;
}

/** A copy of a request id that says another kind. */
export function withKind(id: Uint8Array, kind: number): Uint8Array {
  // Not `id.slice()`: a Buffer's shares its memory.
  const copy = new Uint8Array(id);
  copy[KIND_OFFSET] = kind;
  return copy;
}

/** The id of a request as a frame. */
export function encodeRequestId({ epoch, sequence }: RequestId): Uint8Array {
  const frame = blankRequestId();
  frame[KIND_OFFSET] = REQUEST_KIND;
  writeUint64(frame, REQUEST_ID_EPOCH, epoch);
  writeUint64(frame, SEQUENCE_OFFSET, sequence);
  return frame;
}

/** A request as a DEALER sends it. */
export function encodeRequest(id: Uint8Array, body: Frames): Frames {
  return [id, DELIMITER, ...body];
}

/**
 * What a DEALER received: a reply, the report of a failed handler, or neither. A pattern that has further
 * kinds looks at {@link requestKind} before.
 */
export function decodeReply(frames: Uint8Array[]): Reply | FailureReply | Malformed {
  const id = frames[0];
  if (id === undefined || !isRequestId(id)) return malformed("reply without a request id in its envelope");
  if (frames[1]?.length !== 0) return malformed("reply without an empty frame after the request id");
  if (frames.length < 3) return malformed("reply without a body");
  const epoch = readUint64(id, REQUEST_ID_EPOCH);
  const sequence = readUint64(id, SEQUENCE_OFFSET);
  const body = frames.slice(2);
  switch (id[KIND_OFFSET]) {
    case REQUEST_KIND:
      return { type: "reply", epoch, sequence, body };
    case FAILURE_KIND:
      return { type: "failure", epoch, sequence, message: frameText(body[0] as Uint8Array) };
    default:
      return malformed(`reply of unknown kind ${id[KIND_OFFSET]}`);
  }
}

/**
 * What a ROUTER received: a request, from one of our clients or from a REQ of any kind, or neither.
 *
 * @param kinds - of requests that are understood besides {@link REQUEST_KIND}
 */
export function decodeRequest(
  frames: Uint8Array[],
  kinds: readonly number[] = [],
): EnvelopedRequest | Malformed {
  const opened = openEnvelope(frames);
  if (opened.type === "malformed") return opened;
  const { route, body } = opened;
  const key = requestIdKey(route);
  const kind = key === undefined ? REQUEST_KIND : (route.at(-1)?.[KIND_OFFSET] as number);
  if (kind !== REQUEST_KIND && !kinds.includes(kind)) return malformed(`request of unknown kind ${kind}`);
  return { type: "request", route, key, kind, body };
}

/** A reply as a ROUTER sends it. */
export function encodeReply(route: Frames, body: Frames): Frames {
  return [...route, DELIMITER, ...body];
}

/** The report of a failed handler, or `undefined` where the client would not understand it. */
export function encodeFailure(route: Frames, message: string): Frames | undefined {
  const id = route.at(-1);
  if (id === undefined || requestIdKey(route) === undefined) return undefined;
  const failureId = withKind(id, FAILURE_KIND);
  return [...route.slice(0, -1), failureId, DELIMITER, textFrame(message.slice(0, MAX_FAILURE_TEXT))];
}
