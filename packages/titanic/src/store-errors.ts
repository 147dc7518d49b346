import { SeaworthyError } from "@seaworthy/core";

/**
 * `ERR_STORE_UNAVAILABLE`: it cannot be reached or does not answer; `ERR_STORE_FULL`: there is no room on the disk;
 * `ERR_STORE_CORRUPT`: what is there cannot be read; `ERR_STORE_FOREIGN`: it is something else, or of a later
 * version; `ERR_STORE_IN_USE`: another process has it; `ERR_STORE_CLOSED`: it is closed or was never opened.
 */
export type StoreErrorCode =
  | "ERR_STORE_UNAVAILABLE"
  | "ERR_STORE_FULL"
  | "ERR_STORE_CORRUPT"
  | "ERR_STORE_FOREIGN"
  | "ERR_STORE_IN_USE"
  | "ERR_STORE_CLOSED";

const RETRYABLE: readonly StoreErrorCode[] = ["ERR_STORE_UNAVAILABLE", "ERR_STORE_FULL", "ERR_STORE_IN_USE"];

/** A store could not do what it was asked. Nothing that it had promised is lost by that. */
export class StoreError extends SeaworthyError<StoreErrorCode> {
  override name = "StoreError";

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(code, message, { cause, retryable: RETRYABLE.includes(code) });
  }
}
