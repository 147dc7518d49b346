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
import { type FolderLock, HELD_MS, lockFolder } from "./lmdb-lock.js";
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

/** Pauses between attempts to go on, in ms. */
const REPAIRS = { initialMs: 100, maxMs: 5000 };

/** What is there while a store is open. */
interface OpenStore {
  /** The last one, if it was lost. */
  lock: FolderLock;
  readonly file: DataFile;
  /** The one that is written to; the last one, if it is broken. */
  ground: LmdbGround;
  port: LedgerPort;
  /** Takes the lock again, or opens the file anew. */
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
    this.detach();
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    open.ending.abort();
    await open.repair;
    await closed(open.port);
    await open.ground.close();
    await open.lock.release();
  }

  /** Nobody else takes requests in here, so it is never called. */
  onWork(): void {}

  /** Nor does anybody else remove any. */
  onRemoved(): void {}

  async #lockAndOpen(): Promise<void> {
    await prepareFolder(this.#folder);
    const lock = await lockFolder(this.#folder, this.#options.lockWaitMs, () => this.#unlocked());
    let ground: LmdbGround | undefined;
    try {
      const file = await checkFile(this.#folder);
      ground = await this.#openGround(file);
      const port = await this.#openPort(ground);
      await sealFolder(this.#folder);
      this.#open = { lock, file, ground, port, repair: undefined, ending: new AbortController() };
      this.attach(port);
      this.#unlocked();
    } catch (error) {
      await ground?.close();
      await lock.release();
      throw error;
    }
  }

  /** Another process has the file: nothing works here any more. */
  #lose(): void {
    const open = this.#open;
    if (open === undefined) return;
    open.ending.abort();
    const why = lostStore();
    open.ground.pause(why);
    this.detach(why);
  }

  /** Stands still if the lock was lost, until it is had again. Who has it, if anybody, is seen then. */
  #unlocked(): void {
    const open = this.#open;
    const why = open?.lock.lost;
    if (open === undefined || why === undefined || open.ending.signal.aborted) return;
    open.ground.pause(why);
    this.#mend(open, why);
    try {
      open.ground.check();
    } catch {
      // If another has taken it over, that has been said; all else is looked at again.
    }
  }

  #mend(open: OpenStore, why: StoreError): void {
    this.detach(why);
    open.repair ??= this.#repair(open);
  }

  async #openGround(file: DataFile, before?: LmdbGround): Promise<LmdbGround> {
    const lost = (): void => this.#lose();
    const broken = (why: StoreError): void => {
      const open = this.#open;
      if (open?.ground === ground) this.#mend(open, why);
    };
    const ground: LmdbGround = await LmdbGround.open(file, { lost, broken }, before);
    return ground;
  }

  async #openPort(ground: LmdbGround): Promise<LedgerPort> {
    const ledger = new Ledger(ground, this.#options, SURROUNDINGS);
    await new Promise<void>((resolve, reject) => ledger.open(resolve, reject));
    return new LedgerPort(ledger);
  }

  /** Sees to it that the store can go on. */
  async #repair(open: OpenStore): Promise<void> {
    const { ending } = open;
    const pauses = new Backoff(REPAIRS, Math.random);
    while (!ending.signal.aborted) {
      await delay(pauses.next(), undefined, ending).catch(() => undefined);
      if (!ending.signal.aborted && (await this.#isRepaired(open))) return;
    }
  }

  async #isRepaired(open: OpenStore): Promise<boolean> {
    const { signal } = open.ending;
    const { lost } = open.lock;
    try {
      if (lost !== undefined) await this.#lockAnew(open, lost);
      if (open.ground.isBroken) await this.#openAnew(open);
    } catch (error) {
      if (!signal.aborted) this.detach(lmdbError("cannot open the store anew", error));
      return false;
    }
    if (signal.aborted || open.lock.lost !== undefined || open.ground.isBroken) return false;
    open.repair = undefined;
    open.ground.pause(undefined);
    this.attach(open.port);
    return true;
  }

  /**
   * Takes the lock again. Whoever opens the file raises the record of the owner before anything else, and all that is written
   * depends on it: if that is as it was, so is everything, and what is known in memory still holds.
   */
  async #lockAnew(open: OpenStore, why: StoreError): Promise<void> {
    // Another folder of that name is none of ours.
    open.ground.check();
    // What an earlier attempt has said may hold no longer.
    this.detach(why);
    const lock = await lockFolder(this.#folder, HELD_MS, () => this.#unlocked(), open.ending.signal);
    try {
      open.ground.check();
    } catch (error) {
      await lock.release();
      throw error;
    }
    open.lock = lock;
  }

  /**
   * Opens the file anew, which LMDB wants after a write of its first pages has failed, as soon as it lets itself be opened.
   * Whether the last commit came through is not known, so all is read anew, and what is claimed can be claimed again.
   */
  async #openAnew(open: OpenStore): Promise<void> {
    await closed(open.port);
    await open.ground.close();
    const ground = await this.#openGround({ ...open.file, isShort: false }, open.ground);
    try {
      open.port = await this.#openPort(ground);
      open.ground = ground;
    } catch (error) {
      await ground.close();
      throw error;
    }
  }
}

function closed(port: LedgerPort): Promise<void> {
  return new Promise((resolve) => port.close(resolve));
}
