import { EMPTY } from "./wire.js";

/** V8 keeps the bytes of arrays up to this size with the array: no memory has to be given for each, and none is kept by a neighbour. */
const INLINE_BYTES = 64;

/**
 * The frame, for who keeps it for long: a copy if it is small, since a frame has memory of its own, which takes more than the few bytes in
 * it; and a copy if it is a part of something larger, all of which would be kept with it.
 */
export function owned(frame: Uint8Array): Uint8Array {
  const { length } = frame;
  if (length === 0) return EMPTY;
  return length > INLINE_BYTES && frame.buffer.byteLength === length ? frame : new Uint8Array(frame);
}
