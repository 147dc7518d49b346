import {
  type AbortedError,
  type ClosedError,
  describeEffort,
  type LimitError,
  type RemoteError,
  type RequestEffort,
  RequestError,
  type RequestTimeoutError,
} from "@seaworthy/core";

/** Every server that had the last attempt was lost: its reply cannot come any more. */
export class ConnectionLostError extends RequestError<"ERR_CONNECTION_LOST"> {
  override name = "ConnectionLostError";

  constructor(effort: RequestEffort) {
    super(
      "ERR_CONNECTION_LOST",
      `the connection was lost under the last attempt, after ${describeEffort(effort)}`,
      effort,
    );
  }
}

/** With `immediate`: no server could take the request when it was made; it was not sent. */
export class NotConnectedError extends RequestError<"ERR_NOT_CONNECTED"> {
  override name = "NotConnectedError";

  constructor(effort: RequestEffort) {
    super("ERR_NOT_CONNECTED", "no server is connected", effort);
  }
}

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
