import {
  bodyFrames,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  resolveOptions,
  textFrame,
} from "@seaworthy/core";
import type { UpdateRequest } from "./client-messages.js";
import { isReserved, MAX_TTL_MS, type Property } from "./properties.js";
import { EMPTY, MAX_KEY_BYTES } from "./wire.js";

const OWNER = "SnapshotClient";

/** What a `delete` may set for itself. */
export interface SnapshotDeleteOptions {
  /**
   * Only if the key's sequence number is this one; 0: only if there is no such key. Otherwise it rejects with
   * `ERR_CONFLICT`. Servers that are not ours cannot do this: `ERR_UNSUPPORTED`.
   */
  ifSequence?: number | undefined;
  /** Default: the client's. */
  timeoutMs?: number | undefined;
  /** Rejects with `AbortedError`; the server may have the update, or order it yet. */
  signal?: AbortSignal | undefined;
}

/** What a `set` may set for itself. */
export interface SnapshotSetOptions extends SnapshotDeleteOptions {
  /** The server deletes the key after so long, in ms. Servers that are not ours count in seconds: it is rounded up. */
  ttlMs?: number | undefined;
  /** Names and values that go with the entry. Names have no `=` and no newline, and are not the protocol's own; values have no newline. */
  properties?: Readonly<Record<string, string>> | undefined;
}

/** What `ready` may be given. */
export interface SnapshotReadyOptions {
  /** Rejects with `AbortedError`. */
  readonly signal?: AbortSignal | undefined;
}

/** What a `watch` may set for itself. */
export interface SnapshotWatchOptions {
  /**
   * Changes that may wait for the reader. Beyond, it rejects with `LimitError`. Those of one join do not count, until the next one is
   * complete. Default 10,000.
   */
  maxQueued?: number | undefined;
  /** Ends it: it rejects with `AbortedError`. */
  signal?: AbortSignal | undefined;
}

const optional = (rule: OptionRule<number>): OptionRule<number | undefined> => ({
  ...rule,
  fallback: undefined,
});

const signal: OptionRule<AbortSignal | undefined> = {
  fallback: undefined,
  check: (value) => (value instanceof AbortSignal ? undefined : { kind: "type", expected: "an AbortSignal" }),
};
const deleteRules = {
  ifSequence: optional(integer(0, { min: 0 })),
  timeoutMs: optional(milliseconds(0, { min: 1 })),
  signal,
};
const readyRules = { signal };
const watchRules = { maxQueued: integer(10_000), signal };
const setRules = {
  ...deleteRules,
  ttlMs: optional(milliseconds(0, { min: 1, max: MAX_TTL_MS })),
  properties: nested<object>({}),
};

/**
 * A key, or what keys begin with, as bytes.
 *
 * @throws TypeError or RangeError
 */
export function keyBytes(key: unknown, minBytes: 0 | 1): Uint8Array {
  if (typeof key !== "string" && !(key instanceof Uint8Array))
    throw new TypeError(
      `${OWNER}: a key must be a string or a Uint8Array, got ${key === null ? "null" : typeof key}`,
    );
  const bytes = typeof key === "string" ? textFrame(key) : key;
  if (bytes.length < minBytes || bytes.length > MAX_KEY_BYTES)
    throw new RangeError(`${OWNER}: a key must have from 1 to ${MAX_KEY_BYTES} bytes, got ${bytes.length}`);
  return bytes;
}

/**
 * The value of an entry as a frame.
 *
 * @throws TypeError or RangeError
 */
export function valueBytes(value: unknown): Uint8Array {
  if (typeof value !== "string" && !(value instanceof Uint8Array))
    throw new TypeError(`${OWNER}: a value must be a string or a Uint8Array`);
  const [bytes] = bodyFrames(value) as [Uint8Array];
  if (bytes.length === 0) throw new RangeError(`${OWNER}: an empty value deletes the key: use delete()`);
  return bytes;
}

/**
 * Checks a `set` that the application wants.
 *
 * @throws TypeError or RangeError that names what is wrong
 */
export function setRequest(
  key: Uint8Array,
  value: Uint8Array,
  options: SnapshotSetOptions,
  defaultTimeoutMs: number,
): UpdateRequest {
  const owner = `${OWNER}.set`;
  const { ifSequence, ttlMs, timeoutMs, properties } = resolveOptions(owner, setRules, options);
  return {
    key,
    value,
    properties: propertyLines(owner, properties),
    ttlMs: ttlMs ?? 0,
    expected: ifSequence,
    timeoutMs: timeoutMs ?? defaultTimeoutMs,
  };
}

/**
 * Checks a `delete` that the application wants.
 *
 * @throws TypeError or RangeError that names what is wrong
 */
export function deleteRequest(
  key: Uint8Array,
  options: SnapshotDeleteOptions,
  defaultTimeoutMs: number,
): UpdateRequest {
  const { ifSequence, timeoutMs } = resolveOptions(`${OWNER}.delete`, deleteRules, options);
  return {
    key,
    value: EMPTY,
    properties: [],
    ttlMs: 0,
    expected: ifSequence,
    timeoutMs: timeoutMs ?? defaultTimeoutMs,
  };
}

/**
 * Checks the options of a `ready`.
 *
 * @throws TypeError that names what is wrong
 */
export function readyRequest(options: SnapshotReadyOptions): { signal: AbortSignal | undefined } {
  return resolveOptions(`${OWNER}.ready`, readyRules, options);
}

/**
 * Checks the options of a `watch`.
 *
 * @throws TypeError or RangeError that names what is wrong
 */
export function watchRequest(options: SnapshotWatchOptions): {
  maxQueued: number;
  signal: AbortSignal | undefined;
} {
  return resolveOptions(`${OWNER}.watch`, watchRules, options);
}

function propertyLines(owner: string, properties: object): Property[] {
  return Object.entries(properties).map(([name, value]: [string, unknown]) => {
    const quoted = JSON.stringify(name);
    if (typeof value !== "string") throw new TypeError(`${owner}: property ${quoted} must be a string`);
    if (name === "" || /[=\n]/.test(name))
      throw new RangeError(
        `${owner}: the name of property ${quoted} must not be empty, nor have "=" or a newline`,
      );
    if (isReserved(name)) throw new RangeError(`${owner}: property ${quoted} is the protocol's own`);
    if (value.includes("\n")) throw new RangeError(`${owner}: property ${quoted} must not have a newline`);
    return [name, value];
  });
}
