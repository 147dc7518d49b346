import { describe, expect, it } from "vitest";
import { TitanicMetrics } from "../src/daemon-metrics.js";
import type { StoreCounts } from "../src/store.js";

const stats = {
  ...{ accepted: 1, known: 2, refused: 3, fetched: 4, pending: 5, unknown: 6, closed: 7, attempts: 8 },
  ...{ completed: 9, failed: 10, postponed: 11, buried: 12, leasesLost: 13, repliesDropped: 14 },
  ...{ storeFailures: 15, malformed: 16, inFlight: 17, services: 18, missed: 19, storing: 20 },
  sockets: { sent: 21, received: 22, refused: 23, overflowed: 24, discarded: 25, queued: 26 },
};

/** Metrics of a server whose store is asked to count by `counts`. */
class Measured {
  asked = 0;
  readonly metrics: TitanicMetrics;

  constructor(counts: () => Promise<StoreCounts>) {
    this.metrics = new TitanicMetrics({
      stats: () => stats,
      counts: () => {
        this.asked += 1;
        return counts();
      },
    });
  }

  /** The program's own samples by name. */
  async samples(): Promise<Record<string, number>> {
    const lines = (await this.metrics.text()).split("\n").filter((line) => line.startsWith("titanic_"));
    return Object.fromEntries(
      lines.map((line) => line.split(" ") as [string, string]).map(([name, value]) => [name, Number(value)]),
    );
  }
}

describe("metrics", () => {
  it("tell all that the server and its store tell", async () => {
    const measured = new Measured(async () => ({ pending: 31, done: 32, dead: 33 }));
    const samples = await measured.samples();
    expect(samples).toMatchObject({
      titanic_requests_accepted_total: 1,
      titanic_attempts_failed_total: 10,
      titanic_requests_buried_total: 12,
      titanic_requests_in_flight: 17,
      titanic_services_missed: 19,
      titanic_store_pending: 31,
      titanic_store_done: 32,
      titanic_store_dead: 33,
      titanic_socket_sent_total: 21,
      titanic_socket_queued: 26,
    });
    const values = Object.values(samples).sort((a, b) => a - b);
    expect(values).toEqual([...Array.from({ length: 26 }, (_, at) => at + 1), 31, 32, 33]);
    // Counters are not added up from scrape to scrape.
    expect(await measured.samples()).toEqual(samples);
  });

  it("leave out what the store does not tell, and only that", async () => {
    let fails = false;
    const measured = new Measured(async () => {
      if (fails) throw new Error("gone");
      return { pending: 31, done: 32, dead: 33 };
    });
    const before = await measured.samples();
    fails = true;
    const during = await measured.samples();
    const missing = Object.keys(before).filter((name) => !(name in during));
    expect(missing.sort()).toEqual(["titanic_store_dead", "titanic_store_done", "titanic_store_pending"]);
    fails = false;
    expect(await measured.samples()).toEqual(before);
  });

  it("ask the store once at a time, and answer although it does not", async () => {
    const measured = new Measured(() => new Promise(() => undefined));
    const all = await Promise.all([measured.samples(), measured.samples(), measured.samples()]);
    for (const samples of all) {
      expect(samples).toMatchObject({ titanic_requests_accepted_total: 1 });
      expect(samples).not.toHaveProperty("titanic_store_pending");
    }
    expect(measured.asked).toBe(1);
  });
});
