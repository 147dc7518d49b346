import { byteLength, type Frames, frameText } from "@seaworthy/core";
import { timeText, utf8Text } from "./daemon-json.js";
import type { RequestDetails, RequestInfo, RequestState } from "./store.js";
import { idText } from "./wire.js";

/** So much of a frame is shown, in characters of text or in bytes. */
const MAX_TEXT = 1000;
const MAX_HEX_BYTES = 256;
/** So many frames of a body are shown. */
const MAX_FRAMES = 20;
/** Columns of `ls` are aligned for names up to this length. */
const MAX_COLUMN = 32;

/** What the time `at` of a request means. */
const AT: Readonly<Record<RequestState, string>> = { pending: "due", done: "done", dead: "dead" };

/** What comes from others must not steer the terminal. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}

/** Requests as a table, with a line of headings if it is the first part of one. */
export function requestTable(requests: readonly RequestInfo[], hasHead: boolean): string {
  const rows = requests.map(({ id, state, failures, acceptedAt, service, failure }) => [
    ...[idText(id), state, String(failures), timeText(acceptedAt)],
    ...[printable(frameText(service)), printable(failure ?? "")],
  ]);
  const head = ["ID", "STATE", "FAILURES", "ACCEPTED", "SERVICE", "FAILURE"];
  const widths = [32, 7, 8, 24, serviceWidth(rows), 0];
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] as number))
      .join("  ")
      .trimEnd();
  return `${[...(hasHead ? [head] : []), ...rows].map(line).join("\n")}\n`;
}

function serviceWidth(rows: readonly (readonly string[])[]): number {
  const lengths = rows.map((row) => row[4]?.length ?? 0);
  return Math.min(MAX_COLUMN, Math.max("SERVICE".length, ...lengths));
}

/** All that there is about a request, its bodies cut to what one may want to read. */
export function detailsText(request: RequestDetails): string {
  const { id, service, state, key, failures, failure, acceptedAt, at, body, reply } = request;
  const facts: [string, string][] = [
    ["id", idText(id)],
    ["service", printable(frameText(service))],
    ["state", state],
    ...(key === undefined ? [] : [["key", frameLine(key)] satisfies [string, string]]),
    ["accepted", timeText(acceptedAt)],
    [AT[state], timeText(at)],
    ["failures", String(failures)],
    ...(failure === undefined ? [] : [["failure", printable(failure)] satisfies [string, string]]),
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(10)}${value}`);
  lines.push(...framesLines("body", body));
  if (reply !== undefined) lines.push(...framesLines("reply", reply));
  return `${lines.join("\n")}\n`;
}

function framesLines(name: string, frames: Frames): string[] {
  const noun = frames.length === 1 ? "frame" : "frames";
  const lines = [`${name.padEnd(10)}${frames.length} ${noun}, ${byteLength(frames)} bytes`];
  for (const frame of frames.slice(0, MAX_FRAMES)) lines.push(`  ${frameLine(frame)}`);
  if (frames.length > MAX_FRAMES) lines.push(`  … ${frames.length - MAX_FRAMES} more`);
  return lines;
}

/** A frame as text in quotes if it can be printed, or in hexadecimal. */
function frameLine(frame: Uint8Array): string {
  const text = utf8Text(frame);
  if (text !== undefined && printable(text.replace(/[\t\n\r]/g, "")) === text.replace(/[\t\n\r]/g, "")) {
    const shown = JSON.stringify(text.slice(0, MAX_TEXT));
    return text.length > MAX_TEXT ? `${shown} … ${text.length - MAX_TEXT} characters more` : shown;
  }
  const hex = Buffer.from(frame.subarray(0, MAX_HEX_BYTES)).toString("hex");
  return `0x${hex}${frame.length > MAX_HEX_BYTES ? ` … ${frame.length - MAX_HEX_BYTES} bytes more` : ""}`;
}
