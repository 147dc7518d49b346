import { type Scheduler, systemScheduler } from "@seaworthy/core";
import type { DropReason, GoneReason, MajordomoBrokerEvent } from "./broker-messages.js";
import { type EventLevel, type EventLogger, StatusLog } from "./daemon-status-log.js";

export type { EventLevel };

/** `warn` for what the broker's owner may want to do something about. */
const DROP_LEVELS: Record<DropReason, EventLevel> = {
  "no-worker": "warn",
  "too-old": "warn",
  "given-up": "warn",
  limit: "warn",
  "handler-failed": "info",
  dropped: "info",
  cancelled: "debug",
  "client-gone": "debug",
  closing: "debug",
};

const GONE_LEVELS: Record<GoneReason, EventLevel> = {
  disconnected: "info",
  departed: "info",
  silent: "info",
  "peer-unknown": "info",
  unexpected: "warn",
  "peer-full": "warn",
  "queue-full": "warn",
};

const LEVELS: Record<MajordomoBrokerEvent["type"], EventLevel> = {
  "worker-joined": "info",
  "worker-returned": "info",
  "worker-gone": "info",
  "worker-expired": "warn",
  "worker-refused": "warn",
  "service-added": "info",
  "service-removed": "info",
  "request-redelivered": "info",
  "request-dropped": "warn",
  "reply-dropped": "debug",
  "reply-undeliverable": "debug",
  "message-dropped": "warn",
  "process-stalled": "warn",
};

/** At which level an event is logged. */
export function levelOf(event: MajordomoBrokerEvent): EventLevel {
  switch (event.type) {
    case "request-dropped":
      return DROP_LEVELS[event.reason];
    case "worker-gone":
      return GONE_LEVELS[event.reason];
    case "reply-dropped":
      return event.reason === "body-too-large" ? "warn" : "debug";
    case "reply-undeliverable":
      // Nobody there is what becomes of the replies to clients that have gone.
      return event.reason === "peer-unknown" ? "debug" : "warn";
    default:
      return LEVELS[event.type];
  }
}

/** Writes the events of a broker to a log. */
export class EventLog extends StatusLog<MajordomoBrokerEvent> {
  constructor(logger: EventLogger, scheduler: Scheduler = systemScheduler) {
    super(logger, levelOf, scheduler);
  }
}
