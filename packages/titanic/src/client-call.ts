import { type DeadlineEntry, type Frames, Link, type RequestEffort } from "@seaworthy/core";
import { type CallState, callLife } from "./client-life.js";
import type { CallStep, TitanicClientInput, TitanicFailure } from "./client-messages.js";

/** What the application asked for. */
export type CallInput = Extract<
  TitanicClientInput,
  { readonly type: "submit" | "reply" | "wait" | "close-request" | "call" }
>;

/** How often one step may still be tried, and until when. */
interface Budget {
  attempts: number;
  readonly timeoutMs: number;
  readonly endsAt: number;
}

/** A call that has not ended. */
export class TitanicCall {
  readonly number: number;
  readonly type: CallInput["type"];
  readonly service: Uint8Array;
  readonly body: Frames;
  readonly isKeyGiven: boolean;
  /** Whether the application records the reply. */
  readonly records: boolean;
  readonly startedAt: number;
  /** How often one step may be tried, and how long each time may take, in ms. */
  readonly attempts: number;
  readonly timeoutMs: number;
  /** Its place among those that wait to learn how requests are handed in. */
  readonly place: Link<TitanicCall> = new Link<TitanicCall>(this);
  readonly timer: DeadlineEntry<TitanicCall>;
  state: CallState = callLife.initial;
  /** Its own if the caller gave none. */
  key: Uint8Array | undefined;
  id: string | undefined;
  /** When it is given up, whatever it is about; infinity for never. */
  limitAt: number;
  /** When its pause is over, if it is one. */
  pauseEndsAt: number = Number.POSITIVE_INFINITY;
  /** What is being asked for it. */
  ask: number | undefined;
  askedAt = 0;
  /** What is left of the step that it is at; a wait for a reply has no end of its own. */
  budget: Budget | undefined;
  /** It was handed in under a key. */
  isKeyed = false;
  /** Pauses of the step that it is at, and how long the last of them is, in ms. */
  pauses = 0;
  pauseMs = 0;
  /** What went wrong last, in words. */
  trouble: string | undefined;
  /** How far earlier questions got. */
  effort: RequestEffort = { attempts: 0, sent: 0, endpoints: [] };
  /** The reply, once it has come. */
  reply: Uint8Array[] | undefined;
  /** Nothing may fail any more: the application has its reply, or will get it. */
  isSafe = false;

  constructor(
    input: CallInput,
    limits: { readonly timeoutMs: number; readonly attempts: number },
    now: number,
    startTimer: (call: TitanicCall) => DeadlineEntry<TitanicCall>,
  ) {
    this.number = input.call;
    this.type = input.type;
    const submission = input.type === "submit" || input.type === "call" ? input : undefined;
    this.service = submission?.service ?? new Uint8Array(0);
    this.body = submission?.body ?? [];
    this.key = submission?.key;
    this.isKeyGiven = this.key !== undefined;
    this.id = "id" in input ? input.id : undefined;
    this.records = input.type === "call" && input.records;
    this.startedAt = now;
    this.attempts = "attempts" in input ? input.attempts : limits.attempts;
    this.timeoutMs = "timeoutMs" in input ? input.timeoutMs : limits.timeoutMs;
    this.limitAt = "limitMs" in input ? now + input.limitMs : Number.POSITIVE_INFINITY;
    this.timer = startTimer(this);
  }

  /** What it is about. */
  get step(): CallStep {
    switch (this.state) {
      case "asking":
      case "ask-pausing":
      case "recording":
        return "reply";
      case "closing":
      case "close-pausing":
        return "close";
      default:
        return "submit";
    }
  }

  /** It waits for a reply for as long as that takes. */
  get isWaiting(): boolean {
    return this.step === "reply" && this.type !== "reply";
  }

  /** When it is due: its pause is over, or its time, or that of the step that it is at. */
  get dueAt(): number {
    const endsAt = this.state === "finding" ? (this.budget as Budget).endsAt : Number.POSITIVE_INFINITY;
    return Math.min(this.limitAt, this.pauseEndsAt, endsAt);
  }

  /** A step begins that is tried `attempts` times. */
  beginStep(now: number): void {
    const { attempts, timeoutMs } = this;
    this.budget = { attempts, timeoutMs, endsAt: now + attempts * timeoutMs };
    this.pauses = 0;
  }

  /** It waits for a reply for as long as that takes. */
  beginWait(): void {
    this.budget = undefined;
    this.pauses = 0;
  }

  /** How long the next question may take, in ms, and how often it may be asked. */
  nextLimits(now: number): { timeoutMs: number; attempts: number } {
    const leftMs = this.limitAt - now;
    if (this.budget === undefined)
      return { timeoutMs: longEnough(Math.min(this.timeoutMs, leftMs)), attempts: 1 };
    const { attempts, timeoutMs, endsAt } = this.budget;
    const budgetMs = Math.min(endsAt - now, leftMs);
    const times = Math.max(1, Math.min(attempts, Math.ceil(budgetMs / timeoutMs)));
    return { timeoutMs: longEnough(Math.min(timeoutMs, budgetMs / times)), attempts: times };
  }

  /**
   * The server could not do what it was asked.
   *
   * @returns whether it may be asked again after the pause
   */
  canGoOn(now: number): boolean {
    const { budget, pauseMs } = this;
    if (budget === undefined) return true;
    // Each of them but the last took all its time.
    budget.attempts -= 1 + Math.floor((now - this.askedAt) / budget.timeoutMs);
    return budget.attempts > 0 && now + pauseMs < budget.endsAt;
  }

  /** A question got no answer. */
  note(effort: RequestEffort): void {
    const { attempts, sent, endpoints } = this.effort;
    this.effort = {
      attempts: attempts + effort.attempts,
      sent: sent + effort.sent,
      endpoints: [...new Set([...endpoints, ...effort.endpoints])],
    };
  }

  /** Its time is over. */
  waitedTooLong(now: number): TitanicFailure {
    const { id, trouble, startedAt } = this;
    return { code: "ERR_WAIT_TIMEOUT", id, waitedMs: now - startedAt, trouble };
  }
}

/** A host that is late must not ask for no time at all. */
function longEnough(ms: number): number {
  return Math.max(1, ms);
}
