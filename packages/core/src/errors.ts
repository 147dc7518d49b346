/** What every error of Seaworthy can be told by. */
export interface SeaworthyErrorOptions {
  /** What led to it. */
  cause?: unknown;
  /** Whether the same call may succeed when made again later. Default false. */
  retryable?: boolean;
}

/**
 * Base class of all errors that Seaworthy rejects or throws with, other than the `TypeError` and
 * `RangeError` for wrong arguments. Tell them apart by `code`.
 */
export class SeaworthyError<Code extends string = string> extends Error {
  override name = "SeaworthyError";
  /** Literal that tells what happened; part of the public API. */
  readonly code: Code;
  /** Whether the same call may succeed when made again later. */
  readonly retryable: boolean;

  constructor(code: Code, message: string, { cause, retryable = false }: SeaworthyErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable;
  }
}

/** The role is closing or closed. */
export class ClosedError extends SeaworthyError<"ERR_CLOSED"> {
  override name = "ClosedError";

  constructor(what: string) {
    super("ERR_CLOSED", `${what} is closed`);
  }
}

/** The caller's `AbortSignal` fired; its reason is the `cause`. The name is what `fetch` uses. */
export class AbortedError extends SeaworthyError<"ERR_ABORTED"> {
  override name = "AbortError";

  constructor(cause: unknown) {
    super("ERR_ABORTED", "The operation was aborted", { cause });
  }
}

/** A documented limit is reached; the message names the option that sets it. */
export class LimitError extends SeaworthyError<"ERR_LIMIT_REACHED"> {
  override name = "LimitError";
  /** Name of the option that sets the limit. */
  readonly option: string;
  /** The limit. */
  readonly limit: number;

  constructor(option: string, limit: number, what: string, retryable = true) {
    super("ERR_LIMIT_REACHED", `${what}: limit ${option} = ${limit} is reached`, { retryable });
    this.option = option;
    this.limit = limit;
  }
}

/** An endpoint could not be bound; the cause is what the operating system said. */
export class BindError extends SeaworthyError<"ERR_BIND"> {
  override name = "BindError";
  /** The endpoint as given. */
  readonly endpoint: string;

  constructor(endpoint: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super("ERR_BIND", `cannot bind ${endpoint}: ${reason}`, { cause, retryable: true });
    this.endpoint = endpoint;
  }
}

/** The request at hand was answered, failed or dropped before. */
export class AlreadyAnsweredError extends SeaworthyError<"ERR_ALREADY_ANSWERED"> {
  override name = "AlreadyAnsweredError";

  constructor() {
    super("ERR_ALREADY_ANSWERED", "this request has been answered, failed or dropped already");
  }
}
