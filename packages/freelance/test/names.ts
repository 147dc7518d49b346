import type {
  FreelanceClientEvent,
  FreelanceRequestError,
  FreelanceServerEvent,
  FreelanceServerStatistics,
} from "../src/index.js";

// What the README and the page of the site must name. The compiler sees to it that none is missing here.
export const clientEvents: Record<FreelanceClientEvent["type"], true> = {
  "server-added": true,
  "server-removed": true,
  "server-connected": true,
  "server-alive": true,
  "server-suspected": true,
  "server-gone": true,
  "server-unaddressable": true,
  "connection-failed": true,
  "request-retried": true,
  "request-hedged": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
export const serverEvents: Record<FreelanceServerEvent["type"], true> = {
  "request-refused": true,
  "handler-failed": true,
  "reply-undeliverable": true,
  "repeat-answered": true,
  "repeat-joined": true,
  "message-dropped": true,
};
export const errors: Record<FreelanceRequestError["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_CONNECTION_LOST: true,
  ERR_NOT_CONNECTED: true,
  ERR_HANDLER_FAILED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
  ERR_LIMIT_REACHED: true,
};
/** Of a server, besides its endpoint. */
export const statistics: Record<Exclude<keyof FreelanceServerStatistics, "endpoint">, true> = {
  state: true,
  outstanding: true,
  latencyMs: true,
  requests: true,
  answered: true,
  failures: true,
  timeouts: true,
  losses: true,
  hedges: true,
  lastHeardMs: true,
};
