import {
  Fifo,
  type Machine,
  RequestServerMachine,
  type ResolvedRequestServerOptions,
  type Stalled,
} from "@seaworthy/core";
import type { FreelanceServerInput, FreelanceServerOutput, FreelanceServerStats } from "./server-messages.js";

/**
 * The protocol of a Freelance server: that of any server of requests, which answers PINGs besides, at once
 * and whatever its handlers are busy with.
 */
export class FreelanceServerMachine implements Machine<FreelanceServerInput, FreelanceServerOutput> {
  readonly #requests: RequestServerMachine;
  readonly #outputs = new Fifo<FreelanceServerOutput>();
  #pings = 0;

  /** @param options - checked options, see `resolveServerOptions` */
  constructor(options: ResolvedRequestServerOptions) {
    this.#requests = new RequestServerMachine(options);
  }

  /** Counters since construction. */
  get stats(): FreelanceServerStats {
    const { revoked: _, ...counters } = this.#requests.stats;
    return { ...counters, pings: this.#pings };
  }

  /** Requests that wait for a handler. */
  get queued(): number {
    return this.#requests.queued;
  }

  /** Requests that were given to the application and are not answered. */
  get running(): number {
    return this.#requests.running;
  }

  /** Replies that the cache remembers. */
  get cached(): number {
    return this.#requests.cached;
  }

  get deadline(): number | undefined {
    return this.#requests.deadline;
  }

  take(): FreelanceServerOutput | undefined {
    return this.#outputs.shift() ?? this.#requests.take();
  }

  handle(input: FreelanceServerInput | Stalled, now: number): void {
    if (input.type !== "ping") return this.#requests.handle(input, now);
    this.#pings += 1;
    this.#outputs.push({ type: "pong", route: input.route });
  }

  tick(now: number): void {
    this.#requests.tick(now);
  }
}
