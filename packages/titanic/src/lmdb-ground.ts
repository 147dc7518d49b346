import { createRequire } from "node:module";
import { hasGivenUp, identityOfFile, isCutShort, lmdbCause } from "@seaworthy/core/node";
import type { Changes, Ground, GroundEntry } from "./ledger-ground.js";
import { lmdbError } from "./lmdb-errors.js";
import { type DataFile, tryRoom } from "./lmdb-file.js";
import { StoreError } from "./store-errors.js";

// The types that lmdb has for modules do not compile; those for CommonJS do.
type Lmdb = typeof import("lmdb", { with: { "resolution-mode": "require" }});
type Root = import("lmdb", { with: { "resolution-mode": "require" }}).RootDatabase<Buffer, string>;
type Table = import("lmdb", { with: { "resolution-mode": "require" }}).Database<Uint8Array, string>;
const require = createRequire(import.meta.url);
const { open } = require("lmdb") as Lmdb;

const LEDGER = "ledger";
const OWNER = "owner";
/** The one record of the database of that name. Its version is a number that each process that opens the store raises. */
const OWNER_KEY = "owner";

/** Keys are written as they are, one byte for each character. */
const KEYS = {
  writeKey: (key: string, target: Buffer, start: number): number =>
    start + target.write(key, start, "latin1"),
  readKey: (source: Buffer, start: number, end: number): string => source.toString("latin1", start, end),
};

/** Whom a ground tells what has become of it. */
export interface GroundOwner {
  /** Another process has taken over. */
  lost(): void;
  /** LMDB does nothing any more until the file is opened anew. */
  broken(why: StoreError): void;
}

/**
 * A ground in a file of LMDB.
 *
 * `overlappingSync: false` makes a commit what LMDB means by it: the pages are written and synced, then the page that
 * names them is, and only then does the promise resolve. All changes of a batch depend on the record of the owner: once
 * another process has opened the store, nothing of this one is written any more, even if it stood still meanwhile and
 * knows nothing of it.
 */
export class LmdbGround implements Ground {
  readonly #root: Root;
  readonly #ledger: Table;
  readonly #owner: Table;
  readonly #version: number;
  readonly #path: string;
  readonly #identity: string | undefined;
  readonly #told: GroundOwner;
  /** Why LMDB does nothing any more. */
  #broken: StoreError | undefined;
  /** Why nothing may be written now. */
  #paused: StoreError | undefined;
  #closing: Promise<void> | undefined;

  private constructor(root: Root, path: string, version: number, told: GroundOwner) {
    this.#path = path;
    this.#identity = identityOfFile(path);
    this.#root = root;
    this.#ledger = openTable(root, LEDGER, false);
    this.#owner = openTable(root, OWNER, true);
    this.#version = version;
    this.#told = told;
  }

  /**
   * Opens the file and makes it this process's own.
   *
   * @param before - this process's last one, which is broken and closed: nobody may have taken the file since
   */
  static async open(
    { path, isShort }: DataFile,
    told: GroundOwner,
    before?: LmdbGround,
  ): Promise<LmdbGround> {
    if (before !== undefined) before.#checkName();
    const root = openRoot(path);
    try {
      checkTables(root, path);
      const owner = openTable(root, OWNER, true);
      const previous = owner.getEntry(OWNER_KEY)?.version ?? 0;
      if (before === undefined) await takeOver(owner, previous);
      else before.#checkVersion(previous);
      const version = before === undefined ? previous + 1 : previous;
      const ground = new LmdbGround(root, path, version, told);
      if (isShort) ground.#readAll();
      return ground;
    } catch (error) {
      await root.close();
      throw lmdbError(`cannot open ${path}`, await lmdbCause(error));
    }
  }

  get(key: string): Uint8Array | undefined {
    try {
      return this.#ledger.getBinary(key);
    } catch (error) {
      throw lmdbError("cannot read", error);
    }
  }

  range(from: string, to: string, limit: number): readonly GroundEntry[] {
    const entries: GroundEntry[] = [];
    try {
      for (const { key, value } of this.#ledger.getRange({ start: from, end: to, limit }))
        entries.push({ key, value });
    } catch (error) {
      throw lmdbError("cannot read", error);
    }
    return entries;
  }

  commit(changes: Changes, done: (error?: StoreError) => void): void {
    // It would never be heard of.
    if (this.#broken !== undefined) return done(this.#broken);
    this.#write(changes).then(
      (isOwner) => {
        if (isOwner) return done();
        this.#told.lost();
        done(lostStore());
      },
      async (error) => {
        const why = await this.#explain(await lmdbCause(error), changes);
        if (hasGivenUp(this.#root, () => this.#owner.getEntry(OWNER_KEY))) {
          this.#broken = why;
          this.#told.broken(why);
        }
        done(why);
      },
    );
  }

  /** Why a commit failed. */
  async #explain(error: unknown, changes: Changes): Promise<StoreError> {
    if (!isCutShort(error)) return lmdbError("cannot write", error);
    let bytes = 0;
    for (const value of changes.values()) bytes += value?.length ?? 0;
    const reason = await tryRoom(this.#path, 2 * bytes).catch((cause: unknown) => cause);
    return lmdbError("cannot write", reason ?? error);
  }

  /** LMDB does nothing any more, until the file is opened anew. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** Begins no commit from now on; `undefined` ends that. */
  pause(why: StoreError | undefined): void {
    this.#paused = why;
  }

  /**
   * Whether this process could go on with the file, so that nothing in it was changed by another.
   *
   * @throws StoreError ERR_STORE_IN_USE, and tells its owner, if another process has taken it over; ERR_STORE_UNAVAILABLE if
   * it is gone
   */
  check(): void {
    if (!this.isBroken) {
      // What is known from before would say nothing.
      this.#root.resetReadTxn();
      this.#checkVersion(this.#owner.getEntry(OWNER_KEY)?.version);
    }
    this.#checkName();
  }

  /** Can be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#root.close();
    return this.#closing;
  }

  async #write(changes: Changes): Promise<boolean> {
    if (this.#paused !== undefined) throw this.#paused;
    this.#checkName();
    return this.#owner.ifVersion(OWNER_KEY, this.#version, () => {
      for (const [key, value] of changes) {
        if (value === undefined) this.#ledger.remove(key);
        else this.#ledger.put(key, value);
      }
    });
  }

  #checkVersion(version: number | undefined): void {
    if (version === this.#version) return;
    this.#told.lost();
    throw lostStore();
  }

  /** LMDB would go on with a file that has no name any more, and all that is promised would end with this process. */
  #checkName(): void {
    if (identityOfFile(this.#path) === this.#identity) return;
    const what = `${this.#path} is gone, or it is another file than the one that was opened`;
    throw new StoreError("ERR_STORE_UNAVAILABLE", what);
  }

  #readAll(): void {
    for (const { key } of this.#ledger.getRange({})) this.get(key);
  }
}

/** What is said when another process has taken the store over. */
export function lostStore(): StoreError {
  return new StoreError(
    "ERR_STORE_IN_USE",
    "another process has taken the store over, since this one stood still or lost its lock",
  );
}

function openRoot(path: string): Root {
  try {
    return open<Buffer, string>({
      path,
      noSubdir: true,
      maxDbs: 4,
      encoding: "binary",
      overlappingSync: false,
      // Otherwise lmdb-js makes promises of its own, and one that is rejected would end the process.
      eventTurnBatching: false,
    });
  } catch (error) {
    throw lmdbError(`cannot open ${path}`, error);
  }
}

/** The one record that all writes of this process depend on is of this version from now on. */
async function takeOver(owner: Table, previous: number): Promise<void> {
  await (previous === 0
    ? owner.ifNoExists(OWNER_KEY, () => owner.put(OWNER_KEY, new Uint8Array(1), 1))
    : owner.put(OWNER_KEY, new Uint8Array(1), previous + 1, previous));
}

function openTable(root: Root, name: string, useVersions: boolean): Table {
  const options = { encoding: "binary" as const, useVersions, keyEncoder: KEYS };
  return root.openDB<Uint8Array, string>(name, options);
}

function checkTables(root: Root, path: string): void {
  const names = Array.from(root.getKeys({}));
  if (names.every((name) => name === LEDGER || name === OWNER)) return;
  throw new StoreError("ERR_STORE_FOREIGN", `${path} belongs to another program`);
}
