import {
  Backoff,
  type Connection,
  Connections,
  type Random,
  type ReplaceReason,
  wasSilent,
} from "@seaworthy/core";
import { BrokerLink, type Lane, type LinkTimes } from "./broker-link.js";
import { BrokerMemory } from "./broker-memory.js";
import type { ResolvedClientOptions } from "./client-options.js";

const TOO_LONG = "it took too long";

/** What {@link BrokerLinks} asks of the machine that owns it. */
interface LinkActions {
  open(lane: Lane): void;
  discard(lane: Lane): void;
  /** Ask the broker whether it is ours. */
  introduce(lane: Lane): void;
  /** No reply can come over this lane any more. */
  ended(lane: Lane): void;
  /** The connection stands. */
  opened(link: BrokerLink): void;
  /** The connection was lost, or could not be made. */
  lost(link: BrokerLink, reason: string | undefined): void;
  /** It is known, or to be presumed, whether the broker is ours: it takes requests now. */
  recognised(link: BrokerLink): void;
  /** The shortest attempt of the requests that wait, in ms, or infinity. */
  shortestTimeoutMs(): number;
  abandoned(link: BrokerLink): void;
  replaced(from: string, to: string, reason: ReplaceReason | "closing"): void;
}

/**
 * The connections of a client: which broker it talks to, what is known of that, and over which socket the next
 * request goes. A broker of ours gets all requests over one socket, a foreign one a request per socket.
 */
export class BrokerLinks {
  readonly #options: ResolvedClientOptions;
  readonly #times: LinkTimes;
  readonly #actions: LinkActions;
  readonly #connections: Connections<"closing">;
  readonly #links = new Map<Connection, BrokerLink>();
  readonly #lanes = new Map<number, Lane>();
  readonly #memory = new BrokerMemory();
  #opened = 0;

  constructor(options: ResolvedClientOptions, random: Random, actions: LinkActions) {
    this.#options = options;
    const { heartbeatMs, liveness, connectTimeoutMs, timeoutMs } = options;
    const introductionMs = Math.min(timeoutMs / 2, heartbeatMs);
    this.#times = { heartbeatMs, liveness, connectTimeoutMs, introductionMs };
    this.#actions = actions;
    const { reconnectIntervalMs: initialMs, reconnectMaxIntervalMs: maxMs } = options.socket;
    const pauses = new Backoff({ initialMs, maxMs }, random, "MajordomoClient: socket");
    this.#connections = new Connections(options.maxConnections, connectTimeoutMs, pauses, {
      open: (connection) => this.#openLink(connection),
      discard: (connection) => this.#discardLink(connection),
      abandoned: (connection) => {
        const link = this.#links.get(connection) as BrokerLink;
        actions.abandoned(link);
        this.#ends(link);
      },
      replaced: (from, to, reason) => actions.replaced(from, to, reason),
    });
  }

  /** The connection that takes new requests, if there is one. */
  get current(): BrokerLink | undefined {
    const { current } = this.#connections;
    return current && this.#links.get(current);
  }

  /** How many sockets are open. */
  get size(): number {
    return this.#lanes.size;
  }

  get deadline(): number | undefined {
    let earliest = this.#connections.deadline ?? Number.POSITIVE_INFINITY;
    for (const link of this.#links.values()) earliest = Math.min(earliest, link.deadline);
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest;
  }

  connect(endpoint: string, now: number): void {
    this.#connections.add(endpoint, now);
  }

  disconnect(endpoint: string, now: number): void {
    this.#connections.remove(endpoint, now);
    this.#memory.forget(endpoint);
  }

  /** Discards everything. */
  close(): void {
    this.#connections.close();
  }

  lane(socket: number): Lane | undefined {
    return this.#lanes.get(socket);
  }

  up(lane: Lane, now: number): void {
    const { link } = lane;
    if (lane !== link.main) return this.#widened(lane, now);
    this.#connections.up(link.connection, now);
    this.#actions.opened(link);
    if (link.learn("up") === "ask") this.#introduce(link, now);
  }

  down(lane: Lane, reason: string | undefined, now: number): void {
    const { link } = lane;
    if (link.lanes.size === 1 || (link.isOurs && lane === link.main)) return this.#lose(link, reason, now);
    this.#actions.ended(lane);
    this.#closeLane(lane);
    link.widenAt = now + this.#options.socket.reconnectIntervalMs;
  }

  /** Something came over the lane: its broker lives. */
  heard(lane: Lane, now: number): void {
    this.#connections.heard(lane.link.connection, now);
  }

  /** The broker answered the question whether it is ours. */
  introduced(lane: Lane, isOurs: boolean): void {
    this.#learn(lane.link, isOurs ? "introduced" : "disowned");
  }

  /** The broker said that it is closing. Returns whether there is another one to go to. */
  closing({ connection }: BrokerLink, now: number): boolean {
    const hasOther = this.#connections.endpoints.length > 1;
    if (hasOther && connection === this.#connections.current)
      this.#connections.replace(connection, "closing", now);
    return hasOther;
  }

  /** An attempt is over without a word of its broker: if it said nothing else either, another gets its turn. */
  timedOut(
    attempt: { readonly attemptStartedAt: number; readonly lane: Lane | undefined },
    now: number,
  ): void {
    const { current } = this.#connections;
    const { attemptStartedAt, lane } = attempt;
    if (current !== undefined && wasSilent(current, { attemptStartedAt, connection: lane?.link.connection }))
      this.#connections.replace(current, "silent", now);
  }

  /** A request begins to wait for a lane; its attempt lasts this long. */
  awaited(timeoutMs: number, now: number): void {
    this.current?.awaited(timeoutMs, now);
  }

  /** A lane for the next request, if one is free. */
  vacancy(): Lane | undefined {
    const link = this.current;
    if (link === undefined || link.isGone) return undefined;
    return link.isOurs ? link.main : link.idle.pop();
  }

  /** Opens sockets to a foreign broker for so many requests that wait, as far as it may have them. */
  widen(waiting: number, now: number): void {
    const link = this.current;
    if (!link?.isForeign || link.isGone || now < link.widenAt) return;
    const room = this.#options.maxSockets - link.lanes.size;
    for (let count = Math.min(waiting - link.opening.size, room); count > 0; count--) {
      const lane = link.addLane(this.#opened++, now);
      link.opening.add(lane);
      this.#openLane(lane);
    }
  }

  /** An attempt goes over a lane. */
  occupy({ link }: Lane, timeoutMs: number, now: number): void {
    link.sends(timeoutMs, now);
    link.connection.awaiting += 1;
  }

  /**
   * An attempt on the lane is over.
   *
   * @param isClean - its last word has come, so that nothing late can be taken for something else
   */
  release(lane: Lane, isClean: boolean): void {
    const { link } = lane;
    lane.bare = undefined;
    const staysOpen = link.isOurs && lane === link.main;
    if (!staysOpen) {
      if (isClean && link.isForeign && link === this.current) link.idle.push(lane);
      else this.#closeLane(lane);
    }
    this.#connections.release(link.connection);
  }

  stalled(now: number): void {
    for (const link of this.#links.values()) link.stalled(now);
  }

  tick(now: number): void {
    this.#connections.tick(now);
    const overdue = this.#connections.overdue(now);
    if (overdue !== undefined) this.#lose(this.#links.get(overdue) as BrokerLink, TOO_LONG, now);
    for (const link of [...this.#links.values()]) this.#judge(link, now);
  }

  #judge(link: BrokerLink, now: number): void {
    if (link.isUnanswered(now)) this.#learn(link, "no-answer");
    if (link.isSilent(now)) return this.#lose(link, "silent for too long", now);
    if (link.isToBeAsked(now)) this.#ask(link, now);
    if (now >= link.widenAt) link.widenAt = Number.NEGATIVE_INFINITY;
    for (const lane of link.overdueLanes(now)) this.down(lane, TOO_LONG, now);
  }

  /** Asks also whoever is known to be mute: one of ours may have taken its place. */
  #introduce(link: BrokerLink, now: number): void {
    link.introductionAsked(this.#actions.shortestTimeoutMs(), now);
    this.#actions.introduce(link.main);
    if (this.#memory.isMute(link.connection.endpoint)) this.#learn(link, "no-answer");
  }

  #ask(link: BrokerLink, now: number): void {
    link.asked(now);
    this.#actions.introduce(link.main);
  }

  #learn(link: BrokerLink, event: "introduced" | "disowned" | "no-answer"): void {
    const wasForeign = link.isForeign;
    if (link.learn(event) !== "recognise") return;
    const { endpoint } = link.connection;
    if (this.#connections.endpoints.includes(endpoint)) this.#memory.note(endpoint, event);
    if (link.isForeign) link.idle.push(link.main);
    // It was slow to answer: what went over the other lanes may still be replied to.
    else if (wasForeign) this.#narrow(link);
    this.#actions.recognised(link);
  }

  #narrow(link: BrokerLink): void {
    link.idle.length = 0;
    for (const lane of [...link.lanes]) {
      if (lane !== link.main && lane.bare === undefined) this.#closeLane(lane);
    }
  }

  #widened(lane: Lane, now: number): void {
    const { link } = lane;
    link.opening.delete(lane);
    this.heard(lane, now);
    if (link === this.current) link.idle.push(lane);
    else this.#closeLane(lane);
  }

  #lose(link: BrokerLink, reason: string | undefined, now: number): void {
    this.#actions.lost(link, reason);
    this.#ends(link);
    this.#connections.lost(link.connection, now);
  }

  #ends(link: BrokerLink): void {
    link.isGone = true;
    for (const lane of [...link.lanes]) this.#actions.ended(lane);
  }

  #openLink(connection: Connection): void {
    const link = new BrokerLink(connection, this.#opened++, this.#times);
    this.#links.set(connection, link);
    this.#openLane(link.main);
  }

  #openLane(lane: Lane): void {
    this.#lanes.set(lane.socket, lane);
    this.#actions.open(lane);
  }

  #discardLink(connection: Connection): void {
    const link = this.#links.get(connection) as BrokerLink;
    this.#links.delete(connection);
    link.isGone = true;
    for (const lane of [...link.lanes]) this.#closeLane(lane);
  }

  #closeLane(lane: Lane): void {
    lane.link.removeLane(lane);
    if (this.#lanes.delete(lane.socket)) this.#actions.discard(lane);
  }
}
