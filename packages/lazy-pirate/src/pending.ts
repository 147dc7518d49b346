import type { DeadlineEntry, Frames } from "@seaworthy/core";
import type { RequestFailure } from "./client-messages.js";
import type { Connection } from "./connections.js";
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
}

/** Not a word came over the current connection in the whole of this attempt: it may be half open. */
export function wasSilent(current: Connection, { attemptStartedAt, connection = current }: Pending): boolean {
  return (
    connection === current && current.openedAt <= attemptStartedAt && current.heardAt <= attemptStartedAt
  );
}

/** The endpoints of a request in the order of its attempts; one that stays the same is noted once. */
export function noteEndpoint({ endpoints }: Pending, connection: Connection | undefined): void {
  if (connection !== undefined && endpoints.at(-1) !== connection.endpoint)
    endpoints.push(connection.endpoint);
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
