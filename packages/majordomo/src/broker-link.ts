import type { Connection } from "@seaworthy/core";
import {
  type Acquaintance,
  type AcquaintanceAction,
  type AcquaintanceEvent,
  acquaintance,
} from "./broker-acquaintance.js";
import type { Pending } from "./pending.js";

/** One socket to a broker. */
export interface Lane {
  /** Names it in inputs and outputs of the machine. */
  readonly socket: number;
  readonly link: BrokerLink;
  readonly openedAt: number;
  /** The request that went over it without a header: only its last word makes the lane free again. */
  bare: Pending | undefined;
  /** Parts of the reply to that request that have come. */
  parts: number;
}

/** The times that a link goes by, in ms. */
export interface LinkTimes {
  readonly heartbeatMs: number;
  readonly liveness: number;
  readonly connectTimeoutMs: number;
  /** How long requests wait for a broker to introduce itself at most; impatient ones wait half of an attempt. */
  readonly introductionMs: number;
}

/** A connection to a broker, with what is known of it. To a foreign broker it has several sockets. */
export class BrokerLink {
  readonly connection: Connection;
  /** The socket that the broker is asked over. It takes all requests if the broker is ours. */
  readonly main: Lane;
  readonly lanes: Set<Lane> = new Set<Lane>();
  /** Lanes to a foreign broker that can take a request. */
  readonly idle: Lane[] = [];
  /** Lanes besides the main one that do not stand yet, the oldest first. */
  readonly opening: Set<Lane> = new Set<Lane>();
  /** It is being given up: nothing more is to be sent over it. */
  isGone = false;
  /** A lane could not be opened: when that is tried again. */
  widenAt: number = Number.NEGATIVE_INFINITY;
  readonly #times: LinkTimes;
  #state: Acquaintance = acquaintance.initial;
  #askedAt = 0;
  #introductionEnds = Number.POSITIVE_INFINITY;
  #watchedFrom = 0;
  #patienceMs = 0;

  constructor(connection: Connection, socket: number, times: LinkTimes) {
    this.connection = connection;
    this.#times = times;
    this.main = this.addLane(socket, connection.openedAt);
  }

  get isOurs(): boolean {
    return this.#state === "ours";
  }

  /** Treated as foreign, known to be so or not. */
  get isForeign(): boolean {
    return this.#state === "foreign" || this.#state === "presumed-foreign";
  }

  addLane(socket: number, now: number): Lane {
    const lane: Lane = { socket, link: this, openedAt: now, bare: undefined, parts: 0 };
    this.lanes.add(lane);
    return lane;
  }

  removeLane(lane: Lane): void {
    this.lanes.delete(lane);
    this.opening.delete(lane);
    const index = this.idle.indexOf(lane);
    if (index !== -1) this.idle.splice(index, 1);
  }

  /** Takes note of what is learnt of the broker, and returns what follows. */
  learn(event: AcquaintanceEvent): AcquaintanceAction | undefined {
    const transition = acquaintance.step(this.#state, event);
    if (transition === undefined) return undefined;
    this.#state = transition.to;
    return transition.action;
  }

  /** The broker is being asked whether it is still there. */
  asked(now: number): void {
    this.#askedAt = now;
  }

  /** The broker is being asked whether it is ours, while requests wait whose attempts last this long at least. */
  introductionAsked(timeoutMs: number, now: number): void {
    this.asked(now);
    this.#introductionEnds = now + this.#times.introductionMs;
    this.awaited(timeoutMs, now);
  }

  /** A request waits for it whose attempt lasts this long. Half of that is left for what was asked meanwhile. */
  awaited(timeoutMs: number, now: number): void {
    this.#introductionEnds = Math.min(this.#introductionEnds, now + timeoutMs / 2);
  }

  /** An attempt goes over it, before that is counted. From the first on, silence means something. */
  sends(timeoutMs: number, now: number): void {
    if (this.connection.awaiting === 0) {
      this.#watchedFrom = now;
      this.#patienceMs = this.#times.heartbeatMs;
    }
    // Asked within the attempt, a broker that is there has spoken before the attempt is over.
    this.#patienceMs = Math.min(this.#patienceMs, timeoutMs / 2);
  }

  /** This process stood still: whether the broker is silent is to be found out anew. */
  stalled(now: number): void {
    this.#watchedFrom = now;
  }

  /** The broker did not introduce itself in time. */
  isUnanswered(now: number): boolean {
    return this.#state === "asked" && now >= this.#introductionEnds;
  }

  /** A broker of ours that owes replies was silent for too long. */
  isSilent(now: number): boolean {
    return this.#isWatched && now >= this.#silentAt;
  }

  /** It is time to ask a broker of ours whether it is there. */
  isToBeAsked(now: number): boolean {
    return this.#isWatched && now >= this.#askAt;
  }

  /** Lanes that took too long to stand. */
  overdueLanes(now: number): Lane[] {
    const { connectTimeoutMs } = this.#times;
    return [...this.opening].filter(({ openedAt }) => now >= openedAt + connectTimeoutMs);
  }

  /** When one of these is due, or infinity. */
  get deadline(): number {
    if (this.#state === "asked") return this.#introductionEnds;
    if (this.#isWatched) return Math.min(this.#askAt, this.#silentAt);
    const [oldest] = this.opening;
    const openBy =
      oldest === undefined ? Number.POSITIVE_INFINITY : oldest.openedAt + this.#times.connectTimeoutMs;
    return this.widenAt === Number.NEGATIVE_INFINITY ? openBy : Math.min(openBy, this.widenAt);
  }

  get #isWatched(): boolean {
    return this.isOurs && this.connection.awaiting > 0;
  }

  get #silentSince(): number {
    return Math.max(this.connection.heardAt, this.#watchedFrom);
  }

  get #askAt(): number {
    return Math.max(this.#silentSince, this.#askedAt) + this.#patienceMs;
  }

  get #silentAt(): number {
    const { liveness, heartbeatMs } = this.#times;
    return this.#silentSince + liveness * heartbeatMs;
  }
}
