import { AbortedError, ClosedError, LimitError, RemoteError, RequestTimeoutError } from "@seaworthy/core";
import type { RequestFailure } from "./client-messages.js";
import {
  BrokerLimitError,
  BrokerUnreachableError,
  type MajordomoRequestError,
  NoServiceError,
  type NotSupportedError,
  StreamInterruptedError,
  WorkersFailedError,
} from "./errors.js";

/**
 * What a request rejects with that failed like this.
 *
 * @param owner - whose request it was: the name that a `ClosedError` has
 * @param signal - of the request, whose reason an `AbortedError` has
 */
export function requestError(
  owner: string,
  failure: RequestFailure,
  signal: AbortSignal | undefined,
): Exclude<MajordomoRequestError, NotSupportedError> {
  switch (failure.code) {
    case "ERR_REQUEST_TIMEOUT":
      return new RequestTimeoutError(failure);
    case "ERR_BROKER_UNREACHABLE":
      return new BrokerUnreachableError(failure);
    case "ERR_NO_SERVICE":
      return new NoServiceError(failure);
    case "ERR_WORKERS_FAILED":
      return new WorkersFailedError(failure);
    case "ERR_BROKER_LIMIT":
      return new BrokerLimitError(failure, failure.message);
    case "ERR_HANDLER_FAILED":
      return new RemoteError(failure.message);
    case "ERR_STREAM_INTERRUPTED":
      return new StreamInterruptedError(failure, failure.reason);
    case "ERR_LIMIT_REACHED":
      return new LimitError(failure.option, failure.limit, "too much of a reply", false);
    case "ERR_ABORTED":
      return new AbortedError(signal?.reason);
    case "ERR_CLOSED":
      return new ClosedError(owner);
  }
}
