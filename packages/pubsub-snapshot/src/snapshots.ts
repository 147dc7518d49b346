import { type Frames, frameKey, framesEqual } from "@seaworthy/core";
import type { ServerMap } from "./server-map.js";
import type { ServerOutput } from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import { type SendMessage, Snapshot } from "./snapshot.js";
import type { SnapshotTerms } from "./wire.js";

/** How a snapshot ended. */
export type SnapshotEnd = "sent" | "client-gone" | "client-slow" | "not-active";

/** What {@link Snapshots} tells the machine that owns it. */
export interface SnapshotsOwner {
  put(output: ServerOutput): void;
  ended(snapshot: Snapshot, how: SnapshotEnd, now: number): void;
}

/** Entries of a map that are looked at in one go, for a subtree that few of them lie in. */
const SLICE = 2000;

/** The snapshots that are being sent, and the clients that wait for theirs. One for each client at a time. */
export class Snapshots {
  readonly #options: ResolvedServerOptions;
  readonly #map: ServerMap;
  readonly #owner: SnapshotsOwner;
  /** By the client's routing id. */
  readonly #byRoute = new Map<string, Snapshot>();
  readonly #active = new Map<number, Snapshot>();
  readonly #waiting = new Set<Snapshot>();
  #count = 0;

  constructor(options: ResolvedServerOptions, map: ServerMap, owner: SnapshotsOwner) {
    this.#options = options;
    this.#map = map;
    this.#owner = owner;
  }

  get size(): number {
    return this.#byRoute.size;
  }

  /** When one goes on by itself, or has taken too long. */
  get deadline(): number | undefined {
    let deadline = Number.POSITIVE_INFINITY;
    for (const snapshot of this.#active.values())
      deadline = Math.min(deadline, snapshot.dueAt, snapshot.slowAt(this.#options.snapshotTimeoutMs));
    return deadline === Number.POSITIVE_INFINITY ? undefined : deadline;
  }

  /**
   * A client wants one. If it is asked for again while it is on its way, that is the answer; anything else comes after it, since what has left cannot
   * be told from what would follow.
   *
   * @returns false if too many clients wait
   */
  request(route: Uint8Array, subtree: Uint8Array, terms: SnapshotTerms | undefined, now: number): boolean {
    const open = this.find(route);
    if (open === undefined && this.#waiting.size >= this.#options.maxWaitingSnapshots) return false;
    const snapshot = new Snapshot(++this.#count, route, subtree, terms, now);
    if (open === undefined) this.#enter(snapshot, now);
    else if (!framesEqual(open.subtree, subtree)) open.following = snapshot;
    return true;
  }

  find(route: Uint8Array): Snapshot | undefined {
    return this.#byRoute.get(frameKey(route));
  }

  /** A client takes so many portions more. */
  credit(snapshot: Snapshot, portions: number, now: number): void {
    snapshot.credit += portions;
    snapshot.heardAt = now;
    if (snapshot.hasBegun) this.#pump(snapshot, now);
  }

  /** What was sent of this one is about to leave. */
  flushed(number: number, now: number): void {
    const snapshot = this.#active.get(number);
    if (snapshot === undefined) return;
    snapshot.flushed(now);
    this.#pump(snapshot, now);
  }

  /** A message was not sent. */
  refused(frames: Frames, reason: "peer-unknown" | "peer-full" | "queue-full", now: number): boolean {
    const snapshot = this.#byRoute.get(frameKey(frames[0] as Uint8Array));
    if (snapshot === undefined) return false;
    if (reason === "peer-unknown") this.end(snapshot, "client-gone", now);
    else return snapshot.hasBegun && snapshot.takeBack(frames, now);
    return true;
  }

  /** Whether all of it has left: only then may the end be sent. */
  mayEnd(number: number): boolean {
    return this.#active.get(number)?.mayEnd ?? false;
  }

  tick(now: number): void {
    for (const snapshot of [...this.#active.values()]) {
      if (now >= snapshot.slowAt(this.#options.snapshotTimeoutMs)) this.end(snapshot, "client-slow", now);
      else if (now >= snapshot.dueAt) this.#pump(snapshot, now);
    }
  }

  /** The process stood still: clients that have not been heard may have been. */
  stalled(now: number): void {
    for (const snapshot of this.#active.values()) snapshot.heardAt = now;
  }

  /** Ends all of them. */
  clear(now: number): void {
    const open = [...this.#byRoute.values()];
    this.#waiting.clear();
    for (const snapshot of open) this.end(snapshot, "not-active", now);
  }

  end(snapshot: Snapshot, how: SnapshotEnd, now: number): void {
    this.#forget(snapshot);
    this.#owner.ended(snapshot, how, now);
    if (how === "sent" && snapshot.following !== undefined) this.#enter(snapshot.following, now);
    else this.#beginNext(now);
  }

  /** Sends as much as the client takes. */
  #pump(snapshot: Snapshot, now: number): void {
    const send: SendMessage = (frames, flush, end) =>
      this.#owner.put({ type: "send", frames: [snapshot.route, ...frames], flush, end });
    if (snapshot.pump(SLICE, send, now)) this.end(snapshot, "sent", now);
  }

  #enter(snapshot: Snapshot, now: number): void {
    this.#byRoute.set(snapshot.name, snapshot);
    this.#waiting.add(snapshot);
    this.#beginNext(now);
  }

  #beginNext(now: number): void {
    for (const snapshot of this.#waiting) {
      if (this.#active.size >= this.#options.maxSnapshots) return;
      this.#waiting.delete(snapshot);
      this.#active.set(snapshot.number, snapshot);
      snapshot.begin(this.#map, now);
      this.#pump(snapshot, now);
    }
  }

  #forget(snapshot: Snapshot): void {
    this.#byRoute.delete(snapshot.name);
    this.#waiting.delete(snapshot);
    this.#active.delete(snapshot.number);
    snapshot.leave(this.#map);
  }
}
