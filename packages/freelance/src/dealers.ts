import type { Backoff } from "@seaworthy/core";
import type { Copy, Pending } from "./pending.js";
import { Server } from "./server-book.js";
import { Strategy, type StrategyOwner } from "./strategy.js";

/** How connections are made. */
export interface DealerOptions {
  /** How long one may take until it stands, in ms. */
  readonly connectTimeoutMs: number;
  /** Pauses after failures. */
  readonly reconnection: Backoff;
}

/** A server with a socket of its own. */
export class DealtServer extends Server {
  /** Connections in a row that were lost or could not be made. */
  failuresInRow = 0;
}

/**
 * What the strategies have in common that open a socket for each connection. The socket connects once: when the connection
 * is lost the socket is given up, so that nothing that is queued in it is sent late.
 */
export abstract class Dealers extends Strategy<DealtServer> {
  protected readonly reconnection: Backoff;
  readonly #connectTimeoutMs: number;

  constructor(owner: StrategyOwner, { connectTimeoutMs, reconnection }: DealerOptions) {
    super(owner);
    this.reconnection = reconnection;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** The connection of a server was lost, or could not be made, and is given up: when the next is due. */
  protected abstract scheduleNext(server: DealtServer, hasWorked: boolean, now: number): void;

  abstract override timedOut(pending: Pending, copies: readonly Copy[], now: number): void;

  override failed(connection: number, reason: string | undefined, now: number): void {
    super.failed(connection, reason, now);
    this.down(connection, now);
  }

  protected override make(endpoint: string): DealtServer {
    return new DealtServer(endpoint);
  }

  /** There is nothing to ask of a server whose protocol has no PING: a connection that stands is a sign of life. */
  protected override greeted(server: DealtServer, now: number): void {
    this.sleep(server);
    this.step(server, "heard", now);
  }

  protected override lost(server: DealtServer, _action: "lose" | "renew", now: number): void {
    const { heardAt, openedAt } = server;
    this.discard(server);
    this.scheduleNext(server, heardAt >= openedAt && now - heardAt >= this.reconnection.maxMs, now);
  }

  protected override due(server: DealtServer, now: number): void {
    if (server.state === "connecting") this.step(server, "expired", now);
    else this.begin(server, now);
  }

  /** Opens a connection to a server that has none. */
  protected begin(server: DealtServer, now: number): void {
    this.step(server, "opened", now);
    this.wake(server, now + this.#connectTimeoutMs);
  }
}
