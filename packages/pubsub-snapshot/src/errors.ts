import { AbortedError, ClosedError, LimitError, SeaworthyError } from "@seaworthy/core";
import type { UpdateFailure } from "./client-messages.js";
import type { RefusalReason } from "./wire.js";

/** A `set` or `delete` was not answered in time. Whether the server has ordered it, or will, is unknown if it was sent. */
export class SetTimeoutError extends SeaworthyError<"ERR_SET_TIMEOUT"> {
  override name = "SetTimeoutError";
  /** How often it was sent; 0: no server has it. */
  readonly sent: number;

  constructor(timeoutMs: number, sent: number) {
    const outcome =
      sent === 0
        ? "it was not sent"
        : `its outcome is unknown: it was sent ${sent === 1 ? "once" : `${sent} times`}`;
    super("ERR_SET_TIMEOUT", `the update was not acknowledged within ${timeoutMs} ms, ${outcome}`, {
      retryable: true,
    });
    this.sent = sent;
  }
}

/** The key's sequence number is not the one that `ifSequence` expected. Nothing was changed. */
export class ConflictError extends SeaworthyError<"ERR_CONFLICT"> {
  override name = "ConflictError";
  /** What it is; 0 if there is no such key. */
  readonly sequence: number;

  constructor(sequence: number) {
    super(
      "ERR_CONFLICT",
      sequence === 0
        ? "there is no such key"
        : `the key's sequence number is ${sequence}, not the one expected`,
    );
    this.sequence = sequence;
  }
}

/** The server does not take the update. Nothing was changed. */
export class RefusedError extends SeaworthyError<"ERR_REFUSED"> {
  override name = "RefusedError";
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason) {
    super("ERR_REFUSED", `the server refuses the update: ${reason}`, { retryable: reason !== "invalid" });
    this.reason = reason;
  }
}

/** The server is not one of ours, and cannot do this. */
export class UnsupportedError extends SeaworthyError<"ERR_UNSUPPORTED"> {
  override name = "UnsupportedError";

  constructor(option: string) {
    super("ERR_UNSUPPORTED", `the server is not a SnapshotServer of ours, and knows no ${option}`);
  }
}

/**
 * What `set()` and `delete()` reject with, besides a `TypeError` or `RangeError` for wrong arguments. Its `code`
 * tells the members apart, for the compiler as well.
 */
export type SnapshotUpdateError =
  | SetTimeoutError
  | ConflictError
  | RefusedError
  | UnsupportedError
  | LimitError
  | AbortedError
  | ClosedError;

/** The error for an update that failed. */
export function updateError(failure: UpdateFailure, signal: AbortSignal | undefined): SnapshotUpdateError {
  switch (failure.code) {
    case "ERR_SET_TIMEOUT":
      return new SetTimeoutError(failure.timeoutMs, failure.sent);
    case "ERR_CONFLICT":
      return new ConflictError(failure.sequence);
    case "ERR_LIMIT_REACHED":
      // A value that is too large stays so.
      return new LimitError(
        failure.option,
        failure.limit,
        "the server takes no more",
        failure.option !== "maxValueBytes",
      );
    case "ERR_REFUSED":
      return new RefusedError(failure.reason);
    case "ERR_UNSUPPORTED":
      return new UnsupportedError(failure.option);
    case "ERR_ABORTED":
      return new AbortedError(signal?.reason);
    case "ERR_CLOSED":
      return new ClosedError("SnapshotClient");
  }
}
