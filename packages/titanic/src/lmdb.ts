/**
 * A store in a folder on this machine, the one to begin with: nothing else has to run for it.
 *
 * @module
 */
import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { systemScheduler } from "@seaworthy/core";
import { Ledger } from "./ledger.js";
import type { LedgerSurroundings } from "./ledger-ground.js";
import { LedgerPort } from "./ledger-port.js";
import { LedgerStore } from "./ledger-store.js";
import { prepareFolder, sealFolder } from "./lmdb-file.js";
import { LmdbGround, lostStore } from "./lmdb-ground.js";
import { type FolderLock, lockFolder } from "./lmdb-lock.js";
import { type LmdbStoreOptions, type ResolvedLmdbOptions, resolveLmdbOptions } from "./lmdb-options.js";

export type { LmdbStoreOptions } from "./lmdb-options.js";

const SURROUNDINGS: LedgerSurroundings = {
  now: () => systemScheduler.now(),
  wall: () => Date.now(),
  digest: (bytes) => hash("sha256", bytes, "buffer"),
  checksum: (bytes) => crc32(bytes),
  defer: (task) => void setImmediate(task),
};

/** What is there while a store is open. */
interface OpenStore {
  readonly lock: FolderLock;
  readonly ground: LmdbGround;
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
    const file = await prepareFolder(this.#folder);
    const lost = (): void => this.#lose();
    const lock = await lockFolder(this.#folder, this.#options.lockWaitMs, lost);
    let ground: LmdbGround | undefined;
    try {
      ground = await LmdbGround.open(file, lost);
      const ledger = new Ledger(ground, this.#options, SURROUNDINGS);
      await new Promise<void>((resolve, reject) => ledger.open(resolve, reject));
      await sealFolder(this.#folder);
      this.#open = { lock, ground };
      this.attach(new LedgerPort(ledger));
    } catch (error) {
      await ground?.close();
      await lock.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    const port = this.detach();
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    if (port !== undefined) await new Promise<void>((resolve) => port.close(resolve));
    await open.ground.close();
    await open.lock.release();
  }

  /** Nobody else takes requests in here, so it is never called. */
  onWork(): void {}

  #lose(): void {
    this.detach(lostStore());
  }
}
