import { once } from "node:events";
import { SnapshotClient, type SnapshotEndpoints } from "@seaworthy/pubsub-snapshot";
import { Checks } from "../harness/checks.js";
import { requestBoundMs } from "../harness/load.js";
import type { LoadReport } from "./load-messages.js";
import type { DemoLoad } from "./pattern.js";
import { type Requester, RequestWorkload } from "./requests.js";
import type { Terms } from "./terms.js";

/** The servers of the pair. */
export const NODES = ["primary", "backup"] as const;
export type Node = (typeof NODES)[number];

/** Names of a server's ports. */
export const PORTS = {
  snapshot: (node: Node): string => `snapshots of ${node}`,
  publisher: (node: Node): string => `updates of ${node}`,
  collector: (node: Node): string => `collector of ${node}`,
} as const;

const WRITERS = 5;
const READERS = 5;
const IN_FLIGHT = 200;
const KEYS = 1000;
const TIMEOUT_MS = 15_000;
/** How often readers are looked at in the end, in ms. */
const LOOK_MS = 20;

const count = new Intl.NumberFormat("en-US");

const TERMS: Terms = {
  things: "sets",
  words: { answered: "acknowledged" },
  missing: "no acknowledgement",
  legend: {
    answered: ["acknowledged: the server has ordered the set, and the writer's own", "map contains it"],
    retried: ["sets that were sent again"],
    failed: ["ended in a typed error"],
    lost: [
      "acknowledged, and in the end neither it nor a later set is in the",
      "map of every reader; or not ended at all",
    ],
    mismatched: ["keys that readers do not agree on in the end"],
    median: ["half of the sets were acknowledged within so long"],
    p99: ["99 of 100"],
    "to recover": ["from the moment the cause is gone to the next acknowledgement"],
  },
};

/** The load on a shared map: writers that set keys all the time, and readers that only hold it. */
export const mapLoad: DemoLoad = {
  process: "clients",
  about: `${count.format(IN_FLIGHT)} sets in flight all the time by ${WRITERS} writers, with ${READERS} readers, on a pair of servers`,
  terms: TERMS,
  boundMs: requestBoundMs(1, TIMEOUT_MS, 0),
  open: (endpoint) => new MapWorkload(new MapClients(endpoint)),
};

/** What the last set of a key that was acknowledged has made of it. */
interface Acknowledged {
  readonly sequence: number;
  readonly value: string;
}

/** The sets as requests; in the end readers are asked what has become of them. */
class MapWorkload extends RequestWorkload {
  readonly #clients: MapClients;

  constructor(clients: MapClients) {
    super(clients, IN_FLIGHT, mapLoad.boundMs);
    this.#clients = clients;
  }

  override async start(): Promise<void> {
    await this.#clients.ready();
    await super.start();
  }

  override report(): LoadReport {
    const report = super.report();
    const { missing, disagreed } = this.#clients;
    return {
      ...report,
      answered: report.answered - missing,
      lost: report.lost + missing,
      mismatched: report.mismatched + disagreed,
    };
  }

  override async finish(): Promise<void> {
    await super.finish();
    await this.#clients.settle(mapLoad.boundMs);
  }
}

/** Writers and readers, and what they were told. */
class MapClients implements Requester {
  /** Keys whose last acknowledged set is not in the map of every reader. */
  missing = 0;
  /** Keys that readers do not agree on. */
  disagreed = 0;
  readonly #writers: SnapshotClient[];
  readonly #readers: SnapshotClient[];
  readonly #acknowledged = new Map<string, Acknowledged>();
  readonly #checks = new Checks();
  #turn = 0;

  constructor(endpoint: (name: string) => string) {
    const open = (): SnapshotClient => {
      const client = new SnapshotClient({ timeoutMs: TIMEOUT_MS });
      for (const node of NODES) client.connect(endpointsOf(node, endpoint));
      return client;
    };
    this.#writers = Array.from({ length: WRITERS }, open);
    this.#readers = Array.from({ length: READERS }, open);
  }

  async ready(): Promise<void> {
    await Promise.all(this.#all.map((client) => client.ready()));
  }

  async request(value: string): Promise<string> {
    const key = `/demo/${this.#turn++ % KEYS}`;
    const writer = this.#writers[this.#turn % WRITERS] as SnapshotClient;
    const sequence = await writer.set(key, value);
    const before = this.#acknowledged.get(key)?.sequence ?? 0;
    if (sequence > before) this.#acknowledged.set(key, { sequence, value });
    return value;
  }

  retried(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.stats().retried, 0);
  }

  /** What is acknowledged has to be in every map: those that do not have it yet are given so many ms. */
  async settle(boundMs: number): Promise<void> {
    const last = Math.max(0, ...Array.from(this.#acknowledged.values(), ({ sequence }) => sequence));
    const isThere = (): boolean => this.#readers.every(({ sequence }) => sequence >= last);
    const look = setInterval(() => this.#checks.run(), LOOK_MS);
    const timeout = AbortSignal.timeout(boundMs);
    await Promise.race([this.#checks.until(isThere), once(timeout, "abort")]);
    clearInterval(look);
    this.#judge();
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((client) => client.close()));
  }

  get #all(): SnapshotClient[] {
    return [...this.#writers, ...this.#readers];
  }

  #judge(): void {
    for (const [key, { sequence, value }] of this.#acknowledged) {
      const entries = this.#readers.map((reader) => reader.entry(key));
      const isLost = entries.some(
        (entry) =>
          entry === undefined ||
          entry.sequence < sequence ||
          (entry.sequence === sequence && String(entry.value) !== value),
      );
      if (isLost) this.missing += 1;
      const [first] = entries;
      if (
        entries.some(
          (entry) => entry?.sequence !== first?.sequence || String(entry?.value) !== String(first?.value),
        )
      )
        this.disagreed += 1;
    }
  }
}

function endpointsOf(node: Node, endpoint: (name: string) => string): SnapshotEndpoints {
  return {
    snapshot: endpoint(PORTS.snapshot(node)),
    // Through the proxy in front of it.
    publisher: endpoint(node),
    collector: endpoint(PORTS.collector(node)),
  };
}
