import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, readLmdbMeta, sizeOfFile, syncFolder } from "@seaworthy/core/node";
import { lmdbError } from "./lmdb-errors.js";
import { StoreError } from "./store-errors.js";

const DATA_NAME = "requests.lmdb";
const NOTE_NAME = "README.txt";
const NOTE_BEGINNING = "This folder is a store of Titanic (@seaworthy/titanic).";
const NOTE = `${NOTE_BEGINNING} It belongs to one process at a time.
Do not edit, move or copy its files while that runs, and keep it on a local disk: not on NFS or another network file system.
`;

const PROBE_BYTES = 1024 * 1024;

/** What was found of a data file. */
export interface DataFile {
  readonly path: string;
  /** It ends before the last page that it has ever used. Pages that are free need not be there; others must. */
  readonly isShort: boolean;
}

/**
 * Makes the folder if it is not there.
 *
 * @throws StoreError
 */
export async function prepareFolder(folder: string): Promise<void> {
  await makeFolder(folder).catch((error) => {
    throw lmdbError(`cannot use ${folder}`, error);
  });
}

/**
 * Looks at the data file of a folder before LMDB maps it into memory: a page that is missing would end the process. Only
 * for whoever has the folder to itself: the length of the file may be changed, which its owner would lose pages by.
 *
 * @throws StoreError
 */
export async function checkFile(folder: string): Promise<DataFile> {
  const path = join(folder, DATA_NAME);
  try {
    const size = await sizeOfFile(path);
    if (size > 0) return { path, isShort: await checkPages(path, size) };
    if (!(await hasNote(folder))) return { path, isShort: false };
  } catch (error) {
    throw lmdbError(`cannot use ${folder}`, error);
  }
  throw new StoreError(
    "ERR_STORE_CORRUPT",
    `there was a store in ${folder}, but its file ${DATA_NAME} is gone or empty`,
  );
}

/** Whether there has been a store in a folder. A file of that name may be anybody's. */
async function hasNote(folder: string): Promise<boolean> {
  const path = join(folder, NOTE_NAME);
  return (await sizeOfFile(path)) > 0 && (await readFile(path, "utf8")).startsWith(NOTE_BEGINNING);
}

/** Leaves a note for people, and makes the folder's entries survive a loss of power. */
export async function sealFolder(folder: string): Promise<void> {
  try {
    const path = join(folder, NOTE_NAME);
    if ((await sizeOfFile(path)) === 0) await writeFile(path, NOTE, { flush: true });
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
  const size = await sizeOfFile(path);
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

async function checkPages(path: string, size: number): Promise<boolean> {
  const handle = await open(path, "r+");
  try {
    const first = await readLmdbMeta(handle, 0);
    if (first === undefined) throw new StoreError("ERR_STORE_FOREIGN", `${path} is no file of LMDB`);
    const second = await readLmdbMeta(handle, first.pageSize);
    if (second === undefined) throw new StoreError("ERR_STORE_CORRUPT", `${path} is cut off or damaged`);
    const { lastPage } = second.transaction > first.transaction ? second : first;
    const needed = (lastPage + 1) * first.pageSize;
    if (size >= needed) return false;
    // Zeros are no valid pages, so LMDB reports what is missing.
    await handle.truncate(needed);
    return true;
  } finally {
    await handle.close();
  }
}
