import { setTimeout as sleep } from "node:timers/promises";
import { MajordomoClient } from "@seaworthy/majordomo";
import { expect, it } from "vitest";
import { chaosMs } from "../harness/crew.js";
import { startExample } from "../harness/example.js";
import { Load } from "../harness/load.js";
import { BrokerExample } from "../harness/majordomo.js";
import type { Program } from "../harness/program.js";

/** Many times what workers and clients wait by default, and always longer than that. */
const FROZEN_MS = Math.max(5000, chaosMs(20));
const IN_FLIGHT = 250;
const BOUND_MS = FROZEN_MS + 60_000;
/** Heartbeats that those may miss who are to wait until the broker goes on. */
const PATIENT = FROZEN_MS / 1000 + 30;

function startWorker({ endpoint }: BrokerExample, ...args: string[]): Promise<Program> {
  return startExample(
    "majordomo/worker",
    "--connect",
    endpoint,
    "--concurrency",
    String(2 * IN_FLIGHT),
    ...args,
  );
}

function startLoad({ endpoint }: BrokerExample, liveness: number): { client: MajordomoClient; load: Load } {
  // They wait for their replies; it is the silence of the broker that they may stop at.
  const client = new MajordomoClient({ timeoutMs: BOUND_MS, attempts: 20, liveness });
  client.connect(endpoint);
  const request = async (body: string): Promise<string> => String((await client.request("echo", body))[0]);
  const load = new Load({ request, inFlight: IN_FLIGHT, boundMs: BOUND_MS });
  load.start();
  return { client, load };
}

it(
  "a broker that was frozen takes nobody for dead when it goes on, and no request is lost that is waited for",
  async () => {
    await using broker = await BrokerExample.start();
    await using patientWorker = await startWorker(broker, "--liveness", String(PATIENT));
    await using worker = await startWorker(broker);
    await broker.has(2);
    const patient = startLoad(broker, PATIENT);
    const usual = startLoad(broker, 3);
    await Promise.all([patient.load.answers(IN_FLIGHT), usual.load.answers(IN_FLIGHT)]);

    // Nobody offers this service yet, and the client asks once: it waits in the broker, over the freeze.
    const early = patient.client.request("later", "early", { attempts: 1 });
    expect(await patient.client.hasService("later")).toBe(false); // so that the broker has read it

    const before = broker.program.lines.length;
    const left = worker.nextLine((line) => line.startsWith("lost "));
    broker.program.pause();
    await sleep(FROZEN_MS); // the fault
    await left;
    const back = worker.nextLine((line) => line.startsWith("opened "));
    broker.program.resume();
    await back;
    await Promise.all([patient.load.answers(5 * IN_FLIGHT), usual.load.answers(5 * IN_FLIGHT)]);
    await broker.has(2);
    await using _late = await startWorker(broker, "--service", "later");
    expect(String(await early)).toBe("early");

    for (const { client, load } of [patient, usual]) {
      await load.stop();
      expect(load.counters).toMatchObject({ failed: 0, lost: 0, mismatched: 0, inFlight: 0 });
      await client.close();
    }
    // Whoever waited is where it was: its session, its connection, its requests, each sent once.
    expect(patient.client.stats()).toMatchObject({ retries: 0, replaced: 0 });
    expect(patientWorker.lines).toEqual([`ready ${broker.endpoint}`]);
    // Who did not wait has gone, and is back; the broker itself has missed nobody, and given nothing up.
    expect(usual.client.stats().retries).toBeGreaterThan(0);
    const told = broker.program.lines.slice(before);
    expect(told.filter((line) => /^(gone|left) /.test(line))).toEqual([
      expect.stringMatching(/^gone \w+: (departed|peer-unknown)$/),
    ]);
    expect(told.filter((line) => line.startsWith("joined "))).toEqual([
      expect.stringMatching(/: echo$/),
      expect.stringMatching(/: later$/),
    ]);
    // What came over the connections that were given up meanwhile is dropped: it was asked for again.
    expect(told.filter((line) => /^(expired|dropped (?!.*client-gone))/.test(line))).toEqual([]);
    const retries = usual.client.stats().retries;
    console.log(`broker frozen for ${FROZEN_MS / 1000} s: ${retries} retries of those that did not wait`);
  },
  BOUND_MS + 60_000,
);
