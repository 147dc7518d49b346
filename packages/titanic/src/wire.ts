/**
 * The Titanic service protocol (9/TSP) on the wire: services of a Majordomo broker that take requests in, hand replies
 * out, and close requests. Frames are those of the bodies of Majordomo requests and replies.
 *
 * | service           | request                  | replies                                      |
 * |-------------------|--------------------------|----------------------------------------------|
 * | `titanic.request` | `[service][body…]`       | `[200][id]`                                  |
 * | `titanic.reply`   | `[id]`                   | `[200][body…]`, `[300]` pending, `[400]` unknown |
 * | `titanic.close`   | `[id]`                   | `[200]`, whether or not there is such a request |
 *
 * An id is a UUID, 32 hexadecimal digits. `[500]` says that the server does not know that it is done. Ours besides:
 *
 * - `[400]` and `[500]` may have a frame more, a text for people. That of a request that is a dead letter begins with
 *   `dead: `.
 * - `titanic.submit`, `[key][service][body…]`, takes a request in once for each key, however often it is sent.
 *   `[400]` if the key belongs to another request. What has no form in which it could be served is answered with
 *   `[400]` as well.
 */
import { type Frames, frameText, type Malformed, malformed, smallFrame, textFrame } from "@seaworthy/core";

/** What a server can be asked: each is a service of its own. */
export type TitanicVerb = "request" | "submit" | "reply" | "close";

export const TITANIC_VERBS: readonly TitanicVerb[] = ["request", "submit", "reply", "close"];

/** The service that a verb is. */
export function verbService(verb: TitanicVerb): string {
  return `titanic.${verb}`;
}

/** Bytes of an id. */
export const ID_BYTES = 16;
const NO_DIGIT = 16;
/** Longest name of a service, as Majordomo has it, in bytes. */
export const MAX_SERVICE_BYTES = 255;
/** Longest key, in bytes. */
export const MAX_KEY_BYTES = 255;

/** 8/MMI: names that are the broker's own, and no services to work for anybody. */
const BROKERS_OWN = "mmi.";
const DEAD = "dead: ";
/** The text of the 400 that `titanic.submit` answers with for a key of another request. */
export const KEY_CONFLICT = "the key belongs to another request";

/** What clients ask for. */
export type TitanicCommand =
  | {
      readonly type: "submit";
      readonly key: Uint8Array | undefined;
      readonly service: Uint8Array;
      /** At least one frame. */
      readonly body: Uint8Array[];
    }
  | { readonly type: "reply" | "close"; readonly id: Uint8Array };

/** What servers answer. */
export type TitanicAnswer =
  /** What a verb has to say when all is well: an id, the body of a reply, or nothing. */
  | { readonly type: "ok"; readonly frames: Uint8Array[] }
  | { readonly type: "pending" }
  | { readonly type: "unknown"; readonly text: string }
  | { readonly type: "dead"; readonly failure: string }
  | { readonly type: "failed"; readonly text: string };

const [OK, PENDING, UNKNOWN, FAILED] = ["200", "300", "400", "500"].map(textFrame) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

const DIGITS = textFrame("0123456789ABCDEF");
/** What each byte is worth as a digit; more than 15 for those that are none. */
const WORTH = Uint8Array.from({ length: 256 }, (_, byte) => {
  const worth = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(worth) ? NO_DIGIT : worth;
});

function idFrame(id: Uint8Array): Uint8Array {
  const frame = smallFrame(2 * ID_BYTES);
  for (let at = 0; at < ID_BYTES; at++) {
    const byte = id[at] as number;
    frame[2 * at] = DIGITS[byte >> 4] as number;
    frame[2 * at + 1] = DIGITS[byte & 15] as number;
  }
  return frame;
}

function readId(frame: Uint8Array): Uint8Array | undefined {
  if (frame.length !== 2 * ID_BYTES) return undefined;
  const id = smallFrame(ID_BYTES);
  for (let at = 0; at < ID_BYTES; at++) {
    const high = WORTH[frame[2 * at] as number] as number;
    const low = WORTH[frame[2 * at + 1] as number] as number;
    if (high === NO_DIGIT || low === NO_DIGIT) return undefined;
    id[at] = (high << 4) | low;
  }
  return id;
}

/** An id as people and the wire have it. */
export function idText(id: Uint8Array): string {
  return frameText(idFrame(id));
}

/** The id that a text of 32 hexadecimal digits stands for, in either case, or `undefined`. */
export function parseId(text: string): Uint8Array | undefined {
  return text.length === 2 * ID_BYTES ? readId(textFrame(text)) : undefined;
}

/** Takes apart what a client sent to one of the services. */
export function decodeCommand(verb: TitanicVerb, frames: Uint8Array[]): TitanicCommand | Malformed {
  switch (verb) {
    case "request":
      return decodeSubmit(undefined, frames);
    case "submit":
      return decodeKeyed(frames);
    case "reply":
    case "close": {
      const [frame, ...more] = frames;
      const id = frame && readId(frame);
      if (id === undefined || more.length > 0) return malformed("an id is 32 hexadecimal digits");
      return { type: verb, id };
    }
  }
}

function decodeKeyed([key, ...rest]: Uint8Array[]): TitanicCommand | Malformed {
  if (key === undefined || key.length === 0 || key.length > MAX_KEY_BYTES) {
    return malformed(`a key has 1 to ${MAX_KEY_BYTES} bytes`);
  }
  return decodeSubmit(key, rest);
}

function decodeSubmit(key: Uint8Array | undefined, frames: Uint8Array[]): TitanicCommand | Malformed {
  const [service, ...body] = frames;
  if (service === undefined || service.length === 0 || service.length > MAX_SERVICE_BYTES) {
    return malformed(`the name of a service has 1 to ${MAX_SERVICE_BYTES} bytes`);
  }
  if (isBrokersOwn(service)) return malformed(`services that begin with ${BROKERS_OWN} are the broker's own`);
  if (body.length === 0) return malformed("a request has a body");
  return { type: "submit", key, service, body };
}

/** Whether a name is one of 8/MMI. */
export function isBrokersOwn(service: Uint8Array): boolean {
  return service.length >= BROKERS_OWN.length && frameText(service.subarray(0, 4)) === BROKERS_OWN;
}

/** The body of a request to `titanic.request`, or with a key to `titanic.submit`. */
export function encodeSubmit(key: Uint8Array | undefined, service: Uint8Array, body: Frames): Frames {
  return key === undefined ? [service, ...body] : [key, service, ...body];
}

/** The body of a request to `titanic.reply` and `titanic.close`. */
export function encodeId(id: Uint8Array): Frames {
  return [idFrame(id)];
}

/** `[200][id]`: the request is taken in. */
export function encodeAccepted(id: Uint8Array): Frames {
  return [OK, idFrame(id)];
}

/** `[200][body…]`: the reply. */
export function encodeReply(reply: Frames): Frames {
  return [OK, ...reply];
}

/** `[200]`: it is closed. */
export function encodeClosed(): Frames {
  return [OK];
}

/** `[300]`: there is no reply yet. */
export function encodePending(): Frames {
  return [PENDING];
}

/** `[400]`: there is no such request; or what was asked has no form that can be served, for this reason. */
export function encodeUnknown(reason?: string): Frames {
  return reason === undefined ? [UNKNOWN] : [UNKNOWN, textFrame(reason)];
}

/** `[500]`: it is not known to be done, for this reason. */
export function encodeFailed(reason: string): Frames {
  return [FAILED, textFrame(reason)];
}

/** `[500]`: the request is a dead letter. */
export function encodeDead(failure: string): Frames {
  return [FAILED, textFrame(DEAD + failure)];
}

/** Longest text of a server that is read, in bytes. */
const MAX_TEXT_BYTES = 4096;

/** Takes apart what a server answered. */
export function decodeAnswer(frames: Uint8Array[]): TitanicAnswer | Malformed {
  const [status, ...rest] = frames;
  switch (status?.length === OK.length ? frameText(status) : undefined) {
    case "200":
      return { type: "ok", frames: rest };
    case "300":
      return { type: "pending" };
    case "400":
      return { type: "unknown", text: reasonText(rest) };
    case "500": {
      const text = reasonText(rest);
      return text.startsWith(DEAD)
        ? { type: "dead", failure: text.slice(DEAD.length) }
        : { type: "failed", text };
    }
    default:
      return malformed("an answer begins with 200, 300, 400 or 500");
  }
}

function reasonText(frames: Frames): string {
  const [text] = frames;
  return text === undefined ? "" : frameText(text.subarray(0, MAX_TEXT_BYTES));
}
