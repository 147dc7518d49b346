/**
 * Binary Star on the wire.
 *
 * **Between the two.** Each publishes its state, when it changes and with each heartbeat, as one ASCII digit:
 *
 * | digit | state                                       |
 * |-------|---------------------------------------------|
 * | `1`   | primary that waits for its peer             |
 * | `2`   | backup that waits for its peer              |
 * | `3`   | active                                      |
 * | `4`   | passive                                     |
 *
 * A peer of ours subscribes to `SW-BSTAR-1` besides everything. Who sees that subscription adds a second frame to each digit,
 * a record of 16 bytes; other peers get the digit alone:
 *
 * | bytes | meaning                                                                        |
 * |-------|--------------------------------------------------------------------------------|
 * | 0–1   | `SW`                                                                           |
 * | 2     | version, 1                                                                     |
 * | 3     | role: 1 primary, 2 backup                                                      |
 * | 4–7   | heartbeat interval of the sender in ms, most significant byte first            |
 * | 8–15  | highest epoch that the sender knows, which is its own if it is active          |
 *
 * **Between client and server.** The standard envelope, `[request id][][body…]` (28/REQREP). The request id is that of all
 * Seaworthy clients; byte 3 of it, the kind, is 0 for requests and replies and 1 for the report of a handler that failed.
 * A server that is not active says so to our clients with kind 2, and gives no answer to others. The body is then:
 *
 * | frame | meaning                                                                                       |
 * |-------|-----------------------------------------------------------------------------------------------|
 * | 1     | the server's state, as a digit                                                                |
 * | 2     | ms, as text, up to an hour: if its peer is silent for so long, a request can make it active;  |
 * |       | 0 if one can now, empty if its peer was heard in time, or it must not become active           |
 */
import {
  DELIMITER,
  decodeReply,
  type FailureReply,
  type Frames,
  frameText,
  isRequestId,
  type Malformed,
  malformed,
  REQUEST_ID_EPOCH,
  type Reply,
  type RequestId,
  readUint32,
  readUint64,
  requestKind,
  textFrame,
  withKind,
  writeUint32,
  writeUint64,
} from "@seaworthy/core";

export { decodeRequest, encodeFailure, encodeReply, encodeRequest, encodeRequestId } from "@seaworthy/core";

/** Which of the two a node is, for all its life. */
export type StarRole = "primary" | "backup";

/** A state as it is published. */
export type PublishedState = "primary" | "backup" | "active" | "passive";

/** What a node of ours adds to its state. */
export interface StarRecord {
  readonly role: StarRole;
  readonly heartbeatMs: number;
  readonly epoch: number;
}

/** What the peer published. */
export interface PeerState {
  readonly type: "peer-state";
  readonly state: PublishedState;
  /** Missing if the peer is not ours, or has not heard yet that we are. */
  readonly record: StarRecord | undefined;
}

/** A server's word that it is not active. */
export interface Refusal extends RequestId {
  readonly type: "refusal";
  readonly state: PublishedState;
  /** If its peer is silent for so many ms more, a request can make it active; `undefined` if that was heard in time, or it must not be. */
  readonly retryAfterMs: number | undefined;
}

/** Subscribed to besides everything: tells a publisher of ours that its peer reads records. */
export const RECORD_TOPIC: Uint8Array = textFrame("SW-BSTAR-1");

const STATES: readonly PublishedState[] = ["primary", "backup", "active", "passive"];
const DIGITS: Readonly<Record<PublishedState, Uint8Array>> = {
  primary: textFrame("1"),
  backup: textFrame("2"),
  active: textFrame("3"),
  passive: textFrame("4"),
};

const RECORD_BYTES = 16;
const VERSION = 1;
const ROLES: readonly StarRole[] = ["primary", "backup"];
/** Kind of a request id (byte 3): the server is not active. */
const KIND_REFUSAL = 2;
const SEQUENCE_OFFSET = REQUEST_ID_EPOCH + 8;

/** Largest epoch on the wire: what follows it can still be counted exactly. */
export const MAX_EPOCH: number = 2 ** 52;

/** A state as any peer reads it, or with a record as one of ours does. */
export function encodeState(state: PublishedState, record?: StarRecord): Frames {
  const digit = DIGITS[state];
  if (record === undefined) return [digit];
  const frame = new Uint8Array(RECORD_BYTES);
  frame.set(RECORD_TOPIC.subarray(0, 2));
  frame[2] = VERSION;
  frame[3] = 1 + ROLES.indexOf(record.role);
  writeUint32(frame, 4, Math.ceil(record.heartbeatMs));
  writeUint64(frame, 8, BigInt(record.epoch));
  return [digit, frame];
}

/** What came from the peer. A record that is not of our making is passed over; a later version's, too. */
export function decodeState(frames: Uint8Array[]): PeerState | Malformed {
  const [digit, record] = frames;
  const state = digit === undefined ? undefined : readState(digit);
  if (state === undefined) return malformed("peer state is not a digit from 1 to 4");
  if (record === undefined || !isOurs(record)) return { type: "peer-state", state, record: undefined };
  const decoded = decodeRecord(record);
  if (decoded.type === "malformed") return decoded;
  return { type: "peer-state", state, record: decoded.record };
}

function readState(digit: Uint8Array): PublishedState | undefined {
  return digit.length === 1 ? STATES[(digit[0] as number) - 0x31] : undefined;
}

function isOurs(frame: Uint8Array): boolean {
  return frame[0] === RECORD_TOPIC[0] && frame[1] === RECORD_TOPIC[1] && frame[2] === VERSION;
}

function decodeRecord(
  frame: Uint8Array,
): { readonly type: "record"; readonly record: StarRecord } | Malformed {
  if (frame.length !== RECORD_BYTES) return malformed(`peer record of ${frame.length} bytes`);
  const role = ROLES[(frame[3] as number) - 1];
  if (role === undefined) return malformed(`peer record with role ${frame[3]}`);
  const heartbeatMs = readUint32(frame, 4);
  if (heartbeatMs === 0) return malformed("peer record without a heartbeat interval");
  const epoch = readUint64(frame, 8);
  if (epoch > BigInt(MAX_EPOCH)) return malformed("peer record with an epoch beyond 2^52");
  return { type: "record", record: { role, heartbeatMs, epoch: Number(epoch) } };
}

/** Longest wait that is said, and believed, in ms: an hour. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** The word that this server is not active, or `undefined` where the client would not understand it. */
export function encodeRefusal(
  { route, key }: { readonly route: Frames; readonly key: string | undefined },
  state: PublishedState,
  retryAfterMs: number | undefined,
): Frames | undefined {
  const id = route.at(-1);
  if (id === undefined || key === undefined) return undefined;
  const wait = textFrame(retryAfterMs === undefined ? "" : waitText(retryAfterMs));
  return [...route.slice(0, -1), withKind(id, KIND_REFUSAL), DELIMITER, DIGITS[state], wait];
}

/** What a client received: a reply, the report of a failed handler, a refusal, or none of them. */
export function decodeAnswer(frames: Uint8Array[]): Reply | FailureReply | Refusal | Malformed {
  const id = frames[0];
  const isRefusal = id !== undefined && isRequestId(id) && requestKind(id) === KIND_REFUSAL;
  return isRefusal ? decodeRefusal(id, frames) : decodeReply(frames);
}

function waitText(retryAfterMs: number): string {
  return String(Math.min(Math.ceil(retryAfterMs), MAX_RETRY_AFTER_MS));
}

function decodeRefusal(id: Uint8Array, frames: Uint8Array[]): Refusal | Malformed {
  const [, delimiter, digit, wait] = frames;
  if (delimiter?.length !== 0 || digit === undefined || wait === undefined)
    return malformed("refusal with missing frames");
  const state = readState(digit);
  if (state === undefined) return malformed("refusal whose state is not a digit from 1 to 4");
  const epoch = readUint64(id, REQUEST_ID_EPOCH);
  const sequence = readUint64(id, SEQUENCE_OFFSET);
  const refusal = { type: "refusal", epoch, sequence, state } as const;
  if (wait.length === 0) return { ...refusal, retryAfterMs: undefined };
  const text = frameText(wait);
  if (!/^\d{1,7}$/.test(text) || Number(text) > MAX_RETRY_AFTER_MS)
    return malformed("refusal with a wait that is no number of ms up to an hour");
  return { ...refusal, retryAfterMs: Number(text) };
}
