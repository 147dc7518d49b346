import { checkEndpoint } from "../endpoint.js";
import { ClosedError } from "../errors.js";
import type { QueueOwner } from "../queue-sockets.js";
import type { StatusEvent } from "../status.js";
import { Role } from "./role.js";
import { waitAtMost } from "./wait.js";

/** A queue's machine with its sockets. */
export interface QueueEngine {
  feed(call: { readonly type: "close" }): void;
  bindFrontend(endpoint: string): string;
  bindBackend(endpoint: string): string;
  /** Gives queued messages up to `lingerMs` to leave, then closes the sockets. */
  close(lingerMs: number): Promise<void>;
}

/** Base of the queues: takes requests from clients at one socket, and gives them to workers at another. */
export abstract class QueueRole<E extends StatusEvent> extends Role<E> {
  /** The name that error messages begin with. */
  readonly #owner: string;
  readonly #lingerMs: number;
  readonly #engine: QueueEngine;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /**
   * @param packageName - without scope
   * @param start - makes the engine
   */
  protected constructor(
    packageName: string,
    owner: string,
    { lingerMs }: { readonly lingerMs: number },
    start: (owner: QueueOwner<E>) => QueueEngine,
  ) {
    super(packageName);
    this.#owner = owner;
    this.#lingerMs = lingerMs;
    this.#engine = start({ idle: () => this.#idle?.(), status: (event) => this.report(event) });
  }

  /**
   * Listens for clients; several calls, several endpoints.
   *
   * @returns the endpoint with its real port, where `*` asked the system for one
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint;
   * ClosedError
   */
  async bindFrontend(endpoint: string): Promise<string> {
    this.#assertBindable(endpoint);
    return this.#engine.bindFrontend(endpoint);
  }

  /**
   * Listens for workers; several calls, several endpoints. Whoever reaches it can take requests: keep it
   * in a network of your own, or turn CURVE on.
   *
   * @returns the endpoint with its real port, where `*` asked the system for one
   * @throws (by rejecting) BindError if it cannot be bound; TypeError or RangeError if it is no endpoint;
   * ClosedError
   */
  async bindBackend(endpoint: string): Promise<string> {
    this.#assertBindable(endpoint);
    return this.#engine.bindBackend(endpoint);
  }

  /**
   * Takes no more requests and drops those that wait (their clients ask again), lets those that workers have
   * be answered for up to `lingerMs`, and closes the sockets.
   */
  override close(): Promise<void> {
    // Closed from now on, also for whoever is told of what closing leads to.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    const deadline = performance.now() + this.#lingerMs;
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    this.#engine.feed({ type: "close" });
    await waitAtMost(this.#lingerMs, (done) => void idle.then(done));
    await this.#engine.close(Math.max(0, deadline - performance.now()));
  }

  #assertBindable(endpoint: string): void {
    checkEndpoint(this.#owner, endpoint, "bind");
    if (this.#closing !== undefined) throw new ClosedError(this.#owner);
  }
}
