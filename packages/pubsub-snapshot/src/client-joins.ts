import { Backoff, type Random } from "@seaworthy/core";
import type { FeedOwner, WidenReason } from "./client-feed.js";
import { type CompleteMap, Join, type JoinOptions } from "./client-join.js";
import { type ClientAction, type ClientEvent, type ClientState, clientLife } from "./client-life.js";
import type { LeaveReason } from "./client-messages.js";
import type { ResolvedSnapshotClientOptions } from "./client-options.js";
import type { ClientOutbox } from "./client-outbox.js";
import { Servers } from "./client-servers.js";
import type { SnapshotEndpoints } from "./endpoints.js";

/** What {@link Joins} tells the machine that owns it. */
export interface JoinsOwner extends FeedOwner {
  /** The snapshot is asked for. */
  asked(join: Join): void;
  completed(map: CompleteMap): void;
  /** The connections of a join are closed. */
  ended(): void;
}

/** What is known of a server that is left. */
export interface Farewell {
  /** What went wrong. */
  readonly detail?: string | undefined;
  /** It may take over after so long, in ms. */
  readonly retryAfterMs?: number | undefined;
}

/** The joins of a client, one after the other. */
export class Joins {
  readonly #options: JoinOptions;
  readonly #outbox: ClientOutbox;
  readonly #owner: JoinsOwner;
  readonly #servers: Servers;
  /** A map that was kept for so long makes up for the joins that failed before, in ms. */
  readonly #holdMs: number;
  #state: ClientState = clientLife.initial;
  #join: Join | undefined;
  #count = 0;
  #lastEndpoint: string | undefined;
  #pauseUntil = 0;
  #now = 0;

  constructor(
    options: JoinOptions,
    backoffOptions: ResolvedSnapshotClientOptions["backoff"],
    random: Random,
    outbox: ClientOutbox,
    owner: JoinsOwner,
  ) {
    const backoff = new Backoff(backoffOptions, random, "SnapshotClient: backoff");
    this.#options = options;
    this.#outbox = outbox;
    this.#owner = owner;
    this.#servers = new Servers(backoff);
    this.#holdMs = backoff.maxMs;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The join that goes on. */
  get current(): Join | undefined {
    return this.#join;
  }

  /** Whether the snapshot is asked for, and not complete. */
  get isAsking(): boolean {
    return this.#state === "asking" || this.#state === "receiving";
  }

  get deadline(): number | undefined {
    return this.#state === "pausing" ? this.#pauseUntil : this.#join?.deadline(this.#state);
  }

  /** Adds a server, once. */
  add(endpoints: SnapshotEndpoints, now: number): void {
    if (this.#servers.add(endpoints)) this.#step("added", now);
  }

  /** A connection of the join stands. */
  up(join: Join, socket: "snapshot" | "publisher", now: number): void {
    if (join.up(socket, now)) this.#step("up", now);
  }

  /** Updates of the subtree alone would not show what is lost. */
  widen(reason: WidenReason, now: number): void {
    const { snapshot: endpoint } = this.#servers.current;
    this.#outbox.report({ type: "subtree-widened", endpoint, reason });
    this.#step("widened", now);
  }

  /** The subscription is live. */
  proven(now: number): void {
    this.#join?.proven(now);
    this.#step("proven", now);
  }

  /** An item of the snapshot came. */
  answered(now: number): void {
    if (this.#state === "asking") this.#step("answered", now);
  }

  /** All of the snapshot has come. */
  completed(map: CompleteMap, now: number): void {
    this.#servers.joined();
    this.#step("completed", now, map);
  }

  tick(now: number): void {
    if (this.#state === "pausing" && now >= this.#pauseUntil) return this.#step("pause-over", now);
    const join = this.#join;
    const reason = join?.overdue(this.#state, now);
    if (join === undefined || reason === undefined) return;
    // Only a heartbeat is missing, perhaps.
    if (this.#state === "subscribing" && join.feed.presume()) return;
    this.leave(reason, {}, now);
  }

  /** Ends the join, and begins the next one, or a pause. */
  leave(reason: LeaveReason, { detail, retryAfterMs }: Farewell, now: number): void {
    const { endpoints, liveAt } = this.#join as Join;
    this.#outbox.report({
      type: "server-left",
      endpoint: endpoints.snapshot,
      reason,
      ...(detail === undefined ? {} : { detail }),
    });
    const pauseMs = this.#pauseAfter(reason, retryAfterMs, now - liveAt >= this.#holdMs);
    this.#pauseUntil = now + pauseMs;
    this.#step(pauseMs > 0 ? "failed" : "left", now);
  }

  close(now: number): void {
    this.#step("closed", now);
  }

  #pauseAfter(reason: LeaveReason, retryAfterMs: number | undefined, hasHeld: boolean): number {
    if (reason === "too-many-keys") return this.#servers.refused();
    if (retryAfterMs !== undefined) return this.#servers.promised(retryAfterMs);
    const isGap = reason === "gap";
    return this.#servers.left({ hasHeld, isLoss: isGap || this.#state === "live", stays: isGap });
  }

  #step(event: ClientEvent, now: number, map?: CompleteMap): void {
    const transition = clientLife.step(this.#state, event);
    if (transition === undefined) return;
    this.#state = transition.to;
    this.#now = now;
    if (transition.action !== undefined) this.#act(transition.action, this.#join as Join, map as CompleteMap);
  }

  #act(action: ClientAction, join: Join, map: CompleteMap): void {
    switch (action) {
      case "open":
        this.#end();
        return this.#open(false);
      case "reopen":
        this.#end();
        return this.#open(true);
      case "pause":
      case "end":
        return this.#end();
      case "subscribe":
        return this.#outbox.put({ type: "subscribe", join: join.number, topics: join.feed.topics });
      case "ask":
        return this.#ask(join);
      case "replace":
        return this.#replace(join, map);
    }
  }

  #open(isWide: boolean): void {
    const endpoints = this.#servers.current;
    const { snapshot: endpoint } = endpoints;
    const join = new Join(++this.#count, endpoints, isWide, this.#options, this.#owner, this.#now);
    this.#join = join;
    if (this.#lastEndpoint !== undefined && this.#lastEndpoint !== endpoint) this.#outbox.stats.moves += 1;
    this.#lastEndpoint = endpoint;
    this.#outbox.put({ type: "open", join: join.number, endpoints });
    this.#outbox.report({ type: "join-began", endpoint });
  }

  #ask(join: Join): void {
    const { subtree, credit, packBytes } = this.#options;
    const isOurs = join.feed.isOurs === true;
    const terms = isOurs ? { credit, packBytes, follows: false } : undefined;
    join.isAsked = true;
    this.#outbox.put({ type: "ask", join: join.number, subtree, terms });
    this.#owner.asked(join);
  }

  #replace(join: Join, map: CompleteMap): void {
    const { endpoints, beganAt } = join;
    this.#outbox.stats.joins += 1;
    const { sequence, entries } = map;
    this.#outbox.report({
      type: "joined",
      endpoint: endpoints.snapshot,
      sequence,
      keys: entries.size,
      ms: this.#now - beganAt,
    });
    this.#owner.completed(map);
  }

  #end(): void {
    const join = this.#join;
    if (join === undefined) return;
    this.#join = undefined;
    this.#outbox.put({ type: "discard", join: join.number, isAmidSnapshot: join.isAmidSnapshot });
    this.#owner.ended();
  }
}
