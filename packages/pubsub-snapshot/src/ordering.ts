import { type Frames, frameKey, framesEqual, frameText } from "@seaworthy/core";
import { Broadcast } from "./broadcast.js";
import { Entry } from "./entry.js";
import { FollowerSeat } from "./follower-seat.js";
import type { KnownUpdates } from "./known-updates.js";
import { RefusedUpdates } from "./refused-updates.js";
import type { ServerMap } from "./server-map.js";
import {
  type ServerOutput,
  type SnapshotServerCounters,
  type SnapshotServerEvent,
  sendTo,
} from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import { StoreKeeper } from "./store-keeper.js";
import { UpdateLog } from "./update-log.js";
import { UpdateRules } from "./update-rules.js";
import { EMPTY, encodeCommand, encodeRefusal, type KeyValue, type Refusal } from "./wire.js";

/** Updates that are published, and entries that expire, in one go: what waits for the publisher's socket is bounded. */
const BURST = 1000;
/** Whether the pair is still in doubt is asked again after so long, in ms. */
const DOUBT_PAUSE_MS = 10;

/** Who asks for an update: where its answer goes; nobody, if it came over the collector. */
export type Asker = Uint8Array | undefined;

/** What {@link Ordering} has in common with the machine that owns it. */
export interface OrderingParts {
  readonly options: ResolvedServerOptions;
  readonly map: ServerMap;
  readonly known: KnownUpdates;
  readonly counters: SnapshotServerCounters;
  put(output: ServerOutput): void;
  report(event: SnapshotServerEvent): void;
  /** Whether the pair has no doubt that this server is the active one. */
  isSure(): boolean;
}

/** Orders updates, and publishes each when whoever has to have it has it: the store, and the passive server. */
export class Ordering {
  readonly store: StoreKeeper;
  readonly follower: FollowerSeat;
  readonly broadcast: Broadcast;
  readonly #parts: OrderingParts;
  readonly #log = new UpdateLog(0);
  readonly #rules: UpdateRules;
  readonly #refused: RefusedUpdates;
  #isServing = false;

  constructor(parts: OrderingParts) {
    this.#parts = parts;
    const { options, map, known, put, report } = parts;
    this.#rules = new UpdateRules(options, map, this.#log);
    this.#refused = new RefusedUpdates(options.maxKnown);
    this.store = new StoreKeeper(options, map, known, put, report);
    this.broadcast = new Broadcast(options, put, report);
    this.follower = new FollowerSeat(options, { map, log: this.#log, known }, put, report);
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  /** Updates that are ordered and not published. */
  get uncommitted(): number {
    return this.#log.uncommitted;
  }

  /** When there is something to do though nothing happens. */
  deadline(now: number): number {
    const { map } = this.#parts;
    if (!this.#isServing) return Number.POSITIVE_INFINITY;
    if (this.#log.published < this.#committable) return now;
    const expiryAt = (this.#isFull ? undefined : map.deadline) ?? Number.POSITIVE_INFINITY;
    return this.uncommitted > 0 && this.#isHeld ? Math.min(expiryAt, now + DOUBT_PAUSE_MS) : expiryAt;
  }

  /** Begins to serve with the map as it is. */
  begin(life: string, now: number): void {
    const { sequence } = this.#parts.map;
    this.#isServing = true;
    this.#log.reset(sequence);
    this.store.reset(sequence, now);
    this.#rules.reset();
    this.broadcast.begin(life, sequence, now);
  }

  /**
   * Ends to serve. What was not published comes to nothing: it is asked for again, of the other server.
   *
   * @param isLast - the store is as it is to be: what it has beyond the map is known by its UUID if it is asked for again
   */
  end(isLast: boolean, now: number): void {
    this.#isServing = false;
    const { map, known } = this.#parts;
    for (const { name, uuid, askers = [] } of this.#log.unpublished()) {
      known.remove(uuid);
      map.putBack(name);
      for (const asker of askers) this.#send(asker, encodeRefusal({ reason: "passive" }, uuid));
    }
    this.#log.reset(map.sequence);
    if (!isLast) this.store.reset(map.sequence, now);
    this.follower.end();
    this.broadcast.end(now);
  }

  tick(now: number): void {
    this.store.tick(now);
    this.follower.tick(now);
    if (this.#isServing) this.#expire(now);
    this.advance();
    this.broadcast.tick(now);
  }

  /** A client wants to set or delete a key. */
  update(message: KeyValue, asker: Asker, now: number): void {
    const { known } = this.#parts;
    const { uuid, key, value } = message;
    const before = known.find(uuid);
    if (before !== undefined) return this.#again(uuid, before, asker);
    const refused = this.#refused.find(uuid);
    if (refused !== undefined) return this.refuse(message, asker, refused.refusal, now, refused.sequence);
    const terms = this.#rules.read(message);
    if ("reason" in terms) return this.refuse(message, asker, terms, now);
    const name = frameKey(key);
    const refusal = this.#rules.judge(message, terms, name, this.store.isFailing);
    if (refusal !== undefined) return this.refuse(message, asker, refusal, now, refusal.sequence);
    const { ttlMs, properties } = terms;
    const expiresAt = ttlMs === 0 || value.length === 0 ? undefined : now + ttlMs;
    const entry = new Entry(key, name, this.#log.head + 1, uuid, properties, value, expiresAt);
    if (asker !== undefined) entry.askers = [asker];
    this.#order(entry, now);
    this.advance();
  }

  /** Whether an update is of a form that could be ordered. */
  isAcceptable(message: KeyValue): boolean {
    return !("reason" in this.#rules.read(message));
  }

  refuse(
    { uuid }: KeyValue,
    asker: Asker,
    refusal: Partial<Refusal> & Pick<Refusal, "reason">,
    now: number,
    sequence?: number,
  ): void {
    const { counters, report } = this.#parts;
    counters.refused += 1;
    report({ type: "update-refused", at: now, reason: refusal.reason });
    if (asker === undefined) return;
    // That of a passive server is not the last word.
    if (refusal.reason !== "passive") this.#refused.add(uuid, { refusal, sequence });
    this.#send(asker, encodeRefusal(refusal, uuid, sequence));
  }

  /** Publishes what may be. */
  advance(): void {
    if (!this.#isServing) return;
    const log = this.#log;
    const until = Math.min(this.#committable, log.published + BURST);
    while (log.published < until) this.#publish(log.publish());
    log.release(Math.min(log.published, this.follower.sent));
  }

  /** Up to where updates are with whoever has to have them. */
  get #committable(): number {
    const { store, follower } = this;
    if (this.#isHeld) return this.#log.published;
    return Math.min(this.#log.head, follower.acknowledged, store.isOn ? store.sequence : this.#log.head);
  }

  /** The follower may have taken over: what that does not have must not be published. */
  get #isHeld(): boolean {
    return !this.follower.isSynced && !this.#parts.isSure();
  }

  get #isFull(): boolean {
    return this.#log.uncommitted >= this.#parts.options.maxUncommitted;
  }

  #order(entry: Entry, now: number): void {
    this.#rules.ordered(entry);
    this.#log.append(entry);
    this.#parts.known.add(entry.uuid, entry.sequence);
    this.store.add(entry, now);
    this.follower.pump(now);
  }

  /** The update was ordered before: whoever asks again is told so, when it is published. */
  #again(uuid: Uint8Array, sequence: number, asker: Asker): void {
    this.#parts.counters.duplicates += 1;
    if (asker === undefined) return;
    if (sequence <= this.#log.published) return this.#send(asker, encodeCommand("OKTHX", sequence, uuid));
    const entry = this.#log.at(sequence) as Entry;
    entry.askers ??= [];
    if (!entry.askers.some((other) => framesEqual(other, asker))) entry.askers.push(asker);
  }

  #publish(entry: Entry): void {
    const { map, counters } = this.#parts;
    map.apply(entry);
    counters.published += 1;
    this.broadcast.publish(entry);
    if (entry.askers === undefined) return;
    const frames = encodeCommand("OKTHX", entry.sequence, entry.uuid);
    for (const asker of entry.askers) this.#send(asker, frames);
    entry.askers = undefined;
  }

  #expire(now: number): void {
    const { map, counters, report } = this.#parts;
    for (let count = 0; count < BURST && !this.#isFull; count++) {
      const entry = map.takeExpired(now);
      if (entry === undefined) return;
      // What is on its way already takes its place.
      if (this.#log.latest(entry.name) !== undefined) continue;
      counters.expired += 1;
      report({ type: "entry-expired", at: now, key: frameText(entry.key) });
      this.#order(deletion(entry, this.#log.head + 1), now);
    }
  }

  #send(route: Uint8Array, frames: Frames): void {
    this.#parts.put(sendTo(route, frames));
  }
}

function deletion({ key, name }: Entry, sequence: number): Entry {
  return new Entry(key, name, sequence, EMPTY, EMPTY, EMPTY, undefined);
}
