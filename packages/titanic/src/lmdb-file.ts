import { type FileHandle, mkdir, open, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { lmdbError } from "./lmdb-errors.js";
import { StoreError } from "./store-errors.js";

const DATA_NAME = "requests.lmdb";
const NOTE_NAME = "README.txt";
const NOTE = `This folder is a store of Titanic (@seaworthy/titanic). It belongs to one process at a time.
Do not edit, move or copy its files while that runs, and keep it on a local disk: not on NFS or another network file system.
`;

/** Layout of the two pages at the beginning of an LMDB file, as lmdb-js writes it. Offsets in bytes. */
const PAGE = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152, bytes: 168 } as const;
const MAGIC = 0xbeefc0de;

const PROBE_BYTES = 1024 * 1024;

/** What was found of a data file. */
export interface DataFile {
  readonly path: string;
  /** It ends before the last page that it has ever used. Pages that are free need not be there; others must. */
  readonly isShort: boolean;
}

/**
 * Makes the folder if it is not there, and looks at its data file before LMDB maps it into memory: a page that is missing
 * would end the process.
 *
 * @throws StoreError
 */
export async function prepareFolder(folder: string): Promise<DataFile> {
  const path = join(folder, DATA_NAME);
  try {
    const first = await mkdir(folder, { recursive: true });
    if (first !== undefined) await syncFolder(dirname(first));
    const size = await sizeOf(path);
    if (size > 0) return { path, isShort: await checkPages(path, size) };
    if ((await sizeOf(join(folder, NOTE_NAME))) === 0) return { path, isShort: false };
  } catch (error) {
    throw lmdbError(`cannot use ${folder}`, error);
  }
  throw new StoreError(
    "ERR_STORE_CORRUPT",
    `there was a store in ${folder}, but its file ${DATA_NAME} is gone or empty`,
  );
}

/** Leaves a note for people, and makes the folder's entries survive a loss of power. */
export async function sealFolder(folder: string): Promise<void> {
  try {
    const path = join(folder, NOTE_NAME);
    if ((await sizeOf(path)) === 0) await writeFile(path, NOTE, { flush: true });
    await syncFolder(folder);
  } catch (error) {
    throw lmdbError(`cannot use ${folder}`, error);
  }
}

/**
 * Whether some more bytes could be written behind a data file. LMDB says "I/O error" when a write was cut short, be it for
 * lack of room or for a broken disk.
 *
 * @throws what the file system says
 */
export async function tryRoom(path: string, bytes: number): Promise<void> {
  const probe = `${path}-room`;
  const size = await sizeOf(path);
  const handle = await open(probe, "w");
  try {
    const block = Buffer.alloc(PROBE_BYTES, 1);
    for (let offset = 0; offset < bytes + PROBE_BYTES; offset += PROBE_BYTES) {
      await handle.write(block, 0, PROBE_BYTES, size + offset);
    }
    await handle.sync();
  } finally {
    await handle.close();
    await rm(probe, { force: true });
  }
}

/** @returns 0 if there is no such file */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows has no such thing.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function checkPages(path: string, size: number): Promise<boolean> {
  const handle = await open(path, "r+");
  try {
    const first = await readPage(handle, 0);
    if (first === undefined) throw new StoreError("ERR_STORE_FOREIGN", `${path} is no file of LMDB`);
    const pageSize = first.readUInt32LE(PAGE.pageSize);
    const second = await readPage(handle, pageSize);
    if (second === undefined) throw new StoreError("ERR_STORE_CORRUPT", `${path} is cut off or damaged`);
    const isNewer = second.readBigUInt64LE(PAGE.transaction) > first.readBigUInt64LE(PAGE.transaction);
    const needed = (Number((isNewer ? second : first).readBigUInt64LE(PAGE.lastPage)) + 1) * pageSize;
    if (size >= needed) return false;
    // Zeros are no valid pages, so LMDB reports what is missing.
    await handle.truncate(needed);
    return true;
  } finally {
    await handle.close();
  }
}

/** One of the first two pages; `undefined` if it is not one. */
async function readPage(handle: FileHandle, position: number): Promise<Buffer | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(PAGE.bytes), 0, PAGE.bytes, position);
  return bytesRead === PAGE.bytes && buffer.readUInt32LE(PAGE.magic) === MAGIC ? buffer : undefined;
}
