import type {
  MajordomoBrokerEvent,
  MajordomoClientEvent,
  MajordomoRequestError,
  MajordomoWorkerEvent,
} from "../src/index.js";

// What the README and the page of the site must name. The compiler sees to it that none is missing here.
export const brokerEvents: Record<MajordomoBrokerEvent["type"], true> = {
  "worker-joined": true,
  "worker-expired": true,
  "worker-returned": true,
  "worker-gone": true,
  "worker-refused": true,
  "service-added": true,
  "service-removed": true,
  "request-dropped": true,
  "request-redelivered": true,
  "reply-dropped": true,
  "reply-undeliverable": true,
  "message-dropped": true,
  "process-stalled": true,
};
export const workerEvents: Record<MajordomoWorkerEvent["type"], true> = {
  "session-opened": true,
  "session-lost": true,
  "session-renewed": true,
  "session-closed": true,
  "broker-recognised": true,
  "handler-failed": true,
  "thread-failed": true,
  "reply-dropped": true,
  "request-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
export const clientEvents: Record<MajordomoClientEvent["type"], true> = {
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
  "connection-abandoned": true,
  "connection-replaced": true,
  "broker-recognised": true,
  "request-retried": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
export const errors: Record<MajordomoRequestError["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_BROKER_UNREACHABLE: true,
  ERR_NO_SERVICE: true,
  ERR_WORKERS_FAILED: true,
  ERR_HANDLER_FAILED: true,
  ERR_BROKER_LIMIT: true,
  ERR_STREAM_INTERRUPTED: true,
  ERR_NOT_SUPPORTED: true,
  ERR_LIMIT_REACHED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
};
