import { Backoff, Heartbeat, type Random } from "@seaworthy/core";
import type { BrokerNotice } from "./notice.js";
import { type SessionState, sessionLife } from "./session-life.js";
import type { MdpVersion } from "./wire.js";
import type { ResolvedWorkerOptions } from "./worker-options.js";

/** Before any time: there is no pause to wait for. */
const NO_PAUSE = Number.NEGATIVE_INFINITY;

/** A worker's session with one broker, over the connections that it has one after the other. */
export class BrokerSession {
  readonly endpoint: string;
  state: SessionState = sessionLife.initial;
  /** Its present connection, or the one that it had last; 0 before the first. */
  connection = 0;
  /** What is spoken with the broker. */
  version: MdpVersion;
  /** What its first word tells of the broker. */
  broker: "unknown" | "ours" | "foreign" = "unknown";
  heartbeat: Heartbeat;
  /** Requests of this connection that are here. */
  held = 0;
  /** Where the requests of a broker of ours are, by address. */
  readonly tickets: Map<string, number> = new Map();
  /** The credit that it was told last. */
  credit = 0;
  /** The broker waits for the end of a request, and has no ears for what became of it. */
  isStuck = false;
  /** The interval that its broker asks the worker for, in ms, or 0. */
  #askedMs = 0;
  readonly #options: ResolvedWorkerOptions;
  readonly #backoff: Backoff;
  /** When its pause is over. */
  #resumeAt = NO_PAUSE;
  #openedAt = Number.POSITIVE_INFINITY;
  /** How often in a row the broker sent it away. */
  #dismissals = 0;

  constructor(endpoint: string, options: ResolvedWorkerOptions, random: Random, now: number) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#backoff = new Backoff(options.reconnect, random, "MajordomoWorker: reconnect");
    this.version = this.#firstVersion;
    this.heartbeat = this.#freshHeartbeat(now);
  }

  /** It takes requests. */
  get isServing(): boolean {
    return this.state === "idle" || this.state === "busy";
  }

  /** It is on its way out. */
  get isLeaving(): boolean {
    return this.state === "draining" || this.state === "parting";
  }

  get isOurs(): boolean {
    return this.broker === "ours";
  }

  /** Requests that its broker may give it at a time. */
  get allowance(): number {
    return this.isOurs ? this.credit : 1;
  }

  /** How often the broker is to be sent something, in ms; that is not kept to before it is announced. */
  get intervalMs(): number {
    return Math.max(this.#options.heartbeatMs, this.#askedMs);
  }

  /** Its broker asks for heartbeats more often than it was told that they come. */
  get isTooSlow(): boolean {
    return this.intervalMs < this.heartbeat.intervalMs;
  }

  /** Whether nothing but the application's readiness is waited for. */
  get hasNoPause(): boolean {
    return this.#resumeAt === NO_PAUSE;
  }

  /** Whether the broker's silence means something: the guide's speaks to idle workers only. */
  get judgesSilence(): boolean {
    return this.isOurs || this.held === 0;
  }

  /**
   * When it wants attention, or `undefined`.
   *
   * @param isWanted - the application could take a request
   */
  deadline(isWanted: boolean): number | undefined {
    switch (this.state) {
      case "waiting":
        return isWanted ? this.#resumeAt : undefined;
      case "connecting":
      case "parting":
        return this.heartbeat.expiresAt;
      default:
        return this.judgesSilence ? this.heartbeat.deadline : this.heartbeat.sendAt;
    }
  }

  /** It gets a connection, and knows nothing of the broker. */
  connecting(connection: number, now: number): void {
    this.connection = connection;
    this.broker = "unknown";
    this.version = this.#firstVersion;
    this.held = 0;
    this.tickets.clear();
    this.isStuck = false;
    this.#askedMs = 0;
    this.heartbeat = this.#freshHeartbeat(now);
  }

  /** It says READY. From now on it is the broker's pace that counts. */
  opened(now: number): void {
    this.#openedAt = now;
    this.heartbeat.expectInterval(this.#options.peerHeartbeatMs);
    this.heartbeat.heard(now);
  }

  /** It has said DISCONNECT: what it has at hand is not its own any more. */
  parting(): void {
    this.held = 0;
    this.tickets.clear();
  }

  /** The broker was heard. */
  heard(now: number): void {
    this.heartbeat.heard(now);
    this.#backoff.reset();
  }

  /**
   * The broker has said something that tells whether it is ours.
   *
   * @param notice - what one of ours says of heartbeats
   */
  recognise(notice: BrokerNotice | undefined): void {
    if (notice === undefined) {
      if (this.broker === "unknown") this.broker = "foreign";
      return;
    }
    this.broker = "ours";
    this.heartbeat.expectInterval(notice.heartbeatMs);
    this.#askedMs = notice.askedMs;
    if (this.#options.protocol === "auto") this.version = "0.2";
  }

  /** It is to come again at once. */
  renewed(): void {
    this.#resumeAt = NO_PAUSE;
  }

  /**
   * Its connection is lost.
   *
   * @returns how long it waits before it comes again, in ms
   */
  lost(wasDismissed: boolean, now: number): number {
    const { liveness, peerIntervalMs } = this.heartbeat;
    if (now - this.#openedAt >= liveness * peerIntervalMs) this.#dismissals = 0;
    this.#openedAt = Number.POSITIVE_INFINITY;
    const pauseMs = wasDismissed ? this.#dismissalPause() : this.#backoff.next();
    this.#resumeAt = pauseMs === 0 ? NO_PAUSE : now + pauseMs;
    return pauseMs;
  }

  /** What was sent away once may come at once; who is sent away again and again is not wanted. */
  #dismissalPause(): number {
    const pauseMs = this.#dismissals === 0 ? 0 : this.#backoff.delay(this.#dismissals);
    this.#dismissals += 1;
    return pauseMs;
  }

  get #firstVersion(): MdpVersion {
    return this.#options.protocol === "0.2" ? "0.2" : "0.1";
  }

  /** Until a connection stands, which may never be, the worker's own pace says how long it is waited for. */
  #freshHeartbeat(now: number): Heartbeat {
    const { heartbeatMs: intervalMs, liveness } = this.#options;
    return new Heartbeat({ intervalMs, liveness }, now, "MajordomoWorker");
  }
}
