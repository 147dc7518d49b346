import { type Frames, frameKey } from "./frames.js";

/**
 * The id that our clients give a request, the same on each attempt, as the frame before the delimiter:
 *
 * | bytes | meaning                                                          |
 * |-------|------------------------------------------------------------------|
 * | 0–1   | `SW`, so that a server can tell it from the routing id of a hop  |
 * | 2     | version, 1                                                       |
 * | 3     | kind, which the pattern gives a meaning to                       |
 * | 4–11  | epoch: one life of a client, random                              |
 * | 12–19 | sequence number within the epoch, most significant byte first    |
 */
export const REQUEST_ID_BYTES = 20;

/** Where the epoch begins: what follows tells one request from all others. */
export const REQUEST_ID_EPOCH = 4;

const MAGIC_0 = 0x53; // S
const MAGIC_1 = 0x57; // W
const VERSION = 1;

/** A request id with nothing filled in but what all have in common. */
export function blankRequestId(): Uint8Array {
  const frame = new Uint8Array(REQUEST_ID_BYTES);
  frame[0] = MAGIC_0;
  frame[1] = MAGIC_1;
  frame[2] = VERSION;
  return frame;
}

/** Whether a frame is a request id. */
export function isRequestId(frame: Uint8Array): boolean {
  return (
    frame.length === REQUEST_ID_BYTES && frame[0] === MAGIC_0 && frame[1] === MAGIC_1 && frame[2] === VERSION
  );
}

/**
 * The key of the request id in a route, or `undefined` if the client is not ours. The routing id, which is
 * the first frame, is the socket's and never a request id, whatever it looks like.
 */
export function requestIdKey(route: Frames): string | undefined {
  const last = route.at(-1);
  if (last === undefined || route.length < 2 || !isRequestId(last)) return undefined;
  return frameKey(last.subarray(REQUEST_ID_EPOCH));
}
