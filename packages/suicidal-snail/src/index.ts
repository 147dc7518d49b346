/**
 * Subscribers that know when they are too slow, and what they have lost: the guide's Suicidal Snail pattern over zeromq.
 *
 * @module
 */
export {
  BindError,
  type Body,
  ClosedError,
  type CurveOptions,
  LimitError,
  SeaworthyError,
  type SocketSettings,
} from "@seaworthy/core";
export type { NonEmptyFrames } from "@seaworthy/core/node";
export type { SnailAlarm, SnailReason } from "./alarm.js";
export { SnailError } from "./errors.js";
export { SnailPublisher } from "./publisher.js";
export type { SnailConnectionEvent, SnailPublisherEvent, SnailPublisherStats } from "./publisher-messages.js";
export type { SnailPublisherOptions } from "./publisher-options.js";
export { type SnailMessage, SnailSubscriber } from "./subscriber.js";
export type { SnailSubscriberEvent, SnailSubscriberStats } from "./subscriber-messages.js";
export type { SnailFormat, SnailPolicy, SnailSubscriberOptions } from "./subscriber-options.js";
