import { type Frames, framesEqual } from "@seaworthy/core";
import { Follower, type FollowerSource } from "./follower.js";
import {
  type FollowerLossReason,
  type ServerOutput,
  type SnapshotServerEvent,
  sendTo,
} from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import { type Command, encodeRefusal, type SnapshotTerms } from "./wire.js";

/** Where the passive server of a pair, if it is there, is looked after by its active. */
export class FollowerSeat {
  readonly #deadMs: number;
  readonly #maxBehind: number;
  readonly #source: FollowerSource;
  readonly #put: (output: ServerOutput) => void;
  readonly #report: (event: SnapshotServerEvent) => void;
  #follower: Follower | undefined;

  constructor(
    { peerDeadMs = Number.POSITIVE_INFINITY, maxUncommitted }: ResolvedServerOptions,
    source: FollowerSource,
    put: (output: ServerOutput) => void,
    report: (event: SnapshotServerEvent) => void,
  ) {
    this.#deadMs = peerDeadMs;
    this.#maxBehind = maxUncommitted;
    this.#source = source;
    this.#put = put;
    this.#report = report;
  }

  /** It has everything, and each update waits for it. */
  get isSynced(): boolean {
    return this.#follower?.isSynced === true;
  }

  /** It has all updates up to this one, or need not have them. */
  get acknowledged(): number {
    return this.#follower?.isSynced === true ? this.#follower.acknowledged : Number.POSITIVE_INFINITY;
  }

  /** It was sent all updates up to this one, or need not be. */
  get sent(): number {
    return this.#follower?.sent ?? Number.POSITIVE_INFINITY;
  }

  /** When it is lost; or `now`, if there is more to be sent to it. */
  deadline(now: number): number | undefined {
    const follower = this.#follower;
    if (follower === undefined) return undefined;
    return follower.isDue ? now : Math.min(follower.heardAt, follower.owesSince) + this.#deadMs;
  }

  /** Whether this is the route of its connection. */
  isAt(route: Uint8Array): boolean {
    return this.#follower !== undefined && framesEqual(this.#follower.route, route);
  }

  came(route: Uint8Array, terms: SnapshotTerms, now: number): void {
    if (this.#follower !== undefined) this.#lose("replaced", now, !this.isAt(route));
    this.#follower = new Follower(route, terms, this.#source, (frames) => this.#send(route, frames), now);
    this.pump(now);
  }

  /** What it says. */
  said(name: Command["name"], number: number, now: number): void {
    const follower = this.#follower as Follower;
    follower.heardAt = now;
    switch (name) {
      case "MOAR":
        return follower.credit(number, now);
      case "PING":
        return follower.pong(number);
      case "KTHXBAI":
        return this.#lose("left", now, false);
      case "GOTIT":
        if (follower.gotIt(number, now))
          this.#report({ type: "follower-joined", at: now, sequence: follower.acknowledged });
        return;
      default:
        return;
    }
  }

  /** There is something for it to have. */
  pump(now: number): void {
    const follower = this.#follower;
    if (follower === undefined) return;
    follower.pump(now);
    // What it does not take is kept for it, published or not.
    if (this.#source.log.head - follower.sent > this.#maxBehind) this.#lose("slow", now);
  }

  /** A message to it was not sent: a hole in its stream. */
  refused(reason: "peer-unknown" | "peer-full" | "queue-full", now: number): void {
    if (reason === "peer-unknown") this.#lose("gone", now, false);
    else this.#lose("slow", now);
  }

  tick(now: number): void {
    const follower = this.#follower;
    if (follower === undefined) return;
    if (now >= follower.heardAt + this.#deadMs) this.#lose("silent", now);
    else if (now >= follower.owesSince + this.#deadMs) this.#lose("slow", now);
    else if (follower.isDue) follower.pump(now);
  }

  /** The process stood still: what it said meanwhile may not have been read. */
  stalled(now: number): void {
    this.#follower?.stalled(now);
  }

  /** This server is not the active one any more: the follower has all that it has published, if it was waited for, and gets nothing more. */
  end(): void {
    if (this.#follower === undefined) return;
    this.#send(this.#follower.route, encodeRefusal({ reason: "passive" }));
    this.#leave();
  }

  #leave(): void {
    this.#follower?.leave();
    this.#follower = undefined;
  }

  /** @param tells - it does not know yet that it is not waited for any more: until it does, it may take over */
  #lose(reason: FollowerLossReason, now: number, tells = true): void {
    const { route } = this.#follower as Follower;
    this.#leave();
    if (tells) this.#send(route, encodeRefusal({ reason: "invalid" }));
    this.#report({ type: "follower-lost", at: now, reason });
  }

  #send(route: Uint8Array, frames: Frames): void {
    this.#put(sendTo(route, frames));
  }
}
