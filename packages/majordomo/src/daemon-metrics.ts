import type { MajordomoBroker, MajordomoBrokerLoad } from "./broker.js";
import type { MajordomoBrokerEvent, MajordomoBrokerStats, ServiceInfo } from "./broker-messages.js";
import { Figures, type Metric } from "./daemon-figures.js";

const COUNTERS: Record<keyof MajordomoBrokerStats, Metric> = {
  requests: ["requests_total", "Requests that came, those to mmi. services and retries included."],
  answered: ["requests_answered_total", "Replies that were sent to clients, parts not counted."],
  mmi: ["requests_mmi_total", "Requests to mmi. services."],
  joined: ["requests_joined_total", "Retries of requests that were at hand."],
  delivered: ["requests_delivered_total", "Times that a request was given to a worker."],
  redelivered: ["requests_redelivered_total", "Requests that were given to another worker."],
  dropped: ["requests_dropped_total", "Requests that ended without a reply."],
  repliesDropped: ["replies_dropped_total", "Replies, or parts of some, that were not passed on."],
  undeliverable: ["replies_undeliverable_total", "Replies, or parts of some, that did not leave."],
  malformed: ["messages_malformed_total", "Messages that were no command."],
  expired: ["workers_expired_total", "Workers that were silent for too long."],
  expelled: ["workers_expelled_total", "Workers that were told to come again."],
  refused: ["workers_refused_total", "Workers that were not registered."],
};

const GAUGES: Record<Exclude<keyof MajordomoBrokerLoad, "detectsDepartures" | "sockets">, Metric> = {
  waiting: ["requests_waiting", "Requests that wait for a worker."],
  running: ["requests_running", "Requests that workers have."],
  heldBytes: ["held_bytes", "Size of the requests at hand, in bytes."],
  services: ["services", "Services that workers offer, and names that requests wait for."],
  workers: ["workers", "Registered workers."],
};

const SERVICE_GAUGES: Record<Exclude<keyof ServiceInfo, "name">, Metric> = {
  workers: ["service_workers", "Registered workers of a service."],
  free: ["service_workers_free", "Workers of a service that would be given a request."],
  waiting: ["service_requests_waiting", "Requests that wait for a worker of a service."],
  running: ["service_requests_running", "Requests that workers of a service have."],
};

/** What metrics are read from. */
export type MetricsSource = Pick<MajordomoBroker, "stats" | "services">;

/** The figures of a broker, and of its process, for Prometheus. */
export class BrokerMetrics {
  readonly #source: MetricsSource;
  readonly #figures = new Figures("majordomo_");
  readonly #counters = this.#figures.counters(COUNTERS);
  readonly #sockets = this.#figures.sockets();
  readonly #gauges = this.#figures.gauges(GAUGES);
  readonly #serviceGauges = this.#figures.gauges(SERVICE_GAUGES, ["service"]);
  /** Services that workers offer, or did a moment ago. Clients cannot add to it. */
  readonly #offered = new Set<string>();

  constructor(source: MetricsSource) {
    this.#source = source;
  }

  get contentType(): string {
    return this.#figures.contentType;
  }

  /** Is to be told of all that happens. */
  note(event: MajordomoBrokerEvent): void {
    if (event.type === "service-added") this.#offered.add(event.service);
    else if (event.type === "service-removed") this.#offered.delete(event.service);
  }

  /** All figures as of now, as Prometheus reads them. */
  text(): Promise<string> {
    const { sockets, ...stats } = this.#source.stats();
    this.#counters.set(stats);
    this.#sockets.set(sockets);
    this.#gauges.set(stats);
    this.#readServices();
    return this.#figures.text();
  }

  #readServices(): void {
    this.#serviceGauges.clear();
    for (const service of this.#source.services()) {
      // Not what clients alone have named: a metric that is new with each scrape fills up Prometheus.
      if (service.workers === 0 && !this.#offered.has(service.name)) continue;
      // Names that are no text, and look alike as text, are counted together.
      this.#serviceGauges.add(service, { service: service.name });
    }
  }
}
