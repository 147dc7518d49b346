import {
  Backoff,
  type Connection,
  Connections,
  DeadlineQueue,
  Fifo,
  type Machine,
  noteEndpoint,
  type Random,
  SequenceSource,
  type Stalled,
  wasSilent,
} from "@seaworthy/core";
import type {
  LazyPirateClientEvent,
  LazyPirateClientInput,
  LazyPirateClientOutput,
  LazyPirateClientStats,
  RequestFailure,
} from "./client-messages.js";
import type { ResolvedClientOptions } from "./client-options.js";
import { Crowd } from "./crowd.js";
import { FAILURE_CODES, type Pending } from "./pending.js";
import { type RequestEvent, requestLife } from "./request-life.js";
import type { FailureReply, Reply, RequestId } from "./wire.js";

/** The protocol of a Lazy Pirate client: retries, replaces silent connections, matches replies. */
export class LazyPirateClientMachine implements Machine<LazyPirateClientInput, LazyPirateClientOutput> {
  readonly stats: LazyPirateClientStats = {
    requests: 0,
    answered: 0,
    failed: 0,
    retries: 0,
    lateReplies: 0,
    dropped: 0,
    refused: 0,
    replaced: 0,
  };
  readonly #immediate: boolean;
  readonly #source: SequenceSource;
  readonly #backoff: Backoff;
  readonly #connections: Connections;
  readonly #byCall = new Map<number, Pending>();
  readonly #bySequence = new Map<bigint, Pending>();
  readonly #timers = new DeadlineQueue<number>();
  readonly #crowd = new Crowd();
  readonly #outputs = new Fifo<LazyPirateClientOutput>();
  #now = 0;

  /**
   * @param options - checked options, see `resolveClientOptions`
   * @param epoch - 64 random bits that no other client uses
   * @param random - source of the jitter
   */
  constructor(options: ResolvedClientOptions, epoch: bigint, random: Random) {
    this.#immediate = options.immediate;
    this.#source = new SequenceSource(epoch);
    this.#backoff = new Backoff(options.backoff, random, "LazyPirateClient: backoff");
    const { reconnectIntervalMs: initialMs, reconnectMaxIntervalMs: maxMs } = options.socket;
    const reconnection = new Backoff({ initialMs, maxMs }, random, "LazyPirateClient: socket");
    this.#connections = new Connections(options.maxConnections, options.connectTimeoutMs, reconnection, {
      open: ({ number, endpoint }) => this.#outputs.push({ type: "open", connection: number, endpoint }),
      discard: ({ number }) => this.#outputs.push({ type: "discard", connection: number }),
      abandoned: (connection) => {
        this.#report({ type: "connection-abandoned", at: this.#now, endpoint: connection.endpoint });
        this.#endAttemptsOn(connection);
      },
      replaced: (from, to, reason) => {
        this.stats.replaced += 1;
        this.#report({ type: "connection-replaced", at: this.#now, from, to, reason });
      },
    });
  }

  /** Requests that have not ended. */
  get inFlight(): number {
    return this.#byCall.size;
  }

  /** Sockets that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  get deadline(): number | undefined {
    const rotation = this.#connections.deadline;
    const timer = this.#timers.deadline;
    if (rotation === undefined || timer === undefined) return rotation ?? timer;
    return Math.min(rotation, timer);
  }

  take(): LazyPirateClientOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: LazyPirateClientInput | Stalled, now: number): void {
    this.#now = now;
    switch (input.type) {
      case "received":
        return this.#received(input.connection, input.reply);
      case "request":
        return this.#request(input);
      case "abort": {
        const pending = this.#byCall.get(input.call);
        if (pending !== undefined) this.#step(pending, "aborted");
        return;
      }
      case "not-taken":
        return this.#notTaken(input.call);
      case "connect":
        return this.#connections.add(input.endpoint, now);
      case "disconnect":
        return this.#connections.remove(input.endpoint, now);
      case "close":
        for (const pending of this.#byCall.values()) this.#step(pending, "closed");
        return this.#connections.close();
      case "malformed":
        this.#heard(input.connection);
        this.stats.dropped += 1;
        return this.#report({ type: "message-dropped", at: now, reason: input.reason });
      case "stalled":
        // Replies that came during the stall have been read by now, so attempts are judged as ever.
        return this.#report({ type: "process-stalled", at: now, ms: input.ms });
      default:
        return this.#connectionChanged(input);
    }
  }

  tick(now: number): void {
    this.#now = now;
    this.#connections.tick(now);
    const overdue = this.#connections.overdue(now);
    if (overdue !== undefined) this.#connectionLost(overdue, "it took too long");
    for (let call = this.#timers.takeDue(now); call !== undefined; call = this.#timers.takeDue(now)) {
      const pending = this.#byCall.get(call) as Pending;
      if (pending.state === "backing-off") this.#step(pending, "pause-over");
      else this.#timedOut(pending);
    }
  }

  #request({ call, body, timeoutMs, attempts }: LazyPirateClientInput & { type: "request" }): void {
    const sequence = this.#source.next();
    const pending: Pending = {
      call,
      sequence,
      body,
      timeoutMs,
      maxAttempts: attempts,
      endpoints: [],
      timer: this.#timers.add(call, this.#now + timeoutMs),
      state: requestLife.initial,
      attempts: 0,
      sent: 0,
      attemptStartedAt: this.#now,
      connection: undefined,
      place: undefined,
    };
    this.stats.requests += 1;
    this.#byCall.set(call, pending);
    this.#bySequence.set(sequence, pending);
    if (this.#immediate && this.#connections.current?.isUp !== true) this.#step(pending, "not-connected");
    else this.#beginAttempt(pending);
  }

  #beginAttempt(pending: Pending): void {
    const { current } = this.#connections;
    pending.attempts += 1;
    pending.attemptStartedAt = this.#now;
    noteEndpoint(pending.endpoints, current);
    if (current?.isUp === true) this.#step(pending, "connected");
  }

  #received(number: number, reply: Reply | FailureReply): void {
    this.#heard(number);
    const pending = reply.epoch === this.#source.epoch ? this.#bySequence.get(reply.sequence) : undefined;
    if (pending === undefined) return this.#dropReply(reply);
    if (reply.type === "reply") this.#step(pending, "reply", { body: reply.body });
    else this.#step(pending, "failure-reply", { message: reply.message });
    if (number === this.#connections.current?.number)
      this.#crowd.offer((waiting) => this.#step(waiting, "connected"));
  }

  #dropReply({ epoch, sequence }: RequestId): void {
    const isLate = epoch === this.#source.epoch && sequence <= BigInt(this.stats.requests);
    if (isLate) this.stats.lateReplies += 1;
    else this.stats.dropped += 1;
    this.#report({ type: "reply-dropped", at: this.#now, reason: isLate ? "late" : "unknown" });
  }

  #heard(number: number): void {
    const connection = this.#connections.find(number);
    if (connection !== undefined) this.#connections.heard(connection, this.#now);
  }

  #connectionChanged({
    type,
    connection: number,
    reason,
  }: LazyPirateClientInput & { type: "up" | "down" }): void {
    const connection = this.#connections.find(number);
    if (connection === undefined) return;
    if (type === "down") return this.#connectionLost(connection, reason);
    this.#report({ type: "connection-opened", at: this.#now, endpoint: connection.endpoint });
    this.#connections.up(connection, this.#now);
    if (connection !== this.#connections.current) return;
    for (const pending of this.#byCall.values()) {
      if (pending.state === "waiting") this.#step(pending, "connected");
    }
  }

  #connectionLost(connection: Connection, reason: string | undefined): void {
    const type = connection.isUp ? "connection-lost" : "connection-failed";
    const because = reason === undefined ? {} : { reason };
    this.#report({ type, at: this.#now, endpoint: connection.endpoint, ...because });
    this.#endAttemptsOn(connection);
    this.#connections.lost(connection, this.#now);
  }

  /** No reply can come over this connection any more, so the attempts on it are over. */
  #endAttemptsOn(connection: Connection): void {
    for (const pending of this.#byCall.values()) {
      if (pending.connection !== undefined && pending.connection !== connection) continue;
      this.#step(pending, this.#isLastAttempt(pending) ? "last-connection-lost" : "connection-lost");
    }
  }

  /** The socket's queue was full: this attempt was not sent, and waits until a reply shows that the queue has moved. */
  #notTaken(call: number): void {
    const pending = this.#byCall.get(call);
    if (pending?.state !== "sent") return;
    this.stats.refused += 1;
    this.#report({ type: "send-refused", at: this.#now, call });
    this.#step(pending, "not-taken");
    this.#crowd.add(pending);
  }

  /** Whether the attempt that was handed to this connection is still the one that counts. */
  isAwaiting(call: number, attempt: number): boolean {
    const pending = this.#byCall.get(call);
    return pending?.state === "sent" && pending.attempts === attempt;
  }

  #timedOut(pending: Pending): void {
    const { current } = this.#connections;
    if (current !== undefined && wasSilent(current, pending))
      this.#connections.replace(current, "silent", this.#now);
    this.#step(pending, this.#isLastAttempt(pending) ? "exhausted" : "timed-out");
  }

  #isLastAttempt(pending: Pending): boolean {
    return pending.attempts >= pending.maxAttempts;
  }

  #step(pending: Pending, event: RequestEvent, reply: { body?: Uint8Array[]; message?: string } = {}): void {
    const transition = requestLife.step(pending.state, event);
    if (transition === undefined) return;
    pending.state = transition.to;
    switch (transition.action) {
      case "send":
        return this.#send(pending);
      case "retract":
        pending.sent -= 1;
        return this.#release(pending);
      case "pause":
        return this.#pause(pending, event === "timed-out" ? "timed-out" : "connection-lost");
      case "offer":
        this.stats.retries += 1;
        this.#timers.move(pending.timer, this.#now + pending.timeoutMs);
        return this.#beginAttempt(pending);
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
    const connection = this.#connections.current as Connection;
    this.#crowd.leave(pending);
    pending.sent += 1;
    pending.connection = connection;
    noteEndpoint(pending.endpoints, connection);
    connection.awaiting += 1;
    const id = { epoch: this.#source.epoch, sequence: pending.sequence };
    this.#outputs.push({
      type: "send",
      connection: connection.number,
      call: pending.call,
      attempt: pending.attempts,
      id,
      body: pending.body,
    });
  }

  #pause(pending: Pending, reason: "timed-out" | "connection-lost"): void {
    this.#release(pending);
    const pauseMs = this.#backoff.delay(pending.attempts);
    this.#timers.move(pending.timer, this.#now + pauseMs);
    const { call, attempts: attempt } = pending;
    this.#report({ type: "request-retried", at: this.#now, call, attempt, reason, pauseMs });
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
    this.#release(pending);
  }

  #release(pending: Pending): void {
    const { connection } = pending;
    this.#crowd.leave(pending);
    pending.connection = undefined;
    if (connection !== undefined) this.#connections.release(connection);
  }

  #report(event: LazyPirateClientEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
