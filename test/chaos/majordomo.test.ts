import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { MajordomoBroker, MajordomoClient, MajordomoWorker } from "@seaworthy/majordomo";
import { expect, it } from "vitest";
import { chaosMs } from "../harness/crew.js";
import { example, startExample } from "../harness/example.js";
import { Fleet, requestsOf } from "../harness/fleet.js";
import { BrokerExample, MajordomoCrew, PACE, workerArguments } from "../harness/majordomo.js";
import { monotonicMs } from "../harness/monotonic.js";

const WORKERS = 4;
const CONCURRENCY = 16;
const CHAOS_MS = chaosMs(5);
/** The chaos, and what it takes to start, to end, and to say so. */
const CHAOS_LIMIT_MS = CHAOS_MS + 90_000;

function fleet(...brokers: BrokerExample[]): Promise<Fleet> {
  return Fleet.start(WORKERS, "majordomo/worker", ...workerArguments(brokers, CONCURRENCY));
}

function crew(inFlight: number, ...brokers: BrokerExample[]): MajordomoCrew {
  const endpoints = brokers.map(({ endpoint }) => endpoint);
  const load = { inFlight, clients: 5, timeoutMs: 2000, attempts: 5 };
  return new MajordomoCrew({ ...load, endpoints, chaosMs: chaosMs(0) });
}

/** A client that has no reason to ask twice. */
function patientClient(endpoint: string): MajordomoClient {
  const client = new MajordomoClient({ timeoutMs: 60_000 });
  client.connect(endpoint);
  return client;
}

/** All of a crew's requests were answered, each by its own reply and none by an error. */
async function allAnswered(clients: MajordomoCrew, what: string): Promise<void> {
  await clients.isAccountedFor(what);
  expect(clients.load.failures).toEqual({});
}

it.each([
  // So that nobody is missed for want of heartbeats.
  { by: "the end of its connection", detectDepartures: true, heartbeatMs: 100_000 },
  { by: "a heartbeat that finds nobody", detectDepartures: false, heartbeatMs: 100 },
])(
  "a worker killed in mid-request has it run by another, with no retry: told by $by",
  async ({ detectDepartures, heartbeatMs }) => {
    // So that the worker counts as alive until it is killed, however busy the machine is, and its silence tells nothing.
    await using broker = new MajordomoBroker({ heartbeatMs, liveness: 1000, detectDepartures });
    const endpoint = await broker.bind("tcp://127.0.0.1:*");
    // Nor does the worker take the broker for dead.
    const flags = ["--connect", endpoint, "--heartbeat", String(heartbeatMs), "--liveness", "1000"];
    await using dying = await startExample("majordomo/worker", ...flags);
    await using client = patientClient(endpoint);
    await client.request("echo", "it works");
    const events = Promise.all([once(broker, "worker-gone"), once(broker, "request-redelivered")]);
    dying.pause();
    const reply = client.request("echo", "again");
    while (broker.stats().running === 0) await turn();
    await dying.kill();
    await events;
    await using _heir = await startExample("majordomo/worker", ...flags);
    expect(String(await reply)).toBe("again");
    expect(client.stats().retries).toBe(0);
    expect(broker.stats()).toMatchObject({
      answered: 2,
      delivered: 3,
      redelivered: 1,
      dropped: 0,
      running: 0,
    });
  },
);

it(
  "loses no request of 500 in flight while workers are killed and frozen, one every half second",
  async () => {
    await using broker = await BrokerExample.start(...PACE);
    await using workers = await fleet(broker);
    await using clients = crew(500, broker);
    await clients.isCalm();
    await workers.suffer(CHAOS_MS, "killed", "frozen");
    await broker.has(WORKERS);
    await clients.isCalm(); // each of them has had requests
    await allAnswered(clients, `workers killed and frozen (${JSON.stringify(workers.suffered)})`);
    for (const requests of await workers.end()) expect(requests).toBeGreaterThan(0);
    expect(await broker.program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    // Whatever the clients have sent has come to the broker, and nothing else.
    expect(requestsOf(broker.program)).toBe(clients.asked);
  },
  CHAOS_LIMIT_MS,
);

it("has a worker back that was frozen for longer than its liveness, and for longer than twice that", async () => {
  await using broker = await BrokerExample.start(...PACE);
  await using workers = await fleet(broker);
  await using clients = crew(200, broker);
  await broker.has(WORKERS);
  const [worker] = workers.workers as [Fleet["workers"][number]];
  for (const fate of [/^expired /, /^gone \w+: silent$/]) {
    await clients.isCalm();
    const missed = broker.says(fate);
    worker.pause();
    await missed;
    await clients.isCalm(); // what it had is with others
    worker.resume();
    await broker.has(WORKERS);
  }
  await allAnswered(clients, "one worker frozen");
  expect(broker.program.lines).toEqual(expect.arrayContaining([expect.stringMatching(/^redelivered: /)]));
  for (const requests of await workers.end()) expect(requests).toBeGreaterThan(0);
});

it(
  "is back in service, with all workers, when the broker was killed and started again",
  async () => {
    await using broker = await BrokerExample.start(...PACE);
    await using _workers = await fleet(broker);
    await using clients = crew(200, broker);
    await clients.survives(async () => {
      await broker.has(WORKERS);
      await broker.program.kill();
      await broker.program.start();
      await clients.recovers();
      await broker.has(WORKERS);
    });
    await allAnswered(clients, "broker killed");
  },
  CHAOS_LIMIT_MS,
);

it(
  "goes over to the other of two brokers when the one in use is killed, and back when that one is frozen",
  async () => {
    await using first = await BrokerExample.start(...PACE);
    await using second = await BrokerExample.start(...PACE);
    await using _workers = await fleet(first, second);
    await using clients = crew(200, first, second);
    await clients.survives(async () => {
      for (const broker of [first, second]) await broker.has(WORKERS);
      const killedAt = monotonicMs();
      await first.program.kill();
      await clients.recovers(killedAt);
      await first.program.start();
      await first.has(WORKERS);
      const frozenAt = monotonicMs();
      second.program.pause();
      await clients.recovers(frozenAt);
      second.program.resume();
    });
    await allAnswered(clients, "two brokers, one killed and one frozen");
  },
  CHAOS_LIMIT_MS,
);

it("a client that is killed has none of its waiting requests run, and the signal fires in those that run", async () => {
  const [running, asked] = [2, 50];
  // What runs goes on for that long after the end: a retry of its client may come, and joins it.
  const requestTtlMs = 3000;
  await using broker = new MajordomoBroker({ requestTtlMs });
  const dropped: { reason: string; waitedMs: number }[] = [];
  broker.on("request-dropped", (event) => dropped.push(event));
  const endpoint = await broker.bind("tcp://127.0.0.1:*");
  await using worker = new MajordomoWorker("hold");
  worker.connect(endpoint);
  const ran: string[] = [];
  const given: string[] = [];
  const served = worker.serve(
    async ({ body: [text], signal }) => {
      ran.push(String(text));
      if (String(text) !== "later") {
        await once(signal, "abort");
        given.push(signal.reason.code);
      }
      return text;
    },
    { concurrency: running },
  );
  const flags = ["--in-flight", String(asked), "--requests", String(asked), "--timeout", "60000"];
  await using client = example("majordomo/client", "--connect", endpoint, "--service", "hold", ...flags);
  client.spawn();
  while (ran.length < running || broker.stats().waiting < asked - running) await turn();
  await client.kill();
  while (given.length < running) await turn();
  // Behind all that waited, if anything still does.
  await using other = patientClient(endpoint);
  expect(String(await other.request("hold", "later"))).toBe("later");
  expect(ran).toEqual(["Hello world", "Hello world", "later"]);
  expect(given).toEqual(["ERR_ABORTED", "ERR_ABORTED"]);
  expect(dropped.map(({ reason }) => reason)).toEqual(Array(asked).fill("client-gone"));
  for (const { waitedMs } of dropped.slice(-running)) expect(waitedMs).toBeGreaterThanOrEqual(requestTtlMs);
  expect(broker.stats()).toMatchObject({ dropped: asked, answered: 1, waiting: 0, running: 0 });
  await worker.close();
  await served;
});
