import { Backoff, type Random } from "@seaworthy/core";
import type { BinaryStarClientEvent, MoveReason } from "./client-messages.js";
import type { ResolvedClientOptions } from "./client-options.js";
import {
  type ServerChoiceAction,
  type ServerChoiceEvent,
  type ServerChoiceState,
  serverChoiceLife,
} from "./server-choice-life.js";

/**
 * One connection to one server, made once. When it is lost its socket does not make it again, because that would send
 * what was queued behind the dead server.
 */
export interface ServerConnection {
  /** Names it in outputs and inputs of the machine. */
  readonly number: number;
  readonly endpoint: string;
  isUp: boolean;
  /** How many messages came over it. */
  heard: number;
  /** When its server, which had refused, was to be able to become active. */
  promisedAt: number | undefined;
}

/** What {@link ServerChoice} asks of the machine that owns it. */
export interface ServerChoiceActions {
  open(connection: ServerConnection): void;
  discard(connection: ServerConnection): void;
  /** The server can be asked what waits. */
  serve(): void;
  /** No answer can come any more to what was sent over the connection that stood. */
  left(reason: MoveReason): void;
  report(event: BinaryStarClientEvent): void;
}

/** Shortest wait before a server that has refused is asked again, and the most that chance adds to a wait, in ms. */
const MIN_WAIT_MS = 10;

/**
 * Which of the servers a client talks to: one at a time, in turn. A server that is gone or silent is left after the
 * settle delay; but at once if none has answered since the last one. After each round of servers that could not
 * serve there is a pause.
 */
export class ServerChoice {
  readonly #endpoints: string[] = [];
  readonly #options: ResolvedClientOptions;
  readonly #rounds: Backoff;
  readonly #refusals: Backoff;
  readonly #random: Random;
  readonly #actions: ServerChoiceActions;
  #state: ServerChoiceState = serverChoiceLife.initial;
  #connection: ServerConnection | undefined;
  #opened = 0;
  #turn = -1;
  #deadline: number | undefined;
  /** What the last connection was to, and why it was left. */
  #from: string | undefined;
  #reason: MoveReason = "lost";
  /** A server that answers may have died with its peer not knowing; two that do not answer need no more time. */
  #owesTime = true;
  /** Servers left, and servers waited for, since one has answered. */
  #failuresInRow = 0;
  #refusalsInRow = 0;
  #now = 0;

  constructor(options: ResolvedClientOptions, random: Random, actions: ServerChoiceActions) {
    const { reconnectIntervalMs: initialMs, reconnectMaxIntervalMs: maxMs } = options.socket;
    this.#options = options;
    this.#rounds = new Backoff({ initialMs, maxMs }, random, "BinaryStarClient: socket");
    this.#refusals = new Backoff(options.backoff, random, "BinaryStarClient: backoff");
    this.#random = random;
    this.#actions = actions;
  }

  /** Whether requests are to be sent. */
  get isServing(): boolean {
    return this.#state === "connected";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** The connection that is being made, or stands. */
  get current(): ServerConnection | undefined {
    return this.#connection;
  }

  /** When a wait is over, or the connection has taken too long to stand. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** The current connection, if it has this number and stands. */
  standing(number: number): ServerConnection | undefined {
    const connection = this.#connection;
    return connection?.number === number && connection.isUp ? connection : undefined;
  }

  /** Adds an endpoint; the first one is connected at once. One that is there already stays as it is. */
  add(endpoint: string, now: number): void {
    if (this.isClosed || this.#endpoints.includes(endpoint)) return;
    this.#endpoints.push(endpoint);
    this.#step("added", now);
  }

  /** Takes an endpoint out. */
  remove(endpoint: string, now: number): void {
    const index = this.#endpoints.indexOf(endpoint);
    if (index === -1) return;
    this.#endpoints.splice(index, 1);
    if (this.#turn >= index) this.#turn -= 1;
    const isCurrent = this.#connection?.endpoint === endpoint;
    if (isCurrent) this.#reason = "disconnected";
    if (this.#endpoints.length === 0) this.#step("emptied", now);
    else if (isCurrent) this.#step("removed", now);
  }

  up(number: number, now: number): void {
    const connection = this.#connection;
    if (connection?.number !== number) return;
    if (!connection.isUp) this.#reportConnection("connection-opened", connection, now);
    connection.isUp = true;
    this.#step("up", now);
  }

  /** The connection broke, or could not be made. */
  down(number: number, because: string | undefined, now: number): void {
    const connection = this.#connection;
    if (connection?.number !== number) return;
    const { isUp } = connection;
    this.#reportConnection(isUp ? "connection-lost" : "connection-failed", connection, now, because);
    this.#leave("lost", isUp ? "lost" : "failed", now);
  }

  /** Not a word came over the current connection in the whole of an attempt. */
  silent(now: number): void {
    this.#leave("silent", "silent", now);
  }

  /** The server of the current connection serves. */
  answered(connection: ServerConnection, now: number): void {
    connection.promisedAt = undefined;
    this.#owesTime = true;
    this.#failuresInRow = 0;
    this.#refusalsInRow = 0;
    this.#step("answered", now);
  }

  /**
   * The server is not active. Who was asked again after its time and names another has heard its peer meanwhile: no
   * request will make it active.
   *
   * @param askedAt - when the request was sent
   */
  refused(
    connection: ServerConnection,
    retryAfterMs: number | undefined,
    askedAt: number,
    now: number,
  ): void {
    const { promisedAt = Number.POSITIVE_INFINITY } = connection;
    const isPeerAlive = retryAfterMs !== 0 && askedAt >= promisedAt;
    if (retryAfterMs === undefined || isPeerAlive) return this.#leave("unavailable", "refused", now);
    connection.promisedAt ??= now + retryAfterMs;
    this.#step("deferred", now, retryAfterMs);
  }

  tick(now: number): void {
    if (this.#deadline === undefined || this.#deadline > now) return;
    if (this.#state === "connecting")
      this.down((this.#connection as ServerConnection).number, "it took too long", now);
    else this.#step("wait-over", now);
  }

  /** Discards everything. */
  close(now: number): void {
    if (this.isClosed) return;
    this.#endpoints.length = 0;
    this.#step("closed", now);
  }

  #leave(event: "lost" | "silent" | "unavailable", reason: MoveReason, now: number): void {
    this.#reason = reason;
    // In doubt, its turn is counted already.
    if (this.#state === "doubting") return this.#step(event, now);
    this.#failuresInRow += 1;
    if (this.#failuresInRow % this.#endpoints.length === 0) this.#step("round-over", now);
    else this.#step(this.#owesTime ? event : "unavailable", now);
  }

  #step(event: ServerChoiceEvent, now: number, retryAfterMs = 0): void {
    this.#now = now;
    const transition = serverChoiceLife.step(this.#state, event);
    if (transition === undefined) return;
    this.#state = transition.to;
    this.#act(transition.action as ServerChoiceAction, retryAfterMs);
  }

  #act(action: ServerChoiceAction, retryAfterMs: number): void {
    switch (action) {
      case "open":
        this.#giveUp();
        return this.#open();
      case "serve":
        this.#deadline = undefined;
        return this.#actions.serve();
      case "defer":
        this.#deadline = this.#now + this.#waitMs(retryAfterMs);
        return;
      case "settle":
        this.#settle();
        return this.#giveUp();
      case "doubt":
        return this.#settle();
      case "pause":
        this.#giveUp();
        this.#deadline = this.#now + this.#rounds.delay(this.#failuresInRow / this.#endpoints.length);
        return;
      case "drop":
        return this.#giveUp();
      case "rest":
        this.#giveUp();
        this.#from = undefined;
        this.#deadline = undefined;
        return;
    }
  }

  #open(): void {
    this.#turn = (this.#turn + 1) % this.#endpoints.length;
    const endpoint = this.#endpoints[this.#turn] as string;
    const connection = { number: this.#opened, endpoint, isUp: false, heard: 0, promisedAt: undefined };
    const from = this.#from;
    this.#opened += 1;
    this.#connection = connection;
    this.#from = endpoint;
    this.#deadline = this.#now + this.#options.connectTimeoutMs;
    this.#actions.open(connection);
    if (from === undefined || from === endpoint) return;
    const reason = this.#reason;
    this.#actions.report({ type: "server-changed", at: this.#now, from, to: endpoint, reason });
  }

  #settle(): void {
    const { settleMs: ms } = this.#options;
    const { endpoint } = this.#connection as ServerConnection;
    this.#owesTime = false;
    this.#deadline = this.#now + ms;
    this.#actions.report({ type: "settling-began", at: this.#now, endpoint, reason: this.#reason, ms });
  }

  /** As long as the server says, in bounds; who refuses again and again is asked more and more seldom. */
  #waitMs(retryAfterMs: number): number {
    const askedBefore = this.#refusalsInRow;
    this.#refusalsInRow += 1;
    const said = Math.min(retryAfterMs + MIN_WAIT_MS * this.#random(), this.#options.settleMs);
    return Math.max(MIN_WAIT_MS, said, askedBefore === 0 ? 0 : this.#refusals.delay(askedBefore));
  }

  #giveUp(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    if (connection.isUp) this.#actions.left(this.#reason);
    this.#actions.discard(connection);
  }

  #reportConnection(
    type: "connection-opened" | "connection-lost" | "connection-failed",
    { endpoint }: ServerConnection,
    at: number,
    reason?: string,
  ): void {
    this.#actions.report({ type, at, endpoint, ...(reason === undefined ? {} : { reason }) });
  }
}
