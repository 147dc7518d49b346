import type { Backoff, DeadlineEntry } from "@seaworthy/core";
import { type SessionState, sessionLife } from "./session-life.js";

/** One of a worker's sessions with a queue, over the connections that it has one after the other. */
export class Session {
  readonly endpoint: string;
  readonly #backoff: Backoff;
  state: SessionState = sessionLife.initial;
  /** Its present connection, or the last one. */
  connection = 0;
  /** Requests of this connection that the application has not finished. */
  held = 0;
  /** When its connection must stand, or its pause is over. */
  timer: DeadlineEntry<Session> | undefined;
  /** When its connection stood, while it does. */
  #connectedAt: number | undefined;

  /** @param backoff - pauses before it is opened again */
  constructor(endpoint: string, backoff: Backoff) {
    this.endpoint = endpoint;
    this.#backoff = backoff;
  }

  connected(now: number): void {
    this.#connectedAt = now;
  }

  /** A request came: the queue is alive, and the next failure is a first one. */
  heard(): void {
    this.#backoff.reset();
  }

  /**
   * Its connection is over.
   *
   * @returns whether there was one
   */
  lost(now: number): boolean {
    const since = this.#connectedAt;
    this.#connectedAt = undefined;
    if (since === undefined) return false;
    // Not every connection that stood for a moment: a queue may accept and drop them in turn.
    if (now - since >= this.#backoff.maxMs) this.#backoff.reset();
    return true;
  }

  /** The pause before it is opened again, in ms. */
  nextPauseMs(): number {
    return this.#backoff.next();
  }
}
