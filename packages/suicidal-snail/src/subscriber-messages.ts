import { frameText, type Malformed, type MessageDropped, type StatusEvent } from "@seaworthy/core";
import type { SnailAlarm } from "./alarm.js";
import type { ConnectionInput, SnailConnectionEvent } from "./publisher-messages.js";
import type { Published, Timestamp } from "./wire.js";

/** A message for the application. */
export class ReceivedMessage {
  readonly topic: Uint8Array;
  readonly body: Uint8Array[];
  /** The life of the publisher; 0 with the format `guide`. */
  readonly epoch: bigint;
  /** Its number within the topic's series; 0 with the format `guide`. */
  readonly sequence: number;
  /** When it arrived, in ms on the role's clock. */
  readonly arrivedAt: number;
  /** How late it is when it is handed over, in ms. */
  delayMs: number;
  /** What was noticed since the message that was handed over before, or at this one. */
  alarm: SnailAlarm | undefined = undefined;

  constructor(
    topic: Uint8Array,
    body: Uint8Array[],
    epoch: bigint,
    sequence: number,
    arrivedAt: number,
    delayMs: number,
  ) {
    this.topic = topic;
    this.body = body;
    this.epoch = epoch;
    this.sequence = sequence;
    this.arrivedAt = arrivedAt;
    this.delayMs = delayMs;
  }

  /** The topic as text. */
  get topicText(): string {
    return frameText(this.topic);
  }
}

/** What can happen to a subscriber. */
export type SnailSubscriberInput =
  | Published
  | Timestamp
  | Malformed
  | ConnectionInput
  /** The application has subscribed to what begins with `prefix`, for the first time. */
  | { readonly type: "subscribe"; readonly prefix: Uint8Array }
  /** The application takes the next message: see `SubscriberMachine.claim`. */
  | { readonly type: "take" }
  | { readonly type: "close" };

/** Status events of a subscriber. */
export type SnailSubscriberEvent =
  /** The first message of a life of a publisher. */
  | (StatusEvent & { readonly type: "publisher-heard"; readonly epoch: bigint })
  /** The publisher has forgotten a topic. */
  | (StatusEvent & { readonly type: "topic-ended"; readonly topic: string; readonly epoch: bigint })
  | (StatusEvent & SnailAlarm & { readonly type: "alarm-raised" })
  | (StatusEvent & {
      /** Policy `resync`: messages of this publisher are handed over again. */
      readonly type: "resynced";
      readonly epoch: bigint;
      /** Messages dropped that had waited for the application. */
      readonly dropped: number;
      /** Messages dropped as they arrived, because they were late. */
      readonly skipped: number;
      /** Messages that did not arrive; `undefined` if it cannot be known how many. */
      readonly lost: number | undefined;
    })
  /** The process stood still while messages waited for the application. */
  | (StatusEvent & { readonly type: "process-stalled"; readonly ms: number })
  | SnailConnectionEvent
  | MessageDropped;

/** What a subscriber does. */
export type SnailSubscriberOutput =
  /** There are messages to be taken, and there were none. */
  | { readonly type: "ready" }
  /** Policy `die`: it takes no more. */
  | { readonly type: "died"; readonly alarm: SnailAlarm }
  | { readonly type: "status"; readonly event: SnailSubscriberEvent };

/** Counters of a subscriber. */
export interface SnailSubscriberStats {
  /** Messages that arrived, other than malformed ones. */
  received: number;
  /** Messages that the application has taken. */
  handed: number;
  /** Gaps noticed. */
  gaps: number;
  /** Messages that did not arrive, where it is known how many. */
  lost: number;
  /** Messages dropped because they had come before, or were older than one that had. */
  duplicates: number;
  /** Messages of the application's own queue that were dropped: it was full, or out of date. */
  queueDropped: number;
  /** Messages dropped as they arrived, because they were late (policy `resync`). */
  skipped: number;
  /** Messages of topics or publishers beyond those that are kept track of. */
  untracked: number;
  /** Malformed messages. */
  dropped: number;
  /** Alarms raised. */
  alarms: number;
  /** How often messages of a publisher were handed over again after a resync. */
  resyncs: number;
}
