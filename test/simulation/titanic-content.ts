/** Commands of 9/TSP as a witness and a plain client read and write them: from the RFC's text, not by the code under test. */
import { type Frames, frameText, textFrame } from "@seaworthy/core";
import { type Question, ReplyCheck } from "./majordomo-content.js";

/** The bytes of an id on the wire, 32 hexadecimal digits; `undefined` if they are not that. */
export function readIdText(frame: Uint8Array | undefined): Uint8Array | undefined {
  const text = frame === undefined ? "" : frameText(frame);
  return /^[0-9A-F]{32}$/.test(text) ? Uint8Array.from(Buffer.from(text, "hex")) : undefined;
}

/** An answer: its code, with `dead` for the 500 of a dead letter, and what follows. */
export function readStatus([first, ...rest]: Frames): { status: string; rest: Uint8Array[] } {
  const status = first === undefined ? "nothing" : frameText(first);
  const isDead = status === "500" && rest[0] !== undefined && frameText(rest[0]).startsWith("dead: ");
  return { status: isDead ? "dead" : status, rest };
}

/** The services of a Titanic server. */
export const TSP = {
  request: textFrame("titanic.request"),
  reply: textFrame("titanic.reply"),
  close: textFrame("titanic.close"),
} as const;

/** What is wrong with the reply to a request, or `undefined`. */
export function replyFault(question: Question, body: Frames): string | undefined {
  const check = new ReplyCheck(question);
  return body.length === 1 ? (check.add(body) ?? check.end()) : `has ${body.length} frames`;
}
