import { type Frames, frameKey, frameText, textFrame } from "@seaworthy/core";
import type { Listings } from "./listings.js";
import { encodeNotice } from "./notice.js";
import {
  MAX_SERVICE_BYTES,
  MMI_PREFIX,
  MMI_SEAWORTHY,
  MMI_SERVICE,
  MMI_SERVICES,
  MMI_WORKERS,
} from "./wire.js";

/** What the broker's own services tell of. */
export interface MmiSource {
  readonly heartbeatMs: number;
  hasWorkers(service: string): boolean;
  /** What `mmi.services` and `mmi.workers` list, as texts that may be a little old. */
  readonly listings: Listings;
}

const FOUND = textFrame("200");
const NOT_FOUND = textFrame("404");
const NOT_IMPLEMENTED = textFrame("501");

const PREFIX = textFrame(MMI_PREFIX);

/** Whether a name is the broker's own (8/MMI, Namespace). */
export function isReserved(service: Uint8Array): boolean {
  for (let index = 0; index < PREFIX.length; index++) if (service[index] !== PREFIX[index]) return false;
  return true;
}

/** What one of the broker's own services replies (8/MMI, Default services; those with a listing are ours). */
export function answerMmi(service: Uint8Array, body: Frames, source: MmiSource): Frames {
  // The guide's broker, too, takes the last frame for the name.
  const name = body.at(-1) as Uint8Array;
  switch (frameText(service)) {
    case MMI_SERVICE:
      return [name.length <= MAX_SERVICE_BYTES && source.hasWorkers(frameKey(name)) ? FOUND : NOT_FOUND];
    case MMI_SEAWORTHY:
      return [FOUND, encodeNotice({ heartbeatMs: source.heartbeatMs, credit: 0 })];
    case MMI_SERVICES:
      return [FOUND, source.listings.services()];
    case MMI_WORKERS:
      return [FOUND, source.listings.workers(name)];
    default:
      return [NOT_IMPLEMENTED];
  }
}
