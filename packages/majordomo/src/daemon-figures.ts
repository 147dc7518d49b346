import type { DriverStats } from "@seaworthy/core/node";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** Name, without the prefix of the program, and help of a metric. */
export type Metric = readonly [name: string, help: string];

/** Counters whose values are kept elsewhere. */
export interface Counters<K extends string> {
  /** Each becomes what it has counted so far. */
  set(values: Readonly<Record<K, number>>): void;
}

/** Gauges. */
export interface Gauges<K extends string> extends Counters<K> {
  /** Forgets all values: those that are not set again are not shown. */
  clear(): void;
  /** Adds to the values under these labels. */
  add(values: Readonly<Record<K, number>>, labels: Readonly<Record<string, string>>): void;
}

const SOCKET_COUNTERS: Record<Exclude<keyof DriverStats, "queued">, Metric> = {
  sent: ["socket_sent_total", "Messages handed to ZeroMQ."],
  received: ["socket_received_total", "Messages read."],
  refused: ["socket_refused_total", "Messages to peers that are gone or full."],
  overflowed: ["socket_overflowed_total", "Messages not taken because the send queue was full."],
  discarded: ["socket_discarded_total", "Messages that never left the send queue."],
};
const SOCKET_GAUGES = { queued: ["socket_queued", "Messages in the send queue."] } as const;

/** Figures of a program for Prometheus, those of its process among them. Each is read where it is kept. */
export class Figures {
  readonly #prefix: string;
  readonly #registry = new Registry();

  /** @param prefix - what the names of the program's own metrics begin with */
  constructor(prefix: string) {
    this.#prefix = prefix;
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All figures, as Prometheus reads them. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  counters<K extends string>(table: Readonly<Record<K, Metric>>): Counters<K> {
    const counters = this.#register(table, Counter, []);
    return {
      set(values) {
        for (const [key, counter] of counters) {
          // Those of prom-client can only be added to.
          counter.reset();
          counter.inc(values[key]);
        }
      },
    };
  }

  gauges<K extends string>(
    table: Readonly<Record<K, Metric>>,
    labelNames: readonly string[] = [],
  ): Gauges<K> {
    const gauges = this.#register(table, Gauge, labelNames);
    return {
      set(values) {
        for (const [key, gauge] of gauges) gauge.set(values[key]);
      },
      clear() {
        for (const [, gauge] of gauges) {
          gauge.reset();
          // One without labels is 0 after that.
          if (labelNames.length === 0) gauge.remove();
        }
      },
      add(values, labels) {
        for (const [key, gauge] of gauges) gauge.inc(labels, values[key]);
      },
    };
  }

  /** What the sockets of a role have sent and received. */
  sockets(): Counters<keyof DriverStats> {
    const [counters, gauges] = [this.counters(SOCKET_COUNTERS), this.gauges(SOCKET_GAUGES)];
    return {
      set(stats) {
        counters.set(stats);
        gauges.set(stats);
      },
    };
  }

  #register<K extends string, M>(
    table: Readonly<Record<K, Metric>>,
    Type: MetricType<M>,
    labelNames: readonly string[],
  ): [K, M][] {
    return (Object.entries(table) as [K, Metric][]).map(([key, [name, help]]) => [
      key,
      new Type({
        ...{ name: this.#prefix + name, help, labelNames: [...labelNames] },
        registers: [this.#registry],
      }),
    ]);
  }
}

type MetricType<M> = new (configuration: {
  name: string;
  help: string;
  labelNames: string[];
  registers: Registry[];
}) => M;
