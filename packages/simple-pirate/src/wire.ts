/**
 * Simple Pirate on the wire. Clients and queue speak the standard envelope (28/REQREP). A worker is a REQ
 * socket, or a DEALER that acts like one, so whatever it and the queue's ROUTER exchange begins with an
 * empty frame:
 *
 * | message | from   | frames                    |
 * |---------|--------|---------------------------|
 * | READY   | worker | `[][0x01]`                |
 * | REQUEST | queue  | `[][address…][][body…]`   |
 * | REPLY   | worker | `[][address…][][body…]`   |
 *
 * A reply means READY as well. The guide's queue passes the client's envelope on as the address; ours puts
 * one frame of 16 bytes in its place (see `Addresses` of core), since many workers know of one frame only.
 */
import {
  type Addresses,
  DELIMITER,
  delimiterIndex,
  type Frames,
  type Malformed,
  malformed,
} from "@seaworthy/core";

/** The guide's `WORKER_READY`. */
const READY_BYTE = 0x01;

/** Shared: never write to it. */
const READY: Frames = [DELIMITER, new Uint8Array([READY_BYTE])];

/** A worker waits for a request. `worker` is its routing id. */
export interface WorkerReady {
  readonly type: "ready";
  readonly worker: Uint8Array;
}

/** A worker has answered, and waits for a request. */
export interface WorkerReply {
  readonly type: "reply";
  readonly worker: Uint8Array;
  /** The request that it answers, or `undefined` if that was none of this queue's. */
  readonly number: number | undefined;
  readonly body: Uint8Array[];
}

/** A request as a worker reads it. */
export interface WorkerRequest {
  readonly type: "request";
  /** Goes back with the reply. */
  readonly address: Uint8Array[];
  readonly body: Uint8Array[];
}

/** READY as a worker's DEALER sends it. */
export function encodeReady(): Frames {
  return READY;
}

/** A reply as a worker's DEALER sends it. */
export function encodeReply(address: Frames, body: Frames): Frames {
  return [DELIMITER, ...address, DELIMITER, ...body];
}

/** A request as the queue's ROUTER sends it. */
export function encodeRequest(worker: Uint8Array, address: Uint8Array, body: Frames): Frames {
  return [worker, DELIMITER, address, DELIMITER, ...body];
}

/** Where the address is in what {@link encodeRequest} makes. */
export const ADDRESS_INDEX = 2;

/** What the queue's ROUTER received from a worker, whose routing id is the first frame. */
export function decodeFromWorker(
  frames: Uint8Array[],
  addresses: Addresses,
): WorkerReady | WorkerReply | Malformed {
  const worker = frames[0] as Uint8Array;
  if (frames.length === 3 && frames[1]?.length === 0 && isReady(frames[2] as Uint8Array)) {
    return { type: "ready", worker };
  }
  const end = delimiterIndex(frames, ADDRESS_INDEX);
  const fault = addressedFault(frames, 1, end);
  if (fault !== undefined) return malformed(`message of a worker ${fault}`);
  const isOneFrame = end === ADDRESS_INDEX + 1;
  const number = isOneFrame ? addresses.decode(frames[ADDRESS_INDEX] as Uint8Array) : undefined;
  return { type: "reply", worker, number, body: frames.slice(end + 1) };
}

/** What a worker's DEALER received. */
export function decodeRequest(frames: Uint8Array[]): WorkerRequest | Malformed {
  const end = delimiterIndex(frames, 1);
  const fault = addressedFault(frames, 0, end);
  if (fault !== undefined) return malformed(`request ${fault}`);
  return { type: "request", address: frames.slice(1, end), body: frames.slice(end + 1) };
}

function isReady(frame: Uint8Array): boolean {
  return frame.length === 1 && frame[0] === READY_BYTE;
}

/** What keeps the frames from `start` on from being `[][address…][][body…]`, the second empty one at `end`. */
function addressedFault(frames: Frames, start: number, end: number): string | undefined {
  if (frames[start]?.length !== 0) return "without an empty frame in front";
  if (end === -1) return "without an empty frame after its address";
  if (end === start + 1) return "without an address";
  return end === frames.length - 1 ? "without a body" : undefined;
}
