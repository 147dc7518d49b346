import { frameText, readUint32 } from "@seaworthy/core";
import type { Given } from "./majordomo-request-ledger.js";

/** So long is the notice of a program of ours. No name of a socket is as short. */
export const NOTICE_BYTES = 12;

/** How a worker introduced itself. */
export interface Ready {
  readonly service: string;
  /** What follows: the notice of one of ours, or the name of the socket of another. */
  readonly extra: Uint8Array;
}

/** What a witness has seen of a worker. */
export class WorkerView {
  readonly name: string;
  /** Its socket, as the world knows it. */
  readonly socket: string;
  readonly service: string;
  readonly isOurs: boolean;
  credit = 1;
  intervalMs: number;
  heardAt: number;
  sentAt: number;
  /** The broker says something at least this often: it is said to one of ours, and to others it is an option. */
  promisedMs: number;
  /** When it was told that. */
  promisedAt: number;
  /** How often a worker of ours says something if it is not asked for less, and what it is asked for, or 0. */
  readonly ownMs: number;
  askedMs = 0;
  /** When that changed. */
  askedAt: number;
  /** By address. */
  readonly held = new Map<string, Given>();
  /** It was silent for so long that it counts as lost. */
  isMissing = false;
  /** DISCONNECT was said, by whichever side. */
  isDismissed = false;
  /** It was told that the broker is ours. */
  isIntroduced = false;
  /**
   * Its place in the list of workers with credit: who was used least recently has the lowest. If it is not known which
   * of two it is, both.
   */
  firstRank = 0;
  lastRank = 0;
  readonly #maxCredit: number;

  constructor(
    name: string,
    { service, extra }: Ready,
    rules: {
      readonly heartbeatMs: number;
      readonly peerHeartbeatMs: number;
      readonly maxCredit: number;
      now(): number;
    },
  ) {
    this.name = name;
    this.service = service;
    this.isOurs = extra.length === NOTICE_BYTES;
    this.socket = this.isOurs ? name : frameText(extra);
    this.#maxCredit = rules.maxCredit;
    this.intervalMs = rules.peerHeartbeatMs;
    this.heardAt = this.sentAt = this.promisedAt = this.askedAt = rules.now();
    this.promisedMs = rules.heartbeatMs;
    if (this.isOurs) this.heed(extra);
    this.ownMs = this.intervalMs;
  }

  get hasCredit(): boolean {
    return this.held.size < this.credit;
  }

  /** It says something less often than it is asked to. */
  get isDisobedient(): boolean {
    return this.intervalMs > Math.max(this.ownMs, this.askedMs);
  }

  /**
   * The broker says how often it speaks, and maybe how often the worker is to speak.
   *
   * @param neededMs - at this interval, there are as many heartbeats as may be
   * @param longestMs - and more than this is not needed
   * @returns what is wrong with that
   */
  introduced(notice: Uint8Array, neededMs: number, longestMs: number, now: number): string | undefined {
    this.isIntroduced = true;
    this.promisedMs = readUint32(notice, 4);
    this.promisedAt = now;
    const askedMs = readUint32(notice, 8);
    if (askedMs !== this.askedMs) this.askedAt = now;
    this.askedMs = askedMs;
    if (this.promisedMs < neededMs || this.promisedMs > longestMs)
      return `that it speaks each ${this.promisedMs} ms, where ${neededMs} are needed`;
    if (askedMs === 0)
      return this.ownMs < neededMs ? "nothing of its interval, which is too short" : undefined;
    if (askedMs > this.ownMs && askedMs >= neededMs && askedMs <= longestMs) return undefined;
    return `to keep ${askedMs} ms instead of ${this.ownMs}, where ${neededMs} are needed`;
  }

  /** It says how often it speaks, and how much it takes at a time. */
  heed(notice: Uint8Array): void {
    this.intervalMs = readUint32(notice, 4);
    this.credit = Math.min(readUint32(notice, 8), this.#maxCredit);
  }
}
