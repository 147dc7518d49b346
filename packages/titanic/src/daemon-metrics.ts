import { waitAtMost } from "@seaworthy/core/node";
import { Figures, type Metric } from "@seaworthy/majordomo/daemon";
import type { TitanicServer } from "./server.js";
import type { TitanicServerLoad, TitanicServerStats } from "./server-messages.js";
import type { StoreCounts } from "./store.js";

const COUNTERS: Record<keyof TitanicServerStats, Metric> = {
  accepted: ["requests_accepted_total", "Requests taken in."],
  known: ["requests_known_total", "Requests that had been taken in before under the same key."],
  refused: ["requests_refused_total", "Requests that were not taken in."],
  fetched: ["replies_fetched_total", "Replies handed out."],
  pending: ["replies_pending_total", "Questions for replies that were not there yet."],
  unknown: ["replies_unknown_total", "Questions for requests that were not there (any more)."],
  closed: ["requests_closed_total", "Requests that clients closed."],
  attempts: ["attempts_total", "Attempts begun."],
  completed: ["attempts_completed_total", "Attempts that were answered, and the reply stored."],
  failed: ["attempts_failed_total", "Attempts that failed, other than for want of a worker or a broker."],
  postponed: ["attempts_postponed_total", "Attempts that found no worker or no broker."],
  buried: ["requests_buried_total", "Requests that became dead letters."],
  leasesLost: ["leases_lost_total", "Claims that were lost to another server."],
  repliesDropped: ["replies_dropped_total", "Replies that nobody wanted any more."],
  storeFailures: ["store_failures_total", "Calls of the store that failed."],
  malformed: ["messages_malformed_total", "Messages that could not be understood."],
};

const GAUGES: Record<keyof TitanicServerLoad, Metric> = {
  inFlight: ["requests_in_flight", "Requests that are worked on."],
  services: ["services", "Services that requests are worked on for, or wait for."],
  missed: ["services_missed", "Services that requests wait for and that have no worker."],
  storing: ["store_calls", "Calls of the store that are under way."],
};

const COUNTS: Record<keyof StoreCounts, Metric> = {
  pending: ["store_pending", "Requests in the store that have no reply yet."],
  done: ["store_done", "Requests in the store whose reply is kept."],
  dead: ["store_dead", "Dead letters in the store."],
};

/** How long a scrape waits for the store to count, in ms. */
const COUNT_MS = 2000;

/** What metrics are read from. */
export type MetricsSource = Pick<TitanicServer, "stats" | "counts">;

/** The figures of a server, of its store and of its process, for Prometheus. */
export class TitanicMetrics {
  readonly #source: MetricsSource;
  readonly #figures = new Figures("titanic_");
  readonly #counters = this.#figures.counters(COUNTERS);
  readonly #gauges = this.#figures.gauges(GAUGES);
  readonly #counts = this.#figures.gauges(COUNTS);
  readonly #sockets = this.#figures.sockets();
  #counting: Promise<StoreCounts | undefined> | undefined;

  constructor(source: MetricsSource) {
    this.#source = source;
  }

  get contentType(): string {
    return this.#figures.contentType;
  }

  /** All figures as of now, as Prometheus reads them. Those of the store are left out while it does not answer. */
  async text(): Promise<string> {
    const counts = await this.#count();
    const { sockets, ...stats } = this.#source.stats();
    this.#counters.set(stats);
    this.#gauges.set(stats);
    this.#sockets.set(sockets);
    if (counts === undefined) this.#counts.clear();
    else this.#counts.set(counts);
    return this.#figures.text();
  }

  async #count(): Promise<StoreCounts | undefined> {
    // One at a time, however many scrape: a store that does not answer is not asked ever more.
    this.#counting ??= this.#source
      .counts()
      .catch(() => undefined)
      .finally(() => {
        this.#counting = undefined;
      });
    const counting = this.#counting;
    let counts: StoreCounts | undefined;
    await waitAtMost(COUNT_MS, (done) => {
      void counting.then((result) => {
        counts = result;
        done();
      });
    });
    return counts;
  }
}
