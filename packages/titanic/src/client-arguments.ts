import { frameText, textFrame } from "@seaworthy/core";
import { isBrokersOwn, MAX_KEY_BYTES, MAX_SERVICE_BYTES } from "./wire.js";

const OWNER = "TitanicClient";

/** A UUID as servers write it: of ours in 32 hexadecimal digits, of the guide's in some languages with dashes. */
const ID = /^(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$/;

/** Whether a text is the id of a request. Its case is the server's: some of them know only what they wrote. */
export function isRequestId(text: string): boolean {
  return ID.test(text);
}

/**
 * The id of a request, as it was given.
 *
 * @throws TypeError if it is no string; RangeError if it is no UUID
 */
export function checkId(id: unknown): string {
  if (typeof id !== "string") throw new TypeError(`${OWNER}: the id must be a string, got ${typeof id}`);
  if (!isRequestId(id)) {
    throw new RangeError(`${OWNER}: the id must be a UUID, such as submit() returns, got ${shown(id)}`);
  }
  return id;
}

/**
 * The name of a service that is to work on a request, as a frame.
 *
 * @throws TypeError if it is no string; RangeError if it is empty, too long, no text, or the broker's own (8/MMI)
 */
export function submittedService(service: unknown): Uint8Array {
  const frame = textOf("service", service, MAX_SERVICE_BYTES);
  if (isBrokersOwn(frame)) {
    throw new RangeError(
      `${OWNER}: services that begin with "mmi." are the broker's own, got ${shown(service)}`,
    );
  }
  return frame;
}

/**
 * A key of the caller's, as a frame; `undefined` if there is none.
 *
 * @throws TypeError if it is no string; RangeError if it is empty, too long, or no text
 */
export function idempotencyFrame(key: unknown): Uint8Array | undefined {
  return key === undefined ? undefined : textOf("idempotencyKey", key, MAX_KEY_BYTES);
}

function textOf(what: string, text: unknown, maxBytes: number): Uint8Array {
  if (typeof text !== "string")
    throw new TypeError(`${OWNER}: the ${what} must be a string, got ${typeof text}`);
  const frame = textFrame(text);
  if (frame.length === 0 || frame.length > maxBytes) {
    throw new RangeError(`${OWNER}: the ${what} must have 1 to ${maxBytes} bytes, got ${frame.length}`);
  }
  // Half of a surrogate pair becomes a replacement character: two different texts would be one.
  if (frameText(frame) !== text) throw new RangeError(`${OWNER}: the ${what} must be well-formed Unicode`);
  return frame;
}

const MAX_SHOWN = 80;

function shown(text: unknown): string {
  return JSON.stringify(String(text).slice(0, MAX_SHOWN));
}
