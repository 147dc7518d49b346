import type { MapEntry } from "./client-entry.js";
import { Feed, type FeedOwner } from "./client-feed.js";
import type { ClientState } from "./client-life.js";
import type { SnapshotEndpoints } from "./endpoints.js";
import { Stage } from "./stage.js";
import type { KeyValue } from "./wire.js";

/** A server that does not say how often it lives is dead after so many intervals of `heartbeatMs`: the guide's `SERVER_TTL`. */
const FOREIGN_LIVENESS = 5;
/** A server of ours that lives may have to serve other clients first: it is waited for so many times as long. */
const PATIENCE = 12;
/** Credit is given after a pause in which nothing came, too: the server may allow less than it was given, in ms. */
const CREDIT_PAUSE_MS = 20;

/** What a {@link Join} has to know of the client. */
export interface JoinOptions {
  readonly subtree: Uint8Array;
  readonly heartbeatMs: number;
  readonly liveness: number;
  readonly joinTimeoutMs: number;
  readonly credit: number;
  readonly packBytes: number;
}

/** A map that is complete. */
export interface CompleteMap {
  readonly entries: Map<string, MapEntry>;
  /** Number of the last update that it contains. */
  readonly sequence: number;
  /** Number of the snapshot that it was made of. */
  readonly asOf: number;
}

/** One join: the connections that were made for it, and what came over them. */
export class Join {
  /** Names its connections. */
  readonly number: number;
  readonly endpoints: SnapshotEndpoints;
  readonly beganAt: number;
  readonly feed: Feed;
  readonly #options: JoinOptions;
  readonly #up = new Set<"snapshot" | "publisher">();
  /** The snapshot was asked for, and not refused. */
  isAsked = false;
  /** Updates of the application go to the server. */
  isServing = false;
  /** A connection to the collector is made. */
  hasCollector = false;
  /** When the map became complete. */
  liveAt: number = Number.POSITIVE_INFINITY;
  #stage = new Stage();
  /** All updates up to this number have come. */
  #reached = 0;
  /** When it last came nearer to its end. */
  #progressAt: number;
  /** When something last came over the connection for updates. */
  #heardAt: number;
  /** After so much silence the server is dead, in ms. */
  #silenceMs: number;
  #graceUntil = Number.NEGATIVE_INFINITY;
  /** Portions of the snapshot that were taken in, and no credit was given for. */
  #taken = 0;

  /** @param isWide - all updates are taken, and filtered here */
  constructor(
    number: number,
    endpoints: SnapshotEndpoints,
    isWide: boolean,
    options: JoinOptions,
    owner: FeedOwner,
    now: number,
  ) {
    this.number = number;
    this.endpoints = endpoints;
    this.beganAt = now;
    this.feed = new Feed(options.subtree, isWide, owner);
    this.#options = options;
    this.#progressAt = now;
    this.#heardAt = now;
    this.#silenceMs = FOREIGN_LIVENESS * options.heartbeatMs;
  }

  /** A connection stands; returns whether both do now. */
  up(socket: "snapshot" | "publisher", now: number): boolean {
    this.#up.add(socket);
    this.#progressAt = now;
    return this.#up.size === 2;
  }

  /** Whether a connection stood. */
  wasUp(socket: "snapshot" | "publisher"): boolean {
    return this.#up.has(socket);
  }

  /** A server of ours sends the snapshot, and can be told to stop. */
  get isAmidSnapshot(): boolean {
    return this.isAsked && this.feed.isOurs === true && this.liveAt === Number.POSITIVE_INFINITY;
  }

  /** Updates of the application go to the collector: the server is not ours. */
  get isToCollect(): boolean {
    return this.isAsked && this.feed.isOurs === false;
  }

  /** Something came over the connection for updates. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** The server has said how often it lives, or is not ours. */
  proven(now: number): void {
    this.#progressAt = now;
    const { heartbeatMs } = this.feed;
    if (heartbeatMs !== undefined) this.#silenceMs = this.#options.liveness * heartbeatMs;
  }

  /** The process stood still, so that silence proves nothing. */
  stalled(now: number): void {
    this.#progressAt = now;
    this.#graceUntil = now + this.#silenceMs;
  }

  /** When {@link overdue} or {@link owesCredit} has something to say. */
  deadline(state: ClientState): number {
    const silentAt = this.#silentAt;
    if (state === "live") return silentAt;
    const overdueAt = this.#progressAt + this.#patienceMs(state);
    if (state === "connecting" || state === "subscribing") return overdueAt;
    const creditAt = this.#taken > 0 ? this.#progressAt + CREDIT_PAUSE_MS : Number.POSITIVE_INFINITY;
    return Math.min(silentAt, overdueAt, creditAt);
  }

  /** Why the server is to be left, if it is. */
  overdue(state: ClientState, now: number): "silent" | "no-answer" | undefined {
    const isProven = state !== "connecting" && state !== "subscribing";
    if (isProven && now >= this.#silentAt) return "silent";
    return state !== "live" && now >= this.#progressAt + this.#patienceMs(state) ? "no-answer" : undefined;
  }

  /** A message with items of the snapshot came. */
  took(portions: number, now: number): void {
    this.#progressAt = now;
    if (this.isAmidSnapshot) this.#taken += portions;
  }

  /** An item of the snapshot. */
  item(message: KeyValue, isInside: boolean): void {
    // An empty value is none.
    if (isInside && message.value.length > 0) this.#stage.item(message);
  }

  /** An update while the snapshot is on its way. */
  update(message: KeyValue, isInside: boolean): void {
    this.#reached = message.sequence;
    if (isInside) this.#stage.update(message);
  }

  /** All updates up to this one have come. */
  reached(sequence: number): void {
    this.#reached = sequence;
  }

  /** Keys that are kept, roughly. */
  get keys(): number {
    return this.#stage.size;
  }

  /** How many portions more the server may be told to send; 0 while that is not worth a message. */
  credit(now: number): number {
    const taken = this.#taken;
    const isDue = taken >= this.#options.credit / 2 || now >= this.#progressAt + CREDIT_PAUSE_MS;
    if (taken === 0 || !isDue) return 0;
    this.#taken = 0;
    return taken;
  }

  /** The snapshot is complete, as of this number. */
  complete(asOf: number, now: number): CompleteMap {
    const entries = this.#stage.complete(asOf);
    this.#stage = new Stage();
    this.liveAt = now;
    this.#taken = 0;
    return { entries, sequence: Math.max(asOf, this.#reached), asOf };
  }

  get #silentAt(): number {
    return Math.max(this.#heardAt + this.#silenceMs, this.#graceUntil);
  }

  #patienceMs(state: ClientState): number {
    const { joinTimeoutMs } = this.#options;
    return state === "asking" && this.feed.isOurs === true ? PATIENCE * joinTimeoutMs : joinTimeoutMs;
  }
}
