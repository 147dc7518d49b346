import type { ParanoidPirateQueueEvent, ParanoidPirateWorkerEvent } from "../src/index.js";

// What the README and the page of the site must name. The compiler sees to it that none is missing here.
export const queueEvents: Record<ParanoidPirateQueueEvent["type"], true> = {
  "worker-joined": true,
  "worker-left": true,
  "worker-expired": true,
  "worker-returned": true,
  "worker-gone": true,
  "worker-refused": true,
  "request-redelivered": true,
  "request-given-up": true,
  "request-dropped": true,
  "reply-dropped": true,
  "reply-undeliverable": true,
  "message-dropped": true,
  "process-stalled": true,
};
export const workerEvents: Record<ParanoidPirateWorkerEvent["type"], true> = {
  "session-opened": true,
  "session-lost": true,
  "session-closed": true,
  "handler-failed": true,
  "reply-dropped": true,
  "request-refused": true,
  "message-dropped": true,
  "process-stalled": true,
};
