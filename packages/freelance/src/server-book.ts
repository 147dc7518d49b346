import { type DeadlineEntry, LinkedList } from "@seaworthy/core";
import { Handicap, SmoothedLatency } from "./latency.js";
import type { Copy } from "./pending.js";
import { type ServerState, serverLife } from "./server-life.js";

const NOT_LISTED = -1;

/** What a client knows of one server. */
export class Server {
  readonly endpoint: string;
  readonly latency: SmoothedLatency = new SmoothedLatency();
  readonly handicap: Handicap = new Handicap();
  /** Requests that it has and owes a reply for. */
  readonly copies: LinkedList<Copy> = new LinkedList<Copy>();
  state: ServerState = serverLife.initial;
  /** The connection that it has now; each is numbered anew. */
  connection: number | undefined = undefined;
  /** When that was opened. */
  openedAt: number = Number.NEGATIVE_INFINITY;
  /** When it was last heard, the handshake included; before that, minus infinity. */
  heardAt: number = Number.NEGATIVE_INFINITY;
  /** When something is due: a PING, a judgement, the next try to connect. */
  timer: DeadlineEntry<this> | undefined = undefined;
  /** Connections in a row that were lost or could not be made. */
  failuresInRow = 0;
  /** Position among the servers that take requests. */
  place: number = NOT_LISTED;
  requests = 0;
  answered = 0;
  failures = 0;
  timeouts = 0;
  losses = 0;
  hedges = 0;

  constructor(endpoint: string) {
    this.endpoint = endpoint;
  }

  /** Whether it takes requests. */
  get isListed(): boolean {
    return this.place !== NOT_LISTED;
  }
}

/** All servers of a client, and the list of those that take requests. Nothing here looks through all of them. */
export class ServerBook<S extends Server> {
  /** Those that take requests, in no order. */
  readonly listed: S[] = [];
  readonly #byEndpoint = new Map<string, S>();
  readonly #byConnection = new Map<number, S>();
  #lastConnection = 0;

  /** How many there are. */
  get size(): number {
    return this.#byEndpoint.size;
  }

  all(): Iterable<S> {
    return this.#byEndpoint.values();
  }

  find(endpoint: string): S | undefined {
    return this.#byEndpoint.get(endpoint);
  }

  /** The server with this connection; `undefined` if it has another one by now. */
  at(connection: number): S | undefined {
    return this.#byConnection.get(connection);
  }

  add(server: S): void {
    this.#byEndpoint.set(server.endpoint, server);
  }

  remove(server: S): void {
    this.#byEndpoint.delete(server.endpoint);
  }

  /** Numbers a connection that is opened now. */
  connect(server: S, now: number): number {
    const connection = ++this.#lastConnection;
    this.#byConnection.set(connection, server);
    server.connection = connection;
    server.openedAt = now;
    return connection;
  }

  /** Forgets the connection of a server, if it has one, and returns its number. */
  disconnect(server: S): number | undefined {
    const { connection } = server;
    if (connection !== undefined) this.#byConnection.delete(connection);
    server.connection = undefined;
    return connection;
  }

  /** It takes requests from now on. */
  enlist(server: S): void {
    server.place = this.listed.length;
    this.listed.push(server);
  }

  /** It takes no more requests; harmless if it took none. The last one gets its place. */
  delist(server: S): void {
    const { place } = server;
    if (place === NOT_LISTED) return;
    const last = this.listed.pop() as S;
    if (last !== server) {
      this.listed[place] = last;
      last.place = place;
    }
    server.place = NOT_LISTED;
  }
}
