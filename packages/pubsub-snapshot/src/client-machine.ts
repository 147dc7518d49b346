import { type Machine, type Random, type Stalled, textFrame } from "@seaworthy/core";
import type { CompleteMap, Join } from "./client-join.js";
import { type Farewell, Joins } from "./client-joins.js";
import type { ClientState } from "./client-life.js";
import type { ClientInput, ClientOutput, LeaveReason, SnapshotClientStats } from "./client-messages.js";
import { UNKNOWN } from "./client-numbering.js";
import type { ResolvedSnapshotClientOptions } from "./client-options.js";
import { ClientOutbox } from "./client-outbox.js";
import { LiveMap } from "./live-map.js";
import { type Items, portionsIn } from "./packs.js";
import { Sets } from "./sets.js";
import { Watcher, Watchers } from "./watchers.js";
import { type Command, decodeRefusal, isForeignEnd, isUnder, type KeyValue } from "./wire.js";

/** The protocol of a client: joins one server after the other, keeps the map complete, and sends updates until they are in it. */
export class SnapshotClientMachine implements Machine<ClientInput, ClientOutput> {
  readonly map: LiveMap;
  readonly #subtree: Uint8Array;
  readonly #maxKeys: number;
  readonly #outbox = new ClientOutbox();
  readonly #joins: Joins;
  readonly #sets: Sets;
  #isReady = false;

  /**
   * @param options - checked options, see `resolveSnapshotClientOptions`
   * @param random - source of the jitter
   * @param makeUuid - makes 16 bytes that nobody makes again
   */
  constructor(options: ResolvedSnapshotClientOptions, random: Random, makeUuid: () => Uint8Array) {
    const subtree = textFrame(options.subtree);
    const outbox = this.#outbox;
    this.#subtree = subtree;
    this.#maxKeys = options.maxKeys;
    this.map = new LiveMap(new Watchers(outbox));
    this.#joins = this.#makeJoins(options, random);
    this.#sets = new Sets({ subtree, retryMs: options.retryMs, makeUuid }, outbox.stats, outbox);
  }

  /** What it has counted. */
  get stats(): SnapshotClientStats {
    return this.#outbox.stats;
  }

  get state(): ClientState {
    return this.#joins.state;
  }

  /** Whether the map has been complete. It stays readable when it is not kept any more. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** The server that keeps the map complete. */
  get server(): string | undefined {
    return this.#isLive ? this.#joins.current?.endpoints.snapshot : undefined;
  }

  /** Updates of the application that are not over. */
  get inFlight(): number {
    return this.#sets.size;
  }

  /** Whether an update still has to be sent. */
  isPending(call: number): boolean {
    return this.#sets.has(call);
  }

  /**
   * Begins to collect changes.
   *
   * @param name - a key, or a subtree's name, as a `frameKey`
   */
  watch(name: string, maxQueued: number): Watcher {
    const watcher = new Watcher(name, maxQueued);
    this.map.watchers.add(watcher);
    return watcher;
  }

  get deadline(): number | undefined {
    const sets = this.#sets.deadline;
    const join = this.#joins.deadline;
    return sets === undefined || join === undefined ? (sets ?? join) : Math.min(sets, join);
  }

  take(): ClientOutput | undefined {
    return this.#outbox.take();
  }

  handle(input: ClientInput | Stalled, now: number): void {
    this.#outbox.now = now;
    if (this.#joins.state === "closed") {
      if (input.type === "set") this.#outbox.failed(input.call, { code: "ERR_CLOSED" });
      return;
    }
    switch (input.type) {
      case "connect":
        return this.#joins.add(input.endpoints, now);
      case "set":
        this.#sets.add(input.call, input.update, now);
        return this.#openCollector(this.#joins.current);
      case "abort":
        return this.#sets.abort(input.call);
      case "not-taken":
        this.stats.sendsRefused += 1;
        return;
      case "close":
        this.#sets.close();
        return this.#joins.close(now);
      case "stalled":
        this.#joins.current?.stalled(now);
        return this.#outbox.report({ type: "process-stalled", ms: input.ms });
      default:
        // What the connections of an earlier join still say means nothing.
        if (this.#joins.current?.number === input.join) this.#came(this.#joins.current, input);
    }
  }

  tick(now: number): void {
    this.#outbox.now = now;
    this.#sets.tick(now);
    this.#joins.tick(now);
    const join = this.#joins.current;
    if (join !== undefined) this.#giveCredit(join);
  }

  /** Something came of the connections of the join. */
  #came(join: Join, input: ClientInput & { readonly join: number }): void {
    const now = this.#outbox.now;
    switch (input.type) {
      case "update":
        join.heard(now);
        return this.#update(join, input.message);
      case "message":
        return this.#message(join, input.message);
      case "up":
        return this.#joins.up(join, input.socket, now);
      case "down":
        return this.#leave(join.wasUp(input.socket) ? "lost" : "failed", { detail: input.reason });
      case "collector-open":
        return this.#sets.open({ join: join.number, socket: "collector" }, now);
      case "collector-closed":
        return this.#sets.open(undefined, now);
      case "collector-failed": {
        const { collector: endpoint } = join.endpoints;
        return this.#outbox.report({ type: "collector-failed", endpoint, reason: input.reason });
      }
      case "malformed":
        if (input.socket === "publisher") join.heard(now);
        this.#outbox.drop(input.reason);
        // It may have been an item, which would be missed by nobody.
        if (input.socket === "snapshot" && join.isAmidSnapshot)
          this.#leave("malformed", { detail: input.reason });
        return;
    }
  }

  #update(join: Join, message: KeyValue): void {
    const verdict = join.feed.accept(message);
    if (verdict === "none") return;
    if (verdict === "duplicate") {
      this.stats.duplicates += 1;
      return;
    }
    const { map } = this;
    const isInside = verdict === "take";
    const isLive = this.#isLive;
    this.stats.updates += 1;
    if (!isLive) join.update(message, isInside);
    // The snapshot may have been ahead of it.
    else if (message.sequence > map.sequence) {
      if (isInside) map.apply(message);
      else map.sequence = message.sequence;
    }
    this.#ordered(message);
    if ((isLive ? map.size : join.keys) > this.#maxKeys) this.#leave("too-many-keys");
  }

  #message(join: Join, message: KeyValue | Items | Command): void {
    const isOurs = join.feed.isOurs === true;
    if (message.type === "command") return this.#command(join, message);
    if (message.type === "items" && !isOurs) return this.#outbox.drop("items of a server that is not ours");
    if (!this.#joins.isAsking) return this.#outbox.drop("item that nobody asked for");
    if (message.type === "key-value" && !isOurs && isForeignEnd(message, this.#subtree))
      return this.#complete(join, message.sequence);
    this.#joins.answered(this.#outbox.now);
    if (isOurs) this.#serve(join);
    join.took(portionsIn(message), this.#outbox.now);
    if (message.type === "key-value") this.#item(join, message);
    else for (const item of message.items) this.#item(join, item);
    if (join.keys > this.#maxKeys) this.#leave("too-many-keys");
    else this.#giveCredit(join);
  }

  #item(join: Join, item: KeyValue): void {
    this.stats.items += 1;
    join.item(item, isUnder(item.key, this.#subtree));
    this.#ordered(item);
  }

  #command(join: Join, { name, number, uuid, properties }: Command): void {
    if (join.feed.isOurs !== true) return this.#outbox.drop("command of a server that is not ours");
    switch (name) {
      case "KTHXBAI":
        if (!this.#joins.isAsking) return this.#outbox.drop("end of a snapshot that nobody asked for");
        this.#serve(join);
        return this.#complete(join, number);
      case "OKTHX":
        return this.#ordered({ uuid, sequence: number });
      case "SORRY":
        return this.#refused(join, uuid, properties, number);
      default:
        return this.#outbox.drop(`${name} is nothing for a client`);
    }
  }

  #refused(join: Join, uuid: Uint8Array, properties: Uint8Array, sequence: number): void {
    const refusal = decodeRefusal(properties);
    if ("type" in refusal) return this.#outbox.drop(refusal.reason);
    const { reason, retryAfterMs } = refusal;
    // There is nothing that the server could be told to stop.
    if (uuid.length === 0) join.isAsked = false;
    if (reason === "passive") this.#leave("passive", { retryAfterMs });
    else if (uuid.length > 0) this.#sets.refused(uuid, refusal, sequence);
    else this.#leave("refused", { detail: reason });
  }

  #complete(join: Join, asOf: number): void {
    // It was asked for while the server was passive, and of what was published since something is lost.
    if (asOf < join.feed.since) return this.#gap(UNKNOWN);
    const map = join.complete(asOf, this.#outbox.now);
    if (map.entries.size > this.#maxKeys) this.#leave("too-many-keys");
    else this.#joins.completed(map, this.#outbox.now);
  }

  #completed({ entries, sequence, asOf }: CompleteMap): void {
    this.map.replace(entries, sequence, asOf);
    this.#sets.applied(sequence);
    if (this.#isReady) return;
    this.#isReady = true;
    this.#outbox.put({ type: "ready" });
  }

  /** An update is ordered: perhaps one of the application's. */
  #ordered({ uuid, sequence }: Pick<KeyValue, "uuid" | "sequence">): void {
    if (this.#sets.size === 0) return;
    this.#sets.ordered(uuid, sequence);
    if (this.#isLive) this.#sets.applied(this.map.sequence);
  }

  #reached(sequence: number): void {
    if (!this.#isLive) return this.#joins.current?.reached(sequence);
    this.map.sequence = Math.max(this.map.sequence, sequence);
    this.#sets.applied(this.map.sequence);
  }

  /** The server was passive, and is active; its snapshot may have come before that word. */
  #activated(join: Join, sequence: number): void {
    if (this.#isLive && this.map.sequence < sequence) this.#gap(UNKNOWN);
    else this.#serve(join);
  }

  /** The server takes updates of the application: all that wait are sent, once. */
  #serve(join: Join): void {
    if (join.isServing) return;
    join.isServing = true;
    this.#sets.open({ join: join.number, socket: "snapshot" }, this.#outbox.now);
  }

  /** A server that is not ours takes them elsewhere. */
  #openCollector(join: Join | undefined): void {
    if (join?.isToCollect !== true || join.hasCollector || this.#sets.size === 0) return;
    join.hasCollector = true;
    const { collector: endpoint } = join.endpoints;
    this.#outbox.put({ type: "open-collector", join: join.number, endpoint });
  }

  #giveCredit(join: Join): void {
    const portions = join.credit(this.#outbox.now);
    if (portions > 0) this.#outbox.put({ type: "give-credit", join: join.number, portions });
  }

  get #isLive(): boolean {
    return this.#joins.state === "live";
  }

  #leave(reason: LeaveReason, farewell: Farewell = {}): void {
    this.#joins.leave(reason, farewell, this.#outbox.now);
  }

  #gap(missing: number): void {
    this.stats.gaps += 1;
    const { snapshot: endpoint } = (this.#joins.current as Join).endpoints;
    this.#outbox.report({
      type: "gap-noticed",
      endpoint,
      missing: missing === UNKNOWN ? undefined : missing,
    });
    this.#leave("gap");
  }

  #makeJoins(options: ResolvedSnapshotClientOptions, random: Random): Joins {
    const outbox = this.#outbox;
    return new Joins({ ...options, subtree: this.#subtree }, options.backoff, random, outbox, {
      asked: (join) => {
        if (join.feed.isActive) this.#serve(join);
        this.#openCollector(join);
      },
      completed: (map) => this.#completed(map),
      ended: () => this.#sets.open(undefined, this.#outbox.now),
      proven: () => this.#joins.proven(this.#outbox.now),
      widen: (reason) => this.#joins.widen(reason, this.#outbox.now),
      reached: (sequence) => this.#reached(sequence),
      activated: (sequence) => this.#activated(this.#joins.current as Join, sequence),
      gap: (missing) => this.#gap(missing),
      inactive: () => this.#leave("passive"),
      changed: () => this.#leave("changed"),
      malformed: (reason) => outbox.drop(reason),
    });
  }
}
