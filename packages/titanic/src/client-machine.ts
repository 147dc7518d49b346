import {
  Backoff,
  Fifo,
  type Frames,
  type Machine,
  type Random,
  type Stalled,
  type Transition,
  textFrame,
} from "@seaworthy/core";
import type { RequestFailure } from "@seaworthy/majordomo/machine";
import { judge, tooLarge, type Verdict } from "./client-answers.js";
import type { CallInput, TitanicCall } from "./client-call.js";
import { ClientCalls } from "./client-calls.js";
import { type CallAction, type CallEvent, type CallState, callLife } from "./client-life.js";
import type {
  TitanicClientEvent,
  TitanicClientInput,
  TitanicClientOutput,
  TitanicClientStats,
  TitanicFailure,
} from "./client-messages.js";
import type { ResolvedTitanicOptions } from "./client-options.js";
import { DialectFinder, type Found } from "./dialect-finder.js";
import { encodeSubmit, verbService } from "./wire.js";

const SUBMIT = textFrame(verbService("submit"));
const REQUEST = textFrame(verbService("request"));
const REPLY = textFrame(verbService("reply"));
const CLOSE = textFrame(verbService("close"));
/** 8/MMI: whether there is a service. */
const MMI_SERVICE = textFrame("mmi.service");

const BEGINNINGS: Readonly<Record<CallInput["type"], CallEvent>> = {
  submit: "begin-submit",
  call: "begin-submit",
  reply: "begin-ask",
  wait: "begin-ask",
  "close-request": "begin-close",
};

/** The protocol of a Titanic client (9/TSP): hands requests in, waits for their replies, closes them. */
export class TitanicClientMachine implements Machine<TitanicClientInput, TitanicClientOutput> {
  readonly stats: TitanicClientStats = {
    calls: 0,
    failed: 0,
    submitted: 0,
    replies: 0,
    pending: 0,
    closed: 0,
    left: 0,
    retries: 0,
  };
  readonly #options: ResolvedTitanicOptions;
  readonly #newKey: () => Uint8Array;
  readonly #backoff: Backoff;
  readonly #poll: Backoff;
  readonly #finder: DialectFinder;
  readonly #calls = new ClientCalls();
  readonly #outputs = new Fifo<TitanicClientOutput>();
  /** The question whether the broker has a service. */
  #search: number | undefined;
  #now = 0;

  /**
   * @param options - checked options, see `resolveTitanicOptions`
   * @param newKey - makes keys that nobody else makes: 16 random bytes
   * @param random - source of the jitter
   */
  constructor(options: ResolvedTitanicOptions, newKey: () => Uint8Array, random: Random) {
    this.#options = options;
    this.#newKey = newKey;
    this.#backoff = new Backoff(options.backoff, random, "TitanicClient: backoff");
    this.#poll = new Backoff(options.poll, random, "TitanicClient: poll");
    this.#finder = new DialectFinder(
      {
        ask: (service) => this.#seek(service),
        tell: (found, isNews) => this.#learned(found, isNews),
        isWanted: () => this.#calls.seeking > 0,
      },
      random,
    );
  }

  /** Calls that have not ended. */
  get inFlight(): number {
    return this.#calls.size;
  }

  get deadline(): number | undefined {
    const pause = this.#finder.deadline;
    const timer = this.#calls.deadline;
    if (pause === undefined || timer === undefined) return pause ?? timer;
    return Math.min(pause, timer);
  }

  take(): TitanicClientOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: TitanicClientInput | Stalled, now: number): void {
    this.#now = now;
    switch (input.type) {
      case "abort":
        return this.#end(input.call, "ERR_ABORTED");
      case "recorded": {
        const call = this.#calls.get(input.call);
        if (call?.state === "recording") this.#step(call, "to-close");
        return;
      }
      case "answered":
        return this.#answered(input.ask, input.body);
      case "failed":
        return this.#failed(input.ask, input.failure);
      case "recognised":
        return this.#finder.recognised(input.ours, now);
      case "broker-changed":
        return this.#finder.changed(now);
      case "close":
        for (const call of this.#calls.numbers()) this.#end(call, "ERR_CLOSED");
        return this.#abandonSearch();
      // Pauses and limits are this side's own patience: nobody is judged by them.
      case "stalled":
        return;
      default:
        return this.#begin(input);
    }
  }

  tick(now: number): void {
    this.#now = now;
    this.#finder.tick(now);
    for (let due = this.#calls.takeDue(now); due !== undefined; due = this.#calls.takeDue(now)) {
      if (due.limitAt <= now) this.#fail(due, due.waitedTooLong(now));
      else if (due.state === "finding") this.#fail(due, this.#finder.failure(due.attempts));
      else this.#step(due, "pause-over");
    }
  }

  #begin(input: CallInput): void {
    this.stats.calls += 1;
    const call = this.#calls.add(input, this.#options, this.#now);
    if (call.type !== "wait") call.beginStep(this.#now);
    this.#step(call, BEGINNINGS[call.type]);
  }

  /** The application, or the client itself, wants no more of it. */
  #end(number: number, code: "ERR_ABORTED" | "ERR_CLOSED"): void {
    const call = this.#calls.get(number);
    if (call !== undefined) this.#fail(call, { code, ...call.effort });
  }

  /** What has its reply ends in that, whatever goes wrong. */
  #fail(call: TitanicCall, failure: TitanicFailure): void {
    if (call.isSafe) this.#step(call, "given-up");
    else this.#step(call, "failed", failure);
  }

  #answered(ask: number, body: Uint8Array[]): void {
    if (ask === this.#search) {
      this.#search = undefined;
      return this.#finder.answered(body, this.#now);
    }
    const call = this.#calls.takeAsk(ask);
    if (call !== undefined) this.#judged(call, this.#judge(call, body));
  }

  #judge(call: TitanicCall, body: Uint8Array[]): Verdict {
    const { step, id, isKeyed, isKeyGiven } = call;
    const { maxBodyBytes } = this.#options;
    return judge({ step, id, isKeyed, isKeyGiven, maxBodyBytes }, body);
  }

  #judged(call: TitanicCall, verdict: Verdict): void {
    switch (verdict.type) {
      case "taken-in":
        return this.#takenIn(call, verdict.id);
      case "replied":
        return this.#replied(call, verdict.body);
      case "pending":
        return this.#pending(call);
      case "closed":
        this.stats.closed += 1;
        return this.#step(call, "answered");
      case "trouble":
        return this.#troubled(call, verdict.message);
      case "failed":
        return this.#fail(call, verdict.failure);
    }
  }

  #pending(call: TitanicCall): void {
    this.stats.pending += 1;
    call.trouble = undefined;
    if (call.type === "reply") return this.#step(call, "answered");
    call.pauseMs = this.#pauseOf(call);
    this.#step(call, "again");
  }

  #takenIn(call: TitanicCall, id: string): void {
    this.stats.submitted += 1;
    call.id = id;
    if (call.type === "submit") return this.#step(call, "answered");
    call.beginWait();
    this.#step(call, "taken-in");
  }

  #replied(call: TitanicCall, body: Uint8Array[]): void {
    this.stats.replies += 1;
    call.reply = body;
    if (call.type !== "call") return this.#step(call, "answered");
    call.limitAt = Number.POSITIVE_INFINITY;
    this.#step(call, call.records ? "to-record" : "to-close");
  }

  #failed(ask: number, failure: RequestFailure): void {
    if (ask === this.#search) {
      this.#search = undefined;
      return this.#finder.failed(failure, this.#now);
    }
    const call = this.#calls.takeAsk(ask);
    if (call === undefined) return;
    const { code } = failure;
    if (code === "ERR_LIMIT_REACHED") return this.#fail(call, tooLarge(this.#options.maxBodyBytes));
    if (call.step === "submit" && (code === "ERR_NO_SERVICE" || code === "ERR_REQUEST_TIMEOUT"))
      this.#finder.missed(this.#now);
    call.note(failure);
    if (call.isWaiting) this.#troubled(call, code);
    else this.#fail(call, { ...failure, ...call.effort });
  }

  /** It is asked again if it may, and fails otherwise. */
  #troubled(call: TitanicCall, reason: string): void {
    const isNews = reason !== call.trouble || !call.isWaiting;
    call.trouble = reason;
    call.pauseMs = this.#pauseOf(call);
    if (!call.canGoOn(this.#now)) {
      return this.#fail(call, { code: "ERR_SERVER_FAILED", message: reason });
    }
    this.stats.retries += 1;
    const { number, step, pauseMs } = call;
    if (isNews) this.#report({ type: "call-retried", at: this.#now, call: number, step, reason, pauseMs });
    this.#step(call, "again");
  }

  #pauseOf(call: TitanicCall): number {
    call.pauses += 1;
    return (call.isWaiting ? this.#poll : this.#backoff).delay(call.pauses);
  }

  #step(call: TitanicCall, event: CallEvent, failure?: TitanicFailure): void {
    // No event is ignored in any state.
    const { to, action } = callLife.step(call.state, event) as Transition<CallState, CallAction>;
    call.state = to;
    call.pauseEndsAt = Number.POSITIVE_INFINITY;
    this.#act(call, action as CallAction, failure);
    this.#calls.schedule(call);
  }

  #act(call: TitanicCall, action: CallAction, failure: TitanicFailure | undefined): void {
    switch (action) {
      case "find":
        return this.#find(call);
      case "submit":
        return this.#submit(call);
      case "ask":
        return this.#ask(call, REPLY, [textFrame(call.id as string)]);
      case "record":
        this.#outputs.push({ type: "record", call: call.number, body: call.reply as Uint8Array[] });
        return;
      case "close":
        if (call.type === "call" && !call.isSafe) this.#secure(call);
        return this.#ask(call, CLOSE, [textFrame(call.id as string)]);
      case "pause":
        call.pauseEndsAt = this.#now + call.pauseMs;
        return;
      case "settle":
        return this.#settle(call);
      case "leave":
        return this.#leave(call);
      case "fail":
        this.#forget(call);
        this.stats.failed += 1;
        return this.#tellFailure(call.number, failure as TitanicFailure);
    }
  }

  /** The application has its reply, or will have: nothing fails any more. */
  #secure(call: TitanicCall): void {
    call.isSafe = true;
    call.beginStep(this.#now);
  }

  #find(call: TitanicCall): void {
    const { dialect } = this.#options;
    if (dialect !== "auto") return this.#handIn(call, dialect);
    this.#calls.seek(call);
    this.#finder.want(this.#now);
  }

  #seek(service: string): void {
    const patienceMs = Math.min(this.#calls.shortestTimeoutMs, this.#options.timeoutMs);
    this.#search = this.#calls.newAsk();
    this.#outputs.push({
      type: "request",
      ask: this.#search,
      service: MMI_SERVICE,
      body: [textFrame(service)],
      // A broker that has no word for it leaves time for what is then done without it.
      timeoutMs: patienceMs / 2,
      attempts: 1,
    });
  }

  #abandonSearch(): void {
    if (this.#search !== undefined) this.#outputs.push({ type: "abort", ask: this.#search });
    this.#search = undefined;
  }

  #learned(dialect: Found, isNews: boolean): void {
    if (isNews) this.#report({ type: "dialect-found", at: this.#now, dialect });
    for (let call = this.#calls.nextSeeker(); call !== undefined; call = this.#calls.nextSeeker()) {
      this.#handIn(call, dialect);
    }
  }

  #handIn(call: TitanicCall, dialect: Found): void {
    if (dialect === "rfc9" && call.isKeyGiven) return this.#fail(call, { code: "ERR_NOT_SUPPORTED" });
    call.isKeyed = dialect === "seaworthy" || call.isKeyGiven;
    this.#step(call, "found");
  }

  #submit(call: TitanicCall): void {
    if (call.isKeyed) call.key ??= this.#newKey();
    const { isKeyed, key, service, body } = call;
    this.#ask(call, isKeyed ? SUBMIT : REQUEST, encodeSubmit(isKeyed ? key : undefined, service, body));
  }

  #ask(call: TitanicCall, service: Uint8Array, body: Frames): void {
    const ask = this.#calls.asking(call, this.#now);
    this.#outputs.push({ type: "request", ask, service, body, ...call.nextLimits(this.#now) });
  }

  #settle(call: TitanicCall): void {
    this.#forget(call);
    this.#outputs.push(outcomeOf(call));
  }

  #leave(call: TitanicCall): void {
    this.stats.left += 1;
    const { number, id } = call;
    this.#report({ type: "request-left", at: this.#now, call: number, id: id as string });
    this.#settle(call);
  }

  #tellFailure(call: number, failure: TitanicFailure): void {
    this.#outputs.push({ type: "failed", call, failure });
    this.#report({ type: "call-failed", at: this.#now, call, code: failure.code });
  }

  #forget(call: TitanicCall): void {
    const ask = this.#calls.remove(call);
    if (ask !== undefined) this.#outputs.push({ type: "abort", ask });
  }

  #report(event: TitanicClientEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}

/** What a call ends in. */
function outcomeOf({ type, number: call, id, reply }: TitanicCall): TitanicClientOutput {
  if (type === "submit") return { type: "submitted", call, id: id as string };
  if (type === "close-request") return { type: "closed", call };
  return reply === undefined ? { type: "pending", call } : { type: "replied", call, body: reply };
}
