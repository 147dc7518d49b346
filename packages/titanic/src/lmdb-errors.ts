import { isNoRoom } from "@seaworthy/core/node";
import { StoreError } from "./store-errors.js";

/** Numbers of errors of LMDB. */
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

/** What LMDB, or the file system, has said, as an error of the store. */
export function lmdbError(doing: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  const reason = error instanceof Error ? error.message : String(error);
  if (isNoRoom(error))
    return new StoreError("ERR_STORE_FULL", `${doing}: there is no room (${reason})`, error);
  if (CORRUPT.includes(code)) return new StoreError("ERR_STORE_CORRUPT", `${doing}: ${reason}`, error);
  if (FOREIGN.includes(code)) return new StoreError("ERR_STORE_FOREIGN", `${doing}: ${reason}`, error);
  return new StoreError("ERR_STORE_UNAVAILABLE", `${doing}: ${reason}`, error);
}
