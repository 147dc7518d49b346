import {
  byteLength,
  type Frames,
  frameText,
  readUint32,
  smallFrame,
  textFrame,
  writeUint32,
} from "@seaworthy/core";
import { keyNumber, numberKey } from "./ledger-layout.js";
import type { RequestState } from "./store.js";
import { StoreError } from "./store-errors.js";

export type Checksum = (bytes: Uint8Array) => number;

/** What is known of a request but for its bodies. */
export interface Meta {
  readonly id: Uint8Array;
  /** In which it came, as in keys. */
  readonly number: string;
  readonly service: Uint8Array;
  readonly key: Uint8Array | undefined;
  readonly acceptedAt: number;
  readonly bodyBytes: number;
  readonly state: RequestState;
  readonly failures: number;
  readonly failure: string | undefined;
  /** Pending: when it may be tried; done and dead: since when it is. */
  readonly at: number;
  /** Done: when it is forgotten. */
  readonly expiresAt: number;
}

/** What a key is kept with. */
export interface KeyRecord {
  readonly id: Uint8Array;
  readonly digest: Uint8Array;
  /** 0 for as long as its request is here. */
  readonly expiresAt: number;
}

/** Numbers of the whole ledger. */
export interface Counters {
  pending: number;
  done: number;
  dead: number;
  keys: number;
  /** Number of the next request. */
  next: number;
  /** Tokens from this one on were never given out. */
  tokens: number;
  /** Latest time of the ledger. */
  time: number;
}

const STATES: readonly RequestState[] = ["pending", "done", "dead"];
const COUNTER_NAMES: readonly (keyof Counters)[] = [
  "pending",
  "done",
  "dead",
  "keys",
  "next",
  "tokens",
  "time",
];
/** Length of an id, in bytes. */
const ID_BYTES = 16;
const NO_FAILURE = 0xffffffff;

const META = {
  state: 4,
  service: 5,
  key: 6,
  failures: 8,
  failure: 12,
  body: 16,
  accepted: 24,
  at: 32,
} as const;
const META_EXPIRES = 40;
const META_NUMBER = 48;
const META_ID = 56;
const META_NAMES: number = META_ID + ID_BYTES;
const KEY_HEADER: number = 12 + ID_BYTES;

function writeNumber(target: Uint8Array, offset: number, value: number): void {
  writeUint32(target, offset, Math.floor(value / 2 ** 32));
  writeUint32(target, offset + 4, value);
}

const readNumber = (source: Uint8Array, offset: number): number =>
  readUint32(source, offset) * 2 ** 32 + readUint32(source, offset + 4);

/** What is to be read is not what was written. */
export function corrupt(what: string): StoreError {
  return new StoreError("ERR_STORE_CORRUPT", `${what} cannot be read: it is not as it was written`);
}

/** Up to this size, records share their memory with others, in bytes. */
const SHARED_BYTES = 4096;

/** Bytes for a record, all zero. A commit has thousands of small ones: each with memory of its own would cost several times as much. */
function newRecord(length: number): Uint8Array {
  return length > SHARED_BYTES ? new Uint8Array(length) : smallFrame(length);
}

/** A copy of an id, or of something else that is small. */
export function copied(bytes: Uint8Array): Uint8Array {
  const copy = smallFrame(bytes.length);
  copy.set(bytes);
  return copy;
}

/** The characters of a key, as bytes. */
export function keyBytes(key: string): Uint8Array {
  const bytes = smallFrame(key.length);
  for (let index = 0; index < key.length; index++) bytes[index] = key.charCodeAt(index);
  return bytes;
}

/** Turns records into bytes and back. The first 4 bytes of each are a checksum of the others. */
export class Records {
  readonly #checksum: Checksum;

  constructor(checksum: Checksum) {
    this.#checksum = checksum;
  }

  writeMeta(meta: Meta): Uint8Array {
    const { service, key, failure } = meta;
    const keyLength = key?.length ?? 0;
    const text = failure === undefined ? undefined : textFrame(failure);
    const bytes = newRecord(META_NAMES + service.length + keyLength + (text?.length ?? 0));
    bytes[META.state] = STATES.indexOf(meta.state);
    bytes[META.service] = service.length;
    bytes[META.key] = keyLength;
    writeUint32(bytes, META.failures, meta.failures);
    writeUint32(bytes, META.failure, text?.length ?? NO_FAILURE);
    writeNumber(bytes, META.body, meta.bodyBytes);
    writeNumber(bytes, META.accepted, meta.acceptedAt);
    writeNumber(bytes, META.at, meta.at);
    writeNumber(bytes, META_EXPIRES, meta.expiresAt);
    writeNumber(bytes, META_NUMBER, keyNumber(meta.number));
    bytes.set(meta.id, META_ID);
    bytes.set(service, META_NAMES);
    if (key !== undefined) bytes.set(key, META_NAMES + service.length);
    if (text !== undefined) bytes.set(text, META_NAMES + service.length + keyLength);
    return this.#seal(bytes);
  }

  readMeta(bytes: Uint8Array | undefined, number: string): Meta {
    if (bytes === undefined || !this.#isSound(bytes, META_NAMES)) throw corrupt("a request");
    const key = META_NAMES + (bytes[META.service] as number);
    const failure = key + (bytes[META.key] as number);
    const written = numberKey(readNumber(bytes, META_NUMBER));
    if (written !== number) throw corrupt("a request");
    return {
      id: bytes.subarray(META_ID, META_NAMES),
      number,
      service: bytes.subarray(META_NAMES, key),
      key: failure === key ? undefined : bytes.subarray(key, failure),
      acceptedAt: readNumber(bytes, META.accepted),
      bodyBytes: readNumber(bytes, META.body),
      state: STATES[bytes[META.state] as number] as RequestState,
      failures: readUint32(bytes, META.failures),
      failure:
        readUint32(bytes, META.failure) === NO_FAILURE ? undefined : frameText(bytes.subarray(failure)),
      at: readNumber(bytes, META.at),
      expiresAt: readNumber(bytes, META_EXPIRES),
    };
  }

  writeFrames(frames: Frames): Uint8Array {
    const bytes = newRecord(8 + 4 * frames.length + byteLength(frames));
    writeUint32(bytes, 4, frames.length);
    let offset = 8;
    for (const frame of frames) {
      writeUint32(bytes, offset, frame.length);
      bytes.set(frame, offset + 4);
      offset += 4 + frame.length;
    }
    return this.#seal(bytes);
  }

  /** @param what - for the message of the error */
  readFrames(bytes: Uint8Array | undefined, what: string): Uint8Array[] {
    if (bytes === undefined || !this.#isSound(bytes, 8)) throw corrupt(what);
    const frames = new Array<Uint8Array>(readUint32(bytes, 4));
    let offset = 8;
    for (let index = 0; index < frames.length; index++) {
      const start = offset + 4;
      offset = start + readUint32(bytes, offset);
      frames[index] = bytes.subarray(start, offset);
    }
    return frames;
  }

  writeKey({ id, digest, expiresAt }: KeyRecord): Uint8Array {
    const bytes = newRecord(KEY_HEADER + digest.length);
    writeNumber(bytes, 4, expiresAt);
    bytes.set(id, 12);
    bytes.set(digest, KEY_HEADER);
    return this.#seal(bytes);
  }

  readKey(bytes: Uint8Array): KeyRecord {
    if (!this.#isSound(bytes, KEY_HEADER)) throw corrupt("a key");
    return {
      id: bytes.subarray(12, KEY_HEADER),
      digest: bytes.subarray(KEY_HEADER),
      expiresAt: readNumber(bytes, 4),
    };
  }

  writeCounters(counters: Counters): Uint8Array {
    const bytes = newRecord(4 + 8 * COUNTER_NAMES.length);
    for (const [index, name] of COUNTER_NAMES.entries()) writeNumber(bytes, 4 + 8 * index, counters[name]);
    return this.#seal(bytes);
  }

  readCounters(bytes: Uint8Array | undefined): Counters {
    if (bytes === undefined || !this.#isSound(bytes, 4 + 8 * COUNTER_NAMES.length)) {
      throw corrupt("the record of counters");
    }
    const counters: Counters = { pending: 0, done: 0, dead: 0, keys: 0, next: 0, tokens: 0, time: 0 };
    for (const [index, name] of COUNTER_NAMES.entries()) counters[name] = readNumber(bytes, 4 + 8 * index);
    return counters;
  }

  #seal(bytes: Uint8Array): Uint8Array {
    writeUint32(bytes, 0, this.#checksum(bytes.subarray(4)));
    return bytes;
  }

  #isSound(bytes: Uint8Array, least: number): boolean {
    return bytes.length >= least && readUint32(bytes, 0) === this.#checksum(bytes.subarray(4));
  }
}

const FORMAT_NAME = "seaworthy-titanic";
/** The layout that this code writes. */
export const FORMAT_VERSION = 1;

/** What a ledger is recognised by. */
export function writeFormat(): Uint8Array {
  return textFrame(`${FORMAT_NAME} ${FORMAT_VERSION}`);
}

/** The version of a ledger; `undefined` if it is none. */
export function readFormat(bytes: Uint8Array): number | undefined {
  const [name, version] = frameText(bytes).split(" ");
  const number = Number(version);
  return name === FORMAT_NAME && Number.isInteger(number) && number > 0 ? number : undefined;
}
