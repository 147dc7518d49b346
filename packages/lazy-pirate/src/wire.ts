/**
 * Lazy Pirate on the wire. A request travels as `[request id][][body…]`: the envelope that REP
 * sockets and well-behaved ROUTER servers send back unread (28/REQREP), so that many requests can
 * be in flight on one DEALER socket and each reply finds its own. On a ROUTER the routing ids of
 * the hops come first.
 *
 * The request id has 20 bytes:
 *
 * | bytes | meaning                                                          |
 * |-------|------------------------------------------------------------------|
 * | 0–1   | `SW`, so that a server can tell it from the routing id of a hop  |
 * | 2     | version, 1                                                       |
 * | 3     | kind: 0 request and reply, 1 the server's handler failed         |
 * | 4–11  | epoch: one life of a client, random                              |
 * | 12–19 | sequence number within the epoch, most significant byte first    |
 */
import {
  blankRequestId,
  DELIMITER,
  type Frames,
  frameText,
  isRequestId,
  type Malformed,
  malformed,
  openEnvelope,
  REQUEST_ID_EPOCH,
  readUint64,
  requestIdKey,
  textFrame,
  writeUint64,
} from "@seaworthy/core";

const KIND_OFFSET = 3;
const SEQUENCE_OFFSET = 12;
const KIND_MESSAGE = 0;
const KIND_FAILURE = 1;

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
export interface Request {
  readonly type: "request";
  /** The way back: all frames before the delimiter. */
  readonly route: Uint8Array[];
  /** Key of the request id, if the request came from one of our clients. */
  readonly key: string | undefined;
  readonly body: Uint8Array[];
}

/** The id of a request as a frame. */
export function encodeRequestId({ epoch, sequence }: RequestId): Uint8Array {
  const frame = blankRequestId();
  frame[KIND_OFFSET] = KIND_MESSAGE;
  writeUint64(frame, REQUEST_ID_EPOCH, epoch);
  writeUint64(frame, SEQUENCE_OFFSET, sequence);
  return frame;
}

/** A request as a DEALER sends it. */
export function encodeRequest(id: Uint8Array, body: Frames): Frames {
  return [id, DELIMITER, ...body];
}

/** What a DEALER received: a reply, the report of a failed handler, or neither. */
export function decodeReply(frames: Uint8Array[]): Reply | FailureReply | Malformed {
  const id = frames[0];
  if (id === undefined || !isRequestId(id)) return malformed("reply without a request id in its envelope");
  if (frames[1]?.length !== 0) return malformed("reply without an empty frame after the request id");
  if (frames.length < 3) return malformed("reply without a body");
  const epoch = readUint64(id, REQUEST_ID_EPOCH);
  const sequence = readUint64(id, SEQUENCE_OFFSET);
  const body = frames.slice(2);
  switch (id[KIND_OFFSET]) {
    case KIND_MESSAGE:
      return { type: "reply", epoch, sequence, body };
    case KIND_FAILURE:
      return { type: "failure", epoch, sequence, message: frameText(body[0] as Uint8Array) };
    default:
      return malformed(`reply of unknown kind ${id[KIND_OFFSET]}`);
  }
}

/** What a ROUTER received: a request, from one of our clients or from a REQ of any kind, or neither. */
export function decodeRequest(frames: Uint8Array[]): Request | Malformed {
  const opened = openEnvelope(frames);
  if (opened.type === "malformed") return opened;
  const { route, body } = opened;
  const key = requestIdKey(route);
  const kind = key === undefined ? KIND_MESSAGE : route.at(-1)?.[KIND_OFFSET];
  if (kind !== KIND_MESSAGE) return malformed(`request of unknown kind ${kind}`);
  return { type: "request", route, key, body };
}

/** A reply as a ROUTER sends it. */
export function encodeReply(route: Frames, body: Frames): Frames {
  return [...route, DELIMITER, ...body];
}

/** The report of a failed handler, or `undefined` where the client would not understand it. */
export function encodeFailure(route: Frames, message: string): Frames | undefined {
  const id = route.at(-1);
  if (id === undefined || requestIdKey(route) === undefined) return undefined;
  const failureId = id.slice();
  failureId[KIND_OFFSET] = KIND_FAILURE;
  return [...route.slice(0, -1), failureId, DELIMITER, textFrame(message.slice(0, MAX_FAILURE_TEXT))];
}
