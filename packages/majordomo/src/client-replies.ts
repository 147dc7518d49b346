import { byteLength, framesEqual, frameText, memoryOf } from "@seaworthy/core";
import type { BrokerLink, Lane } from "./broker-link.js";
import type { AttemptOutcome } from "./client-judgement.js";
import type { AttemptEnd, FailureCause, MajordomoClientEvent } from "./client-messages.js";
import type { ResolvedClientOptions } from "./client-options.js";
import type { ReplyPart } from "./client-wire.js";
import { type Pending, StreamProgress } from "./pending.js";
import type { ReplyCollector } from "./reply-collector.js";
import type { RefusalKind, RequestHeader } from "./request-header.js";
import type { RequestEvent } from "./request-life.js";

/** What comes with an event of a request. */
export interface Outcome {
  /** Where it came from. */
  readonly lane?: Lane;
  readonly body?: Uint8Array[];
  readonly cause?: FailureCause;
  readonly reason?: AttemptEnd;
}

/** What replies do to the requests of the machine. */
interface ReplyActions {
  /** The request with this header, if it has not ended. */
  find(header: RequestHeader): Pending | undefined;
  /** Nobody waits for a reply with this header. */
  stray(header: RequestHeader): void;
  dropped(reason: (MajordomoClientEvent & { type: "reply-dropped" })["reason"]): void;
  step(pending: Pending, event: RequestEvent, outcome: Outcome): void;
  endAttempt(pending: Pending, outcome: AttemptOutcome): void;
  /** The broker is closing; returns whether there is another one. */
  closing(link: BrokerLink): boolean;
}

interface Part {
  readonly index: number;
  readonly delivery: number;
  readonly isFinal: boolean;
  readonly body: Uint8Array[];
}

/** What a broker says when there will be no reply. */
interface Refusal {
  readonly kind: RefusalKind;
  /** How often the request had been given to a worker. */
  readonly deliveries: number;
  readonly message: string;
}

/** Finds the request that a reply belongs to, and judges what the reply means to it. */
export class ClientReplies {
  readonly #options: ResolvedClientOptions;
  readonly #actions: ReplyActions;

  constructor(options: ResolvedClientOptions, actions: ReplyActions) {
    this.#options = options;
    this.#actions = actions;
  }

  take(lane: Lane, { header, service, isFinal, body }: ReplyPart): void {
    if (header === undefined) return this.#takeBare(lane, service, isFinal, body);
    const { kind, first: index, second: delivery } = header;
    const pending = this.#actions.find(header);
    if (pending === undefined) return this.#actions.stray(header);
    if (kind === "cancel") return this.#actions.dropped("unknown");
    if (kind === "message") this.#part(pending, lane, { index, delivery, isFinal, body });
    else
      this.#refused(pending, lane, { kind, deliveries: delivery, message: frameText(body[0] as Uint8Array) });
  }

  /** Over this lane one request is in flight at a time: the reply is to that, unless it names another service. */
  #takeBare(lane: Lane, service: Uint8Array, isFinal: boolean, body: Uint8Array[]): void {
    const { bare } = lane;
    if (bare === undefined || !framesEqual(bare.service, service)) return this.#actions.dropped("unknown");
    this.#part(bare, lane, { index: lane.parts++, delivery: 0, isFinal, body });
  }

  #part(pending: Pending, lane: Lane, part: Part): void {
    if (part.isFinal) pending.doneAt(lane.link);
    if (pending.reply instanceof StreamProgress) this.#stream(pending, pending.reply, lane, part);
    else this.#collect(pending, pending.reply, lane, part);
  }

  #collect(pending: Pending, collector: ReplyCollector, lane: Lane, part: Part): void {
    const { index, delivery, isFinal, body } = part;
    const whole =
      isFinal && index === 0
        ? { frames: body, bytes: byteLength(body) }
        : collector.add(lane.socket, index, delivery, body);
    if (whole === undefined) return this.#incomplete(pending, lane, isFinal);
    if (whole.bytes > this.#options.maxBodyBytes) return this.#overrun(pending, "maxBodyBytes");
    if (isFinal) this.#actions.step(pending, "final", { lane, body: whole.frames });
  }

  #stream(pending: Pending, progress: StreamProgress, lane: Lane, part: Part): void {
    const { index, delivery, isFinal, body } = part;
    if (pending.state === "streaming") {
      if (pending.lane !== lane) return this.#actions.dropped("late");
    } else {
      if (index !== 0) return this.#incomplete(pending, lane, isFinal);
      // The stream of the attempt that counts will come; what is whole is as good from another.
      if (pending.state === "sent" && pending.lane !== lane && !isFinal) return this.#actions.dropped("late");
    }
    const arrival = progress.order.take(index, delivery);
    if (arrival !== "next") {
      const reason = arrival === "restart" ? "restarted" : "incomplete";
      const cause: FailureCause = { code: "ERR_STREAM_INTERRUPTED", reason };
      return this.#actions.step(pending, "broken", { cause });
    }
    const { maxBodyBytes, maxStreamParts, maxStreamBytes } = this.#options;
    if (byteLength(body) > maxBodyBytes) return this.#overrun(pending, "maxBodyBytes");
    if (isFinal) return this.#actions.step(pending, "final", { lane, body });
    if (progress.unread >= maxStreamParts) return this.#overrun(pending, "maxStreamParts");
    if (progress.unreadBytes + memoryOf(body) > maxStreamBytes)
      return this.#overrun(pending, "maxStreamBytes");
    this.#actions.step(pending, "part", { lane, body });
  }

  #overrun(pending: Pending, option: "maxBodyBytes" | "maxStreamParts" | "maxStreamBytes"): void {
    const cause: FailureCause = { code: "ERR_LIMIT_REACHED", option, limit: this.#options[option] };
    this.#actions.step(pending, "overrun", { cause });
  }

  /** This reply is not used. If nothing else is to come of the attempt, that is over. */
  #incomplete(pending: Pending, lane: Lane, isFinal: boolean): void {
    this.#actions.dropped("incomplete");
    if (isFinal && pending.lane === lane) this.#actions.endAttempt(pending, { reason: "incomplete" });
  }

  #refused(pending: Pending, lane: Lane, { kind, deliveries, message }: Refusal): void {
    const { step, endAttempt, dropped, closing } = this.#actions;
    pending.doneAt(lane.link);
    const canGoOn = kind === "closing" && closing(lane.link);
    const isStreaming = pending.state === "streaming";
    if (isStreaming && pending.lane !== lane) return dropped("late");
    if (kind === "handler-failed")
      return step(pending, "rejected", { cause: { code: "ERR_HANDLER_FAILED", message } });
    if (kind === "given-up") return step(pending, "rejected", { cause: { code: "ERR_WORKERS_FAILED" } });
    // An earlier attempt's end is not that of the one under way.
    if (pending.lane !== lane) return dropped("late");
    if (canGoOn && !isStreaming && !pending.isLastAttempt) step(pending, "passed-on", { reason: kind });
    else endAttempt(pending, { reason: kind, message, deliveries });
  }
}
