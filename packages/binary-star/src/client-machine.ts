import {
  Backoff,
  DeadlineQueue,
  Fifo,
  type Machine,
  type Random,
  SequenceSource,
  type Stalled,
} from "@seaworthy/core";
import type {
  Answer,
  BinaryStarClientEvent,
  BinaryStarClientInput,
  BinaryStarClientOutput,
  BinaryStarClientStats,
  MoveReason,
  RequestFailure,
} from "./client-messages.js";
import type { ResolvedClientOptions } from "./client-options.js";
import { FAILURE_CODES, type Pending } from "./pending.js";
import { type RequestEvent, requestLife } from "./request-life.js";
import { ServerChoice, type ServerConnection } from "./server-choice.js";
import type { Refusal } from "./wire.js";

/** Events that end an attempt after which another follows. */
type RetryReason = (BinaryStarClientEvent & { readonly type: "request-retried" })["reason"];

/** The protocol of a Binary Star client: matches replies, and sends requests again to whichever server is active. */
export class BinaryStarClientMachine implements Machine<BinaryStarClientInput, BinaryStarClientOutput> {
  readonly stats: BinaryStarClientStats = {
    requests: 0,
    answered: 0,
    failed: 0,
    retries: 0,
    refusals: 0,
    moves: 0,
    lateReplies: 0,
    dropped: 0,
    sendsRefused: 0,
  };
  readonly #settleMs: number;
  readonly #source: SequenceSource;
  readonly #backoff: Backoff;
  readonly #choice: ServerChoice;
  readonly #byCall = new Map<number, Pending>();
  readonly #bySequence = new Map<bigint, Pending>();
  readonly #timers = new DeadlineQueue<number>();
  readonly #outputs = new Fifo<BinaryStarClientOutput>();
  #now = 0;

  /**
   * @param options - checked options, see `resolveClientOptions`
   * @param epoch - 64 random bits that no other client uses
   * @param random - source of the jitter
   */
  constructor(options: ResolvedClientOptions, epoch: bigint, random: Random) {
    this.#settleMs = options.settleMs;
    this.#source = new SequenceSource(epoch);
    this.#backoff = new Backoff(options.backoff, random, "BinaryStarClient: backoff");
    this.#choice = new ServerChoice(options, random, {
      open: ({ number, endpoint }) => this.#outputs.push({ type: "open", connection: number, endpoint }),
      discard: ({ number }) => this.#outputs.push({ type: "discard", connection: number }),
      serve: () => this.#offerAll(),
      left: (reason) => this.#endAttempts(reason),
      report: (event) => {
        if (event.type === "server-changed") this.stats.moves += 1;
        this.#report(event);
      },
    });
  }

  /** Requests that have not ended. */
  get inFlight(): number {
    return this.#byCall.size;
  }

  /** The endpoint of the connection that stands. */
  get server(): string | undefined {
    const { current } = this.#choice;
    return current?.isUp === true ? current.endpoint : undefined;
  }

  get deadline(): number | undefined {
    const choice = this.#choice.deadline;
    const timer = this.#timers.deadline;
    if (choice === undefined || timer === undefined) return choice ?? timer;
    return Math.min(choice, timer);
  }

  take(): BinaryStarClientOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: BinaryStarClientInput | Stalled, now: number): void {
    this.#now = now;
    switch (input.type) {
      case "received":
        return this.#received(input.connection, input.reply);
      case "request":
        return this.#request(input);
      case "abort":
        return this.#abort(input.call);
      case "not-taken":
        return this.#notTaken(input.call);
      case "connect":
        return this.#choice.add(input.endpoint, now);
      case "disconnect":
        return this.#choice.remove(input.endpoint, now);
      case "up":
        return this.#choice.up(input.connection, now);
      case "down":
        return this.#choice.down(input.connection, input.reason, now);
      case "close":
        for (const pending of this.#byCall.values()) this.#step(pending, "closed");
        return this.#choice.close(now);
      case "malformed":
        this.#heard(input.connection);
        this.stats.dropped += 1;
        return this.#report({ type: "message-dropped", at: now, reason: input.reason });
      case "stalled":
        // Answers that came during the stall have been read by now, so attempts are judged as ever.
        return this.#report({ type: "process-stalled", at: now, ms: input.ms });
    }
  }

  tick(now: number): void {
    this.#now = now;
    // Requests first: one whose time is over is not to be sent once more.
    for (let call = this.#timers.takeDue(now); call !== undefined; call = this.#timers.takeDue(now))
      this.#due(this.#byCall.get(call) as Pending);
    this.#choice.tick(now);
  }

  /** Whether the attempt that was handed to a connection is still the one that counts. */
  isAwaiting(call: number, attempt: number): boolean {
    const pending = this.#byCall.get(call);
    return pending?.state === "sent" && pending.attempts === attempt;
  }

  #request({ call, body, timeoutMs, attempts }: BinaryStarClientInput & { type: "request" }): void {
    const sequence = this.#source.next();
    const endsAt = this.#now + attempts * timeoutMs + this.#settleMs;
    const pending: Pending = {
      call,
      sequence,
      body,
      timeoutMs,
      maxAttempts: attempts,
      endpoints: [],
      endsAt,
      timer: this.#timers.add(call, endsAt),
      state: requestLife.initial,
      attempts: 0,
      sent: 0,
      attemptStartedAt: this.#now,
      heardBefore: 0,
    };
    this.stats.requests += 1;
    this.#byCall.set(call, pending);
    this.#bySequence.set(sequence, pending);
    if (this.#choice.isClosed) this.#step(pending, "closed");
    else this.#offer(pending);
  }

  #offer(pending: Pending): void {
    if (this.#choice.isServing) this.#step(pending, "offered");
  }

  #offerAll(): void {
    for (const pending of this.#byCall.values()) if (pending.state === "waiting") this.#offer(pending);
  }

  #abort(call: number): void {
    const pending = this.#byCall.get(call);
    if (pending !== undefined) this.#step(pending, "aborted");
  }

  #received(number: number, answer: Answer): void {
    const connection = this.#heard(number);
    const isOurs = answer.epoch === this.#source.epoch;
    const pending = isOurs ? this.#bySequence.get(answer.sequence) : undefined;
    if (answer.type === "refusal") return this.#refused(connection, pending, answer);
    if (pending === undefined) this.#dropAnswer(answer);
    else if (answer.type === "reply") this.#step(pending, "reply", { body: answer.body });
    else this.#step(pending, "failure-reply", { message: answer.message });
    // Last, so that a request that is over is not sent again. A late reply shows as well that its server serves.
    if (isOurs && connection !== undefined) this.#choice.answered(connection, this.#now);
  }

  #refused(connection: ServerConnection | undefined, pending: Pending | undefined, refusal: Refusal): void {
    // What a server that was left has said of itself is of no use any more.
    if (connection === undefined || pending === undefined) return this.#dropAnswer(refusal);
    const { state, retryAfterMs } = refusal;
    const { call, attemptStartedAt: askedAt } = pending;
    const { endpoint } = connection;
    this.stats.refusals += 1;
    this.#report({ type: "request-refused", at: this.#now, call, endpoint, state, retryAfterMs });
    this.#endAttempt(pending, "refused");
    this.#choice.refused(connection, retryAfterMs, askedAt, this.#now);
  }

  #dropAnswer({ epoch, sequence }: Answer): void {
    const isLate = epoch === this.#source.epoch && sequence <= BigInt(this.stats.requests);
    if (isLate) this.stats.lateReplies += 1;
    else this.stats.dropped += 1;
    this.#report({ type: "reply-dropped", at: this.#now, reason: isLate ? "late" : "unknown" });
  }

  #heard(number: number): ServerConnection | undefined {
    const connection = this.#choice.standing(number);
    if (connection !== undefined) connection.heard += 1;
    return connection;
  }

  /** The connection is gone, so that all attempts on it are over. */
  #endAttempts(reason: MoveReason): void {
    const event = reason === "refused" ? "refused" : "connection-lost";
    for (const pending of this.#byCall.values()) this.#endAttempt(pending, event);
  }

  #endAttempt(pending: Pending, event: "refused" | "connection-lost"): void {
    this.#step(pending, isLastAttempt(pending) ? `last-${event}` : event);
  }

  /** The socket's queue was full: nothing was sent. */
  #notTaken(call: number): void {
    const pending = this.#byCall.get(call);
    if (pending?.state !== "sent") return;
    this.stats.sendsRefused += 1;
    this.#report({ type: "send-refused", at: this.#now, call });
    this.#step(pending, "not-taken");
  }

  #due(pending: Pending): void {
    const isOver = this.#now >= pending.endsAt;
    if (pending.state !== "sent") return this.#step(pending, isOver ? "out-of-time" : "pause-over");
    const { current } = this.#choice;
    const isWhole = this.#now >= pending.attemptStartedAt + pending.timeoutMs;
    const isSilent = isWhole && current?.heard === pending.heardBefore;
    if (isOver) this.#step(pending, "out-of-time");
    else this.#step(pending, isLastAttempt(pending) ? "exhausted" : "timed-out");
    if (isSilent) this.#choice.silent(this.#now);
  }

  #step(pending: Pending, event: RequestEvent, reply: { body?: Uint8Array[]; message?: string } = {}): void {
    const transition = requestLife.step(pending.state, event);
    if (transition === undefined) return;
    pending.state = transition.to;
    switch (transition.action) {
      case "send":
        return this.#send(pending);
      case "retract":
        return this.#retract(pending);
      case "requeue":
        this.#timers.move(pending.timer, pending.endsAt);
        return this.#reportRetry(pending, event as RetryReason);
      case "pause":
        this.#wakeAt(pending, this.#now + this.#backoff.delay(pending.attempts));
        return this.#reportRetry(pending, "timed-out");
      case "offer":
        this.#timers.move(pending.timer, pending.endsAt);
        return this.#offer(pending);
      case "settle":
        this.#forget(pending);
        this.stats.answered += 1;
        this.#outputs.push({ type: "answered", call: pending.call, body: reply.body as Uint8Array[] });
        return;
      case "fail":
        return this.#fail(pending, event, reply.message);
    }
  }

  #send(pending: Pending): void {
    const { number: connection, endpoint, heard } = this.#choice.current as ServerConnection;
    const { call, sequence, body, endpoints } = pending;
    if (pending.attempts > 0) this.stats.retries += 1;
    pending.attempts += 1;
    pending.sent += 1;
    pending.attemptStartedAt = this.#now;
    pending.heardBefore = heard;
    if (endpoints.at(-1) !== endpoint) endpoints.push(endpoint);
    this.#wakeAt(pending, this.#now + pending.timeoutMs);
    const id = { epoch: this.#source.epoch, sequence };
    this.#outputs.push({ type: "send", connection, call, attempt: pending.attempts, id, body });
  }

  #retract(pending: Pending): void {
    pending.attempts -= 1;
    pending.sent -= 1;
    if (pending.attempts > 0) this.stats.retries -= 1;
    this.#wakeAt(pending, this.#now + this.#backoff.delay(pending.attempts + 1));
  }

  #wakeAt(pending: Pending, at: number): void {
    this.#timers.move(pending.timer, Math.min(at, pending.endsAt));
  }

  #fail(pending: Pending, event: RequestEvent, message: string | undefined): void {
    this.#forget(pending);
    this.stats.failed += 1;
    const { call, attempts, sent, endpoints } = pending;
    const code = FAILURE_CODES[event] as RequestFailure["code"];
    const failure = { code, attempts, sent, endpoints, ...(message === undefined ? {} : { message }) };
    this.#outputs.push({ type: "failed", call, failure });
    this.#report({ type: "request-failed", at: this.#now, call, code, attempts });
  }

  #forget(pending: Pending): void {
    this.#byCall.delete(pending.call);
    this.#bySequence.delete(pending.sequence);
    this.#timers.cancel(pending.timer);
  }

  #reportRetry({ call, attempts: attempt }: Pending, reason: RetryReason): void {
    this.#report({ type: "request-retried", at: this.#now, call, attempt, reason });
  }

  #report(event: BinaryStarClientEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}

function isLastAttempt(pending: Pending): boolean {
  return pending.attempts >= pending.maxAttempts;
}
