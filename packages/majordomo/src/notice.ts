import { ADDRESS_BYTES } from "./wire.js";

/**
 * What Seaworthy's programs tell one another of themselves, in a frame of its own that others do not look at.
 *
 * | bytes | meaning                                                                                  |
 * |-------|------------------------------------------------------------------------------------------|
 * | 0–1   | `SW`                                                                                     |
 * | 2     | version, 1                                                                               |
 * | 3     | 0                                                                                        |
 * | 4–7   | how often the sender sends heartbeats, in ms, most significant byte first                |
 * | 8–11  | of a worker: requests that it takes at a time; 0 while it takes none                     |
 * |       | of a broker to a worker: the interval that this is asked to keep, in ms; 0 for its own   |
 * |       | of others: 0                                                                             |
 *
 * Later versions may add to that, but not up to 16 bytes: so long is an address, which can stand in the same place.
 */
const NOTICE_BYTES = 12;
const MAGIC_0 = 0x53; // S
const MAGIC_1 = 0x57; // W
const VERSION = 1;
const INTERVAL_OFFSET = 4;
const CREDIT_OFFSET = 8;
const ASKED_OFFSET = 8;
const MAX_UINT32 = 2 ** 32 - 1;

/** How a program of ours introduces itself. */
export interface Notice {
  /** It sends something at least this often, in ms. */
  readonly heartbeatMs: number;
  /** A worker: requests that it takes at a time. A client, or a broker to one: 0. */
  readonly credit: number;
}

/** How a broker of ours introduces itself to a worker. */
export interface BrokerNotice {
  /** It sends something at least this often, in ms. */
  readonly heartbeatMs: number;
  /** The interval that the worker is asked to keep if its own is shorter, in ms; 0 if its own will do. */
  readonly askedMs: number;
}

/** A notice as a frame. */
export function encodeNotice({ heartbeatMs, credit }: Notice): Uint8Array {
  return encode(heartbeatMs, CREDIT_OFFSET, credit);
}

/** A broker's notice to a worker as a frame. */
export function encodeBrokerNotice({ heartbeatMs, askedMs }: BrokerNotice): Uint8Array {
  return encode(heartbeatMs, ASKED_OFFSET, Math.ceil(askedMs));
}

function encode(heartbeatMs: number, offset: number, value: number): Uint8Array {
  const frame = new Uint8Array(NOTICE_BYTES);
  frame.set([MAGIC_0, MAGIC_1, VERSION]);
  const view = new DataView(frame.buffer);
  // Rounded up: it must not promise more heartbeats than come.
  view.setUint32(INTERVAL_OFFSET, Math.min(Math.ceil(heartbeatMs), MAX_UINT32));
  view.setUint32(offset, Math.min(value, MAX_UINT32));
  return frame;
}

/** The notice in a frame, or `undefined` if it is something else, which other programs may send there. */
export function decodeNotice(frame: Uint8Array): Notice | undefined {
  const view = noticeIn(frame);
  return view && { heartbeatMs: view.getUint32(INTERVAL_OFFSET), credit: view.getUint32(CREDIT_OFFSET) };
}

/** The notice of a broker to a worker in a frame, or `undefined` if it is something else. */
export function decodeBrokerNotice(frame: Uint8Array): BrokerNotice | undefined {
  const view = noticeIn(frame);
  return view && { heartbeatMs: view.getUint32(INTERVAL_OFFSET), askedMs: view.getUint32(ASKED_OFFSET) };
}

function noticeIn(frame: Uint8Array): DataView | undefined {
  // A longer one is of a later version that has more to say.
  if (frame.length < NOTICE_BYTES || frame.length === ADDRESS_BYTES) return undefined;
  if (frame[0] !== MAGIC_0 || frame[1] !== MAGIC_1 || frame[2] !== VERSION) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  return view.getUint32(INTERVAL_OFFSET) === 0 ? undefined : view;
}
