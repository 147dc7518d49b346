/**
 * A store in a folder on this machine, the one to begin with: nothing else has to run for it.
 *
 * @module
 */
import { hash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { Backoff, systemScheduler } from "@seaworthy/core";
import { Ledger } from "./ledger.js";
import type { LedgerSurroundings } from "./ledger-ground.js";
import { LedgerPort } from "./ledger-port.js";
import { LedgerStore } from "./ledger-store.js";
import { lmdbError } from "./lmdb-errors.js";
import { checkFile, type DataFile, prepareFolder, sealFolder } from "./lmdb-file.js";
import { LmdbGround, lostStore } from "./lmdb-ground.js";
import { type FolderLock, lockFolder } from "./lmdb-lock.js";
import { type LmdbStoreOptions, type ResolvedLmdbOptions, resolveLmdbOptions } from "./lmdb-options.js";
import type { StoreError } from "./store-errors.js";

export type { LmdbStoreOptions } from "./lmdb-options.js";

const SURROUNDINGS: LedgerSurroundings = {
  now: () => systemScheduler.now(),
  wall: () => Date.now(),
  digest: (bytes) => hash("sha256", bytes, "buffer"),
  checksum: (bytes) => crc32(bytes),
  defer: (task) => void setImmediate(task),
};

/** Pauses between attempts to open a file anew, in ms. */
const REPAIRS = { initialMs: 100, maxMs: 5000 };

/** What is there while a store is open. */
interface OpenStore {
  readonly lock: FolderLock;
  readonly file: DataFile;
  /** The one that is written to; the last one, if it is broken. */
  ground: LmdbGround;
  /** Opens the file anew. */
  repair: Promise<void> | undefined;
  /** Fires when that is not wanted any more. */
  readonly ending: AbortController;
}

/**
 * Keeps requests in a folder, in a file of LMDB. One process at a time can have it open. What comes while a commit is
 * being synced shares the next one, so that many callers at once cost little more than one.
 *
 * The folder must be on a local file system (ext4, xfs, btrfs, zfs, APFS, NTFS): on NFS and other network file systems
 * neither the lock nor the memory map can be relied on.
 */
export class LmdbStore extends LedgerStore {
  readonly #folder: string;
  readonly #options: ResolvedLmdbOptions;
  #open: OpenStore | undefined;
  #opening: Promise<unknown> | undefined;

  /**
   * @param folder - is made if it does not exist
   * @throws TypeError or RangeError for a wrong argument
   */
  constructor(folder: string, options: LmdbStoreOptions = {}) {
    super();
    if (typeof folder !== "string" || folder === "") {
      throw new TypeError(`LmdbStore: the folder must be a path, got ${JSON.stringify(folder)}`);
    }
    this.#folder = folder;
    this.#options = resolveLmdbOptions(options);
  }

  /**
   * @throws StoreError ERR_STORE_IN_USE if another process has the folder; ERR_STORE_FOREIGN or ERR_STORE_CORRUPT if what
   * is in it cannot be used; ERR_STORE_FULL or ERR_STORE_UNAVAILABLE if the file system refuses
   */
  async open(): Promise<void> {
    const opening = this.#lockAndOpen();
    this.#opening = opening.catch(() => undefined);
    await opening;
  }

  async close(): Promise<void> {
    await this.#opening;
    const port = this.detach();
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    open.ending.abort();
    if (port !== undefined) await closed(port);
    await open.repair;
    if (open.repair === undefined) await open.ground.close();
    await open.lock.release();
  }

  /** Nobody else takes requests in here, so it is never called. */
  onWork(): void {}

  /** Nor does anybody else remove any. */
  onRemoved(): void {}

  async #lockAndOpen(): Promise<void> {
    await prepareFolder(this.#folder);
    const lock = await lockFolder(this.#folder, this.#options.lockWaitMs, () => this.#lose());
    let ground: LmdbGround | undefined;
    try {
      const file = await checkFile(this.#folder);
      ground = await this.#openGround(file);
      const port = await this.#openPort(ground);
      await sealFolder(this.#folder);
      this.#open = { lock, file, ground, repair: undefined, ending: new AbortController() };
      this.attach(port);
    } catch (error) {
      await ground?.close();
      await lock.release();
      throw error;
    }
  }

  #lose(): void {
    this.#open?.ending.abort();
    this.detach(lostStore());
  }

  async #openGround(file: DataFile, before?: LmdbGround): Promise<LmdbGround> {
    const lost = (): void => this.#lose();
    const broken = (why: StoreError): void => {
      const open = this.#open;
      if (open === undefined || open.ground !== ground) return;
      const port = this.detach(why);
      open.repair = this.#repair(open, port);
    };
    const ground: LmdbGround = await LmdbGround.open(file, { lost, broken }, before);
    return ground;
  }

  async #openPort(ground: LmdbGround): Promise<LedgerPort> {
    const ledger = new Ledger(ground, this.#options, SURROUNDINGS);
    await new Promise<void>((resolve, reject) => ledger.open(resolve, reject));
    return new LedgerPort(ledger);
  }

  /**
   * Opens the file anew, which LMDB wants after a write of its first pages has failed, as soon as it lets itself be opened.
   * Whether the last commit came through is not known, so all is read anew, and what is claimed can be claimed again.
   */
  async #repair(open: OpenStore, port: LedgerPort | undefined): Promise<void> {
    if (port !== undefined) await closed(port);
    await open.ground.close();
    const { file, ending } = open;
    const pauses = new Backoff(REPAIRS, Math.random);
    while (!ending.signal.aborted) {
      await delay(pauses.next(), undefined, ending).catch(() => undefined);
      if (!ending.signal.aborted && (await this.#isRepaired(open, { ...file, isShort: false }))) return;
    }
  }

  async #isRepaired(open: OpenStore, file: DataFile): Promise<boolean> {
    let ground: LmdbGround | undefined;
    try {
      ground = await this.#openGround(file, open.ground);
      const port = await this.#openPort(ground);
      if (!open.ending.signal.aborted) {
        open.ground = ground;
        open.repair = undefined;
        this.attach(port);
        return true;
      }
    } catch (error) {
      const why = lmdbError("cannot open the store anew", error);
      if (why.code === "ERR_STORE_IN_USE") this.#lose();
      else if (!open.ending.signal.aborted) this.detach(why);
    }
    await ground?.close();
    return false;
  }
}

function closed(port: LedgerPort): Promise<void> {
  return new Promise((resolve) => port.close(resolve));
}
