import {
  type AbortedError,
  type ClosedError,
  describeEffort,
  type LimitError,
  type RemoteError,
  type RequestEffort,
  RequestError,
  type RequestTimeoutError,
  SeaworthyError,
} from "@seaworthy/core";
import type { StreamBreak } from "./client-messages.js";

/** No broker could be reached under the last attempt, or its connection was lost, or it was closing. */
export class BrokerUnreachableError extends RequestError<"ERR_BROKER_UNREACHABLE"> {
  override name = "BrokerUnreachableError";

  constructor(effort: RequestEffort) {
    super("ERR_BROKER_UNREACHABLE", `no broker to be reached after ${describeEffort(effort)}`, effort);
  }
}

/** No worker offered the service for as long as the last attempt took. Only brokers of Seaworthy say so. */
export class NoServiceError extends RequestError<"ERR_NO_SERVICE"> {
  override name = "NoServiceError";

  constructor(effort: RequestEffort) {
    super("ERR_NO_SERVICE", `no worker offers the service after ${describeEffort(effort)}`, effort);
  }
}

/**
 * As many workers as the broker's `maxDeliveries` had the request, and none gave a reply that could be passed
 * on. It may be the request that they do not survive, so another try is up to the caller.
 */
export class WorkersFailedError extends RequestError<"ERR_WORKERS_FAILED"> {
  override name = "WorkersFailedError";

  constructor(effort: RequestEffort) {
    super(
      "ERR_WORKERS_FAILED",
      `all workers that had the request were lost, after ${describeEffort(effort)}`,
      effort,
      false,
    );
  }
}

/** A limit of the broker was reached on the last attempt; the message says which. */
export class BrokerLimitError extends RequestError<"ERR_BROKER_LIMIT"> {
  override name = "BrokerLimitError";

  constructor(effort: RequestEffort, limit: string) {
    super("ERR_BROKER_LIMIT", `limit ${limit} of the broker is reached`, effort);
  }
}

const BREAKS: Readonly<Record<StreamBreak, string>> = {
  "timed-out": "the next part did not come in time",
  "connection-lost": "the connection to the broker was lost",
  restarted: "its worker was lost and another began from the start",
  incomplete: "a part is missing",
  "no-worker": "its worker was lost and there is no other",
  "too-old": "its worker was lost and no other was free",
  limit: "a limit of the broker is reached",
  closing: "the broker is closing",
  dropped: "its worker dropped it",
};

/** A stream broke off after its first part. Asking again begins it from the start. */
export class StreamInterruptedError extends RequestError<"ERR_STREAM_INTERRUPTED"> {
  override name = "StreamInterruptedError";
  /** What broke it off. */
  readonly reason: StreamBreak;

  constructor(effort: RequestEffort, reason: StreamBreak) {
    super("ERR_STREAM_INTERRUPTED", `the stream was interrupted: ${BREAKS[reason]}`, effort);
    this.reason = reason;
  }
}

/** The broker does not tell which services it has (8/MMI). */
export class NotSupportedError extends SeaworthyError<"ERR_NOT_SUPPORTED"> {
  override name = "NotSupportedError";

  /** @param status - what it replied instead of 200 or 404 */
  constructor(status: string) {
    super(
      "ERR_NOT_SUPPORTED",
      `the broker does not tell which services it has: mmi.service replied ${status}`,
    );
  }
}

/**
 * What the methods of a client reject with, besides a `TypeError` or `RangeError` for wrong arguments. Its `code`
 * tells the members apart, for the compiler as well.
 */
export type MajordomoRequestError =
  | RequestTimeoutError
  | BrokerUnreachableError
  | NoServiceError
  | WorkersFailedError
  | BrokerLimitError
  | StreamInterruptedError
  | NotSupportedError
  | RemoteError
  | AbortedError
  | ClosedError
  | LimitError;
