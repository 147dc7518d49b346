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
    rules: { readonly peerHeartbeatMs: number; readonly maxCredit: number; now(): number },
  ) {
    this.name = name;
    this.service = service;
    this.isOurs = extra.length === NOTICE_BYTES;
    this.socket = this.isOurs ? name : frameText(extra);
    this.#maxCredit = rules.maxCredit;
    this.intervalMs = rules.peerHeartbeatMs;
    this.heardAt = this.sentAt = rules.now();
    if (this.isOurs) this.heed(extra);
  }

  get hasCredit(): boolean {
    return this.held.size < this.credit;
  }

  /** It says how often it speaks, and how much it takes at a time. */
  heed(notice: Uint8Array): void {
    this.intervalMs = readUint32(notice, 4);
    this.credit = Math.min(readUint32(notice, 8), this.#maxCredit);
  }
}
