import type {
  SnailAlarm,
  SnailMessage,
  SnailPolicy,
  SnailPublisherEvent,
  SnailReason,
  SnailSubscriberEvent,
} from "../src/index.js";

// What the README and the page of the site must name. The compiler sees to it that none is missing here.
export const publisherEvents: Record<SnailPublisherEvent["type"], true> = {
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
};
export const subscriberEvents: Record<SnailSubscriberEvent["type"], true> = {
  ...publisherEvents,
  "publisher-heard": true,
  "topic-ended": true,
  "alarm-raised": true,
  resynced: true,
  "process-stalled": true,
  "message-dropped": true,
};
export const policies: Record<SnailPolicy, true> = { die: true, resync: true, report: true };
export const reasons: Record<SnailReason, true> = {
  gap: true,
  delay: true,
  queue: true,
  "queue-full": true,
  "too-many-topics": true,
};
export const alarm: Record<keyof SnailAlarm, true> = {
  reason: true,
  topic: true,
  epoch: true,
  lost: true,
  delayMs: true,
  at: true,
};
export const message: Record<keyof SnailMessage, true> = {
  topic: true,
  topicText: true,
  body: true,
  delayMs: true,
  arrivedAt: true,
  epoch: true,
  sequence: true,
  alarm: true,
};
