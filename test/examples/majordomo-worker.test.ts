import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { example, freeEndpoint, runExampleWell, startExample } from "../harness/example.js";
import { Fleet } from "../harness/fleet.js";
import { Load } from "../harness/load.js";
import { BrokerExample } from "../harness/majordomo.js";
import { CRASH, Restarted } from "../harness/restarted.js";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Runs a client, all of whose requests are answered. */
const ask = ({ endpoint }: { endpoint: string }, requests: number, ...args: string[]) =>
  runExampleWell("majordomo/client", "--connect", endpoint, "--requests", String(requests), ...args);

describe("worker", () => {
  it("waits for its broker, says so, and is ready once it is there", async () => {
    const endpoint = await freeEndpoint();
    await using worker = example("majordomo/worker", "--connect", endpoint);
    const said = once(worker, "stderr");
    const ready = worker.nextLine((line) => line.startsWith("ready"));
    worker.spawn();
    expect(String(await said)).toContain(`waiting for a broker at ${endpoint}`);
    expect(worker.lines).toEqual([]);
    await using broker = example("majordomo/broker", "--bind", endpoint);
    await broker.start();
    expect(await ready).toBe(`ready ${endpoint}`);
    await ask({ endpoint }, 1);
  });

  it.each(SIGNALS)("ends with 0 on %s while it waits for its broker", async (signal) => {
    await using worker = example("majordomo/worker", "--connect", await freeEndpoint());
    const said = once(worker, "stderr");
    worker.spawn();
    await said;
    expect(await worker.end(signal)).toEqual({ code: 0, signal: null });
    expect(worker.lines).toEqual(["stopped after 0 requests"]);
  });

  it("comes back to a broker that was killed and started again", async () => {
    await using broker = await BrokerExample.start();
    await using worker = await broker.startWorker();
    const lost = worker.nextLine((line) => line === `lost ${broker.endpoint}: disconnected`);
    await broker.program.kill();
    await lost;
    const back = worker.nextLine((line) => line === `opened ${broker.endpoint}`);
    await broker.program.start();
    await back;
    await ask(broker, 2);
  });

  it("crashes under --chaos; a client whose worker is started again each time gets all its replies", async () => {
    // A crash counts as a delivery for all that the worker had at hand, and three in a row would be the end of these.
    await using broker = await BrokerExample.start("--max-deliveries", "1000000");
    await using worker = await broker.startWorker("--chaos", "--concurrency", "10");
    using restarted = new Restarted(worker);
    const flags = ["--in-flight", "5", "--timeout", "5000", "--attempts", "30"];
    for (let clients = 0; clients < 20 && restarted.ends.length === 0; clients++) {
      const { lines } = await ask(broker, 20, ...flags);
      expect(lines.at(-3)).toMatch(/^answered 20 of 20, failed 0, mismatched 0, /);
    }
    expect(restarted.ends.length).toBeGreaterThan(0);
    for (const end of restarted.ends) expect(end).toEqual(CRASH);
  });

  it("that is told to stop when it is busy, or requests are on their way, loses nothing, with no retry", async () => {
    await using broker = await BrokerExample.start();
    const args = ["--connect", broker.endpoint, "--concurrency", "10"];
    await using leaving = await Fleet.start(2, "majordomo/worker", ...args);
    await using _staying = await broker.startWorker("--concurrency", "10");
    const client = broker.connect();
    const request = async (body: string): Promise<string> => String((await client.request("echo", body))[0]);
    const load = new Load({ request, inFlight: 100, boundMs: 60_000 });
    load.start();
    await load.answers(1000);
    for (const requests of await leaving.end()) expect(requests).toBeGreaterThan(0);
    await load.answers(1000);
    await load.stop();
    expect(load.counters).toMatchObject({ failed: 0, lost: 0, mismatched: 0, inFlight: 0 });
    expect(client.stats().retries).toBe(0);
    await client.close();
  });

  it("has a worker that is frozen missed, its request redelivered, and is back when it goes on", async () => {
    // Until the broker has the request, the worker must count as alive: for some of these, also on a busy machine.
    const pace = ["--heartbeat", "100", "--liveness", "30"];
    await using broker = await BrokerExample.start(...pace);
    await using frozen = await broker.startWorker(...pace);
    const client = broker.connect();
    await client.request("echo", "it works");
    const [, name] = /^joined (\w+)/.exec(broker.program.lines[1] ?? "") ?? [];
    const expired = broker.program.nextLine((line) => line === `expired ${name}`);
    const redelivered = broker.program.nextLine((line) => line === "redelivered: delivery 2");
    frozen.pause();
    const reply = client.request("echo", "again");
    await Promise.all([expired, redelivered]);
    await using _heir = await startExample("majordomo/worker", "--connect", broker.endpoint, ...pace);
    expect(String(await reply)).toBe("again");
    expect(client.stats().retries).toBe(0);
    const back = broker.program.nextLine((line) => /^(returned|joined) /.test(line));
    frozen.resume();
    await back;
    await client.close();
  });
});

it("a broker that is told to stop lets workers answer what they have, and ends with 0", async () => {
  await using broker = await BrokerExample.start();
  await using busy = await broker.startWorker();
  await using _idle = await broker.startWorker();
  const client = broker.connect();
  busy.pause();
  const first = client.request("echo", "first");
  await client.request("echo", "second"); // so that the first is with the worker that is frozen
  const ended = broker.program.end("SIGTERM");
  busy.resume();
  expect(String(await first)).toBe("first");
  expect(await ended).toEqual({ code: 0, signal: null });
  await client.close();
});
