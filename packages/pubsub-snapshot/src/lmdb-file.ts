import { randomInt } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  hasGivenUp,
  identityOfFile,
  isCutShort,
  isNoRoom,
  lmdbCause,
  makeFolder,
  syncFolder,
} from "@seaworthy/core/node";
import { checkFile } from "./lmdb-check.js";
import type { Change } from "./lmdb-entry.js";

// The types that lmdb has for modules do not compile; those for CommonJS do.
type Lmdb = typeof import("lmdb", { with: { "resolution-mode": "require" }});
type Root = import("lmdb", { with: { "resolution-mode": "require" }}).RootDatabase<Buffer, string>;
type State = import("lmdb", { with: { "resolution-mode": "require" }}).Database<unknown, string>;
/** A table of bytes by bytes, in the order of the keys. */
export type Table = import("lmdb", { with: { "resolution-mode": "require" }}).Database<Buffer, Buffer>;
const require = createRequire(import.meta.url);
const { open } = require("lmdb") as Lmdb;

const FILE_NAME = "map.lmdb";
/** The table by which the file is known as one of ours. It has two records: the owner, whose version is the token, and the head. */
const STATE = "seaworthy-pubsub-snapshot";
const OWNER = "owner";
const HEAD = "head";
const FORMAT_VERSION = 1;
/** Before all keys: lmdb-js begins behind some of them. */
export const FIRST: Buffer = Buffer.of(0);
const TOKENS = 2 ** 48 - 1;

/** What there is one of. */
export interface Head {
  readonly sequence: number;
  /** Which {@link Tables} are the map. The others are empty, or are being filled to take its place. */
  readonly current: 0 | 1;
}

/** A map in the file. */
export interface Tables {
  readonly entries: Table;
  /** UUIDs by sequence. */
  readonly known: Table;
}

/** What LMDB gives of a file. */
interface Opened {
  readonly root: Root;
  readonly state: State;
  readonly tables: readonly [Tables, Tables];
}

/**
 * A file of LMDB with a map.
 *
 * `overlappingSync: false` makes a commit what LMDB means by it: the pages are written and synced, then the page that names
 * them is, and only then does the promise resolve. All that is written depends on the record of the owner: once another
 * process has opened the file, nothing of this one is written any more, even if it knows nothing of it.
 */
export class LmdbFile {
  readonly #path: string;
  readonly #identity: string | undefined;
  readonly #token: number = randomInt(1, TOKENS);
  #opened: Opened;
  /** Why LMDB does nothing any more. */
  #broken: Error | undefined;
  #reopening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(path: string, opened: Opened) {
    this.#path = path;
    this.#identity = identityOfFile(path);
    this.#opened = opened;
  }

  /**
   * Opens the file in this folder, and takes it from whoever had it.
   *
   * @throws Error if it cannot be used
   */
  static async open(folder: string): Promise<LmdbFile> {
    const path = join(folder, FILE_NAME);
    let root: Root | undefined;
    try {
      await makeFolder(folder);
      await checkFile(path);
      root = openRoot(path);
      const file = new LmdbFile(path, openAll(root));
      await file.#opened.state.put(OWNER, process.pid, file.#token);
      await syncFolder(folder);
      return file;
    } catch (error) {
      await root?.close();
      throw fault(`cannot open ${path}`, await lmdbCause(error));
    }
  }

  /** Others, when the file has been opened anew. */
  get tables(): readonly [Tables, Tables] {
    return this.#opened.tables;
  }

  get head(): Head {
    return (this.#opened.state.get(HEAD) as Head | undefined) ?? { sequence: 0, current: 0 };
  }

  /** Nothing is written until it is opened anew. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** To be called within {@link write}. */
  setHead({ sequence, current }: Head): void {
    this.#opened.state.put(HEAD, { version: FORMAT_VERSION, sequence, current });
  }

  /**
   * Writes what `change` puts and removes: all of it or nothing. Writes are done in order; those that come while others are
   * being synced share the next sync.
   *
   * @param change - must not throw: what it has put by then would be written
   */
  async write(change: () => void): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    let isOwner: boolean;
    try {
      this.#checkName();
      isOwner = await this.#opened.state.ifVersion(OWNER, this.#token, change);
    } catch (error) {
      const why = fault(`cannot write to ${this.#path}`, await lmdbCause(error));
      const { root, state } = this.#opened;
      if (hasGivenUp(root, () => state.getEntry(OWNER))) this.#broken = why;
      throw why;
    }
    if (!isOwner) throw takenOver(this.#path);
  }

  /**
   * Opens a file that is broken anew. Whether the write came through that broke it shows then.
   *
   * @throws Error if it cannot be opened, or was taken over meanwhile; it stays broken then
   */
  reopen(): Promise<void> {
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  /** Records of a table, each read when its turn comes. */
  *read<T>(table: Table, offset: number, decode: (key: Buffer, record: Buffer) => T): Generator<T> {
    try {
      for (const { key, value } of table.getRange({ start: FIRST, offset })) yield decode(key, value);
    } catch (error) {
      throw fault(`cannot read ${this.#path}`, error);
    }
  }

  /** Closes it when all writes are done. */
  async close(): Promise<void> {
    await this.#reopening?.catch(() => undefined);
    await this.#closeOnce();
  }

  #closeOnce(): Promise<void> {
    this.#closing ??= this.#opened.root.close();
    return this.#closing;
  }

  async #reopen(): Promise<void> {
    let root: Root | undefined;
    try {
      await this.#closeOnce();
      this.#checkName();
      root = openRoot(this.#path);
      const opened = openAll(root);
      if (opened.state.getEntry(OWNER)?.version !== this.#token) throw takenOver(this.#path);
      this.#opened = opened;
      this.#closing = undefined;
      this.#broken = undefined;
    } catch (error) {
      await root?.close();
      throw fault(`cannot open ${this.#path} anew`, error);
    }
  }

  /** LMDB would go on with a file that has no name any more. */
  #checkName(): void {
    if (identityOfFile(this.#path) !== this.#identity)
      throw new Error("the file is gone, or it is another one");
  }
}

function openRoot(path: string): Root {
  // Without the last of these, lmdb-js makes promises of its own, and one that is rejected would end the process.
  const options = { encoding: "binary", overlappingSync: false, eventTurnBatching: false } as const;
  return open<Buffer, string>({ path, noSubdir: true, ...options });
}

function openAll(root: Root): Opened {
  return { root, state: openState(root), tables: [openTables(root, 0), openTables(root, 1)] };
}

const takenOver = (path: string): Error => new Error(`LmdbStore: ${path} was taken over by another server`);

/** To be called within a write. */
export function putAll(table: Table, changes: readonly Change[]): void {
  for (const [key, record] of changes) {
    if (record === undefined) table.remove(key);
    else table.put(key, record);
  }
}

/** An error that says what was being done, and why it failed. */
function fault(doing: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const hint = isNoRoom(cause)
    ? "there is no room: "
    : isCutShort(cause)
      ? "no room, or a broken disk: "
      : "";
  return new Error(`LmdbStore: ${doing}: ${hint}${reason}`, { cause });
}

/** @throws Error if what is in the file is no map, or one of a later version */
function openState(root: Root): State {
  const names = Array.from(root.getKeys({}));
  if (names.length > 0 && !names.includes(STATE)) throw new Error("it belongs to another program");
  const state: State = root.openDB(STATE, { encoding: "json", useVersions: true });
  const { version } = (state.get(HEAD) ?? { version: FORMAT_VERSION }) as { version?: unknown };
  if (version === FORMAT_VERSION) return state;
  throw new Error(
    `its format is version ${version}, of which this program knows nothing but ${FORMAT_VERSION}`,
  );
}

/** What is read is copied into the pool of Node.js: for millions, buffers of their own would take half as much memory again. */
function copy(source: Uint8Array, start: number, end: number): Buffer {
  const target = Buffer.allocUnsafe(end - start);
  target.set(source.subarray(start, end));
  return target;
}

const BYTES = {
  encoding: "binary" as const,
  encoder: {
    encode: (record: Buffer): Buffer => record,
    decode: (source: Uint8Array, size: number): Buffer => copy(source, 0, size),
  },
  keyEncoder: {
    writeKey(key: Buffer, target: Buffer, start: number): number {
      target.set(key, start);
      return start + key.length;
    },
    readKey: copy,
  },
};

function openTables(root: Root, index: 0 | 1): Tables {
  return { entries: root.openDB(`entries-${index}`, BYTES), known: root.openDB(`known-${index}`, BYTES) };
}
