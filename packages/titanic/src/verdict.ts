import type { RequestFailure } from "@seaworthy/majordomo/machine";

/**
 * What the failure of an attempt says. `counts`: the request may be what failed. `postpone`: it was no fault of the
 * request, which need not have been tried at all; `doubt`: nor was there a worker or a broker.
 */
export type Verdict = "counts" | "postpone" | "doubt";

const VERDICTS: Readonly<Record<RequestFailure["code"], Verdict>> = {
  ERR_REQUEST_TIMEOUT: "counts",
  ERR_WORKERS_FAILED: "counts",
  ERR_HANDLER_FAILED: "counts",
  ERR_STREAM_INTERRUPTED: "counts",
  ERR_LIMIT_REACHED: "counts",
  ERR_BROKER_LIMIT: "postpone",
  ERR_ABORTED: "postpone",
  ERR_CLOSED: "postpone",
  ERR_NO_SERVICE: "doubt",
  ERR_BROKER_UNREACHABLE: "doubt",
};

export function verdictOn(failure: RequestFailure): Verdict {
  // It waited for a connection with room, or in the broker's line, all the time: nobody can have failed of it.
  const isTimeout = failure.code === "ERR_REQUEST_TIMEOUT";
  if (isTimeout && (failure.sent === 0 || failure.wasGiven === false)) return "postpone";
  return VERDICTS[failure.code];
}

/** Longest message of a handler that is kept, in characters. */
const MAX_MESSAGE_CHARACTERS = 1024;

/** A failure for people, as it is kept with the request. */
export function describeFailure(failure: RequestFailure): string {
  switch (failure.code) {
    case "ERR_HANDLER_FAILED":
      return `its handler failed: ${failure.message.slice(0, MAX_MESSAGE_CHARACTERS)}`;
    case "ERR_WORKERS_FAILED":
      return "all workers that had it were lost";
    case "ERR_REQUEST_TIMEOUT":
      return "no reply came in time";
    case "ERR_LIMIT_REACHED":
      return `limit ${failure.option} = ${failure.limit} is reached`;
    default:
      return failure.code;
  }
}
