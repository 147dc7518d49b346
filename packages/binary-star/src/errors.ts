import {
  type AbortedError,
  type ClosedError,
  type ConnectionLostError,
  describeEffort,
  type LimitError,
  type RemoteError,
  type RequestEffort,
  RequestError,
  type RequestTimeoutError,
} from "@seaworthy/core";

/** The server that got the last attempt said that it is not active. It did not run it, unless it was deposed or stopped meanwhile. */
export class NotActiveError extends RequestError<"ERR_NOT_ACTIVE"> {
  override name = "NotActiveError";

  constructor(effort: RequestEffort) {
    super("ERR_NOT_ACTIVE", `no server was active, after ${describeEffort(effort)}`, effort);
  }
}

/**
 * What `request()` rejects with, besides a `TypeError` or `RangeError` for wrong arguments. Its `code`
 * tells the members apart, for the compiler as well.
 */
export type BinaryStarRequestError =
  | RequestTimeoutError
  | ConnectionLostError
  | NotActiveError
  | RemoteError
  | AbortedError
  | ClosedError
  | LimitError;
