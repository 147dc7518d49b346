import { once } from "node:events";
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { SimplePirateQueue, SimplePirateWorker } from "@seaworthy/simple-pirate";
import { expect, it } from "vitest";
import { chaosMs, LazyPirateCrew } from "../harness/crew.js";
import type { Fleet } from "../harness/fleet.js";
import type { Program } from "../harness/program.js";
import { TcpProxy } from "../harness/tcp-proxy.js";
import {
  allAnswered,
  allWorked,
  freePlaces,
  type Places,
  startQueue,
  startWorkers,
  WORKERS,
} from "./pirates.js";

const CHAOS_MS = chaosMs(4);
/** The chaos, and what it takes to start, to end, and to say so. */
const CHAOS_LIMIT_MS = CHAOS_MS + 90_000;

const queueExample = (places: Places): Promise<Program> => startQueue("simple-pirate", places);

const fleet = (places: Places): Promise<Fleet> => startWorkers("simple-pirate", places);

function crew({ frontend }: Places): LazyPirateCrew {
  const load = { inFlight: 200, clients: 10, timeoutMs: 2000, attempts: 6 };
  return new LazyPirateCrew({ ...load, endpoints: [frontend], chaosMs: CHAOS_MS });
}

/** How many workers the queue has by now, as its lines tell. */
function inService(queue: Program): number {
  const count = (what: string): number => queue.lines.filter((line) => line.startsWith(what)).length;
  return count("joined ") - count("gone ");
}

/** Every request was answered; those that died with their workers were asked again. */
async function allAnsweredAgain(clients: LazyPirateCrew, workers: Fleet, what: string): Promise<void> {
  await allAnswered(clients, workers, what);
  expect(clients.stats().retries).toBeGreaterThan(0);
}

it(
  "costs a retry, and no request, when busy workers are killed, one every half second",
  async () => {
    const places = await freePlaces();
    await using queue = await queueExample(places);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.isCalm();
    await workers.suffer(CHAOS_MS, "killed");
    while (inService(queue) !== WORKERS) await once(queue, "line");
    await clients.isCalm(); // each of them has had requests
    await allAnsweredAgain(clients, workers, "workers killed");
    await allWorked(queue, workers, clients);
  },
  CHAOS_LIMIT_MS,
);

it(
  "knows what became of each request when workers are killed and frozen",
  async () => {
    const places = await freePlaces();
    await using queue = new SimplePirateQueue();
    await queue.bindFrontend(places.frontend);
    await queue.bindBackend(places.backend);
    await using workers = await fleet(places);
    await using clients = crew(places);
    await clients.isCalm();
    await workers.suffer(CHAOS_MS, "killed", "frozen");
    await clients.isCalm();
    await allAnsweredAgain(clients, workers, "workers killed and frozen");
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
    const places = await freePlaces();
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
    const places = await freePlaces();
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

it("gets an idle worker back whose connection has died without a word, where the worker sends ZeroMQ's pings", async () => {
  await using queue = new SimplePirateQueue();
  const frontend = await queue.bindFrontend("tcp://127.0.0.1:*");
  const backend = await queue.bindBackend("tcp://127.0.0.1:*");
  await using proxy = await TcpProxy.to(Number(new URL(backend).port));
  await using worker = new SimplePirateWorker({ socket: { pingIntervalMs: 100 } });
  const joined = once(queue, "worker-joined");
  worker.connect(`tcp://127.0.0.1:${proxy.port}`);
  void worker.serve(({ body }) => body);
  await joined;
  const [back, lost] = [once(queue, "worker-joined"), once(worker, "session-lost")];
  proxy.lose();
  await Promise.all([lost, back]);
  await using client = new LazyPirateClient({ timeoutMs: 1000 });
  client.connect(frontend);
  expect(String(await client.request("ahoy"))).toBe("ahoy");
});
