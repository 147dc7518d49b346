import { textFrame } from "@seaworthy/core";
import { isReserved } from "./mmi.js";
import { MAX_SERVICE_BYTES, MMI_PREFIX } from "./wire.js";

/**
 * The name of a service as a frame.
 *
 * @param owner - the name that error messages begin with
 * @throws TypeError if it is no string; RangeError if it is empty or too long
 */
export function serviceFrame(owner: string, service: unknown): Uint8Array {
  if (typeof service !== "string") {
    throw new TypeError(`${owner}: the service must be a string, got ${typeof service}`);
  }
  const frame = textFrame(service);
  if (frame.length === 0 || frame.length > MAX_SERVICE_BYTES) {
    throw new RangeError(
      `${owner}: the service must have 1 to ${MAX_SERVICE_BYTES} bytes, got ${frame.length}`,
    );
  }
  return frame;
}

/**
 * The name of a service that a worker offers, as a frame.
 *
 * @throws TypeError if it is no string; RangeError if it is empty, too long, or reserved for the broker (8/MMI)
 */
export function offeredService(owner: string, service: unknown): Uint8Array {
  const frame = serviceFrame(owner, service);
  if (isReserved(frame)) {
    throw new RangeError(
      `${owner}: services that begin with "${MMI_PREFIX}" are the broker's own, got "${service}"`,
    );
  }
  return frame;
}
