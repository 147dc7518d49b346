import { type DeadlineEntry, DeadlineQueue, frameKey } from "@seaworthy/core";
import type { SnapshotClientStats, UpdateFailure, UpdateRequest } from "./client-messages.js";
import { isUnder, type Refusal } from "./wire.js";

/** An update of the application that is not over. */
export interface PendingSet {
  readonly call: number;
  readonly update: UpdateRequest;
  readonly uuid: Uint8Array;
  /** When it fails, whatever happens. */
  readonly endsAt: number;
  /** When it fails, or is sent again. */
  readonly timer: DeadlineEntry<number>;
  /** How often it was sent. */
  sent: number;
  /** With its number, where it waits to be in the map. */
  place: DeadlineEntry<number> | undefined;
}

/** The connection over which updates go. */
export interface Way {
  readonly join: number;
  readonly socket: "snapshot" | "collector";
}

/** What {@link Sets} asks of the machine that owns it. */
export interface SetsOwner {
  send(set: PendingSet, way: Way): void;
  retried(set: PendingSet): void;
  ordered(call: number, sequence: number): void;
  failed(call: number, failure: UpdateFailure): void;
}

/** What {@link Sets} needs besides. */
export interface SetsOptions {
  readonly subtree: Uint8Array;
  /** An update that is not answered is sent again after so long, in ms. */
  readonly retryMs: number;
  /** 16 bytes that are never made again. */
  readonly makeUuid: () => Uint8Array;
}

/** Updates of the application until the server has ordered them and the map contains them. Each keeps its UUID however often it is sent. */
export class Sets {
  readonly #options: SetsOptions;
  readonly #stats: SnapshotClientStats;
  readonly #owner: SetsOwner;
  /** In the order in which they were made. */
  readonly #byCall = new Map<number, PendingSet>();
  readonly #byUuid = new Map<string, PendingSet>();
  readonly #timers = new DeadlineQueue<number>();
  /** Those that are ordered, by their numbers in place of times. */
  readonly #ordered = new DeadlineQueue<number>();
  #way: Way | undefined;

  constructor(options: SetsOptions, stats: SnapshotClientStats, owner: SetsOwner) {
    this.#options = options;
    this.#stats = stats;
    this.#owner = owner;
  }

  /** How many are not over. */
  get size(): number {
    return this.#byCall.size;
  }

  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  has(call: number): boolean {
    return this.#byCall.has(call);
  }

  add(call: number, update: UpdateRequest, now: number): void {
    const endsAt = now + update.timeoutMs;
    const uuid = this.#options.makeUuid();
    const timer = this.#timers.add(call, endsAt);
    const set: PendingSet = { call, update, uuid, endsAt, timer, sent: 0, place: undefined };
    this.#byCall.set(call, set);
    this.#byUuid.set(frameKey(uuid), set);
    this.#stats.sets += 1;
    this.#send(set, now);
  }

  /** There is a connection, to a server that has nothing of this: all are sent, in their order. Or there is none any more. */
  open(way: Way | undefined, now: number): void {
    this.#way = way;
    for (const set of this.#byCall.values()) {
      // Another server may order it under another number.
      if (set.place !== undefined) this.#ordered.cancel(set.place);
      set.place = undefined;
      this.#timers.move(set.timer, set.endsAt);
      this.#send(set, now);
    }
  }

  /** An update of this UUID is ordered. It may be none of ours. */
  ordered(uuid: Uint8Array, sequence: number): void {
    const set = this.#byUuid.get(frameKey(uuid));
    if (set === undefined || set.place !== undefined) return;
    if (!isUnder(set.update.key, this.#options.subtree)) return this.#succeed(set, sequence);
    set.place = this.#ordered.add(set.call, sequence);
  }

  /** The map contains all up to this number. */
  applied(sequence: number): void {
    for (
      let call = this.#ordered.takeDue(sequence);
      call !== undefined;
      call = this.#ordered.takeDue(sequence)
    ) {
      const set = this.#byCall.get(call) as PendingSet;
      this.#succeed(set, (set.place as DeadlineEntry<number>).at);
    }
  }

  /**
   * The server refuses an update, for good.
   *
   * @param sequence - what the key's is
   */
  refused(uuid: Uint8Array, { reason, option, limit }: Refusal, sequence: number): void {
    const set = this.#byUuid.get(frameKey(uuid));
    if (set === undefined) return;
    this.#stats.refused += 1;
    if (reason === "conflict") this.#fail(set, { code: "ERR_CONFLICT", sequence });
    else if (reason === "full" && option !== undefined && limit !== undefined)
      this.#fail(set, { code: "ERR_LIMIT_REACHED", option, limit });
    else this.#fail(set, { code: "ERR_REFUSED", reason });
  }

  abort(call: number): void {
    const set = this.#byCall.get(call);
    if (set !== undefined) this.#fail(set, { code: "ERR_ABORTED" });
  }

  tick(now: number): void {
    for (let call = this.#timers.takeDue(now); call !== undefined; call = this.#timers.takeDue(now)) {
      const set = this.#byCall.get(call) as PendingSet;
      if (now >= set.endsAt) this.#timedOut(set);
      else if (set.place !== undefined) this.#timers.move(set.timer, set.endsAt);
      else this.#send(set, now);
    }
  }

  close(): void {
    for (const set of this.#byCall.values()) this.#fail(set, { code: "ERR_CLOSED" });
  }

  #send(set: PendingSet, now: number): void {
    const way = this.#way;
    if (way === undefined) return;
    if (way.socket === "collector" && set.update.expected !== undefined)
      return this.#fail(set, { code: "ERR_UNSUPPORTED", option: "ifSequence" });
    set.sent += 1;
    this.#timers.move(set.timer, Math.min(set.endsAt, now + this.#options.retryMs));
    this.#owner.send(set, way);
    if (set.sent === 1) return;
    this.#stats.retried += 1;
    this.#owner.retried(set);
  }

  #timedOut(set: PendingSet): void {
    this.#stats.timedOut += 1;
    this.#fail(set, { code: "ERR_SET_TIMEOUT", timeoutMs: set.update.timeoutMs, sent: set.sent });
  }

  #succeed(set: PendingSet, sequence: number): void {
    this.#forget(set);
    this.#stats.acknowledged += 1;
    this.#owner.ordered(set.call, sequence);
  }

  #fail(set: PendingSet, failure: UpdateFailure): void {
    this.#forget(set);
    this.#owner.failed(set.call, failure);
  }

  #forget(set: PendingSet): void {
    this.#byCall.delete(set.call);
    this.#byUuid.delete(frameKey(set.uuid));
    this.#timers.cancel(set.timer);
    if (set.place !== undefined) this.#ordered.cancel(set.place);
  }
}
