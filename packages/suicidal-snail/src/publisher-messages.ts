import { type Frames, Link, type StatusEvent } from "@seaworthy/core";

/** One life of a topic at its publisher. */
export class TopicLife {
  readonly key: string;
  readonly topic: Uint8Array;
  readonly series: number;
  /** The number given last. */
  sequence: number;
  /** Its place among the others, by when they were published to. */
  readonly link: Link<TopicLife> = new Link<TopicLife>(this);

  constructor(key: string, topic: Uint8Array, series: number, sequence: number) {
    this.key = key;
    this.topic = topic;
    this.series = series;
    this.sequence = sequence;
  }
}

/** What can happen to a publisher. */
export type SnailPublisherInput =
  | { readonly type: "publish"; readonly topic: string | Uint8Array; readonly body: Frames }
  /** The socket did not take a message, which nobody has got. */
  | { readonly type: "refused"; readonly life: TopicLife; readonly isEnd: boolean }
  | ConnectionInput;

/** A connection came or went. */
export interface ConnectionInput {
  readonly type: "up" | "down" | "failed";
  readonly endpoint: string;
  readonly reason?: string | undefined;
}

/** Status events of connections. */
export type SnailConnectionEvent =
  | (StatusEvent & { readonly type: "connection-opened" | "connection-lost"; readonly endpoint: string })
  | (StatusEvent & {
      /** A connection could not be made; it is tried again. */
      readonly type: "connection-failed";
      readonly endpoint: string;
      /** What went wrong, where it is known. */
      readonly reason: string | undefined;
    });

/** Status events of a publisher. */
export type SnailPublisherEvent = SnailConnectionEvent;

/** What a publisher does. */
export type SnailPublisherOutput =
  | { readonly type: "send"; readonly frames: Frames; readonly life: TopicLife; readonly isEnd: boolean }
  | { readonly type: "status"; readonly event: SnailPublisherEvent };

/** Counters of a publisher. */
export interface SnailPublisherStats {
  /** Messages published. */
  published: number;
  /** Series that were ended, most because there were too many topics. */
  ended: number;
  /** Messages that the socket did not take: `publish()` threw. */
  refused: number;
}

/** The status event of a connection. */
export function connectionEvent(
  { type, endpoint, reason }: ConnectionInput,
  at: number,
): SnailConnectionEvent {
  if (type === "failed") return { type: "connection-failed", endpoint, reason, at };
  return { type: type === "up" ? "connection-opened" : "connection-lost", endpoint, at };
}
