import type { DeadlineEntry, Frames } from "@seaworthy/core";
import type { RequestFailure } from "./client-messages.js";
import type { RequestEvent, RequestState } from "./request-life.js";

/** A request that has not ended. */
export interface Pending {
  readonly call: number;
  readonly sequence: bigint;
  readonly body: Frames;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly endpoints: string[];
  /** When it fails, whatever happens. */
  readonly endsAt: number;
  /** The end of its attempt or pause, or of all of it. */
  readonly timer: DeadlineEntry<number>;
  state: RequestState;
  attempts: number;
  sent: number;
  attemptStartedAt: number;
  /** How many messages had come over the connection when the attempt began. */
  heardBefore: number;
}

/** The code of the error that an event ends a request with. */
export const FAILURE_CODES: Readonly<Partial<Record<RequestEvent, RequestFailure["code"]>>> = {
  exhausted: "ERR_REQUEST_TIMEOUT",
  "out-of-time": "ERR_REQUEST_TIMEOUT",
  "last-connection-lost": "ERR_CONNECTION_LOST",
  "last-refused": "ERR_NOT_ACTIVE",
  "failure-reply": "ERR_HANDLER_FAILED",
  aborted: "ERR_ABORTED",
  closed: "ERR_CLOSED",
};
