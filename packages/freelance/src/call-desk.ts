import {
  type Backoff,
  DeadlineQueue,
  type FailureReply,
  type Frames,
  type Reply,
  SequenceSource,
} from "@seaworthy/core";
import { type CallEvent, callLife } from "./call-life.js";
import type {
  FreelanceClientEvent,
  FreelanceClientInput,
  FreelanceClientStats,
  FreelanceFailure,
  SendRefusal,
} from "./client-messages.js";
import { Copies, type CopiesGround } from "./copies.js";
import { FAILURE_CODES, Pending } from "./pending.js";
import type { Server } from "./server-book.js";
import { WaitingLine } from "./waiting-line.js";

/** What a {@link CallDesk} works with. */
export interface CallDeskGround extends CopiesGround {
  readonly backoff: Backoff;
  readonly stats: FreelanceClientStats;
  readonly immediate: boolean;
  /** Answered requests that are kept at most for those who still owe a reply. */
  readonly maxKept: number;
}

/** What an event brings along. */
interface Detail {
  readonly servers?: readonly Server[];
  readonly body?: Uint8Array[];
}

type CallTransition = NonNullable<ReturnType<typeof callLife.step>>;

const NOBODY: readonly Server[] = [];
const NO_BODY: Frames = [];

/** The requests of a client, from the call to the end: the same for all strategies, which only choose servers. */
export class CallDesk {
  readonly #ground: CallDeskGround;
  readonly #source: SequenceSource;
  readonly #copies: Copies;
  readonly #byCall = new Map<number, Pending>();
  /** Those, and the answered ones for which some server still owes a reply. */
  readonly #bySequence = new Map<bigint, Pending>();
  readonly #waiting = new WaitingLine((pending) => this.#offer(pending));
  readonly #timers = new DeadlineQueue<Pending>();
  readonly #hedgeTimers = new DeadlineQueue<Pending>();
  #now = 0;

  /** @param epoch - 64 random bits that no other client uses */
  constructor(ground: CallDeskGround, epoch: bigint) {
    this.#ground = ground;
    this.#source = new SequenceSource(epoch);
    this.#copies = new Copies(ground, epoch);
  }

  /** Requests that have not ended. */
  get inFlight(): number {
    return this.#byCall.size;
  }

  get deadline(): number | undefined {
    const timer = this.#timers.deadline;
    const hedge = this.#hedgeTimers.deadline;
    return timer === undefined || hedge === undefined ? (timer ?? hedge) : Math.min(timer, hedge);
  }

  begin(request: FreelanceClientInput & { type: "request" }, now: number): void {
    this.#now = now;
    const { strategy, stats, hedging, immediate } = this.#ground;
    const pending = new Pending({ ...request, sequence: this.#source.next() });
    stats.requests += 1;
    hedging.budget.earn();
    this.#byCall.set(pending.call, pending);
    this.#bySequence.set(pending.sequence, pending);
    if (immediate && !strategy.isConnected) return this.#step(pending, "not-connected");
    this.#beginAttempt(pending);
  }

  abort(call: number, now: number): void {
    this.#now = now;
    const pending = this.#byCall.get(call);
    if (pending !== undefined) this.#step(pending, "aborted");
  }

  close(now: number): void {
    this.#now = now;
    for (const pending of this.#byCall.values()) this.#step(pending, "closed");
    for (const pending of this.#bySequence.values()) this.#forget(pending);
  }

  /** Attempts that are over, pauses that are over, and hedges that are due. */
  tick(now: number): void {
    this.#now = now;
    for (let due = this.#timers.takeDue(now); due !== undefined; due = this.#timers.takeDue(now)) {
      if (due.isAnswered) this.#stillOwed(due);
      else if (due.state === "backing-off") this.#step(due, "pause-over");
      else this.#timedOut(due);
    }
    for (let due = this.#hedgeTimers.takeDue(now); due !== undefined; due = this.#hedgeTimers.takeDue(now))
      this.#hedgeDue(due);
  }

  /** A server answers. */
  replied(server: Server, reply: Reply | FailureReply, now: number): void {
    this.#now = now;
    server.answered += 1;
    const isOurs = reply.epoch === this.#source.epoch;
    const pending = isOurs ? this.#bySequence.get(reply.sequence) : undefined;
    if (pending === undefined) return this.#dropReply(isOurs, reply);
    const copy = this.#copies.close(pending, server, reply.type, now);
    if (pending.isAnswered) return this.#duplicate(pending);
    if (reply.type === "reply") {
      if (copy?.isHedge === true) this.#ground.stats.hedgesWon += 1;
      return this.#step(pending, "reply", { body: reply.body });
    }
    pending.failure = reply.message;
    // As long as another has it, that one may do better.
    if (pending.copies.length === 0) this.#step(pending, "failure-reply");
  }

  /** A server is lost, with all that it had. */
  lost(server: Server, now: number): void {
    this.#now = now;
    for (let copy = server.copies.first; copy !== undefined; copy = server.copies.first) {
      const { pending } = copy;
      // What was dropped in a queue never was with it.
      if (!copy.wasDropped) server.losses += 1;
      this.#copies.giveUp(copy, this.#now);
      pending.lostWith = [...pending.lostWith, server];
      if (pending.copies.length === 0) this.#allLost(pending);
    }
  }

  /** A request was not sent: it counts as if it had not been tried, and another server gets it. */
  refused(server: Server, sequence: bigint, reason: SendRefusal, now: number): void {
    this.#now = now;
    const { stats, strategy } = this.#ground;
    const pending = this.#bySequence.get(sequence);
    const copy = pending?.copyAt(server);
    if (pending === undefined || copy === undefined) return strategy.refused(server, reason, now);
    stats.refused += 1;
    this.#copies.takeBack(copy);
    this.#report({ type: "send-refused", at: now, call: pending.call, reason });
    if (pending.copies.length === 0 && !pending.isAnswered) this.#step(pending, "refused");
    strategy.refused(server, reason, now);
    strategy.released(server, now);
    if (pending.state !== "waiting") return;
    // Not offered at once: the choice may fall on the same full queue, again and again.
    if (reason === "queue-full") this.#waiting.addCrowded(pending);
    else this.#offer(pending);
  }

  /** A server takes requests: those that wait for one are placed. */
  offerAll(now: number): void {
    this.#now = now;
    this.#waiting.offerAll();
  }

  /** A word came: some that a full queue did not take are placed. */
  offerCrowded(now: number): void {
    this.#now = now;
    this.#waiting.offerCrowded();
  }

  #beginAttempt(pending: Pending): void {
    pending.attempts += 1;
    pending.startedAt = this.#now;
    this.#wake(pending, this.#now + pending.timeoutMs);
    this.#offer(pending);
  }

  #offer(pending: Pending): void {
    const servers = this.#ground.strategy.choose(pending, this.#now);
    if (servers.length > 0) this.#step(pending, "placed", { servers });
    else if (!pending.place.isLinked) this.#waiting.add(pending);
  }

  #timedOut(pending: Pending): void {
    const copies = this.#copies.expire(pending, this.#now);
    pending.avoid(copies.map(({ server }) => server));
    const next = pending.isLastAttempt ? "exhausted" : "timed-out";
    this.#step(pending, pending.failure === undefined ? next : "failure-reply");
    this.#ground.strategy.timedOut(pending, copies, this.#now);
  }

  /** It was answered long ago, but not by all that had it. */
  #stillOwed(pending: Pending): void {
    const copies = this.#copies.expire(pending, this.#now);
    this.#forget(pending);
    this.#ground.strategy.timedOut(pending, copies, this.#now);
  }

  #allLost(pending: Pending): void {
    if (pending.isAnswered) this.#forget(pending);
    else if (pending.failure !== undefined) this.#step(pending, "failure-reply");
    else this.#step(pending, pending.isLastAttempt ? "last-server-lost" : "server-lost");
  }

  #hedgeDue(pending: Pending): void {
    const { strategy, hedging, stats } = this.#ground;
    const server = strategy.another(pending, this.#now);
    if (server === undefined) return;
    if (hedging.budget.spend()) this.#step(pending, "hedge-due", { servers: [server] });
    else stats.hedgesWithheld += 1;
  }

  #step(pending: Pending, event: CallEvent, { servers = NOBODY, body }: Detail = {}): void {
    // Nothing is let pass in this table: the client does something at each event.
    const { to, action } = callLife.step(pending.state, event) as CallTransition;
    pending.state = to;
    switch (action) {
      case "send":
        return this.#place(pending, servers);
      case "hedge":
        return this.#hedge(pending, servers[0] as Server);
      case "wait":
        this.#endHedging(pending);
        return this.#waiting.add(pending);
      case "pause":
        return this.#pause(pending);
      case "offer":
        return this.#nextAttempt(pending, event);
      case "settle":
        return this.#settle(pending, body as Uint8Array[]);
      case "fail":
        return this.#fail(pending, event);
    }
  }

  #place(pending: Pending, servers: readonly Server[]): void {
    pending.place.unlink();
    for (const server of servers) this.#copies.send(pending, server, false, this.#now);
    const { delayMs } = this.#ground.hedging;
    if (delayMs !== undefined) pending.hedgeTimer = this.#hedgeTimers.add(pending, this.#now + delayMs);
  }

  #hedge(pending: Pending, server: Server): void {
    const { call } = pending;
    this.#ground.stats.hedges += 1;
    server.hedges += 1;
    this.#report({ type: "request-hedged", at: this.#now, call, endpoint: server.endpoint });
    this.#copies.send(pending, server, true, this.#now);
  }

  #pause(pending: Pending): void {
    this.#endHedging(pending);
    pending.place.unlink();
    const pauseMs = this.#ground.backoff.delay(pending.attempts);
    this.#wake(pending, this.#now + pauseMs);
    this.#reportRetry(pending, "timed-out", pauseMs);
  }

  /** A lost server is news enough to try the next one at once; silence may mean that all have too much to do. */
  #nextAttempt(pending: Pending, event: CallEvent): void {
    if (event === "server-lost") this.#reportRetry(pending, "server-lost", 0);
    this.#endHedging(pending);
    this.#ground.stats.retries += 1;
    this.#beginAttempt(pending);
  }

  /** Whoever still owes a reply has until the end of the attempt: then it counts as a duplicate, and not as unknown. */
  #settle(pending: Pending, body: Uint8Array[]): void {
    const { stats, maxKept } = this.#ground;
    this.#byCall.delete(pending.call);
    this.#endHedging(pending);
    pending.place.unlink();
    pending.body = NO_BODY;
    const kept = this.#bySequence.size - this.#byCall.size;
    if (pending.copies.length === 0 || kept > maxKept) this.#forget(pending);
    stats.answered += 1;
    this.#ground.emit({ type: "answered", call: pending.call, body });
  }

  #fail(pending: Pending, event: CallEvent): void {
    const { call, attempts, sent, endpoints, failure: message } = pending;
    this.#byCall.delete(call);
    this.#forget(pending);
    this.#ground.stats.failed += 1;
    const code = FAILURE_CODES[event] as FreelanceFailure["code"];
    const said = code === "ERR_HANDLER_FAILED" && message !== undefined ? { message } : {};
    this.#ground.emit({
      type: "failed",
      call,
      failure: { code, attempts, sent, endpoints, ...said },
    });
    this.#report({ type: "request-failed", at: this.#now, call, code, attempts });
  }

  /** Nothing is kept of it. */
  #forget(pending: Pending): void {
    this.#bySequence.delete(pending.sequence);
    this.#endHedging(pending);
    pending.place.unlink();
    if (pending.timer !== undefined) this.#timers.cancel(pending.timer);
    for (const copy of [...pending.copies]) this.#copies.giveUp(copy, this.#now);
  }

  #duplicate(pending: Pending): void {
    this.#ground.stats.duplicateReplies += 1;
    if (pending.copies.length === 0) this.#forget(pending);
  }

  #endHedging(pending: Pending): void {
    if (pending.hedgeTimer !== undefined) this.#hedgeTimers.cancel(pending.hedgeTimer);
  }

  #wake(pending: Pending, at: number): void {
    if (pending.timer === undefined) pending.timer = this.#timers.add(pending, at);
    else this.#timers.move(pending.timer, at);
  }

  #dropReply(isOurs: boolean, { sequence }: Reply | FailureReply): void {
    const { stats } = this.#ground;
    const isLate = isOurs && sequence <= BigInt(stats.requests);
    if (isLate) stats.lateReplies += 1;
    else stats.dropped += 1;
    this.#report({ type: "reply-dropped", at: this.#now, reason: isLate ? "late" : "unknown" });
  }

  #reportRetry(pending: Pending, reason: "timed-out" | "server-lost", pauseMs: number): void {
    const { call, attempts: attempt } = pending;
    this.#report({ type: "request-retried", at: this.#now, call, attempt, reason, pauseMs });
  }

  #report(event: FreelanceClientEvent): void {
    this.#ground.emit({ type: "status", event });
  }
}
