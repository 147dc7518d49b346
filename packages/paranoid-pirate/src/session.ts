import { Backoff, type DeadlineEntry, Heartbeat, type Random } from "@seaworthy/core";
import { type SessionState, sessionLife } from "./session-life.js";
import type { ResolvedWorkerOptions } from "./worker-options.js";

/** One of a worker's sessions with a queue, over the connections that it has one after the other. */
export class Session {
  readonly endpoint: string;
  readonly backoff: Backoff;
  readonly #options: ResolvedWorkerOptions;
  /** Its present connection. */
  connection: number;
  state: SessionState = sessionLife.initial;
  heartbeat: Heartbeat;
  timer: DeadlineEntry<Session> | undefined;
  /** Its timer is set. */
  isWatched = false;
  /** When its pause is over. */
  resumeAt = 0;
  /** What its first word tells of the queue. Ours begins with a greeting, and understands LEAVE. */
  queue: "unknown" | "ours" | "foreign" = "unknown";
  /** Requests of this connection that the application has not finished. */
  held = 0;

  constructor(
    endpoint: string,
    connection: number,
    options: ResolvedWorkerOptions,
    random: Random,
    now: number,
  ) {
    this.endpoint = endpoint;
    this.connection = connection;
    this.#options = options;
    this.backoff = new Backoff(options.reconnect, random, "ParanoidPirateWorker: reconnect");
    this.heartbeat = this.#freshHeartbeat(now);
  }

  /** It has a new connection, and knows nothing of the queue. */
  reconnected(connection: number, now: number): void {
    this.connection = connection;
    this.queue = "unknown";
    this.held = 0;
    this.heartbeat = this.#freshHeartbeat(now);
  }

  /** Whether it says heartbeats. */
  get isUp(): boolean {
    const { state } = this;
    return state === "ready" || state === "busy" || state === "finishing" || state === "leaving";
  }

  /** Whether the queue's silence means something: a queue need not speak to a busy worker (6/PPP). */
  get judgesSilence(): boolean {
    const { state } = this;
    return state === "connecting" || state === "ready" || state === "leaving";
  }

  /** When it wants attention, or `undefined`. */
  get deadline(): number | undefined {
    if (this.state === "pausing") return this.resumeAt;
    if (this.state === "connecting") return this.heartbeat.expiresAt;
    if (!this.isUp) return undefined;
    return this.judgesSilence ? this.heartbeat.deadline : this.heartbeat.sendAt;
  }

  #freshHeartbeat(now: number): Heartbeat {
    const { heartbeatMs: intervalMs, peerHeartbeatMs: peerIntervalMs, liveness } = this.#options;
    return new Heartbeat({ intervalMs, peerIntervalMs, liveness }, now, "ParanoidPirateWorker");
  }
}
