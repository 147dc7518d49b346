import type { AttemptEnd, FailureCause } from "./client-messages.js";

/** How an attempt ended. */
export interface AttemptOutcome {
  readonly reason: AttemptEnd;
  /** What the broker says besides. */
  readonly message?: string;
  /** Whether there was a broker. Default true. */
  readonly isConnected?: boolean;
  /** How often the request had been given to a worker, if the broker has said so. */
  readonly deliveries?: number;
}

/** What a request has failed of whose last attempt ended this way. */
export function causeOf({
  reason,
  message = "",
  isConnected = true,
  deliveries,
}: AttemptOutcome): FailureCause {
  switch (reason) {
    case "too-old":
      return { code: "ERR_REQUEST_TIMEOUT", ...(deliveries === 0 && { wasGiven: false }) };
    case "connection-lost":
    case "closing":
      return { code: "ERR_BROKER_UNREACHABLE" };
    case "no-worker":
      return { code: "ERR_NO_SERVICE" };
    case "limit":
      return { code: "ERR_BROKER_LIMIT", message };
    default:
      return { code: isConnected ? "ERR_REQUEST_TIMEOUT" : "ERR_BROKER_UNREACHABLE" };
  }
}

/** Longest part of an attempt that is kept for the way back, in ms, and which share of it at most. */
const MAX_MARGIN_MS = 250;
const MARGIN_SHARE = 0.1;

/** How long a request may wait in the broker, so that what the broker says then still comes in time. */
export function waitAtBrokerMs(leftMs: number): number {
  return Math.max(1, Math.floor(leftMs - Math.min(MARGIN_SHARE * leftMs, MAX_MARGIN_MS)));
}
