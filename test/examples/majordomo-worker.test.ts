import type { MajordomoClient } from "@seaworthy/majordomo";
import { describe, expect, it } from "vitest";
import { runExampleWell, startExample } from "../harness/example.js";
import { Fleet } from "../harness/fleet.js";
import { BrokerExample } from "../harness/majordomo.js";
import { leaveWithoutLoss, stopsWithAnswer, survivesCrashes, testLoneWorker } from "./scenes.js";

/** Runs a client, all of whose requests are answered. */
const ask = ({ endpoint }: { endpoint: string }, requests: number, ...args: string[]) =>
  runExampleWell("majordomo/client", "--connect", endpoint, "--requests", String(requests), ...args);

/** The text of what a client is answered. */
const echo = async (client: MajordomoClient, body: string): Promise<string> =>
  String(await client.request("echo", body));

describe("worker", () => {
  testLoneWorker("majordomo/worker", "broker", async (endpoint) => {
    const program = await startExample("majordomo/broker", "--bind", endpoint);
    return { program, ask: (requests) => ask({ endpoint }, requests) };
  });

  it("crashes under --chaos; a client whose worker is started again each time gets all its replies", async () => {
    // A crash counts as a delivery for all that the worker had at hand, and three in a row would be the end of these.
    await using broker = await BrokerExample.start("--max-deliveries", "1000000");
    await using worker = await broker.startWorker("--chaos", "--concurrency", "10");
    const flags = ["--in-flight", "5", "--timeout", "5000", "--attempts", "30"];
    await survivesCrashes(worker, async () => {
      const { lines } = await ask(broker, 20, ...flags);
      expect(lines.at(-3)).toMatch(/^answered 20 of 20, failed 0, mismatched 0, /);
    });
  });

  it("that is told to stop when it is busy, or requests are on their way, loses nothing, with no retry", async () => {
    await using broker = await BrokerExample.start();
    const args = ["--connect", broker.endpoint, "--concurrency", "10"];
    await using leaving = await Fleet.start(2, "majordomo/worker", ...args);
    await using _staying = await broker.startWorker("--concurrency", "10");
    const client = broker.connect();
    await leaveWithoutLoss(leaving, (body) => echo(client, body));
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
  await stopsWithAnswer(broker.program, busy, (body) => echo(client, body));
  await client.close();
});
