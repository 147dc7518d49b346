import { ChurnMap, type DeadlineEntry, frameKey, Heartbeat, Link, readableId } from "@seaworthy/core";
import type { ResolvedBrokerOptions } from "./broker-options.js";
import type { BrokerNotice, Notice } from "./notice.js";
import type { Service } from "./service.js";
import type { Holding } from "./service-request.js";
import type { MdpVersion } from "./wire.js";
import { type WorkerState, workerLife } from "./worker-life.js";

/**
 * Shortest interval that a worker is judged by, in ms: whoever promises heartbeats more often than an event loop turns
 * under load would be taken for dead again and again.
 */
const MIN_PEER_INTERVAL_MS = 50;

/** By how much of its interval a heartbeat may be early. */
const BEAT_STEP = 1 / 100;

const credible = (heartbeatMs: number): number => Math.max(heartbeatMs, MIN_PEER_INTERVAL_MS);

/** What the broker knows of a worker. */
export class WorkerRecord {
  readonly id: Uint8Array;
  readonly key: string;
  readonly service: Service;
  readonly heartbeat: Heartbeat;
  /** It understands what MDP has no words for. */
  readonly isOurs: boolean;
  /** Its place among those of its service that have credit. */
  readonly place: Link<WorkerRecord> = new Link(this as WorkerRecord);
  /** What it was given and has not finished, by number. */
  readonly held: ChurnMap<number, Holding> = new ChurnMap();
  /** What it spoke last. */
  version: MdpVersion;
  /** Requests that it takes at a time. */
  credit: number;
  state: WorkerState = workerLife.initial;
  /** It may be dead, and is given nothing until it is heard. */
  isLate = false;
  timer: DeadlineEntry<WorkerRecord> | undefined;
  readonly #maxCredit: number;
  /** How often it is sent something at least, in ms, and how often it says that it sends something itself. */
  readonly #ourMs: number;
  readonly #itsMs: number;
  /** What it was asked for instead, in ms, or 0. */
  #askedMs = 0;
  /** Its share when many are to speak, and to be spoken to, at different times. */
  readonly #spread: number;

  constructor(
    id: Uint8Array,
    service: Service,
    version: MdpVersion,
    notice: Notice | undefined,
    options: ResolvedBrokerOptions,
    spread: number,
    now: number,
  ) {
    const { heartbeatMs: intervalMs, peerHeartbeatMs, liveness, maxCredit } = options;
    this.id = id;
    this.key = frameKey(id);
    this.service = service;
    this.version = version;
    this.isOurs = notice !== undefined;
    this.#maxCredit = maxCredit;
    this.#spread = spread;
    // Whoever says nothing of credit works on one request at a time (7/MDP, Overall Topology).
    this.credit = Math.min(notice?.credit ?? 1, maxCredit);
    const peerIntervalMs = notice === undefined ? peerHeartbeatMs : credible(notice.heartbeatMs);
    this.#ourMs = intervalMs;
    this.#itsMs = notice?.heartbeatMs ?? peerHeartbeatMs;
    this.heartbeat = new Heartbeat({ intervalMs, peerIntervalMs, liveness }, now, "MajordomoBroker");
  }

  /** For people. */
  get name(): string {
    return readableId(this.id);
  }

  get hasCredit(): boolean {
    return this.held.size < this.credit;
  }

  /** When its silence means something: that it is dead, or then that it is not worth waiting for. */
  get silentAt(): number {
    const { expiresAt, liveness, peerIntervalMs } = this.heartbeat;
    return this.state === "missing" ? expiresAt + liveness * peerIntervalMs : expiresAt;
  }

  /** When it has been silent for so long that it had better be heard before it is given a request. */
  get doubtfulAt(): number {
    const { heardAt, liveness, peerIntervalMs } = this.heartbeat;
    return heardAt + Math.max(1, liveness - 1) * peerIntervalMs;
  }

  /**
   * When it is sent a heartbeat, if nothing else before. A little early, so that it leaves with those of others: what is
   * sent alone has to wake ZeroMQ's thread alone. Rounded to common points in time, and not to the others' times, which
   * would draw ever more of them together.
   */
  get beatAt(): number {
    const { sendAt, intervalMs } = this.heartbeat;
    const stepMs = intervalMs * BEAT_STEP;
    return Math.floor(sendAt / stepMs) * stepMs;
  }

  /** When it wants attention. */
  get deadline(): number {
    return Math.min(this.beatAt, this.silentAt);
  }

  /** It was told a longer interval than the broker's pace makes necessary by now. */
  isSlowerThan(paceMs: number): boolean {
    return (
      this.heartbeat.intervalMs > Math.max(this.#ourMs, paceMs) ||
      this.#askedMs > Math.max(this.#itsMs, paceMs)
    );
  }

  /** It is sent a heartbeat. One of ours is told the broker's interval, and asked to keep to a longer one if need be. */
  beat(paceMs: number, now: number): BrokerNotice | undefined {
    if (!this.isOurs) {
      this.heartbeat.sent(now);
      return undefined;
    }
    this.#askedMs = paceMs > this.#itsMs ? paceMs : 0;
    const heartbeatMs = Math.max(this.#ourMs, paceMs);
    this.heartbeat.announced(heartbeatMs, this.#spread, now);
    return { heartbeatMs, askedMs: this.#askedMs };
  }

  /** It has introduced itself anew. */
  heed({ heartbeatMs, credit }: Notice): void {
    this.heartbeat.expectInterval(credible(heartbeatMs));
    this.credit = Math.min(credit, this.#maxCredit);
  }
}
