import { Heartbeat, type Random } from "@seaworthy/core";
import type { SendRefusal } from "./client-messages.js";
import type { Copy, Pending } from "./pending.js";
import { Server } from "./server-book.js";
import { type ConnectionOptions, Strategy, type StrategyOwner } from "./strategy.js";

/** First pause before a PING that was refused is tried again, in ms. */
const FIRST_PROBE_MS = 10;

/** How servers are watched. */
export interface TrackedOptions extends ConnectionOptions {
  readonly heartbeatMs: number;
  readonly liveness: number;
}

/** A server that is judged by its heartbeats. */
class TrackedServer extends Server {
  readonly beat: Heartbeat;
  /** The pause before a refused PING is tried again, in ms. */
  probeMs: number = FIRST_PROBE_MS;
  pingedAt = 0;
  /** A PING was sent, and nothing was heard since. */
  isAsked = false;

  constructor(endpoint: string, beat: Heartbeat) {
    super(endpoint);
    this.beat = beat;
  }
}

/**
 * Guide model 3: one connection to each server, all of them watched by PING and PONG (10/FLP). An attempt goes to
 * the better of two servers taken at random: to the one that is expected to be through first with what it has.
 */
export class Tracked extends Strategy<TrackedServer> {
  readonly #intervalMs: number;
  readonly #liveness: number;
  readonly #random: Random;

  constructor(owner: StrategyOwner, options: TrackedOptions, random: Random) {
    super(owner, options);
    this.#intervalMs = options.heartbeatMs;
    this.#liveness = options.liveness;
    this.#random = random;
  }

  /** Those that were lost with the request are left out until it times out. */
  override choose({ avoided, lostWith }: Pending, now: number): readonly Server[] {
    return one(this.#pickNew(avoided, lostWith, now));
  }

  override another({ copies, avoided, lostWith }: Pending, now: number): Server | undefined {
    return this.#pickNew(avoided, [...copies.map(({ server }) => server), ...lostWith], now);
  }

  override timedOut(_pending: Pending, copies: readonly Copy[], now: number): void {
    for (const { server, sentAt, isHedge } of copies) {
      // A hedge had less time than an answer may take.
      if (!isHedge && this.isSilent(server, sentAt)) this.step(server as TrackedServer, "doubted", now);
    }
  }

  override heard(connection: number, now: number): TrackedServer | undefined {
    const server = super.heard(connection, now);
    if (server === undefined) return undefined;
    server.beat.heard(now);
    return server;
  }

  override pong(server: TrackedServer, now: number): void {
    if (!server.isAsked) return;
    server.isAsked = false;
    server.latency.suppose(now - server.pingedAt, now);
  }

  override refused(server: TrackedServer, reason: SendRefusal, now: number): void {
    if (reason === "peer-unknown") this.step(server, "refused", now);
    else if (reason === "peer-full") this.step(server, "doubted", now);
  }

  override pingRefused(server: TrackedServer, reason: SendRefusal, now: number): void {
    if (reason !== "peer-unknown") return;
    server.isAsked = false;
    this.step(server, "refused", now);
    // Its name comes a moment after the handshake.
    if (server.state === "reachable") this.#probeLater(server, now);
  }

  override stalled(now: number): void {
    super.stalled(now);
    for (const server of this.book.all()) {
      server.beat.stalled(now);
      server.isAsked = false;
    }
  }

  protected override make(endpoint: string, now: number): TrackedServer {
    const beat = new Heartbeat({ intervalMs: this.#intervalMs, liveness: this.#liveness }, now);
    return new TrackedServer(endpoint, beat);
  }

  protected override greeted(server: TrackedServer, now: number): void {
    server.beat.heard(now);
    server.probeMs = FIRST_PROBE_MS;
    this.#ping(server, now);
    // Servers that are met together are not asked together ever after.
    server.beat.sent(now - 0.5 * this.#random() * this.#intervalMs);
    this.#wakeForBeat(server);
  }

  protected override doubted(server: TrackedServer, now: number): void {
    this.#ping(server, now);
    this.#wakeForBeat(server);
  }

  protected override lost(server: TrackedServer, now: number): void {
    server.isAsked = false;
    super.lost(server, now);
  }

  protected override due(server: TrackedServer, now: number): void {
    if (server.state === "connecting" || server.state === "gone") return super.due(server, now);
    if (server.beat.isExpired(now)) return this.step(server, "expired", now);
    if (this.#owesPong(server)) this.step(server, "doubted", now);
    this.#ping(server, now);
    this.#wakeForBeat(server);
  }

  /** A whole interval has passed since it was asked. */
  #owesPong(server: TrackedServer): boolean {
    return server.isAsked && server.heardAt < server.pingedAt;
  }

  #ping(server: TrackedServer, now: number): void {
    server.beat.sent(now);
    server.pingedAt = now;
    server.isAsked = true;
    this.owner.emit({ type: "ping", connection: server.connection as number });
  }

  #wakeForBeat(server: TrackedServer): void {
    this.wake(server, server.beat.deadline);
  }

  #probeLater(server: TrackedServer, now: number): void {
    const { endpoint, probeMs } = server;
    this.wake(server, now + probeMs);
    if (probeMs === this.#intervalMs) return;
    server.probeMs = Math.min(2 * probeMs, this.#intervalMs);
    if (server.probeMs === this.#intervalMs) this.report({ type: "server-unaddressable", at: now, endpoint });
  }

  /** One that has not had the request yet, so that in as many attempts it gets to all; else who had it longest ago. */
  #pickNew(avoided: readonly Server[], excluded: readonly Server[], now: number): Server | undefined {
    if (avoided.length === 0) return this.#pick(excluded, now);
    const fresh = this.#pick([...excluded, ...avoided], now);
    if (fresh !== undefined) return fresh;
    const isOut = new Set(excluded.map(({ endpoint }) => endpoint));
    const again = avoided.find(({ endpoint }) => !isOut.has(endpoint) && this.book.find(endpoint)?.isListed);
    return again && this.book.find(again.endpoint);
  }

  /** The better of two that take requests, and are not among those excluded. */
  #pick(excluded: readonly Server[], now: number): Server | undefined {
    const { listed } = this.book;
    const places = this.#placesOf(excluded);
    const count = listed.length - places.length;
    if (count === 0) return undefined;
    const one = listed[skip(places, this.#draw(count))] as Server;
    if (count === 1) return one;
    const passed = places.length === 0 ? [one.place] : [...places, one.place].sort(ascending);
    const other = listed[skip(passed, this.#draw(count - 1))] as Server;
    return cost(other, now) < cost(one, now) ? other : one;
  }

  /**
   * Where in the list these servers are, in order; those that are not in it are left out. By their endpoints: one that
   * was taken out and entered again is the same server.
   */
  #placesOf(servers: readonly Server[]): number[] {
    const places = new Set<number>();
    for (const { endpoint } of servers) {
      const server = this.book.find(endpoint);
      if (server?.isListed === true) places.add(server.place);
    }
    return [...places].sort(ascending);
  }

  #draw(count: number): number {
    return Math.min(count - 1, Math.floor(this.#random() * count));
  }
}

/** When a server is expected to be through with one request more, and later if its handlers fail. */
function cost(server: Server, now: number): number {
  return (server.copies.length + 1) * server.latency.expected(now) * server.handicap.factor(now);
}

const ascending = (a: number, b: number): number => a - b;

/** The place of the nth server of the list when some places are passed over. */
function skip(places: readonly number[], nth: number): number {
  let place = nth;
  for (const taken of places) if (place >= taken) place += 1;
  return place;
}

function one(server: Server | undefined): readonly Server[] {
  return server === undefined ? [] : [server];
}
