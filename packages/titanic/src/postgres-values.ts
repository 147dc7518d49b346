import type { Frames } from "@seaworthy/core";

/** Object ids of the types that arrays are made of, which never change. */
const BYTEA = 17;
const UUID = 2950;

const HEADER_BYTES = 20;

/**
 * An array as PostgreSQL sends and receives it in binary: one dimension, its elements with their lengths before them.
 * Text would be twice as long, and quoted.
 */
function binaryArray(type: number, elements: readonly (Uint8Array | undefined)[]): Buffer {
  let size = HEADER_BYTES;
  for (const element of elements) size += 4 + (element?.length ?? 0);
  const array = Buffer.allocUnsafe(size);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(1, 4);
  array.writeInt32BE(type, 8);
  array.writeInt32BE(elements.length, 12);
  array.writeInt32BE(1, 16);
  let offset = HEADER_BYTES;
  for (const element of elements) {
    array.writeInt32BE(element?.length ?? -1, offset);
    offset += 4;
    if (element === undefined) continue;
    array.set(element, offset);
    offset += element.length;
  }
  return array;
}

/** A `bytea[]` for a statement; `undefined` is null. */
export function byteArrays(elements: readonly (Uint8Array | undefined)[]): Buffer {
  return binaryArray(BYTEA, elements);
}

/** A `uuid[]` for a statement. */
export function uuids(ids: readonly Uint8Array[]): Buffer {
  return binaryArray(UUID, ids);
}

/** An array of numbers for a statement. */
export function numbers(elements: readonly number[]): string {
  return `{${elements.join(",")}}`;
}

/** One array of bytes for a statement. */
export function bytes(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** Bodies of many requests as one array of all their frames, with the place of the first and the last of each. */
export interface JoinedBodies {
  readonly frames: Buffer;
  readonly first: string;
  readonly last: string;
}

/**
 * Bodies for a statement that takes many. PostgreSQL has no arrays of arrays of different lengths; `frames[first:last]`
 * is a body again, and an empty one if it has no frames.
 */
export function joinedBodies(bodies: readonly Frames[]): JoinedBodies {
  const first: number[] = [];
  const last: number[] = [];
  let count = 0;
  for (const body of bodies) {
    first.push(count + 1);
    count += body.length;
    last.push(count);
  }
  return { frames: byteArrays(bodies.flat()), first: numbers(first), last: numbers(last) };
}

const BYTEA_ARRAY = 1001;
const INT8 = 20;
const INT4 = 23;
const FLOAT8 = 701;
const BOOL = 16;

/** `\x` and two hexadecimal digits a byte. */
const parseBytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");

/** The hyphens of a uuid are for people. */
const parseUuid = (text: string): Buffer => Buffer.from(text.replaceAll("-", ""), "hex");

/** `{"\\x00","\\x"}`: the backslash makes PostgreSQL quote every element, and is doubled by that. */
function parseByteArray(text: string): Buffer[] {
  if (text === "{}") return [];
  return text
    .slice(1, -1)
    .split(",")
    .map((element) => Buffer.from(element.slice(4, -1), "hex"));
}

const PARSERS = new Map<number, (text: string) => unknown>([
  [BYTEA, parseBytes],
  [BYTEA_ARRAY, parseByteArray],
  [UUID, parseUuid],
  [INT8, Number],
  [INT4, Number],
  [FLOAT8, Number],
  [BOOL, (text) => text === "t"],
]);

/** How columns of results are read, whatever the program that we run in has set for pg. */
export const columnTypes = {
  getTypeParser: (type: number): ((text: string) => unknown) => PARSERS.get(type) ?? String,
} as const;
