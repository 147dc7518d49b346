import {
  type AbortedError,
  type ClosedError,
  type LimitError,
  type RemoteError,
  type RequestTimeoutError,
  SeaworthyError,
} from "@seaworthy/core";
import type {
  BrokerLimitError,
  BrokerUnreachableError,
  NoServiceError,
  WorkersFailedError,
} from "@seaworthy/majordomo";

/** The server knows no request of this id: it was closed, or kept long enough, or never was there. */
export class UnknownRequestError extends SeaworthyError<"ERR_UNKNOWN_REQUEST"> {
  override name = "UnknownRequestError";
  readonly id: string;

  constructor(id: string) {
    super("ERR_UNKNOWN_REQUEST", `the server knows no request ${id}`);
    this.id = id;
  }
}

/**
 * The request of this key was closed, maybe by an earlier call, so that its reply is not kept any more. It does not run
 * again for as long as the server knows the key.
 */
export class RequestClosedError extends SeaworthyError<"ERR_REQUEST_CLOSED"> {
  override name = "RequestClosedError";
  readonly id: string;

  constructor(id: string) {
    super("ERR_REQUEST_CLOSED", `request ${id} is closed: its reply is not kept any more`);
    this.id = id;
  }
}

/** All attempts of the server to have the request worked on failed; it waits for an operator. */
export class DeadLetterError extends SeaworthyError<"ERR_DEAD_LETTER"> {
  override name = "DeadLetterError";
  readonly id: string;
  /** Why the last attempt failed. */
  readonly failure: string;

  constructor(id: string, failure: string) {
    super("ERR_DEAD_LETTER", `request ${id} is a dead letter: ${failure}`);
    this.id = id;
    this.failure = failure;
  }
}

/** The key belongs to another request: for another service, or with another body. */
export class KeyConflictError extends SeaworthyError<"ERR_KEY_CONFLICT"> {
  override name = "KeyConflictError";

  constructor() {
    super("ERR_KEY_CONFLICT", "the idempotency key belongs to another request");
  }
}

/** The server takes no such request in. */
export class RequestRefusedError extends SeaworthyError<"ERR_REQUEST_REFUSED"> {
  override name = "RequestRefusedError";

  /** @param reason - what the server said */
  constructor(reason: string) {
    super("ERR_REQUEST_REFUSED", `the server refused the request: ${reason || "it did not say why"}`);
  }
}

/**
 * The server does not know that what it was asked is done. It may be all the same: a store can do something and be unable to
 * say so. A request that is handed in again under the same key is taken in once.
 */
export class ServerFailedError extends SeaworthyError<"ERR_SERVER_FAILED"> {
  override name = "ServerFailedError";

  /** @param reason - what the server said */
  constructor(reason: string) {
    super("ERR_SERVER_FAILED", `the server failed: ${reason || "it did not say why"}`, { retryable: true });
  }
}

/** The server has no `titanic.submit`, which keys are for. */
export class NotSupportedError extends SeaworthyError<"ERR_NOT_SUPPORTED"> {
  override name = "NotSupportedError";

  constructor() {
    super("ERR_NOT_SUPPORTED", "the server takes no idempotency keys: it is not one of Seaworthy");
  }
}

/** No reply came in the time to wait. A request that was taken in goes on, and can be waited for again. */
export class WaitTimeoutError extends SeaworthyError<"ERR_WAIT_TIMEOUT"> {
  override name = "WaitTimeoutError";
  /** `undefined` if it is not known to be taken in. */
  readonly id: string | undefined;

  /**
   * @param waitedMs - how long it has waited, in ms
   * @param trouble - what kept the client from learning more, last
   */
  constructor(id: string | undefined, waitedMs: number, trouble: string | undefined) {
    const what = id === undefined ? "the request is not known to be taken in" : `request ${id} has no reply`;
    const because = trouble === undefined ? "" : `; last the client met with: ${trouble}`;
    super("ERR_WAIT_TIMEOUT", `${what} after ${Math.round(waitedMs)} ms${because}`, { retryable: true });
    this.id = id;
  }
}

/**
 * What the methods of a client reject with, besides a `TypeError` or `RangeError` for wrong arguments. Its `code` tells
 * the members apart, for the compiler as well.
 */
export type TitanicRequestError =
  | UnknownRequestError
  | RequestClosedError
  | DeadLetterError
  | KeyConflictError
  | RequestRefusedError
  | ServerFailedError
  | NotSupportedError
  | WaitTimeoutError
  | RequestTimeoutError
  | BrokerUnreachableError
  | NoServiceError
  | WorkersFailedError
  | BrokerLimitError
  | RemoteError
  | AbortedError
  | ClosedError
  | LimitError;
