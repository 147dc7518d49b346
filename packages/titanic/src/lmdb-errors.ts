import { StoreError } from "./store-errors.js";

/** Numbers of errors: of the operating system (Linux, macOS, Windows), and of LMDB. */
const FULL: readonly unknown[] = [
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
const CORRUPT: readonly unknown[] = [
  -30796, // MDB_CORRUPTED
  -30797, // MDB_PAGE_NOTFOUND
  -30788, // MDB_CURSOR_FULL
  -30786, // MDB_PAGE_FULL
];
const FOREIGN: readonly unknown[] = [
  -30793, // MDB_INVALID
  -30794, // MDB_VERSION_MISMATCH
  -30784, // MDB_INCOMPATIBLE
];

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;

/** Whether it can mean that there is no room: LMDB calls it EIO when a write was cut short. */
export const isUnclear = (error: unknown): boolean => codeOf(error) === 5;

/** What LMDB, or the file system, has said, as an error of the store. */
export function lmdbError(doing: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  if (FULL.includes(code))
    return new StoreError("ERR_STORE_FULL", `${doing}: there is no room (${reason})`, error);
  if (CORRUPT.includes(code)) return new StoreError("ERR_STORE_CORRUPT", `${doing}: ${reason}`, error);
  if (FOREIGN.includes(code)) return new StoreError("ERR_STORE_FOREIGN", `${doing}: ${reason}`, error);
  return new StoreError("ERR_STORE_UNAVAILABLE", `${doing}: ${reason}`, error);
}
