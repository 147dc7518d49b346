import type { SimplePirateQueueEvent, SimplePirateWorkerEvent } from "../src/index.js";

// What the README and the page of the site must name. The compiler sees to it that none is missing here.
export const queueEvents: Record<SimplePirateQueueEvent["type"], true> = {
  "worker-joined": true,
  "worker-forgotten": true,
  "worker-gone": true,
  "request-lost": true,
  "request-dropped": true,
  "reply-dropped": true,
  "reply-undeliverable": true,
  "process-stalled": true,
  "message-dropped": true,
};
export const workerEvents: Record<SimplePirateWorkerEvent["type"], true> = {
  "session-opened": true,
  "session-lost": true,
  "handler-failed": true,
  "reply-dropped": true,
  "request-held": true,
  "request-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
