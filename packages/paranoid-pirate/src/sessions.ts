import { type DeadlineEntry, DeadlineQueue, type Random } from "@seaworthy/core";
import { Session } from "./session.js";
import type { ResolvedWorkerOptions } from "./worker-options.js";

/** A worker's sessions: by their present connection, by queue, and by when they want attention. */
export class Sessions {
  readonly #options: ResolvedWorkerOptions;
  readonly #random: Random;
  readonly #byConnection = new Map<number, Session>();
  /** How many there are to be with each queue. */
  readonly #queues = new Map<string, number>();
  readonly #timers = new DeadlineQueue<Session>();
  #lastConnection = 0;

  constructor(options: ResolvedWorkerOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  get size(): number {
    return this.#byConnection.size;
  }

  /** When the first session wants attention, or `undefined`. */
  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  find(connection: number): Session | undefined {
    return this.#byConnection.get(connection);
  }

  all(): Iterable<Session> {
    return this.#byConnection.values();
  }

  /** A queue to work for. */
  addQueue(endpoint: string): void {
    if (!this.#queues.has(endpoint)) this.#queues.set(endpoint, 0);
  }

  /** A queue to work for no more; its sessions, which are still here. */
  removeQueue(endpoint: string): Session[] {
    if (!this.#queues.delete(endpoint)) return [];
    return [...this.#byConnection.values()].filter((session) => session.endpoint === endpoint);
  }

  /** Adds sessions until there are so many with each queue, as far as is allowed. */
  grow(concurrency: number, now: number): Session[] {
    const wanted = Math.min(concurrency, this.#options.maxSessions);
    const added: Session[] = [];
    for (const [endpoint, count] of this.#queues) {
      for (let index = count; index < wanted; index++) {
        const session = new Session(endpoint, ++this.#lastConnection, this.#options, this.#random, now);
        this.#byConnection.set(session.connection, session);
        added.push(session);
      }
      if (wanted > count) this.#queues.set(endpoint, wanted);
    }
    return added;
  }

  /** A session gets a connection in place of the one it had. */
  reconnect(session: Session, now: number): void {
    this.#byConnection.delete(session.connection);
    session.reconnected(++this.#lastConnection, now);
    this.#byConnection.set(session.connection, session);
  }

  /** Forgets a session, which has been watched. */
  remove(session: Session): void {
    this.#timers.cancel(session.timer as DeadlineEntry<Session>);
    this.#byConnection.delete(session.connection);
  }

  /** A session that wants attention, or `undefined`; {@link watch} it again. */
  takeDue(now: number): Session | undefined {
    const session = this.#timers.takeDue(now);
    if (session !== undefined) session.isWatched = false;
    return session;
  }

  /** Sets the time of a session, but only to an earlier one: a vain look costs less than many moves. */
  watch(session: Session): void {
    const { deadline, timer } = session;
    if (deadline === undefined) return;
    if (timer === undefined) session.timer = this.#timers.add(session, deadline);
    else if (!session.isWatched || deadline < timer.at) this.#timers.move(timer, deadline);
    session.isWatched = true;
  }
}
