import { type Backoff, DeadlineQueue } from "@seaworthy/core";
import type { FreelanceClientEvent, FreelanceClientOutput, SendRefusal } from "./client-messages.js";
import type { Copy, Pending } from "./pending.js";
import { type Server, ServerBook } from "./server-book.js";
import { type ServerAction, type ServerEvent, type ServerState, serverLife } from "./server-life.js";

/** What a strategy asks of the client that it works for. */
export interface StrategyOwner {
  emit(output: FreelanceClientOutput): void;
  /** No reply comes from this server any more to what it has. */
  lost(server: Server, now: number): void;
  /** A server takes requests: those that wait may be placed. */
  offer(now: number): void;
}

/** How connections are made. */
export interface ConnectionOptions {
  /** How long one may take until it stands, in ms. */
  readonly connectTimeoutMs: number;
  /** Pauses after failures. */
  readonly reconnection: Backoff;
}

/**
 * Which servers a client has a connection to, and which of them an attempt is sent to. What the strategies have
 * in common is here: the book of servers, the table of a server's life, and their connections. Each has a socket of its own
 * that connects once: when the connection is lost the socket is given up, so that nothing that is queued in it is sent late.
 */
export abstract class Strategy<S extends Server = Server> {
  readonly book: ServerBook<S> = new ServerBook<S>();
  protected readonly owner: StrategyOwner;
  protected readonly reconnection: Backoff;
  protected readonly timers: DeadlineQueue<S> = new DeadlineQueue<S>();
  readonly #connectTimeoutMs: number;
  #awakeSince = Number.NEGATIVE_INFINITY;

  constructor(owner: StrategyOwner, { connectTimeoutMs, reconnection }: ConnectionOptions) {
    this.owner = owner;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.reconnection = reconnection;
  }

  /** When something is due for a server. */
  get deadline(): number | undefined {
    return this.timers.deadline;
  }

  /** Whether some server takes requests. */
  get isConnected(): boolean {
    return this.book.listed.length > 0;
  }

  /** The servers that an attempt is to be sent to; none while it has to wait. */
  abstract choose(pending: Pending, now: number): readonly Server[];

  /** A server for a hedge. */
  another(_pending: Pending, _now: number): Server | undefined {
    return undefined;
  }

  /** An attempt had no answer in time from those that had it. */
  abstract timedOut(pending: Pending, copies: readonly Copy[], now: number): void;

  protected abstract make(endpoint: string, now: number): S;

  /** A server was entered that was not known. By default each is connected at once. */
  protected added(server: S, now: number): void {
    this.begin(server, now);
  }

  /**
   * The handshake is done, or a server that was leaving stays. By default there is nothing to ask of a server whose
   * protocol has no PING: a connection that stands is a sign of life.
   */
  protected greeted(server: S, now: number): void {
    this.sleep(server);
    this.step(server, "heard", now);
  }

  /** A server was lost, or could not be reached: its connection is given up. */
  protected lost(server: S, now: number): void {
    const { heardAt, openedAt } = server;
    this.discard(server);
    this.scheduleNext(server, heardAt >= openedAt && now - heardAt >= this.reconnection.maxMs, now);
  }

  /** When the next connection is due. By default that is for each server to itself. */
  protected scheduleNext(server: S, hasWorked: boolean, now: number): void {
    server.failuresInRow = hasWorked ? 1 : server.failuresInRow + 1;
    this.wake(server, now + this.reconnection.delay(server.failuresInRow));
  }

  /** The time of a server has come. */
  protected due(server: S, now: number): void {
    if (server.state === "connecting") this.step(server, "expired", now);
    else this.begin(server, now);
  }

  /** A server owes us a word. */
  protected doubted(_server: S, _now: number): void {}

  /** A server is not to get any more requests. */
  protected retired(_server: S, _now: number): void {}

  /** Enters a server; one that is there already stays as it is. */
  connect(endpoint: string, now: number): void {
    const known = this.book.find(endpoint);
    if (known !== undefined) return this.step(known, "added", now);
    const server = this.make(endpoint, now);
    this.book.add(server);
    this.report({ type: "server-added", at: now, endpoint });
    this.added(server, now);
  }

  /** Takes a server out. What it has may still be answered. */
  disconnect(endpoint: string, now: number): void {
    const server = this.book.find(endpoint);
    if (server === undefined) return;
    if (server.state !== "leaving") this.report({ type: "server-removed", at: now, endpoint });
    this.step(server, "removed", now);
  }

  /** Gives up all connections. */
  close(): void {
    for (const server of [...this.book.all()]) this.#drop(server);
  }

  up(connection: number, now: number): void {
    const server = this.book.at(connection);
    if (server !== undefined) this.step(server, "up", now);
  }

  down(connection: number, now: number): void {
    const server = this.book.at(connection);
    if (server !== undefined) this.step(server, "down", now);
  }

  /** A connection could not be made. */
  failed(connection: number, reason: string | undefined, now: number): void {
    const server = this.book.at(connection);
    if (server === undefined) return;
    const because = reason === undefined ? {} : { reason };
    this.report({ type: "connection-failed", at: now, endpoint: server.endpoint, ...because });
    this.step(server, "down", now);
  }

  /** A server said something: which one, if it is still meant by that connection. */
  heard(connection: number, now: number): S | undefined {
    const server = this.book.at(connection);
    if (server === undefined) return undefined;
    server.heardAt = now;
    server.failuresInRow = 0;
    // Most messages come from servers that are alive, and change nothing.
    if (server.state !== "alive") this.step(server, "heard", now);
    return server;
  }

  /** A PONG came. */
  pong(_server: Server, _now: number): void {}

  /** A message to a server was not sent. */
  refused(_server: Server, _reason: SendRefusal, _now: number): void {}

  /** A PING to a server was not sent. */
  pingRefused(_server: Server, _reason: SendRefusal, _now: number): void {}

  /** A server owes one reply less. */
  released(server: Server, now: number): void {
    if (server.state === "leaving" && server.copies.length === 0) this.step(server as S, "drained", now);
  }

  /** Our process stood still: what began before proves nothing about any server. */
  stalled(now: number): void {
    this.#awakeSince = now;
  }

  tick(now: number): void {
    for (let server = this.timers.takeDue(now); server !== undefined; server = this.timers.takeDue(now))
      this.due(server, now);
  }

  /** Whether a server that is connected, or to be, had all the time since then to say something, and has not. */
  protected isSilent({ connection, openedAt, heardAt }: Server, since: number): boolean {
    if (connection === undefined || since < this.#awakeSince) return false;
    return heardAt <= since && openedAt <= since;
  }

  protected wake(server: S, at: number): void {
    if (server.timer === undefined) server.timer = this.timers.add(server, at);
    else this.timers.move(server.timer, at);
  }

  protected sleep(server: S): void {
    if (server.timer !== undefined) this.timers.cancel(server.timer);
  }

  /** Opens a connection to a server that has none. */
  protected begin(server: S, now: number): void {
    this.step(server, "opened", now);
    this.wake(server, now + this.#connectTimeoutMs);
  }

  #open(server: S, now: number): void {
    const connection = this.book.connect(server, now);
    this.owner.emit({ type: "open", connection, endpoint: server.endpoint });
  }

  protected discard(server: S): void {
    const connection = this.book.disconnect(server);
    if (connection !== undefined) this.owner.emit({ type: "discard", connection });
  }

  protected report(event: FreelanceClientEvent): void {
    this.owner.emit({ type: "status", event });
  }

  protected step(server: S, event: ServerEvent, now: number): void {
    const { state: before } = server;
    const transition = serverLife.step(before, event);
    if (transition === undefined) return;
    server.state = transition.to;
    // Every transition of this table has an action.
    this.#act(server, transition.action as ServerAction, before, now);
  }

  #act(server: S, action: ServerAction, before: ServerState, now: number): void {
    const { endpoint } = server;
    switch (action) {
      case "open":
        return this.#open(server, now);
      case "greet":
        server.heardAt = now;
        this.report({ type: "server-connected", at: now, endpoint });
        return this.greeted(server, now);
      case "enlist":
        this.book.enlist(server);
        this.report({ type: "server-alive", at: now, endpoint });
        return this.owner.offer(now);
      case "doubt":
        this.book.delist(server);
        this.report({ type: "server-suspected", at: now, endpoint });
        return this.doubted(server, now);
      case "lose":
      case "renew":
        this.book.delist(server);
        this.#reportLoss(server, action, before, now);
        this.lost(server, now);
        return this.owner.lost(server, now);
      case "retire":
        this.book.delist(server);
        this.retired(server, now);
        return this.released(server, now);
      case "forget":
        this.#drop(server);
        this.retired(server, now);
        return this.owner.lost(server, now);
    }
  }

  #reportLoss({ endpoint }: S, action: "lose" | "renew", before: ServerState, now: number): void {
    // That a connection could not be made was told before.
    if (before === "connecting" && action === "lose") return;
    if (before === "connecting" || before === "gone")
      this.report({ type: "connection-failed", at: now, endpoint, reason: "it took too long" });
    else
      this.report({ type: "server-gone", at: now, endpoint, reason: action === "lose" ? "lost" : "silent" });
  }

  #drop(server: S): void {
    this.sleep(server);
    this.book.delist(server);
    this.book.remove(server);
    this.discard(server);
  }
}
