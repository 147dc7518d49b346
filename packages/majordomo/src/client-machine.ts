import {
  Backoff,
  Fifo,
  frameText,
  type Machine,
  memoryOf,
  noteEndpoint,
  type Random,
  type Stalled,
  type Transition,
} from "@seaworthy/core";
import type { BrokerLink, Lane } from "./broker-link.js";
import { BrokerLinks } from "./broker-links.js";
import { type AttemptOutcome, causeOf, waitAtBrokerMs } from "./client-judgement.js";
import type {
  AttemptEnd,
  FailureCause,
  MajordomoClientEvent,
  MajordomoClientInput,
  MajordomoClientOutput,
  MajordomoClientStats,
} from "./client-messages.js";
import type { ResolvedClientOptions } from "./client-options.js";
import { ClientReplies, type Outcome } from "./client-replies.js";
import { ClientRequests } from "./client-requests.js";
import type { ReplyPart } from "./client-wire.js";
import { decodeNotice } from "./notice.js";
import type { Pending, StreamProgress } from "./pending.js";
import type { RequestHeader } from "./request-header.js";
import { type RequestAction, type RequestEvent, type RequestState, requestLife } from "./request-life.js";
import { type MdpVersion, MMI_SEAWORTHY } from "./wire.js";

/** The protocol of a Majordomo client (7/MDP, 18/MDP): retries, goes from broker to broker, matches replies. */
export class MajordomoClientMachine implements Machine<MajordomoClientInput, MajordomoClientOutput> {
  readonly stats: MajordomoClientStats = {
    requests: 0,
    answered: 0,
    failed: 0,
    retries: 0,
    parts: 0,
    cancelled: 0,
    lateReplies: 0,
    dropped: 0,
    refused: 0,
    replaced: 0,
  };
  readonly #protocol: ResolvedClientOptions["protocol"];
  readonly #backoff: Backoff;
  readonly #links: BrokerLinks;
  readonly #replies: ClientReplies;
  readonly #requests: ClientRequests;
  readonly #outputs = new Fifo<MajordomoClientOutput>();
  #now = 0;

  /**
   * @param options - checked options, see `resolveClientOptions`
   * @param epoch - 64 random bits that no other client uses
   * @param random - source of the jitter
   */
  constructor(options: ResolvedClientOptions, epoch: bigint, random: Random) {
    this.#protocol = options.protocol;
    this.#requests = new ClientRequests(epoch);
    this.#backoff = new Backoff(options.backoff, random, "MajordomoClient: backoff");
    this.#links = this.#newLinks(options, random);
    this.#replies = new ClientReplies(options, {
      find: (header) => this.#requests.find(header),
      stray: (header) => this.#dropReply(this.#requests.wasMade(header) ? "late" : "unknown"),
      dropped: (reason) => this.#dropReply(reason),
      step: (pending, event, outcome) => this.#step(pending, event, outcome),
      endAttempt: (pending, outcome) => this.#endAttempt(pending, outcome),
      closing: (link) => this.#links.closing(link, this.#now),
    });
  }

  #newLinks(options: ResolvedClientOptions, random: Random): BrokerLinks {
    const tell = (event: DistributiveOmit<MajordomoClientEvent, "at">): void =>
      this.#report({ ...event, at: this.#now } as MajordomoClientEvent);
    return new BrokerLinks(options, random, {
      open: ({ socket, link }) =>
        this.#outputs.push({ type: "open", socket, endpoint: link.connection.endpoint }),
      discard: ({ socket }) => this.#outputs.push({ type: "discard", socket }),
      introduce: ({ socket, link }) =>
        this.#outputs.push({ type: "introduce", socket, version: this.#versionFor(link, "0.1") }),
      ended: (lane) => this.#laneEnded(lane),
      opened: ({ connection: { endpoint } }) => tell({ type: "connection-opened", endpoint }),
      lost: ({ connection: { endpoint, isUp } }, reason) => {
        const because = reason === undefined ? {} : { reason };
        tell({ type: isUp ? "connection-lost" : "connection-failed", endpoint, ...because });
      },
      recognised: (link) => this.#recognised(link),
      shortestTimeoutMs: () => this.#requests.shortestTimeoutMs,
      abandoned: ({ connection: { endpoint } }) => tell({ type: "connection-abandoned", endpoint }),
      replaced: (from, to, reason) => {
        this.stats.replaced += 1;
        tell({ type: "connection-replaced", from, to, reason });
      },
    });
  }

  /** Requests that have not ended. */
  get inFlight(): number {
    return this.#requests.size;
  }

  /** Sockets that are open. */
  get connections(): number {
    return this.#links.size;
  }

  get deadline(): number | undefined {
    const link = this.#links.deadline;
    const timer = this.#requests.deadline;
    if (link === undefined || timer === undefined) return link ?? timer;
    return Math.min(link, timer);
  }

  take(): MajordomoClientOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: MajordomoClientInput | Stalled, now: number): void {
    this.#now = now;
    this.#accept(input);
    this.#offer();
  }

  tick(now: number): void {
    this.#now = now;
    this.#links.tick(now);
    for (let due = this.#requests.takeDue(now); due !== undefined; due = this.#requests.takeDue(now)) {
      if (due.state === "backing-off") this.#step(due, "pause-over");
      else this.#timedOut(due);
    }
    this.#offer();
  }

  /** Whether the attempt that was handed to a socket is still the one that counts. */
  isAwaiting(call: number, attempt: number): boolean {
    const pending = this.#requests.get(call);
    return pending?.state === "sent" && pending.attempts === attempt;
  }

  #accept(input: MajordomoClientInput | Stalled): void {
    switch (input.type) {
      case "received":
        return this.#received(input.socket, input.reply);
      case "request":
        return this.#request(input);
      case "read":
        return this.#read(input.call, input.bytes);
      case "abort": {
        const pending = this.#requests.get(input.call);
        if (pending !== undefined) this.#step(pending, "aborted", { cause: { code: "ERR_ABORTED" } });
        return;
      }
      case "not-taken":
        return this.#notTaken(input.call);
      case "connect":
        return this.#links.connect(input.endpoint, this.#now);
      case "disconnect":
        return this.#links.disconnect(input.endpoint, this.#now);
      case "close": {
        const cause: FailureCause = { code: "ERR_CLOSED" };
        for (const pending of this.#requests.all()) this.#step(pending, "closed", { cause });
        return this.#links.close();
      }
      case "malformed":
        return this.#malformed(input.socket, input.reason);
      case "stalled":
        this.#links.stalled(this.#now);
        return this.#report({ type: "process-stalled", at: this.#now, ms: input.ms });
      default:
        return this.#connectionChanged(input);
    }
  }

  #connectionChanged({ type, socket, reason }: MajordomoClientInput & { type: "up" | "down" }): void {
    const lane = this.#links.lane(socket);
    if (lane === undefined) return;
    if (type === "up") this.#links.up(lane, this.#now);
    else this.#links.down(lane, reason, this.#now);
  }

  #request(input: MajordomoClientInput & { type: "request" }): void {
    this.stats.requests += 1;
    this.#beginAttempt(this.#requests.add(input, this.#now));
  }

  #beginAttempt(pending: Pending): void {
    pending.attempts += 1;
    pending.attemptStartedAt = this.#now;
    noteEndpoint(pending.endpoints, this.#links.current?.connection);
    this.#requests.wait(pending);
    this.#links.awaited(pending.timeoutMs, this.#now);
  }

  /** Gives what waits to connections with room. */
  #offer(): void {
    while (this.#requests.waiting > 0) {
      const lane = this.#links.vacancy();
      if (lane === undefined) return this.#links.widen(this.#requests.waiting, this.#now);
      const pending = this.#requests.nextWaiting() as Pending;
      this.#step(pending, "taken", { lane });
    }
  }

  /** A broker takes requests now. */
  #recognised(link: BrokerLink): void {
    const { endpoint } = link.connection;
    const protocol = this.#versionFor(link);
    this.#report({ type: "broker-recognised", at: this.#now, endpoint, ours: link.isOurs, protocol });
    this.#requests.waitAgain();
  }

  #versionFor(link: BrokerLink, automatic: MdpVersion = link.isOurs ? "0.2" : "0.1"): MdpVersion {
    return this.#protocol === "auto" ? automatic : this.#protocol;
  }

  #received(socket: number, reply: ReplyPart): void {
    const lane = this.#links.lane(socket);
    if (lane === undefined) return this.#dropReply("late");
    this.#links.heard(lane, this.#now);
    const isIntroduction = reply.header === undefined && frameText(reply.service) === MMI_SEAWORTHY;
    if (isIntroduction) this.#links.introduced(lane, isOurs(reply.body));
    else this.#replies.take(lane, reply);
  }

  #malformed(socket: number, reason: string): void {
    const lane = this.#links.lane(socket);
    if (lane !== undefined) this.#links.heard(lane, this.#now);
    this.stats.dropped += 1;
    this.#report({ type: "message-dropped", at: this.#now, reason });
  }

  #dropReply(reason: (MajordomoClientEvent & { type: "reply-dropped" })["reason"]): void {
    if (reason === "unknown") this.stats.dropped += 1;
    else this.stats.lateReplies += 1;
    this.#report({ type: "reply-dropped", at: this.#now, reason });
  }

  #read(call: number, bytes: number): void {
    const progress = this.#requests.get(call)?.reply as StreamProgress | undefined;
    if (progress === undefined) return;
    progress.unread -= 1;
    progress.unreadBytes -= bytes;
  }

  /** The socket's queue was full: this attempt was never sent, and waits for its time to be over. */
  #notTaken(call: number): void {
    const pending = this.#requests.get(call);
    if (pending?.state !== "sent") return;
    this.stats.refused += 1;
    this.#report({ type: "send-refused", at: this.#now, call });
    this.#step(pending, "not-taken");
  }

  /** No reply can come over this lane any more, so the attempts on it are over. */
  #laneEnded(lane: Lane): void {
    for (const pending of this.#requests.all()) {
      if (pending.lane === lane) this.#endAttempt(pending, { reason: "connection-lost" });
    }
  }

  #timedOut(pending: Pending): void {
    const isConnected = pending.lane !== undefined || this.#links.current?.connection.isUp === true;
    this.#links.timedOut(pending, this.#now);
    this.#endAttempt(pending, { reason: "timed-out", isConnected });
  }

  #endAttempt(pending: Pending, outcome: AttemptOutcome): void {
    const { reason } = outcome;
    if (pending.state === "streaming") {
      return this.#step(pending, "broken", { cause: { code: "ERR_STREAM_INTERRUPTED", reason } });
    }
    if (!pending.isLastAttempt) return this.#step(pending, "attempt-over", { reason });
    this.#step(pending, "last-attempt-over", { cause: causeOf(outcome) });
  }

  #step(pending: Pending, event: RequestEvent, outcome: Outcome = {}): void {
    // No event is ignored in any state.
    const { to, action } = requestLife.step(pending.state, event) as Transition<RequestState, RequestAction>;
    pending.state = to;
    switch (action) {
      case "send":
        return this.#send(pending, outcome.lane as Lane);
      case "retract":
        pending.sent -= 1;
        return this.#release(pending, false);
      case "deliver":
        return this.#deliver(pending, outcome.lane as Lane, outcome.body as Uint8Array[]);
      case "pause":
        return this.#pause(pending, outcome.reason as AttemptEnd);
      case "offer":
        return this.#tryAgain(pending, outcome.reason);
      case "settle":
        this.#forget(pending, pending.lane === outcome.lane);
        this.stats.answered += 1;
        this.#outputs.push({ type: "answered", call: pending.call, body: outcome.body as Uint8Array[] });
        return;
      case "fail":
        return this.#fail(pending, outcome.cause as FailureCause);
    }
  }

  #send(pending: Pending, lane: Lane): void {
    const { link, socket } = lane;
    const { call, attempts: attempt, service, body } = pending;
    this.#occupy(pending, lane);
    pending.sent += 1;
    noteEndpoint(pending.endpoints, link.connection);
    let header: RequestHeader | undefined;
    if (link.isOurs) {
      pending.askOf(link);
      header = this.#requests.header(pending, "message", waitAtBrokerMs(pending.timer.at - this.#now));
    } else {
      lane.bare = pending;
      lane.parts = 0;
    }
    const version = this.#versionFor(link);
    this.#outputs.push({ type: "send", socket, call, attempt, version, service, header, body });
  }

  /** A part may come of an earlier attempt, during a pause or a wait: then its lane is where the request is now. */
  #deliver(pending: Pending, lane: Lane, body: Uint8Array[]): void {
    const progress = pending.reply as StreamProgress;
    progress.unread += 1;
    progress.unreadBytes += memoryOf(body);
    if (pending.lane === undefined) {
      pending.place.unlink();
      this.#occupy(pending, lane);
    }
    pending.attemptStartedAt = this.#now;
    this.#requests.schedule(pending, this.#now + pending.timeoutMs);
    this.stats.parts += 1;
    this.#outputs.push({ type: "part", call: pending.call, body });
  }

  #pause(pending: Pending, reason: AttemptEnd): void {
    pending.place.unlink();
    this.#release(pending, false);
    const pauseMs = this.#backoff.delay(pending.attempts);
    this.#requests.schedule(pending, this.#now + pauseMs);
    this.#reportRetry(pending, reason, pauseMs);
  }

  /** The next attempt begins: after a pause, or for the given reason without one. */
  #tryAgain(pending: Pending, reason: AttemptEnd | undefined): void {
    if (reason !== undefined) {
      this.#release(pending, false);
      this.#reportRetry(pending, reason, 0);
    }
    this.stats.retries += 1;
    this.#requests.schedule(pending, this.#now + pending.timeoutMs);
    this.#beginAttempt(pending);
  }

  #reportRetry({ call, attempts: attempt }: Pending, reason: AttemptEnd, pauseMs: number): void {
    this.#report({ type: "request-retried", at: this.#now, call, attempt, reason, pauseMs });
  }

  #fail(pending: Pending, cause: FailureCause): void {
    this.#forget(pending, false);
    this.stats.failed += 1;
    const { call, attempts, sent, endpoints } = pending;
    this.#outputs.push({ type: "failed", call, failure: { ...cause, attempts, sent, endpoints } });
    this.#report({ type: "request-failed", at: this.#now, call, code: cause.code, attempts });
  }

  /** @param isClean - nothing more can come over the lane that it was sent over last */
  #forget(pending: Pending, isClean: boolean): void {
    this.#requests.remove(pending);
    for (const link of pending.askedOf) if (!link.isGone) this.#cancel(pending, link);
    this.#release(pending, isClean);
  }

  /** A broker of ours need not work on it any more. */
  #cancel(pending: Pending, link: BrokerLink): void {
    this.stats.cancelled += 1;
    const header = this.#requests.header(pending, "cancel", 0);
    const { socket } = link.main;
    const version = this.#versionFor(link);
    this.#outputs.push({ type: "cancel", socket, version, service: pending.service, header });
  }

  #occupy(pending: Pending, lane: Lane): void {
    pending.lane = lane;
    this.#links.occupy(lane, pending.timeoutMs, this.#now);
  }

  #release(pending: Pending, isClean: boolean): void {
    const { lane } = pending;
    pending.lane = undefined;
    if (lane !== undefined) this.#links.release(lane, isClean);
  }

  #report(event: MajordomoClientEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A broker of ours answers 200 and introduces itself; others know no such service (8/MMI). */
function isOurs([status, notice]: Uint8Array[]): boolean {
  return (
    frameText(status as Uint8Array) === "200" && notice !== undefined && decodeNotice(notice) !== undefined
  );
}
