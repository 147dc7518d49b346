import { type EventEmitter, once } from "node:events";
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { expect } from "vitest";
import { Load, requestBoundMs } from "./load.js";
import { monotonicMs } from "./monotonic.js";

/** Longer than this is no recovery but a hang. */
const RECOVERY_LIMIT_MS = 10_000;
const MAX_PAUSE_MS = 400;

/** What a crew of clients asks, and how. */
export interface CrewOptions {
  /** Every client connects to all of them. */
  readonly endpoints: readonly string[];
  /** Requests that all clients together have in flight all the time. */
  readonly inFlight: number;
  /** Default 1. */
  readonly clients?: number;
  readonly timeoutMs: number;
  readonly attempts: number;
  /** How long {@link Crew.survives} goes on, in ms. */
  readonly chaosMs: number;
}

/** How long a chaos test goes on with its faults, in ms: as the environment says, or this. */
export function chaosMs(seconds: number): number {
  return Number(process.env["SEAWORTHY_CHAOS_SECONDS"] ?? seconds) * 1000;
}

const SUMMED = ["requests", "answered", "failed", "retries", "inFlight"] as const;
type CrewStats = Record<(typeof SUMMED)[number] | "sent", number>;

/** A client of any pattern. */
interface Sailor extends EventEmitter {
  connect(endpoint: string): void;
  stats(): Record<(typeof SUMMED)[number], number> & { readonly sockets: { readonly sent: number } };
  close(): Promise<void>;
}

/** How clients of a pattern are made and used. */
interface Trade<C extends Sailor> {
  open(options: CommonOptions): C;
  ask(client: C, body: string): Promise<readonly Uint8Array[]>;
  /** Codes of the errors that faults may lead to. */
  readonly typed: readonly string[];
}

/** What clients of all patterns have as options. */
interface CommonOptions {
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly backoff: { readonly maxMs: number };
  readonly socket: { readonly reconnectMaxIntervalMs: number };
}

/** Clients with requests in flight all the time, and the judge of what became of them. */
export class Crew<C extends Sailor> implements AsyncDisposable {
  readonly clients: readonly C[];
  readonly load: Load;
  readonly #options: CrewOptions;
  readonly #typed: readonly string[];
  readonly #boundMs: number;
  readonly #recoveries: number[] = [];

  constructor({ open, ask, typed }: Trade<C>, options: CrewOptions) {
    const { endpoints, inFlight, timeoutMs, attempts, clients: count = 1 } = options;
    this.#options = options;
    this.#typed = typed;
    this.clients = Array.from({ length: count }, () => {
      const client = open({
        timeoutMs,
        attempts,
        backoff: { maxMs: MAX_PAUSE_MS },
        socket: { reconnectMaxIntervalMs: 400 },
      });
      for (const endpoint of endpoints) client.connect(endpoint);
      return client;
    });
    let turn = 0;
    const request = async (body: string): Promise<string> => {
      return String((await ask(this.clients[turn++ % count] as C, body))[0]);
    };
    this.#boundMs = requestBoundMs(attempts, timeoutMs, MAX_PAUSE_MS);
    this.load = new Load({ request, inFlight, boundMs: this.#boundMs });
    this.load.start();
  }

  /** The first client, or the only one. */
  get client(): C {
    return this.clients[0] as C;
  }

  /** Counters of all clients together; `sent`: what their sockets have sent, every attempt counted. */
  stats(): CrewStats {
    const total: CrewStats = {
      requests: 0,
      answered: 0,
      failed: 0,
      retries: 0,
      inFlight: 0,
      sent: 0,
    };
    for (const client of this.clients) {
      const { sockets, ...counters } = client.stats();
      total.sent += sockets.sent;
      for (const name of SUMMED) total[name] += counters[name];
    }
    return total;
  }

  /** Resolves when as many attempts of the first client as it has requests in flight have failed. */
  async feelsIt(): Promise<void> {
    const goal = this.client.stats().retries + this.#options.inFlight / this.clients.length;
    while (this.client.stats().retries < goal) await once(this.client, "request-retried");
  }

  /** Waits until every request in flight has been another one, several times over. */
  async isCalm(): Promise<void> {
    await this.load.answers(5 * this.#options.inFlight);
  }

  /** Waits for the next answer, and then for calm; it took so long since the cause of the fault was gone. */
  async recovers(goneAt: number = monotonicMs()): Promise<void> {
    this.#recoveries.push((await this.load.firstAnswerAfter(monotonicMs())) - goneAt);
    await this.isCalm();
  }

  /** Does a round of faults, as often as there is time for, and once at least. */
  async survives(round: () => Promise<void>): Promise<void> {
    const until = monotonicMs() + this.#options.chaosMs;
    do {
      await this.isCalm();
      await round();
    } while (monotonicMs() < until);
  }

  /** Every request has ended, in time, in its own reply or in a typed error; and both sides count the same. */
  async isAccountedFor(what: string): Promise<void> {
    await this.load.stop();
    const { counters, failures, slowestMs } = this.load;
    expect(counters).toMatchObject({ lost: 0, mismatched: 0, inFlight: 0 });
    expect(counters.answered + counters.failed).toBe(counters.sent);
    for (const code of Object.keys(failures)) expect(this.#typed).toContain(code);
    expect(slowestMs).toBeLessThanOrEqual(this.#boundMs);
    const { requests, answered, failed, retries, inFlight } = this.stats();
    const { sent } = counters;
    expect({ requests, answered, failed, inFlight }).toEqual({
      requests: sent,
      answered: counters.answered,
      failed: counters.failed,
      inFlight: 0,
    });
    const ended = `${sent} requests, ${retries} retries, ${failed} failed, slowest ${slowestMs.toFixed(0)} ms`;
    console.log(`${what}: ${ended}${this.#recovered()}`);
  }

  #recovered(): string {
    if (this.#recoveries.length === 0) return "";
    const worst = Math.max(...this.#recoveries);
    expect(worst).toBeLessThan(RECOVERY_LIMIT_MS);
    return `; recovered ${this.#recoveries.length} times, in ${worst.toFixed(1)} ms at most`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
  }
}

/** A crew of Lazy Pirate clients. */
export class LazyPirateCrew extends Crew<LazyPirateClient> {
  constructor(options: CrewOptions) {
    const trade = {
      open: (common: CommonOptions) => new LazyPirateClient(common),
      ask: (client: LazyPirateClient, body: string) => client.request(body),
      typed: ["ERR_REQUEST_TIMEOUT", "ERR_CONNECTION_LOST"],
    };
    super(trade, options);
  }
}
