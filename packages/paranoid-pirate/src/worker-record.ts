import { type DeadlineEntry, type DeskRequest, frameKey, Heartbeat, Link } from "@seaworthy/core";
import type { ResolvedQueueOptions } from "./queue-options.js";
import { workerProcess } from "./wire.js";
import { type WorkerState, workerLife } from "./worker-life.js";

/** What the queue knows of one worker: a session of a worker's process. */
export class WorkerRecord {
  readonly id: Uint8Array;
  readonly key: string;
  /** It understands greetings and LEAVE. */
  readonly isOurs: boolean;
  readonly heartbeat: Heartbeat;
  /** Its place on the list of those that are ready. */
  readonly place: Link<WorkerRecord> = new Link(this as WorkerRecord);
  /** When to look at its heartbeat; set when it is entered in the books. */
  timer: DeadlineEntry<WorkerRecord> | undefined;
  /** Which of our processes it belongs to; `undefined` if it is not ours. */
  readonly process: string | undefined;
  /** Who gives a request back if it does: its process, or itself. */
  readonly party: string;
  /** It may be dead, and is given nothing until it is heard. */
  isLate = false;
  state: WorkerState = workerLife.initial;
  /** What it was given and has not replied to. */
  request: DeskRequest | undefined;
  /** Its request is not its own any more: it was given to another, or given up. */
  isRelieved = false;

  constructor(id: Uint8Array, options: ResolvedQueueOptions, now: number) {
    const { heartbeatMs: intervalMs, peerHeartbeatMs: peerIntervalMs, liveness } = options;
    this.id = id;
    this.key = frameKey(id);
    this.process = workerProcess(id);
    this.party = this.process ?? this.key;
    this.isOurs = this.process !== undefined;
    this.heartbeat = new Heartbeat({ intervalMs, peerIntervalMs, liveness }, now);
  }

  /** It has been silent for its liveness, and is not in service. */
  get isPresumedDead(): boolean {
    return this.state === "missing" || this.state === "lost";
  }

  /** When it has been silent for so long that it had better be heard before it is given a request. */
  get doubtfulAt(): number {
    const { heardAt, peerIntervalMs, liveness } = this.heartbeat;
    return heardAt + Math.max(1, liveness - 1) * peerIntervalMs;
  }

  /** When its silence means something: that it is dead, or then that it is not worth waiting for. */
  get silentAt(): number {
    const { expiresAt, peerIntervalMs, liveness } = this.heartbeat;
    return this.isPresumedDead ? expiresAt + liveness * peerIntervalMs : expiresAt;
  }

  /** When it wants attention. */
  get deadline(): number {
    return Math.min(this.heartbeat.sendAt, this.silentAt);
  }
}
