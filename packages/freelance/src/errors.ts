import type {
  AbortedError,
  ClosedError,
  ConnectionLostError,
  LimitError,
  NotConnectedError,
  RemoteError,
  RequestTimeoutError,
} from "@seaworthy/core";

/**
 * What `request()` rejects with, besides a `TypeError` or `RangeError` for wrong arguments. Its `code`
 * tells the members apart, for the compiler as well.
 */
export type FreelanceRequestError =
  | RequestTimeoutError
  | ConnectionLostError
  | NotConnectedError
  | RemoteError
  | AbortedError
  | ClosedError
  | LimitError;
