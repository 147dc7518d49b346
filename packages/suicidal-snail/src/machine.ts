/**
 * The portable half of Suicidal Snail: wire format, machines, and their wiring to any transport. It imports neither `zeromq`
 * nor `node:*`, and runs in the simulator and in a browser.
 *
 * @module
 */
export { mergedAlarm, type SnailAlarm, type SnailReason } from "./alarm.js";
export { SnailError } from "./errors.js";
export { PublisherMachine } from "./publisher-machine.js";
export {
  type ConnectionInput,
  type SnailConnectionEvent,
  type SnailPublisherEvent,
  type SnailPublisherInput,
  type SnailPublisherOutput,
  type SnailPublisherStats,
  TopicLife,
} from "./publisher-messages.js";
export {
  type ResolvedPublisherOptions,
  resolvePublisherOptions,
  type SnailPublisherOptions,
} from "./publisher-options.js";
export {
  type SnailPublisherOwner,
  type SnailPublisherSurroundings,
  type WiredPublisher,
  wirePublisher,
} from "./publisher-wiring.js";
export { SubscriberMachine } from "./subscriber-machine.js";
export {
  ReceivedMessage,
  type SnailSubscriberEvent,
  type SnailSubscriberInput,
  type SnailSubscriberOutput,
  type SnailSubscriberStats,
} from "./subscriber-messages.js";
export {
  type ResolvedSubscriberOptions,
  resolveSubscriberOptions,
  type SnailFormat,
  type SnailPolicy,
  type SnailSubscriberOptions,
} from "./subscriber-options.js";
export {
  type SnailSubscriberOwner,
  type SnailSubscriberSurroundings,
  type WiredSubscriber,
  wireSubscriber,
} from "./subscriber-wiring.js";
export {
  decodePublished,
  decodeTimestamp,
  encodePublished,
  epochBytes,
  epochKey,
  epochOf,
  HEADER_BYTES,
  isEnd,
  isSameEpoch,
  MAX_NUMBER,
  type Published,
  type Stamp,
  sequenceOf,
  seriesOf,
  type Timestamp,
  timeOf,
} from "./wire.js";
