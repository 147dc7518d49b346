import type { Backoff } from "./backoff.js";

/**
 * One connection of a client, made once to one endpoint. When it is lost, its socket does not make it again,
 * because that would send what was queued behind the dead server.
 */
export interface Connection {
  /** Names it in outputs and inputs of the machine. */
  readonly number: number;
  readonly endpoint: string;
  readonly openedAt: number;
  /** When something last came over it, the handshake included; before that, minus infinity. */
  heardAt: number;
  /** The handshake is done and the connection stands. */
  isUp: boolean;
  /** Attempts that were sent over it and are not over. */
  awaiting: number;
}

/** Why the current connection gave way to another. */
export type ReplaceReason = "silent" | "lost" | "failed" | "disconnected";

/** What {@link Connections} asks of the machine that owns it; `More` are reasons of its own to replace one. */
export interface ConnectionActions<More extends string = never> {
  open(connection: Connection): void;
  discard(connection: Connection): void;
  replaced(from: string, to: string, reason: ReplaceReason | More): void;
  /** The connection is given up although replies may still come over it. */
  abandoned(connection: Connection): void;
}

/**
 * Which server a client talks to: one current connection, which takes all new attempts, and
 * replaced ones, which are kept only while a reply may still come over them. Endpoints take turns.
 */
export class Connections<More extends string = never> {
  readonly endpoints: string[] = [];
  #current: Connection | undefined;
  readonly #replaced: Connection[] = [];
  readonly #max: number;
  readonly #connectTimeoutMs: number;
  readonly #backoff: Backoff;
  readonly #actions: ConnectionActions<More>;
  #opened = 0;
  #turn = -1;
  #failuresInRow = 0;
  #reopenAt: number | undefined;

  /**
   * @param max - how many may be open, from 2
   * @param connectTimeoutMs - how long one may take until it stands
   * @param backoff - pauses after rounds of failures
   */
  constructor(max: number, connectTimeoutMs: number, backoff: Backoff, actions: ConnectionActions<More>) {
    this.#max = max;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#backoff = backoff;
    this.#actions = actions;
  }

  get current(): Connection | undefined {
    return this.#current;
  }

  /** How many connections are open. */
  get size(): number {
    return this.#replaced.length + (this.#current === undefined ? 0 : 1);
  }

  /** When a connection is opened again, or the current one has taken too long to stand. */
  get deadline(): number | undefined {
    const current = this.#current;
    if (current === undefined) return this.#reopenAt;
    return current.isUp ? undefined : current.openedAt + this.#connectTimeoutMs;
  }

  /** The current connection, if it has taken too long to stand. */
  overdue(now: number): Connection | undefined {
    const current = this.#current;
    if (current === undefined || current.isUp) return undefined;
    return now >= current.openedAt + this.#connectTimeoutMs ? current : undefined;
  }

  find(number: number): Connection | undefined {
    if (this.#current?.number === number) return this.#current;
    return this.#replaced.find((connection) => connection.number === number);
  }

  /** Adds an endpoint; the first one is connected at once. One that is there already stays as it is. */
  add(endpoint: string, now: number): void {
    if (this.endpoints.includes(endpoint)) return;
    this.endpoints.push(endpoint);
    if (this.#current !== undefined) return;
    this.#reopenAt = undefined;
    this.#openNext(now);
  }

  /** Takes an endpoint out. What was sent over its connection may still be answered. */
  remove(endpoint: string, now: number): void {
    const index = this.endpoints.indexOf(endpoint);
    if (index === -1) return;
    this.endpoints.splice(index, 1);
    if (this.#turn >= index) this.#turn -= 1;
    if (this.endpoints.length === 0) this.#reopenAt = undefined;
    if (this.#current?.endpoint === endpoint) this.replace(this.#current, "disconnected", now);
  }

  /** Puts a fresh connection, to the endpoint whose turn it is, in the place of the current one. */
  replace(old: Connection, reason: ReplaceReason | More, now: number): void {
    this.#current = undefined;
    this.#replaced.push(old);
    if (this.endpoints.length > 0) {
      const fresh = this.#openNext(now);
      this.#actions.replaced(old.endpoint, fresh.endpoint, reason);
    }
    this.#discardIfUseless(old);
  }

  up(connection: Connection, now: number): void {
    connection.isUp = true;
    connection.heardAt = now;
  }

  /** A message came over the connection: its server lives, and the next failure is a first one. */
  heard(connection: Connection, now: number): void {
    connection.heardAt = now;
    if (connection === this.#current) this.#failuresInRow = 0;
  }

  /**
   * The connection broke, or could not be made. Attempts on it must have been ended before. The
   * next endpoint gets its turn: at once while there is one that has not failed, then after a pause.
   */
  lost(connection: Connection, now: number): void {
    const reason = connection.isUp ? "lost" : "failed";
    const isLongLived = connection.isUp && now - connection.heardAt >= this.#backoff.maxMs;
    connection.isUp = false;
    if (connection !== this.#current) return this.#discardIfUseless(connection);
    if (isLongLived) this.#failuresInRow = 0;
    this.#failuresInRow += 1;
    if (this.#failuresInRow % this.endpoints.length !== 0) return this.replace(connection, reason, now);
    this.#current = undefined;
    this.#actions.discard(connection);
    this.#reopenAt = now + this.#backoff.delay(this.#failuresInRow / this.endpoints.length);
  }

  tick(now: number): void {
    if (this.#reopenAt === undefined || this.#reopenAt > now) return;
    this.#reopenAt = undefined;
    this.#openNext(now);
  }

  /** An attempt on this connection is over. */
  release(connection: Connection): void {
    connection.awaiting -= 1;
    if (connection !== this.#current) this.#discardIfUseless(connection);
  }

  /** Discards everything. */
  close(): void {
    this.endpoints.length = 0;
    this.#reopenAt = undefined;
    for (const connection of this.#replaced.splice(0)) this.#actions.discard(connection);
    if (this.#current !== undefined) this.#actions.discard(this.#current);
    this.#current = undefined;
  }

  #openNext(now: number): Connection {
    if (this.size >= this.#max) this.#abandonOldest();
    this.#turn = (this.#turn + 1) % this.endpoints.length;
    const connection: Connection = {
      number: this.#opened++,
      endpoint: this.endpoints[this.#turn] as string,
      openedAt: now,
      heardAt: Number.NEGATIVE_INFINITY,
      isUp: false,
      awaiting: 0,
    };
    this.#current = connection;
    this.#actions.open(connection);
    return connection;
  }

  #abandonOldest(): void {
    const oldest = this.#replaced.shift() as Connection;
    this.#actions.abandoned(oldest);
    this.#actions.discard(oldest);
  }

  #discardIfUseless(connection: Connection): void {
    if (connection.awaiting > 0 && connection.isUp) return;
    const index = this.#replaced.indexOf(connection);
    if (index === -1) return;
    this.#replaced.splice(index, 1);
    this.#actions.discard(connection);
  }
}

/** Not a word came over the current connection in the whole of an attempt: it may be half open. */
export function wasSilent(
  current: Connection,
  attempt: { readonly attemptStartedAt: number; readonly connection: Connection | undefined },
): boolean {
  const { attemptStartedAt, connection = current } = attempt;
  return (
    connection === current && current.openedAt <= attemptStartedAt && current.heardAt <= attemptStartedAt
  );
}

/** The endpoints of a request in the order of its attempts; one that stays the same is noted once. */
export function noteEndpoint(endpoints: string[], connection: Connection | undefined): void {
  if (connection !== undefined && endpoints.at(-1) !== connection.endpoint)
    endpoints.push(connection.endpoint);
}
