import type { Connection, DeadlineEntry, Frames, Link } from "@seaworthy/core";
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
  readonly timer: DeadlineEntry<number>;
  state: RequestState;
  attempts: number;
  sent: number;
  attemptStartedAt: number;
  /** Where the attempt that is under way was sent. */
  connection: Connection | undefined;
  /** Its place among those that a full queue did not take. */
  place: Link<Pending> | undefined;
}

/** The code of the error that an event ends a request with. */
export const FAILURE_CODES: Readonly<Partial<Record<RequestEvent, RequestFailure["code"]>>> = {
  exhausted: "ERR_REQUEST_TIMEOUT",
  "last-connection-lost": "ERR_CONNECTION_LOST",
  "not-connected": "ERR_NOT_CONNECTED",
  "failure-reply": "ERR_HANDLER_FAILED",
  aborted: "ERR_ABORTED",
  closed: "ERR_CLOSED",
};
