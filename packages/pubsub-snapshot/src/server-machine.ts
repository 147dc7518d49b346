import { Fifo, type Frames, type Machine, type Malformed, type Stalled } from "@seaworthy/core";
import type { Entry } from "./entry.js";
import { KnownUpdates } from "./known-updates.js";
import { type Asker, Ordering, type OrderingParts } from "./ordering.js";
import { ServerMap } from "./server-map.js";
import {
  type ServerInput,
  type ServerOutput,
  type SnapshotServerCounters,
  type SnapshotServerEvent,
  sendTo,
} from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import type { Snapshot } from "./snapshot.js";
import { type SnapshotEnd, Snapshots } from "./snapshots.js";
import { Standby } from "./standby.js";
import {
  type Command,
  encodeRefusal,
  type KeyValue,
  MAX_KEY_BYTES,
  type RefusalReason,
  type SnapshotRequest,
  type SnapshotTerms,
} from "./wire.js";

/**
 * The protocol of a server: orders updates, publishes each when it is safe, and hands out the map. One of a pair follows the other
 * while that is active.
 */
export class ServerMachine implements Machine<ServerInput, ServerOutput> {
  readonly counters: SnapshotServerCounters = {
    published: 0,
    duplicates: 0,
    refused: 0,
    expired: 0,
    snapshots: 0,
    abandoned: 0,
    pending: 0,
    dropped: 0,
    undeliverable: 0,
  };
  readonly map: ServerMap = new ServerMap();
  readonly known: KnownUpdates;
  /** Whether the pair, if there is one, has no doubt at this time that this server is the active one. */
  isSure: (now: number) => boolean = () => true;
  readonly #options: ResolvedServerOptions;
  readonly #outputs = new Fifo<ServerOutput>();
  readonly #ordering: Ordering;
  readonly #snapshots: Snapshots;
  readonly #standby: Standby;
  /** Whether the pair lets it answer the message at hand. */
  #maySay = true;
  #isClosed = false;
  /** When the pair was last in doubt, as far as that was seen, or the process had stood still. */
  #doubtAt = Number.NEGATIVE_INFINITY;
  #now = 0;

  /** @param options - checked options, see `resolveServerOptions` */
  constructor(options: ResolvedServerOptions) {
    this.#options = options;
    this.known = new KnownUpdates(options.maxKnown);
    const { map, known, counters } = this;
    const put = (output: ServerOutput): void => this.#outputs.push(output);
    const report = (event: SnapshotServerEvent): void => put({ type: "status", event });
    const isSure = (): boolean => this.#isSureForLong();
    const parts: OrderingParts = { options, map, known, counters, put, report, isSure };
    this.#ordering = new Ordering(parts);
    this.#standby = new Standby(parts, this.#ordering, (reason) => this.#malformed(reason));
    this.#snapshots = new Snapshots(options, map, {
      put,
      ended: (...end) => this.#snapshotEnded(...end),
    });
  }

  /** Whether updates are ordered, and snapshots given. */
  get isServing(): boolean {
    return this.#ordering.isServing;
  }

  /** The passive server of the pair has everything, and each update waits for it. */
  get hasFollower(): boolean {
    return this.#ordering.follower.isSynced;
  }

  /** Updates that are ordered and not published. */
  get uncommitted(): number {
    return this.#ordering.uncommitted;
  }

  /** Snapshots that are sent, or wait for their turn. */
  get openSnapshots(): number {
    return this.#snapshots.size;
  }

  /** Subtrees that are followed. */
  get subtrees(): number {
    return this.#ordering.broadcast.size;
  }

  /** Updates that a passive server keeps. */
  get pending(): number {
    return this.#standby.pending;
  }

  /** What was kept from an earlier life, before anything else. */
  load(entry: Entry): void {
    this.map.apply(entry);
  }

  /** What was kept has all been loaded. */
  loaded(sequence: number): void {
    this.map.sequence = sequence;
    this.#ordering.store.sequence = sequence;
  }

  /** Whether all of a snapshot has left: only then may its end be sent. */
  mayEnd(snapshot: number): boolean {
    return this.#snapshots.mayEnd(snapshot);
  }

  get deadline(): number | undefined {
    if (this.#isClosed) return undefined;
    const ordering = this.#ordering;
    const now = this.#now;
    const never = Number.POSITIVE_INFINITY;
    return Math.min(
      ordering.broadcast.deadline,
      ordering.deadline(now),
      ordering.follower.deadline(now) ?? never,
      ordering.store.deadline ?? never,
      this.#snapshots.deadline ?? never,
      this.#standby.deadline,
    );
  }

  take(): ServerOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: ServerInput | Stalled, now: number): void {
    this.#now = now;
    if (this.#isClosed) return;
    switch (input.type) {
      case "message":
        return this.#message(input);
      case "collected":
        return this.#collected(input.message);
      case "subscribed":
        return this.#ordering.broadcast.subscribed(input.subtree, now);
      case "unsubscribed":
        return this.#ordering.broadcast.unsubscribed(input.subtree);
      case "flushed":
        return this.#snapshots.flushed(input.snapshot, now);
      case "refused":
        return this.#undeliverable(input.frames, input.reason);
      case "stored":
        this.#ordering.store.stored(now);
        return this.#ordering.advance();
      case "store-failed":
        return this.#ordering.store.failed(input.reason, now);
      case "activate":
        return this.#activate(input.life);
      case "deactivate":
        return this.#deactivate(false);
      case "close":
        return this.#close();
      case "stalled":
        return this.#stalled(input.ms);
      default:
        return this.#standby.followed(input, now);
    }
  }

  tick(now: number): void {
    this.#now = now;
    if (this.#isClosed) return;
    this.#standby.tick(now);
    this.#snapshots.tick(now);
    this.#ordering.tick(now);
  }

  // What clients say.

  #message({ route, message, retryAfterMs, maySay }: ServerInput & { type: "message" }): void {
    this.#maySay = maySay;
    switch (message.type) {
      case "malformed":
        return this.#malformed(message.reason);
      case "snapshot-request":
        return this.#snapshotRequest(route, message, retryAfterMs);
      case "key-value":
        return this.#update(message, route, retryAfterMs);
      case "command":
        return this.#command(route, message);
    }
  }

  #snapshotRequest(
    route: Uint8Array,
    { subtree, terms }: SnapshotRequest,
    retryAfterMs: number | undefined,
  ): void {
    if (subtree.length > MAX_KEY_BYTES) return this.#malformed("subtree that is longer than any key");
    const isOurs = terms !== undefined;
    // A client of others asks the other server when it has heard nothing.
    if (!this.isServing || !this.#maySay) {
      if (isOurs) this.#send(route, encodeRefusal({ reason: "passive", retryAfterMs }));
      return;
    }
    if (terms?.follows === true) return this.#followerCame(route, terms);
    if (this.#snapshots.request(route, subtree, terms, this.#now)) return;
    this.counters.refused += 1;
    const { maxWaitingSnapshots: limit } = this.#options;
    if (isOurs) this.#send(route, encodeRefusal({ reason: "full", option: "maxWaitingSnapshots", limit }));
  }

  #command(route: Uint8Array, { name, number }: Command): void {
    const { follower } = this.#ordering;
    if (follower.isAt(route)) {
      follower.said(name, number, this.#now);
      return this.#ordering.advance();
    }
    // It takes itself for the follower, and is not waited for any more.
    if (name === "PING") return this.#refuse(route, this.isServing ? "invalid" : "passive");
    const snapshot = this.#snapshots.find(route);
    if (snapshot === undefined) return;
    if (name === "MOAR") this.#snapshots.credit(snapshot, number, this.#now);
    else if (name === "KTHXBAI") this.#snapshots.end(snapshot, "client-gone", this.#now);
  }

  #collected(message: KeyValue | Malformed): void {
    if (message.type === "malformed") return this.#malformed(message.reason);
    if (this.isServing) return this.#update(message, undefined, undefined);
    this.#standby.collected(message, this.#now);
  }

  /** A client wants to set or delete a key. */
  #update(message: KeyValue, asker: Asker, retryAfterMs: number | undefined): void {
    const mayOrder = this.isServing && (this.#maySay || asker === undefined);
    if (mayOrder) this.#ordering.update(message, asker, this.#now);
    else this.#ordering.refuse(message, asker, { reason: "passive", retryAfterMs }, this.#now);
  }

  #snapshotEnded(snapshot: Snapshot, how: SnapshotEnd, now: number): void {
    const { entries, isOurs, route } = snapshot;
    if (how === "sent") {
      this.counters.snapshots += 1;
      const ms = now - snapshot.beganAt;
      return this.#report({ type: "snapshot-sent", at: now, sequence: snapshot.sequence, entries, ms });
    }
    this.counters.abandoned += 1;
    this.#report({ type: "snapshot-abandoned", at: now, entries, reason: how });
    if (isOurs && how === "not-active") this.#refuse(route, "passive");
  }

  #undeliverable(frames: Frames, reason: "peer-unknown" | "peer-full" | "queue-full"): void {
    if (this.#ordering.follower.isAt(frames[0] as Uint8Array)) {
      this.#ordering.follower.refused(reason, this.#now);
      return this.#ordering.advance();
    }
    if (!this.#snapshots.refused(frames, reason, this.#now)) this.counters.undeliverable += 1;
  }

  #malformed(reason: string): void {
    this.counters.dropped += 1;
    this.#report({ type: "message-dropped", at: this.#now, reason });
  }

  // The pair.

  #activate(life: string): void {
    const now = this.#now;
    this.#ordering.begin(life, now);
    this.#standby.takeOver(now);
  }

  #deactivate(isLast: boolean): void {
    if (!this.isServing) return;
    this.#ordering.end(isLast, this.#now);
    this.#snapshots.clear(this.#now);
  }

  #followerCame(route: Uint8Array, terms: SnapshotTerms): void {
    if (this.#options.peerDeadMs === undefined) return this.#refuse(route, "invalid");
    this.#ordering.follower.came(route, terms, this.#now);
    this.#ordering.advance();
  }

  /** The peer may be on its way to take over: by then each of the two has heard of the other what it has become. */
  #isSureForLong(): boolean {
    if (!this.isSure(this.#now)) this.#doubtAt = this.#now;
    return this.#now >= this.#doubtAt + this.#options.heartbeatMs / 2;
  }

  // The process.

  #stalled(ms: number): void {
    const now = this.#now;
    this.#report({ type: "process-stalled", at: now, ms });
    if (this.#options.peerDeadMs !== undefined) this.#doubtAt = now;
    this.#snapshots.stalled(now);
    this.#ordering.follower.stalled(now);
    this.#standby.stalled(now);
  }

  #close(): void {
    this.#deactivate(true);
    this.#standby.leave();
    this.#isClosed = true;
  }

  #refuse(route: Uint8Array, reason: RefusalReason): void {
    this.#send(route, encodeRefusal({ reason }));
  }

  #send(route: Uint8Array, frames: Frames): void {
    this.#outputs.push(sendTo(route, frames));
  }

  #report(event: SnapshotServerEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
