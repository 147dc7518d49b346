/**
 * Freelance on the wire, in two protocols. Both name a request by the 20-byte request id of our clients:
 *
 * | bytes | meaning                                                          |
 * |-------|------------------------------------------------------------------|
 * | 0–1   | `SW`, so that a server can tell it from the routing id of a hop  |
 * | 2     | version, 1                                                       |
 * | 3     | kind, see below                                                  |
 * | 4–11  | epoch: one life of a client, random                              |
 * | 12–19 | sequence number within the epoch, most significant byte first    |
 *
 * | kind | meaning                                                                           |
 * |------|-----------------------------------------------------------------------------------|
 * | 0    | request and reply                                                                 |
 * | 1    | the server's handler failed; the body is what it said                             |
 * | 3    | request and reply whose first body frame is the sequence number of guide model 2  |
 *
 * Strategy `tracked` speaks FLP (10/FLP) between two ROUTER sockets. A server's routing id is its public
 * endpoint. Behind the routing id:
 *
 * | message | frames                        | from   | meaning                                        |
 * |---------|-------------------------------|--------|------------------------------------------------|
 * | PING    | `[PING]`                      | client | are you there?                                 |
 * | PONG    | `[PONG]`                      | server | yes                                            |
 * | request | `[control][body…]`            | client | the control frame is the request id, kind 0    |
 * | reply   | `[control][body…]`            | server | the control frame of its request, unchanged    |
 * | failure | `[control, kind 1][message]`  | server | only for a control frame that is a request id  |
 *
 * Strategies `failover` and `shotgun` speak the plain protocol: the envelope of 28/REQREP between a DEALER and a REP
 * or ROUTER.
 *
 * | message          | frames                                          | from     |
 * |------------------|-------------------------------------------------|----------|
 * | failover request | `[request id, kind 0][][body…]`                 | client   |
 * | failover reply   | `[request id, kind 0][][body…]`                 | server   |
 * | shotgun request  | `[request id, kind 3][][sequence][body…]`       | client   |
 * | shotgun reply    | `[request id, kind 3][][sequence][body…]`       | server   |
 * | failure          | `[request id, kind 1][][message]`               | server   |
 *
 * The sequence of `shotgun` is the sequence number of the request id as decimal text. A reply without it is
 * accepted whole, since its envelope says already which request it answers.
 */
import {
  DELIMITER,
  decodeReply as decodeEnvelopedReply,
  decodeRequest as decodeEnvelopedRequest,
  type EnvelopedRequest,
  encodeReply as encodeEnvelopedReply,
  encodeFailure,
  encodeRequest,
  encodeRequestId,
  type FailureReply,
  type Frames,
  framesEqual,
  isRequestId,
  type Malformed,
  malformed,
  REQUEST_ID_BYTES,
  REQUEST_ID_EPOCH,
  REQUEST_KIND,
  type Reply,
  type RequestId,
  readUint64,
  requestIdKey,
  requestKind,
  textFrame,
  withKind,
} from "@seaworthy/core";

/** The kind of a request id whose message carries a sequence number as guide model 2 does. */
export const SEQUENCED_KIND = 3;

const EPOCH_BYTES = 8;
const PING = textFrame("PING");
const PONG = textFrame("PONG");

/** A server asks for nothing but to be heard. */
export interface Pong {
  readonly type: "pong";
}

/** A client wants to hear of the server. */
export interface Ping {
  readonly type: "ping";
  /** The way back. */
  readonly route: Uint8Array[];
}

/** PING as a client sends it, behind the server's routing id. */
export function encodePing(): Frames {
  return [PING];
}

/** PONG as a server sends it. */
export function encodePong(route: Frames): Frames {
  return [...route, PONG];
}

/** A request of `tracked`, behind the server's routing id. */
export function encodeTrackedRequest(id: RequestId, body: Frames): Frames {
  return [encodeRequestId(id), ...body];
}

/** What a server said to a `tracked` client, without the routing id. */
export function decodeTrackedReply(frames: Uint8Array[]): Pong | Reply | FailureReply | Malformed {
  const [control, ...body] = frames;
  if (control === undefined) return malformed("reply without a control frame");
  if (body.length === 0 && framesEqual(control, PONG)) return { type: "pong" };
  if (!isRequestId(control)) return malformed("reply with a control frame that is no request id");
  return decodeEnvelopedReply([control, DELIMITER, ...body]);
}

/**
 * Which message of a `tracked` client this is, routing id first: the sequence number of a request, or `undefined`
 * for a PING.
 */
export function sequenceOf(frames: Frames): bigint | undefined {
  const control = frames[1] as Uint8Array;
  return control.length === REQUEST_ID_BYTES ? readSequence(control) : undefined;
}

/** A request of `failover`. */
export function encodeFailoverRequest(id: RequestId, body: Frames): Frames {
  return encodeRequest(encodeRequestId(id), body);
}

/** What a server said to a `failover` client. */
export function decodeFailoverReply(frames: Uint8Array[]): Reply | FailureReply | Malformed {
  return decodeEnvelopedReply(frames);
}

/** A request of `shotgun`. */
export function encodeShotgunRequest(id: RequestId, body: Frames): Frames {
  const frame = withKind(encodeRequestId(id), SEQUENCED_KIND);
  return encodeRequest(frame, [sequenceText(id.sequence), ...body]);
}

/** What a server said to a `shotgun` client. */
export function decodeShotgunReply(frames: Uint8Array[]): Reply | FailureReply | Malformed {
  const [id, ...rest] = frames;
  if (id === undefined || requestKind(id) !== SEQUENCED_KIND) return decodeEnvelopedReply(frames);
  const reply = decodeEnvelopedReply([withKind(id, REQUEST_KIND), ...rest]);
  if (reply.type !== "reply") return reply;
  const [first, ...body] = reply.body as [Uint8Array, ...Uint8Array[]];
  const isSequenced = body.length > 0 && framesEqual(first, sequenceText(reply.sequence));
  return isSequenced ? { ...reply, body } : reply;
}

/** What the ROUTER of an FLP server received, routing id first. */
export function decodeFlpRequest(frames: Uint8Array[]): Ping | EnvelopedRequest | Malformed {
  const control = frames[1];
  if (control === undefined) return malformed("message without a control frame");
  // With a body behind it, it is a control frame like any other (10/FLP, "Overall Operation").
  if (frames.length < 3)
    return framesEqual(control, PING)
      ? { type: "ping", route: frames.slice(0, 1) }
      : malformed("request without a body");
  const route = frames.slice(0, 2);
  const kind = requestKind(control) ?? REQUEST_KIND;
  if (kind !== REQUEST_KIND) return malformed(`request of unknown kind ${kind}`);
  return { type: "request", route, key: requestIdKey(route), kind, body: frames.slice(2) };
}

/** A reply as an FLP server sends it. */
export function encodeFlpReply(route: Frames, body: Frames): Frames {
  return [...route, ...body];
}

/** The report of a failed handler in FLP, or `undefined` where the client would not understand it. */
export function encodeFlpFailure(route: Frames, message: string): Frames | undefined {
  return encodeFailure(route, message)?.filter((_frame, index) => index !== route.length);
}

/**
 * What the ROUTER of a plain server received, routing id first. The sequence number of guide model 2 is taken out
 * where our own client has sent it: what other clients send is theirs.
 */
export function decodePlainRequest(frames: Uint8Array[]): EnvelopedRequest | Malformed {
  const request = decodeEnvelopedRequest(frames, [SEQUENCED_KIND]);
  if (request.type === "malformed" || request.kind !== SEQUENCED_KIND) return request;
  const [first, ...body] = request.body as [Uint8Array, ...Uint8Array[]];
  if (!framesEqual(first, sequenceText(readSequence(request.route.at(-1) as Uint8Array))))
    return malformed("request without the sequence number that its kind promises");
  if (body.length === 0) return malformed("request without a body");
  return { ...request, body };
}

/** A reply as a plain server sends it, with the sequence number where its request had one. */
export function encodePlainReply(route: Frames, body: Frames): Frames {
  const id = route.at(-1) as Uint8Array;
  const isSequenced = requestIdKey(route) !== undefined && requestKind(id) === SEQUENCED_KIND;
  return encodeEnvelopedReply(route, isSequenced ? [sequenceText(readSequence(id)), ...body] : body);
}

/** The report of a failed handler, or `undefined` where the client would not understand it. */
export function encodePlainFailure(route: Frames, message: string): Frames | undefined {
  return encodeFailure(route, message);
}

function readSequence(id: Uint8Array): bigint {
  return readUint64(id, REQUEST_ID_EPOCH + EPOCH_BYTES);
}

/** A `bigint` has as many digits as it takes: the guide's programs write theirs into ten bytes. */
function sequenceText(sequence: bigint): Uint8Array {
  return textFrame(String(sequence));
}
