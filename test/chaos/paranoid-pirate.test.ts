import { once } from "node:events";
import { ParanoidPirateQueue } from "@seaworthy/paranoid-pirate";
import { expect, it } from "vitest";
import { chaosMs, LazyPirateCrew } from "../harness/crew.js";
import type { Fleet } from "../harness/fleet.js";
import type { Program } from "../harness/program.js";
import {
  allAnswered,
  allWorked,
  freePlaces,
  type Places,
  startQueue,
  startWorkers,
  WORKERS,
} from "./pirates.js";

const CONCURRENCY = 8;
const HEARTBEAT_MS = 200;
const LIVENESS = 3;
const CHAOS_MS = chaosMs(10);
/** For what differs from the first test in one thing. */
const SHORT_CHAOS_MS = chaosMs(4);
/** The chaos, and what it takes to start, to end, and to say so. */
const CHAOS_LIMIT_MS = CHAOS_MS + 90_000;
const PACE = ["--heartbeat", String(HEARTBEAT_MS), "--liveness", String(LIVENESS)];

const queueExample = (places: Places): Promise<Program> => startQueue("paranoid-pirate", places, ...PACE);

const fleet = (places: Places): Promise<Fleet> =>
  startWorkers("paranoid-pirate", places, "--concurrency", String(CONCURRENCY), ...PACE);

function crew({ frontend }: Places): LazyPirateCrew {
  const load = { inFlight: 500, clients: 10, timeoutMs: 2000, attempts: 5 };
  return new LazyPirateCrew({ ...load, endpoints: [frontend], chaosMs: SHORT_CHAOS_MS });
}

/** The workers in service, as the queue's lines tell. */
class Roll {
  /** By the part of a worker's name that is its process's. */
  readonly #sessions = new Map<string, Set<string>>();
  readonly #queue: Program;

  constructor(queue: Program) {
    this.#queue = queue;
    queue.on("line", (line) => this.#note(line)).on("exit", () => this.#sessions.clear());
  }

  /** Resolves when each of the worker processes has all its sessions in service, and no other has any. */
  async isComplete(): Promise<void> {
    while (!this.#isComplete) await once(this.#queue, "line");
  }

  get #isComplete(): boolean {
    const counts = [...this.#sessions.values()].map(({ size }) => size);
    return counts.length === WORKERS && counts.every((count) => count === CONCURRENCY);
  }

  #note(line: string): void {
    const [, what = "", worker = "", process = ""] = /^(\w+) ((SWPP1-\w+)-\d+)/.exec(line) ?? [];
    const sessions = this.#sessions.get(process) ?? new Set();
    if (what === "joined" || what === "returned") this.#sessions.set(process, sessions.add(worker));
    else if (sessions.delete(worker) && sessions.size === 0) this.#sessions.delete(process);
  }
}

it(
  "loses no request while workers are killed and frozen, one every half second",
  async () => {
    const places = await freePlaces();
    await using queue = await queueExample(places);
    const roll = new Roll(queue);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.isCalm();
    await workers.suffer(CHAOS_MS, "killed", "frozen");
    await roll.isComplete();
    await clients.isCalm(); // each of them has had requests
    await allAnswered(clients, workers, "workers killed and frozen");
    await allWorked(queue, workers, clients);
  },
  CHAOS_LIMIT_MS,
);

it.each([true, false])(
  "does so with detectDepartures %s, and counts every request",
  async (detectDepartures) => {
    const places = await freePlaces();
    const options = { heartbeatMs: HEARTBEAT_MS, liveness: LIVENESS, detectDepartures };
    await using queue = new ParanoidPirateQueue({ ...options, lingerMs: 10_000 });
    await queue.bindFrontend(places.frontend);
    await queue.bindBackend(places.backend);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.isCalm();
    await workers.suffer(SHORT_CHAOS_MS, "killed", "frozen");
    await clients.isCalm();
    await allAnswered(clients, workers, `detectDepartures ${detectDepartures}`);
    await queue.close(); // what clients have asked for twice may still be with a worker
    const { requests, answered, givenUp, dropped, running, waiting, redelivered, delivered } = queue.stats();
    expect({ running, waiting }).toEqual({ running: 0, waiting: 0 });
    expect(answered + givenUp + dropped).toBe(requests);
    expect(requests).toBe(clients.stats().sent);
    expect(answered).toBeGreaterThanOrEqual(clients.stats().answered);
    expect(delivered).toBeGreaterThanOrEqual(answered);
    expect(redelivered).toBeGreaterThan(0);
  },
  CHAOS_LIMIT_MS,
);

const faults: readonly {
  readonly title: string;
  readonly label: string;
  /** Resolves when its cause is gone. */
  befalls(queue: Program, workers: Fleet): Promise<unknown>;
}[] = [
  {
    title: "was killed and started again",
    label: "queue killed",
    befalls: (queue) => queue.kill().then(() => queue.start()),
  },
  {
    title: "was frozen for longer than they wait",
    label: "queue frozen",
    async befalls(queue, { workers }) {
      const givenUp = workers.map((worker) => allLost(worker));
      queue.pause();
      await Promise.all(givenUp);
      queue.resume();
    },
  },
];

it.each(faults)(
  "is back in service, with all workers, when the queue $title",
  async ({ label, befalls }) => {
    const places = await freePlaces();
    await using queue = await queueExample(places);
    const roll = new Roll(queue);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.survives(async () => {
      await roll.isComplete(); // a session that was lost before is not lost again
      await befalls(queue, workers);
      await clients.recovers();
      await roll.isComplete();
    });
    await clients.isAccountedFor(label);
  },
  CHAOS_LIMIT_MS,
);

/** Resolves when a worker has taken the queue for dead in all its sessions. */
async function allLost(worker: Program): Promise<void> {
  let lost = 0;
  await worker.nextLine((line) => line.startsWith("lost ") && ++lost === CONCURRENCY);
}
