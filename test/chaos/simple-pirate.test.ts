import { once } from "node:events";
import { SimplePirateQueue } from "@seaworthy/simple-pirate";
import { expect, it } from "vitest";
import { chaosMs, LazyPirateCrew } from "../harness/crew.js";
import { freeEndpoint, startExample } from "../harness/example.js";
import { Fleet, requestsOf } from "../harness/fleet.js";
import type { Program } from "../harness/program.js";

const WORKERS = 8;
const CHAOS_MS = chaosMs(4);
/** The chaos, and what it takes to start, to end, and to say so. */
const CHAOS_LIMIT_MS = CHAOS_MS + 90_000;

interface Endpoints {
  readonly frontend: string;
  readonly backend: string;
}

async function endpoints(): Promise<Endpoints> {
  return { frontend: await freeEndpoint(), backend: await freeEndpoint() };
}

function queueExample({ frontend, backend }: Endpoints): Promise<Program> {
  return startExample("simple-pirate/queue", "--frontend", frontend, "--backend", backend);
}

function fleet({ backend }: Endpoints): Promise<Fleet> {
  return Fleet.start(WORKERS, "simple-pirate/worker", "--connect", backend);
}

function crew({ frontend }: Endpoints): LazyPirateCrew {
  const load = { inFlight: 200, clients: 10, timeoutMs: 2000, attempts: 6 };
  return new LazyPirateCrew({ ...load, endpoints: [frontend], chaosMs: CHAOS_MS });
}

/** How many workers the queue has by now, as its lines tell. */
function inService(queue: Program): number {
  const count = (what: string): number => queue.lines.filter((line) => line.startsWith(what)).length;
  return count("joined ") - count("gone ");
}

/** Every request was answered by its own reply; those that died with their workers were asked again. */
async function allAnswered(clients: LazyPirateCrew, what: string): Promise<void> {
  await clients.isAccountedFor(what);
  expect(clients.load.failures).toEqual({});
  expect(clients.stats().retries).toBeGreaterThan(0);
}

it(
  "costs a retry, and no request, when busy workers are killed, one every half second",
  async () => {
    const places = await endpoints();
    await using queue = await queueExample(places);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.isCalm();
    await workers.suffer(CHAOS_MS, "killed");
    while (inService(queue) !== WORKERS) await once(queue, "line");
    await clients.isCalm(); // each of them has had requests
    await allAnswered(clients, `workers killed (${JSON.stringify(workers.suffered)})`);
    for (const requests of await workers.end()) expect(requests).toBeGreaterThan(0);
    expect(await queue.end("SIGTERM")).toEqual({ code: 0, signal: null });
    // Whatever the clients have sent has come to the queue, and nothing else.
    expect(requestsOf(queue)).toBe(clients.stats().sent);
  },
  CHAOS_LIMIT_MS,
);

it(
  "knows what became of each request when workers are killed and frozen",
  async () => {
    const places = await endpoints();
    await using queue = new SimplePirateQueue();
    await queue.bindFrontend(places.frontend);
    await queue.bindBackend(places.backend);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.isCalm();
    await workers.suffer(CHAOS_MS, "killed", "frozen");
    await clients.isCalm();
    await allAnswered(clients, `workers killed and frozen (${JSON.stringify(workers.suffered)})`);
    // What the dead have taken with them counts as at work: the queue hears nothing of their end.
    const { requests, answered, lost, dropped, waiting, busy, undeliverable } = queue.stats();
    expect(answered + lost + dropped + waiting + busy).toBe(requests);
    expect(requests).toBe(clients.stats().sent);
    expect(answered).toBeGreaterThanOrEqual(clients.stats().answered);
    expect(undeliverable).toBe(0);
  },
  CHAOS_LIMIT_MS,
);

it(
  "is back in service, with all workers, when the queue was killed and started again",
  async () => {
    const places = await endpoints();
    await using queue = await queueExample(places);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.survives(async () => {
      await queue.kill();
      const back = workers.workers.map((worker) => worker.nextLine((line) => line.startsWith("opened ")));
      await queue.start();
      await clients.recovers();
      await Promise.all(back);
    });
    await clients.isAccountedFor("queue killed");
  },
  CHAOS_LIMIT_MS,
);

it(
  "goes on where it was when the queue was frozen until its clients asked again",
  async () => {
    const places = await endpoints();
    await using queue = await queueExample(places);
    await using _workers = await fleet(places);
    await using clients = crew(places);
    await clients.survives(async () => {
      const felt = clients.feelsIt();
      queue.pause();
      await felt;
      queue.resume();
      await clients.recovers();
    });
    await clients.isAccountedFor("queue frozen");
  },
  CHAOS_LIMIT_MS,
);
