import type { EventLevel } from "@seaworthy/majordomo/daemon";
import type { RefusalReason, TitanicServerEvent } from "./server-messages.js";

/** A client that is in the wrong learns so itself; what a limit or the store refuses is the owner's business. */
const REFUSAL_LEVELS: Record<RefusalReason, EventLevel> = {
  malformed: "info",
  conflict: "info",
  limit: "warn",
  store: "warn",
};

const LEVELS: Record<Exclude<TitanicServerEvent["type"], "request-refused">, EventLevel> = {
  "attempt-failed": "info",
  "request-buried": "warn",
  "service-missed": "warn",
  "service-found": "info",
  "lease-lost": "warn",
  "reply-dropped": "debug",
  "store-failed": "warn",
  "store-recovered": "info",
  "service-offered": "info",
  "service-withdrawn": "warn",
  "connection-opened": "info",
  "connection-lost": "warn",
  "connection-failed": "warn",
  "process-stalled": "warn",
};

/** At which level an event is logged: `warn` for what the owner may want to do something about. */
export function levelOf(event: TitanicServerEvent): EventLevel {
  return event.type === "request-refused" ? REFUSAL_LEVELS[event.reason] : LEVELS[event.type];
}
