import { type DeadlineEntry, type Frames, Link } from "@seaworthy/core";
import type { BrokerLink, Lane } from "./broker-link.js";
import type { MajordomoClientInput } from "./client-messages.js";
import { PartOrder } from "./part-order.js";
import { ReplyCollector } from "./reply-collector.js";
import { type RequestState, requestLife } from "./request-life.js";

/** A request that has not ended. */
export class Pending {
  readonly call: number;
  readonly sequence: bigint;
  readonly service: Uint8Array;
  readonly body: Frames;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  /** What has come of a reply that comes in parts: collected, or handed over as a stream. */
  readonly reply: ReplyCollector | StreamProgress;
  readonly endpoints: string[] = [];
  readonly timer: DeadlineEntry<Pending>;
  /** Its place among those that wait for a connection with room. */
  readonly place: Link<Pending> = new Link<Pending>(this);
  /** Brokers of ours that may be working on it. */
  readonly askedOf: BrokerLink[] = [];
  state: RequestState = requestLife.initial;
  attempts = 0;
  sent = 0;
  /** When the attempt began, or the last part of a stream came. */
  attemptStartedAt = 0;
  /** Where the attempt that is under way was sent. */
  lane: Lane | undefined;

  constructor(
    input: MajordomoClientInput & { type: "request" },
    sequence: bigint,
    startTimer: (pending: Pending) => DeadlineEntry<Pending>,
  ) {
    this.call = input.call;
    this.sequence = sequence;
    this.service = input.service;
    this.body = input.body;
    this.timeoutMs = input.timeoutMs;
    this.maxAttempts = input.attempts;
    this.reply = input.isStream ? new StreamProgress() : new ReplyCollector();
    this.timer = startTimer(this);
  }

  get isLastAttempt(): boolean {
    return this.attempts >= this.maxAttempts;
  }

  /** The broker may work on it from now on. */
  askOf(link: BrokerLink): void {
    if (!this.askedOf.includes(link)) this.askedOf.push(link);
  }

  /** The broker has said its last word on it. */
  doneAt(link: BrokerLink): void {
    const index = this.askedOf.indexOf(link);
    if (index !== -1) this.askedOf.splice(index, 1);
  }
}

/** How far a stream has come. */
export class StreamProgress {
  readonly order: PartOrder = new PartOrder();
  /** Parts that the application has not read yet, and their size. */
  unread = 0;
  unreadBytes = 0;
}
