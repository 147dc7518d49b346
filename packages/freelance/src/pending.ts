import { type DeadlineEntry, type Frames, Link } from "@seaworthy/core";
import { type CallEvent, type CallState, callLife } from "./call-life.js";
import type { FreelanceFailure } from "./client-messages.js";
import type { Server } from "./server-book.js";

/** What one request is, apart from how far it got. */
export interface PendingRequest {
  readonly call: number;
  readonly sequence: bigint;
  readonly body: Frames;
  readonly timeoutMs: number;
  readonly attempts: number;
}

const NO_SERVERS: readonly Server[] = [];

/** A request that has not ended, or that some server still has. */
export class Pending {
  readonly call: number;
  readonly sequence: bigint;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  /** Servers that it was sent to, in order. */
  readonly endpoints: string[] = [];
  /** Its place in the line of those that wait for a server. */
  readonly place: Link<Pending> = new Link<Pending>(this);
  /** The servers that have the attempt that is under way. */
  readonly copies: Copy[] = [];
  body: Frames;
  state: CallState = callLife.initial;
  attempts = 0;
  sent = 0;
  /** When the attempt that is under way began. */
  startedAt = 0;
  timer: DeadlineEntry<Pending> | undefined = undefined;
  hedgeTimer: DeadlineEntry<Pending> | undefined = undefined;
  /** What a server's handler said that failed, while others may still answer. */
  failure: string | undefined = undefined;
  /** Servers that did not answer an earlier attempt, the latest last: others come first. */
  avoided: readonly Server[] = NO_SERVERS;
  /** Servers that were lost with it since its last timeout: they may have run it. */
  lostWith: readonly Server[] = NO_SERVERS;

  constructor({ call, sequence, body, timeoutMs, attempts }: PendingRequest) {
    this.call = call;
    this.sequence = sequence;
    this.body = body;
    this.timeoutMs = timeoutMs;
    this.maxAttempts = attempts;
  }

  get isLastAttempt(): boolean {
    return this.attempts >= this.maxAttempts;
  }

  /** It is answered, and is kept for those who still owe a reply. */
  get isAnswered(): boolean {
    return this.state === "answered";
  }

  /** An attempt is over, and these have not answered it. */
  avoid(servers: readonly Server[]): void {
    const latest = new Set([...this.lostWith, ...servers]);
    this.avoided = [...this.avoided.filter((server) => !latest.has(server)), ...latest];
    this.lostWith = NO_SERVERS;
  }

  /** The one that this server has. */
  copyAt(server: Server): Copy | undefined {
    return this.copies.find((copy) => copy.server === server);
  }
}

/** An attempt that was handed to a server, and that the server owes a reply for. */
export class Copy {
  readonly pending: Pending;
  readonly server: Server;
  readonly sentAt: number;
  readonly isHedge: boolean;
  /** Its place among those of its server. */
  readonly place: Link<Copy> = new Link<Copy>(this);
  #isOver = false;
  #wasDropped = false;

  constructor(pending: Pending, server: Server, sentAt: number, isHedge: boolean) {
    this.pending = pending;
    this.server = server;
    this.sentAt = sentAt;
    this.isHedge = isHedge;
    pending.copies.push(this);
    server.copies.append(this.place);
  }

  /** Whether it is to be sent, if it still waits in a queue: nothing is sent late. */
  get isWanted(): boolean {
    return !this.#isOver && this.pending.state === "sent";
  }

  /** Asked when it is about to leave a queue. Once the answer is no, the server never gets it, and owes nothing. */
  mayLeave(): boolean {
    this.#wasDropped ||= !this.isWanted;
    return !this.#wasDropped;
  }

  /** It was dropped in a queue. */
  get wasDropped(): boolean {
    return this.#wasDropped;
  }

  /** The server owes nothing for it any more. */
  end(): void {
    this.#isOver = true;
    this.place.unlink();
    const { copies } = this.pending;
    copies.splice(copies.indexOf(this), 1);
  }
}

/** The code of the error that an event ends a request with. */
export const FAILURE_CODES: Readonly<Partial<Record<CallEvent, FreelanceFailure["code"]>>> = {
  exhausted: "ERR_REQUEST_TIMEOUT",
  "last-server-lost": "ERR_CONNECTION_LOST",
  "not-connected": "ERR_NOT_CONNECTED",
  "failure-reply": "ERR_HANDLER_FAILED",
  aborted: "ERR_ABORTED",
  closed: "ERR_CLOSED",
};
