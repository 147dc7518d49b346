import { type Malformed, malformed, textFrame } from "@seaworthy/core";

const EMPTY = new Uint8Array(0);

/** Name and value. */
export type Property = readonly [name: string, value: string];

const NEWLINE = 0x0a;
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The lines of a properties frame. One without `=` has an empty value; one that is empty is none. */
export function decodeProperties(frame: Uint8Array): Property[] {
  if (frame.length === 0) return [];
  return utf8
    .decode(frame)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const end = line.indexOf("=");
      return end === -1 ? [line, ""] : [line.slice(0, end), line.slice(end + 1)];
    });
}

/** Lines as a properties frame. */
export function encodeProperties(properties: readonly Property[]): Uint8Array {
  if (properties.length === 0) return EMPTY;
  return textFrame(properties.map(([name, value]) => `${name}=${value}\n`).join(""));
}

/** Names that begin so are the protocol's own: no user may give them, and what a peer has no business to say is taken out. */
const OWN_PREFIX = "sw-";
/** RFC 12: time to live, in seconds. */
const TTL = "ttl";
/** The same in ms, and not rounded. */
const TTL_MS = "sw-ttl";

/** Whether a property of this name is the protocol's, and not the user's. */
export function isReserved(name: string): boolean {
  return name === TTL || name.startsWith(OWN_PREFIX);
}

/** What an update of a client says in its properties. */
export interface UpdateTerms {
  /** 0 for none. */
  readonly ttlMs: number;
  /** The key's sequence must be this one; 0: there must be no such key. */
  readonly expected: number | undefined;
  /** As they are stored and published: the user's own lines, byte for byte, and the time to live. */
  readonly properties: Uint8Array;
}

/** Properties of an update that a client sends. */
export function encodeUpdateTerms(
  properties: readonly Property[],
  ttlMs: number,
  expected: number | undefined,
): Uint8Array {
  const lines = [...properties];
  if (ttlMs > 0) lines.push(...ttlLines(ttlMs));
  if (expected !== undefined) lines.push(["sw-if", `${expected}`]);
  return encodeProperties(lines);
}

/** The same for a server that is not ours: only what RFC 12 has. */
export function encodeForeignTerms(properties: readonly Property[], ttlMs: number): Uint8Array {
  return encodeProperties(ttlMs > 0 ? [...properties, [TTL, `${Math.ceil(ttlMs / 1000)}`]] : properties);
}

function ttlLines(ttlMs: number): Property[] {
  return [
    [TTL, `${Math.ceil(ttlMs / 1000)}`],
    [TTL_MS, `${Math.ceil(ttlMs)}`],
  ];
}

/** Longest time to live, in ms: more is a mistake. About 31 years. */
export const MAX_TTL_MS = 1e12;

/** Reads the properties of a client's update; a time to live that is no number is malformed. */
export function decodeUpdateTerms(frame: Uint8Array): UpdateTerms | Malformed {
  if (frame.length === 0) return { ttlMs: 0, expected: undefined, properties: EMPTY };
  let ttlMs = 0;
  let expected: number | undefined;
  let isExact = false;
  for (const [name, value] of decodeProperties(frame)) {
    if (name === TTL && !isExact) {
      const seconds = wholeNumber(value.trim() || "0");
      if (seconds === undefined) return malformed("time to live that is no number");
      ttlMs = seconds * 1000;
    } else if (name === TTL_MS) {
      const ms = wholeNumber(value);
      if (ms === undefined) return malformed("time to live that is no number");
      ttlMs = ms;
      isExact = true;
    } else if (name === "sw-if") {
      expected = wholeNumber(value);
      if (expected === undefined) return malformed("expected sequence that is no number");
    }
  }
  if (ttlMs > MAX_TTL_MS) return malformed("time to live of more than 31 years");
  return { ttlMs, expected, properties: withoutOwn(frame) };
}

/** The lines of others, byte for byte, whatever they are; the last one ended. The time to live stays in. */
function withoutOwn(frame: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let length = 0;
  for (let start = 0; start < frame.length; ) {
    const found = frame.indexOf(NEWLINE, start);
    const end = found === -1 ? frame.length : found;
    const line = frame.subarray(start, end);
    start = end + 1;
    if (isOwnLine(line) && !isTtlLine(line)) continue;
    kept.push(line);
    length += line.length + 1;
  }
  const result = new Uint8Array(length);
  let at = 0;
  for (const line of kept) {
    result.set(line, at);
    at += line.length + 1;
    result[at - 1] = NEWLINE;
  }
  return result;
}

/** Whether a frame begins with this text, which is ASCII. */
export function startsWith(line: Uint8Array, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (line[index] !== text.charCodeAt(index)) return false;
  return true;
}

const isOwnLine = (line: Uint8Array): boolean => startsWith(line, OWN_PREFIX);
const isTtlLine = (line: Uint8Array): boolean => startsWith(line, `${TTL_MS}=`);

/** Puts lines of the protocol's behind those of an update, which end with a newline or are none. */
export function withLines(properties: Uint8Array, lines: readonly Property[]): Uint8Array {
  if (lines.length === 0) return properties;
  const added = encodeProperties(lines);
  if (properties.length === 0) return added;
  const frame = new Uint8Array(properties.length + added.length);
  frame.set(properties);
  frame.set(added, properties.length);
  return frame;
}

/** What is left of an entry's time to live, for a follower, which measures it on its own clock. */
export function timeLeft(ms: number): Property {
  return ["sw-left", `${Math.max(0, Math.ceil(ms))}`];
}

/** That it is an update, where it would be taken for the heartbeat of a server that is not ours. */
export const UPDATE: Property = ["sw-update", "1"];

/** How many updates a subtree has had, of each that the key lies in: by how many bytes of the key are its name. */
export function subtreeCounts(counts: readonly (readonly [length: number, count: number])[]): Property {
  return ["sw-under", counts.map(([length, count]) => `${length}:${count}`).join()];
}

/** What a server of ours says in the properties of an update or an item. */
export interface ItemTerms {
  /** The user's own. */
  readonly properties: readonly Property[];
  /** As it was given, in ms; 0 for none. */
  readonly ttlMs: number;
  /** What is left of it; `undefined` if that is not said. */
  readonly leftMs: number | undefined;
  /** As the entry is stored: without what was said to this reader. */
  readonly stored: Uint8Array;
}

/** Reads the properties of an update or an item. What is odd in them is no harm to a reader. */
export function decodeItemTerms(frame: Uint8Array): ItemTerms {
  if (frame.length === 0) return { properties: [], ttlMs: 0, leftMs: undefined, stored: EMPTY };
  const lines = decodeProperties(frame);
  const exact = wholeNumber(lineOf(lines, TTL_MS));
  const seconds = wholeNumber(lineOf(lines, TTL)) ?? 0;
  return {
    properties: lines.filter(([name]) => !isReserved(name)),
    ttlMs: exact ?? seconds * 1000,
    leftMs: wholeNumber(lineOf(lines, "sw-left")),
    stored: withoutOwn(frame),
  };
}

/** The value of the first line of this name. */
export function lineOf(lines: readonly Property[], name: string): string | undefined {
  return lines.find(([candidate]) => candidate === name)?.[1];
}

const UNDER = textFrame("sw-under=");
const COMMA = 0x2c;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * How many updates the subtree whose name has `length` bytes has had; `undefined` if the update does not say so. Read from
 * the bytes, since it is asked for each update.
 */
export function countUnder(properties: Uint8Array, length: number): number | undefined {
  const start = lineStart(properties, UNDER);
  if (start === -1) return undefined;
  let name = -1;
  let number = 0;
  for (let at = start + UNDER.length; ; at++) {
    const byte = properties[at] ?? NEWLINE;
    if (byte >= ZERO && byte <= NINE) number = number * 10 + (byte - ZERO);
    else if (byte === COLON) {
      name = number;
      number = 0;
    } else {
      if (name === length) return number;
      if (byte !== COMMA) return undefined;
      name = -1;
      number = 0;
    }
  }
}

/** Ours come last: where a line begins, counted from the end. */
function lineStart(frame: Uint8Array, line: Uint8Array): number {
  for (let end = frame.length - 1; end > 0; ) {
    const start = frame.lastIndexOf(NEWLINE, end - 1) + 1;
    if (isAt(frame, start, line)) return start;
    end = start - 1;
  }
  return -1;
}

function isAt(frame: Uint8Array, start: number, line: Uint8Array): boolean {
  for (let index = 0; index < line.length; index++) if (frame[start + index] !== line[index]) return false;
  return true;
}

/** Decimal digits as a number, if it holds them exactly. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
