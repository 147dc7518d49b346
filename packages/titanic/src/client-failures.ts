import type { SeaworthyError } from "@seaworthy/core";
import { requestError } from "@seaworthy/majordomo/machine";
import type { TitanicFailure } from "./client-messages.js";
import {
  DeadLetterError,
  KeyConflictError,
  NotSupportedError,
  RequestClosedError,
  RequestRefusedError,
  ServerFailedError,
  UnknownRequestError,
  WaitTimeoutError,
} from "./errors.js";

/** What a call rejects with. */
export function failureError(failure: TitanicFailure, signal: AbortSignal | undefined): SeaworthyError {
  switch (failure.code) {
    case "ERR_UNKNOWN_REQUEST":
      return new UnknownRequestError(failure.id);
    case "ERR_REQUEST_CLOSED":
      return new RequestClosedError(failure.id);
    case "ERR_DEAD_LETTER":
      return new DeadLetterError(failure.id, failure.failure);
    case "ERR_KEY_CONFLICT":
      return new KeyConflictError();
    case "ERR_NOT_SUPPORTED":
      return new NotSupportedError();
    case "ERR_REQUEST_REFUSED":
      return new RequestRefusedError(failure.message);
    case "ERR_SERVER_FAILED":
      return new ServerFailedError(failure.message);
    case "ERR_WAIT_TIMEOUT":
      return new WaitTimeoutError(failure.id, failure.waitedMs, failure.trouble);
    default:
      return requestError("TitanicClient", failure, signal);
  }
}
