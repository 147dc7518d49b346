import { Backoff, Fifo, type Machine, type Random, type Stalled } from "@seaworthy/core";
import { CallDesk } from "./call-desk.js";
import type {
  FreelanceClientEvent,
  FreelanceClientInput,
  FreelanceClientOutput,
  FreelanceClientStats,
  FreelanceServerStatistics,
} from "./client-messages.js";
import type { ResolvedClientOptions } from "./client-options.js";
import { Failover } from "./failover.js";
import { Hedging } from "./hedging.js";
import { Shotgun } from "./shotgun.js";
import type { Strategy, StrategyOwner } from "./strategy.js";
import { Tracked } from "./tracked.js";

/** The protocol of a Freelance client: its requests, its servers, and which request goes to which server. */
export class FreelanceClientMachine implements Machine<FreelanceClientInput, FreelanceClientOutput> {
  readonly stats: FreelanceClientStats = {
    requests: 0,
    answered: 0,
    failed: 0,
    retries: 0,
    hedges: 0,
    hedgesWon: 0,
    hedgesWithheld: 0,
    duplicateReplies: 0,
    lateReplies: 0,
    dropped: 0,
    refused: 0,
  };
  readonly #strategy: Strategy;
  readonly #calls: CallDesk;
  readonly #outputs = new Fifo<FreelanceClientOutput>();

  /**
   * @param options - checked options, see `resolveClientOptions`
   * @param epoch - 64 random bits that no other client uses
   * @param random - source of the choice among servers, and of the jitter
   */
  constructor(options: ResolvedClientOptions, epoch: bigint, random: Random) {
    const emit = (output: FreelanceClientOutput): void => this.#outputs.push(output);
    this.#strategy = newStrategy(options, random, {
      emit,
      lost: (server, now) => this.#calls.lost(server, now),
      offer: (now) => this.#calls.offerAll(now),
    });
    this.#calls = new CallDesk(
      {
        strategy: this.#strategy,
        hedging: new Hedging(options),
        backoff: new Backoff(options.backoff, random, "FreelanceClient: backoff"),
        stats: this.stats,
        immediate: options.immediate,
        maxKept: options.maxInFlight,
        emit,
      },
      epoch,
    );
  }

  /** Requests that have not ended. */
  get inFlight(): number {
    return this.#calls.inFlight;
  }

  /** Servers in the book, those that are leaving included. */
  get serverCount(): number {
    return this.#strategy.book.size;
  }

  /** Servers that take requests. */
  get aliveCount(): number {
    return this.#strategy.book.listed.length;
  }

  get deadline(): number | undefined {
    const { deadline: call } = this.#calls;
    const { deadline: server } = this.#strategy;
    return call === undefined || server === undefined ? (call ?? server) : Math.min(call, server);
  }

  /** Whether this server is in the book. */
  has(endpoint: string): boolean {
    return this.#strategy.book.find(endpoint) !== undefined;
  }

  /** What is known of each server. */
  servers(now: number): FreelanceServerStatistics[] {
    return Array.from(this.#strategy.book.all(), (server) => {
      const { endpoint, state, requests, answered, failures, timeouts, losses, hedges, heardAt } = server;
      return {
        endpoint,
        state,
        outstanding: server.copies.length,
        latencyMs: server.latency.ms,
        requests,
        answered,
        failures,
        timeouts,
        losses,
        hedges,
        lastHeardMs: heardAt === Number.NEGATIVE_INFINITY ? undefined : now - heardAt,
      };
    });
  }

  take(): FreelanceClientOutput | undefined {
    return this.#outputs.shift();
  }

  tick(now: number): void {
    this.#strategy.tick(now);
    this.#calls.tick(now);
  }

  handle(input: FreelanceClientInput | Stalled, now: number): void {
    switch (input.type) {
      case "received":
        return this.#received(input, now);
      case "request":
        return this.#calls.begin(input, now);
      case "abort":
        return this.#calls.abort(input.call, now);
      case "connect":
        return this.#strategy.connect(input.endpoint, now);
      case "disconnect":
        return this.#strategy.disconnect(input.endpoint, now);
      case "close":
        this.#calls.close(now);
        return this.#strategy.close();
      case "malformed":
        this.#strategy.heard(input.connection, now);
        return this.#drop(input.reason, now);
      case "unknown-server":
        return this.#drop("message of an unknown server", now);
      case "stalled":
        // Replies that came during the stall have been read by now, so attempts are judged as ever.
        this.#strategy.stalled(now);
        return this.#report({ type: "process-stalled", at: now, ms: input.ms });
      default:
        return this.#connectionChanged(input, now);
    }
  }

  #received({ connection, message }: FreelanceClientInput & { type: "received" }, now: number): void {
    const server = this.#strategy.book.at(connection);
    if (server === undefined) return this.#drop("message of a server that was given up", now);
    // First, since a server that is heard gets what waits: what it answers here is not to be sent to it again.
    if (message.type !== "pong") this.#calls.replied(server, message, now);
    this.#strategy.heard(connection, now);
    if (message.type === "pong") this.#strategy.pong(server, now);
    this.#calls.offerCrowded(now);
  }

  #connectionChanged(
    input: FreelanceClientInput & { type: "up" | "down" | "failed" | "refused" },
    now: number,
  ): void {
    const { connection } = input;
    switch (input.type) {
      case "up":
        return this.#strategy.up(connection, now);
      case "down":
        return this.#strategy.down(connection, now);
      case "failed":
        return this.#strategy.failed(connection, input.reason, now);
      case "refused":
        return this.#refused(input, now);
    }
  }

  #refused({ connection, sequence, reason }: FreelanceClientInput & { type: "refused" }, now: number): void {
    const server = this.#strategy.book.at(connection);
    if (server === undefined) return;
    if (sequence === undefined) this.#strategy.pingRefused(server, reason, now);
    else this.#calls.refused(server, sequence, reason, now);
  }

  #drop(reason: string, now: number): void {
    this.stats.dropped += 1;
    this.#report({ type: "message-dropped", at: now, reason });
  }

  #report(event: FreelanceClientEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}

function newStrategy(options: ResolvedClientOptions, random: Random, owner: StrategyOwner): Strategy {
  const { strategy, connectTimeoutMs } = options;
  const { reconnectIntervalMs: initialMs, reconnectMaxIntervalMs: maxMs } = options.socket;
  const reconnection = new Backoff({ initialMs, maxMs }, random, "FreelanceClient: socket");
  if (strategy === "tracked") return new Tracked(owner, { ...options, reconnection }, random);
  const Chosen = strategy === "shotgun" ? Shotgun : Failover;
  return new Chosen(owner, { connectTimeoutMs, reconnection });
}
