import { type DeadlineEntry, type DeskRequest, frameKey, Heartbeat, Link } from "@seaworthy/core";
import type { ResolvedQueueOptions } from "./queue-options.js";
import { isOurWorker } from "./wire.js";
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
  /** Its heartbeat was late when it was last looked at. */
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
    this.isOurs = isOurWorker(id);
    this.heartbeat = new Heartbeat({ intervalMs, peerIntervalMs, liveness }, now);
  }

  /** It has been silent for its liveness, and is not in service. */
  get isPresumedDead(): boolean {
    return this.state === "missing" || this.state === "lost";
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
