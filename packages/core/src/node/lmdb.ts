import type { FileHandle } from "node:fs/promises";

// What stores on LMDB have in common. They load it themselves: nothing here needs it.

/** Errors that mean that there is no room: numbers of the operating system (Linux, macOS, Windows) and of LMDB, and what Node.js calls them. */
const NO_ROOM: readonly unknown[] = [
  28, // ENOSPC
  27, // EFBIG: a limit for the size of files
  122, // EDQUOT on Linux
  69, // EDQUOT on macOS
  112, // ERROR_DISK_FULL on Windows
  -30792, // MDB_MAP_FULL
  "ENOSPC",
  "EFBIG",
  "EDQUOT",
];
const EIO = 5;

/** Layout of the two pages that a file of LMDB begins with, as lmdb-js writes them: offsets in bytes. */
const META = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152, bytes: 168 } as const;
const MAGIC = 0xbeefc0de;

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;

/** Whether LMDB, or the file system, says that there is no room. */
export const isNoRoom = (error: unknown): boolean => NO_ROOM.includes(codeOf(error));

/** Whether a write was cut short: for lack of room, or by a broken disk. LMDB does not tell. */
export const isCutShort = (error: unknown): boolean => codeOf(error) === EIO;

/**
 * Whether LMDB does nothing any more until the file is opened anew: so it is when a write of its first pages has failed,
 * be it for lack of room.
 *
 * @param root - the open file
 * @param look - reads something from it
 */
export function hasGivenUp(root: { resetReadTxn(): void }, look: () => unknown): boolean {
  try {
    // What is known from before would say nothing.
    root.resetReadTxn();
    look();
    return false;
  } catch (error) {
    // Its number is not in all such errors.
    return error instanceof Error && error.message.includes("MDB_PANIC");
  }
}

/** Why something failed: lmdb-js tells the reason of a failed commit in a promise of its own. */
export async function lmdbCause(error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: PromiseLike<never> } | undefined)?.commitError;
  return reason === undefined
    ? error
    : reason.then(
        () => error,
        (cause: unknown) => cause,
      );
}

/** What one of the first two pages of a file of LMDB says. */
export interface LmdbMeta {
  /** In bytes. The second of the two pages begins there. */
  readonly pageSize: number;
  /** Number of the last page that was ever used, from 0. */
  readonly lastPage: number;
  /** The page with the higher one counts. */
  readonly transaction: bigint;
}

/**
 * Reads one of the first two pages of a file.
 *
 * @param position - 0, or the page size
 * @returns `undefined` if it is not one of LMDB
 */
export async function readLmdbMeta(handle: FileHandle, position: number): Promise<LmdbMeta | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(META.bytes), 0, META.bytes, position);
  if (bytesRead < META.bytes || buffer.readUInt32LE(META.magic) !== MAGIC) return undefined;
  return {
    pageSize: buffer.readUInt32LE(META.pageSize),
    lastPage: Number(buffer.readBigUInt64LE(META.lastPage)),
    transaction: buffer.readBigUInt64LE(META.transaction),
  };
}
