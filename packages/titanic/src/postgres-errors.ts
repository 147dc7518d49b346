import { StoreError, type StoreErrorCode } from "./store-errors.js";

/** What PostgreSQL's codes mean for whoever uses the store; the longest match counts. */
const CODES: Readonly<Record<string, StoreErrorCode>> = {
  // disk_full
  "53100": "ERR_STORE_FULL",
  // data_corrupted, index_corrupted
  XX001: "ERR_STORE_CORRUPT",
  XX002: "ERR_STORE_CORRUPT",
  // Tables, columns or types are others than ours, or are gone.
  "3F": "ERR_STORE_FOREIGN",
  "42": "ERR_STORE_FOREIGN",
  // insufficient_privilege: somebody can grant it while we run.
  "42501": "ERR_STORE_UNAVAILABLE",
};

const WORDS: Readonly<Record<StoreErrorCode, string>> = {
  ERR_STORE_UNAVAILABLE: "the database cannot be reached or does not answer",
  ERR_STORE_FULL: "the database has no room on its disk",
  ERR_STORE_CORRUPT: "the database cannot read its data",
  ERR_STORE_FOREIGN: "the tables in the database are not those of this store",
  ERR_STORE_IN_USE: "the database is in use",
  ERR_STORE_CLOSED: "the store is closed or was never opened",
};

/**
 * What went wrong, in the store's terms. Whatever the database may recover from counts as not available: too many
 * connections, a restart, a standby that takes no writes, a statement that took too long.
 */
export function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const sqlState = sqlStateOf(error);
  const code = sqlState === undefined ? "ERR_STORE_UNAVAILABLE" : meaningOf(sqlState);
  return new StoreError(code, `${WORDS[code]}: ${reason(error)}`, error);
}

/**
 * Whether the database could not be asked at all, so that whoever asks next would fare no better: it was not reached, was
 * lost, or has no more connections to give. What it refused or broke off itself is about one statement.
 */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof StoreError) || error.code !== "ERR_STORE_UNAVAILABLE") return false;
  const code = sqlStateOf(error.cause);
  return code === undefined || /^(?:08|53|57P|28|3D)/.test(code);
}

/** Whether a statement failed since a row with the same unique value is there. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof StoreError && sqlStateOf(error.cause) === "23505";
}

/** The store has not been opened, or is closed. */
export function closedError(): StoreError {
  return new StoreError("ERR_STORE_CLOSED", WORDS.ERR_STORE_CLOSED);
}

/** PostgreSQL's codes have five characters; names like ECONNREFUSED are the system's. */
function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

function meaningOf(sqlState: string): StoreErrorCode {
  return CODES[sqlState] ?? CODES[sqlState.slice(0, 2)] ?? "ERR_STORE_UNAVAILABLE";
}

function reason(error: unknown): string {
  // A host with several addresses fails with an error for each, and no message of its own.
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reason).join("; ");
  return error instanceof Error ? error.message : String(error);
}
