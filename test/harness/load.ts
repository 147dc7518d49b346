import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { SeaworthyError } from "@seaworthy/core";
import { Checks } from "./checks.js";
import { Moments } from "./moments.js";
import { monotonicMs } from "./monotonic.js";

/** What to load, and how. */
export interface LoadOptions {
  /** Sends one request; an echo is expected back. */
  readonly request: (body: string) => Promise<string>;
  /** Requests that are kept in flight all the time. */
  readonly inFlight: number;
  /** A request that has not ended after so many ms is lost. */
  readonly boundMs: number;
}

/** What became of the requests: `sent` is the sum of all the others. */
export interface LoadCounters {
  sent: number;
  /** Ended in their own reply. */
  answered: number;
  /** Ended in a typed error. */
  failed: number;
  /** Ended neither in a reply nor in a typed error within the bound. */
  lost: number;
  /** Ended in a reply that is not their own. */
  mismatched: number;
  inFlight: number;
}

/** How long answered requests took, in ms. */
export interface Latency {
  readonly medianMs: number;
  readonly p99Ms: number;
}

const SWEEP_MS = 50;

/** Keeps a number of requests in flight and judges how each of them ends. */
export class Load {
  readonly counters: LoadCounters = {
    sent: 0,
    answered: 0,
    failed: 0,
    lost: 0,
    mismatched: 0,
    inFlight: 0,
  };
  /** Typed errors by code. */
  readonly failures: Record<string, number> = {};
  /** Longest time that any request took to end, in ms. */
  slowestMs = 0;
  readonly #options: LoadOptions;
  readonly #pending = new Map<number, number>();
  readonly #latency: RecordableHistogram = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
  readonly #answerTimes = new Moments();
  readonly #checks = new Checks();
  #running = false;
  #filling: NodeJS.Immediate | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.#sweep = setInterval(() => this.#giveUpOnOld(), SWEEP_MS);
    this.#fill();
  }

  /** Sends no more and waits until every request has ended, or is lost. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#checks.until(() => this.#pending.size === 0);
    clearInterval(this.#sweep);
  }

  latency(): Latency {
    const quantile = (percent: number): number => this.#latency.percentile(percent) / 1000;
    return this.counters.answered === 0
      ? { medianMs: Number.NaN, p99Ms: Number.NaN }
      : { medianMs: quantile(50), p99Ms: quantile(99) };
  }

  /** Resolves when so many more requests have been answered. */
  async answers(count: number): Promise<void> {
    const goal = this.counters.answered + count;
    await this.#checks.until(() => this.counters.answered >= goal);
  }

  /** When the first answer after a moment came, which may have passed; both on {@link monotonicMs}. */
  async firstAnswerAfter(at: number): Promise<number> {
    let found: number | undefined;
    await this.#checks.until(() => {
      found = this.#answerTimes.firstAfter(at);
      return found !== undefined;
    });
    return found as unknown as number;
  }

  #fill(): void {
    this.#filling = undefined;
    while (this.#running && this.#pending.size < this.#options.inFlight) this.#launch();
  }

  #launch(): void {
    const number = ++this.counters.sent;
    const body = `request ${number}`;
    this.#pending.set(number, monotonicMs());
    this.counters.inFlight = this.#pending.size;
    this.#options.request(body).then(
      (reply) => this.#ended(number, () => (reply === body ? "answered" : "mismatched")),
      (error: unknown) => this.#ended(number, () => this.#failed(error)),
    );
  }

  #failed(error: unknown): "failed" | "lost" {
    const code = error instanceof SeaworthyError ? error.code : `untyped: ${String(error)}`;
    this.failures[code] = (this.failures[code] ?? 0) + 1;
    return error instanceof SeaworthyError ? "failed" : "lost";
  }

  #ended(number: number, judge: () => Exclude<keyof LoadCounters, "sent" | "inFlight">): void {
    const startedAt = this.#pending.get(number);
    if (startedAt === undefined) return; // it came after it was lost
    const now = monotonicMs();
    this.#pending.delete(number);
    this.counters.inFlight = this.#pending.size;
    this.slowestMs = Math.max(this.slowestMs, now - startedAt);
    const outcome = judge();
    if (outcome === "answered") {
      this.#answerTimes.record(now);
      this.#latency.record(Math.max(1, Math.round((now - startedAt) * 1000)));
    }
    this.counters[outcome] += 1;
    this.#checks.run();
    // In its own turn: requests that fail at once must not keep the event loop from everything else.
    this.#filling ??= setImmediate(() => this.#fill());
  }

  #giveUpOnOld(): void {
    const oldest = monotonicMs() - this.#options.boundMs;
    for (const [number, startedAt] of this.#pending) {
      if (startedAt > oldest) return;
      this.#ended(number, () => "lost");
    }
  }
}

/** A bound for requests that are tried so often: all attempts, the longest pauses, and some for a busy machine. */
export function requestBoundMs(attempts: number, timeoutMs: number, maxPauseMs: number): number {
  return attempts * timeoutMs + (attempts - 1) * maxPauseMs + 2000;
}
