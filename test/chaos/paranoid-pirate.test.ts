import { once } from "node:events";
import { ParanoidPirateQueue } from "@seaworthy/paranoid-pirate";
import { expect, it } from "vitest";
import { chaosMs, LazyPirateCrew } from "../harness/crew.js";
import { freeEndpoint, startExample } from "../harness/example.js";
import { Fleet, requestsOf } from "../harness/fleet.js";
import { monotonicMs } from "../harness/monotonic.js";
import type { Program } from "../harness/program.js";

const WORKERS = 8;
const CONCURRENCY = 8;
const HEARTBEAT_MS = 200;
const LIVENESS = 3;
const CHAOS_MS = chaosMs(10);
/** For what differs from the first test in one thing. */
const SHORT_CHAOS_MS = chaosMs(4);
/** The chaos, and what it takes to start, to end, and to say so. */
const CHAOS_LIMIT_MS = CHAOS_MS + 90_000;
const PACE = ["--heartbeat", String(HEARTBEAT_MS), "--liveness", String(LIVENESS)];

interface Endpoints {
  readonly frontend: string;
  readonly backend: string;
}

async function endpoints(): Promise<Endpoints> {
  return { frontend: await freeEndpoint(), backend: await freeEndpoint() };
}

function queueExample({ frontend, backend }: Endpoints): Promise<Program> {
  return startExample("paranoid-pirate/queue", "--frontend", frontend, "--backend", backend, ...PACE);
}

function fleet({ backend }: Endpoints): Promise<Fleet> {
  const args = ["--connect", backend, "--concurrency", String(CONCURRENCY), ...PACE];
  return Fleet.start(WORKERS, "paranoid-pirate/worker", ...args);
}

function crew({ frontend }: Endpoints): LazyPirateCrew {
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

/** All of a crew's requests were answered, each by its own reply and none by an error. */
async function allAnswered(clients: LazyPirateCrew, what: string): Promise<void> {
  await clients.isAccountedFor(what);
  expect(clients.load.failures).toEqual({});
}

it(
  "loses no request while workers are killed and frozen, one every half second",
  async () => {
    const places = await endpoints();
    await using queue = await queueExample(places);
    const roll = new Roll(queue);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.isCalm();
    await workers.suffer(CHAOS_MS, "killed", "frozen");
    await roll.isComplete();
    await clients.isCalm(); // each of them has had requests
    await allAnswered(clients, `workers killed and frozen (${JSON.stringify(workers.suffered)})`);
    const ran = await workers.end();
    for (const requests of ran) expect(requests).toBeGreaterThan(0);
    expect(await queue.end("SIGTERM")).toEqual({ code: 0, signal: null });
    // Whatever the clients have sent has come to the queue, and nothing else.
    expect(requestsOf(queue)).toBe(clients.stats().sent);
  },
  CHAOS_LIMIT_MS,
);

it.each([true, false])(
  "does so with detectDepartures %s, and counts every request",
  async (detectDepartures) => {
    const places = await endpoints();
    const options = { heartbeatMs: HEARTBEAT_MS, liveness: LIVENESS, detectDepartures };
    await using queue = new ParanoidPirateQueue({ ...options, lingerMs: 10_000 });
    await queue.bindFrontend(places.frontend);
    await queue.bindBackend(places.backend);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.isCalm();
    await workers.suffer(SHORT_CHAOS_MS, "killed", "frozen");
    await clients.isCalm();
    await allAnswered(clients, `detectDepartures ${detectDepartures} (${JSON.stringify(workers.suffered)})`);
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

it(
  "is back in service, with all workers, when the queue was killed and started again",
  async () => {
    const places = await endpoints();
    await using queue = await queueExample(places);
    const roll = new Roll(queue);
    await using _workers = await fleet(places);
    await using clients = crew(places);
    await clients.survives(async () => {
      await queue.kill();
      await queue.start();
      await clients.recovers();
      await roll.isComplete();
    });
    await clients.isAccountedFor("queue killed");
  },
  CHAOS_LIMIT_MS,
);

it(
  "is back in service, with all workers, when the queue was frozen for longer than they wait",
  async () => {
    const places = await endpoints();
    await using queue = await queueExample(places);
    const roll = new Roll(queue);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.survives(async () => {
      await roll.isComplete(); // a session that was lost before is not lost again
      const givenUp = workers.workers.map((worker) => allLost(worker));
      queue.pause();
      await Promise.all(givenUp);
      queue.resume();
      const goneAt = monotonicMs();
      await clients.recovers(goneAt);
      await roll.isComplete();
    });
    await clients.isAccountedFor("queue frozen");
  },
  CHAOS_LIMIT_MS,
);

/** Resolves when a worker has taken the queue for dead in all its sessions. */
async function allLost(worker: Program): Promise<void> {
  let lost = 0;
  await worker.nextLine((line) => line.startsWith("lost ") && ++lost === CONCURRENCY);
}
