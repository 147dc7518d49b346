import { TitanicClient } from "@seaworthy/titanic";
import { expect, it } from "vitest";
import { chaosMs } from "../harness/crew.js";
import { example, runExample } from "../harness/example.js";
import { Load } from "../harness/load.js";
import { BrokerExample, PACE } from "../harness/majordomo.js";
import { monotonicMs } from "../harness/monotonic.js";
import type { Program } from "../harness/program.js";
import { EMPTY, numbersOf, TitanicExample } from "../harness/titanic.js";

const IN_FLIGHT = 40;
/** Of the client process. */
const CLIENT_IN_FLIGHT = 10;
const CHAOS_MS = chaosMs(0);
/** Longer than this no request takes, whatever happens, in ms. */
const BOUND_MS = 90_000;
/** Longer than this is no recovery but a hang, in ms. */
const RECOVERY_LIMIT_MS = 10_000;

const PARTS = ["broker", "server", "worker", "client"] as const;
type Part = (typeof PARTS)[number];

/** All parts of a Titanic as processes, a load from here, and a client process that may be killed as well. */
class Voyage implements AsyncDisposable {
  readonly server: TitanicExample;
  readonly programs: Readonly<Record<Part, Program>>;
  readonly load: Load;
  readonly #endpoint: string;
  readonly #client = new TitanicClient({ timeoutMs: 2000, attempts: 40, heartbeatMs: 200, liveness: 3 });
  readonly #faults: string[] = [];

  private constructor(endpoint: string, server: TitanicExample, broker: Program, worker: Program) {
    const client = example("titanic/client", ...Voyage.#asking(endpoint, 1e9));
    this.#endpoint = endpoint;
    this.server = server;
    this.programs = { broker, server: server.program, worker, client };
    this.#client.connect(endpoint);
    const request = async (body: string): Promise<string> =>
      String((await this.#client.call("echo", body))[0]);
    this.load = new Load({ request, inFlight: IN_FLIGHT, boundMs: BOUND_MS });
  }

  /** Starts everything, and waits until requests are answered. */
  static async begin(): Promise<Voyage> {
    const broker = await BrokerExample.start(...PACE);
    const [server, worker] = await Promise.all([
      TitanicExample.start(broker.endpoint, ...PACE),
      broker.startWorker("--concurrency", "20", ...PACE),
    ]);
    const voyage = new Voyage(broker.endpoint, server, broker.program, worker);
    voyage.load.start();
    voyage.programs.client.spawn();
    await voyage.isCalm();
    return voyage;
  }

  /** Waits until the load and the client process have had many answers. */
  async isCalm(): Promise<void> {
    await Promise.all([this.load.answers(2 * IN_FLIGHT), this.#clientHasMore()]);
  }

  /** Kills parts at the same moment, starts them again, and waits until answers come again. */
  async kill(...parts: readonly Part[]): Promise<void> {
    const killedAt = monotonicMs();
    await Promise.all(parts.map((part) => this.programs[part].kill()));
    await Promise.all(parts.map((part) => this.#restart(part)));
    const backAt = monotonicMs();
    const [answeredAt] = await Promise.all([this.load.firstAnswerAfter(backAt), this.#clientHasMore()]);
    expect(answeredAt - backAt).toBeLessThan(RECOVERY_LIMIT_MS);
    const [downMs, recoveryMs] = [backAt - killedAt, answeredAt - backAt].map((ms) => ms.toFixed(0));
    this.#faults.push(`${parts.join(" and ")} back after ${downMs} ms, next answer ${recoveryMs} ms later`);
  }

  /** Every request that was ever acknowledged was answered, by its own reply, and is closed. */
  async ends(): Promise<void> {
    await this.load.stop();
    const { counters, failures, slowestMs } = this.load;
    expect(counters).toMatchObject({ failed: 0, lost: 0, mismatched: 0, inFlight: 0 });
    expect(failures).toEqual({});
    const requests = await this.#clientEnds();
    const { retries } = this.#client.stats();
    expect(await this.server.program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(await this.server.leaves()).toEqual(EMPTY);
    const ended = `${counters.sent} requests, ${retries} retries, slowest ${slowestMs.toFixed(0)} ms`;
    console.log([`Titanic: ${ended}; ${requests} of the client process`, ...this.#faults].join("\n  "));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
    await Promise.all(PARTS.map((part) => this.programs[part].kill()));
    await this.server[Symbol.asyncDispose]();
  }

  /** Arguments of the client process: with its key, each run goes on with the requests of those before. */
  static #asking(endpoint: string, requests: number): string[] {
    const flags = [
      "--requests",
      String(requests),
      "--in-flight",
      String(CLIENT_IN_FLIGHT),
      "--key",
      "voyage",
    ];
    return ["--connect", endpoint, "--attempts", "40", ...flags];
  }

  async #restart(part: Part): Promise<void> {
    const program = this.programs[part];
    if (part === "client") program.spawn();
    else await program.start();
  }

  /** The client process has closed one more request, which it had not closed before it was killed. */
  async #clientHasMore(): Promise<void> {
    await this.programs.client.nextLine((line) => /^closed \d+$/.test(line));
  }

  /** Lets the client process end what it has begun in any of its runs; resolves to how much that was. */
  async #clientEnds(): Promise<number> {
    const { client } = this.programs;
    expect(await client.end("SIGTERM")).toEqual({ code: 0, signal: null });
    // Beyond the last that it was told of there may be some that were taken in, and it died before it heard.
    const begun = Math.max(...numbersOf(client, "accepted")) + CLIENT_IN_FLIGHT;
    const last = await runExample("titanic/client", ...Voyage.#asking(this.#endpoint, begun));
    expect(last.program.lines.at(-1)).toMatch(`right ${begun} of ${begun}, `);
    expect(last.code).toBe(0);
    for (const run of [client, last.program]) expect(numbersOf(run, "failed").size).toBe(0);
    return begun;
  }
}

/** Any order. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

it(
  "answers all that it has acknowledged when its parts are killed one by one, in any order, and all at once",
  async () => {
    await using voyage = await Voyage.begin();
    const until = monotonicMs() + CHAOS_MS;
    do {
      for (const part of shuffled(PARTS)) {
        await voyage.kill(part);
        await voyage.isCalm();
      }
      await voyage.kill(...shuffled(PARTS));
      await voyage.isCalm();
    } while (monotonicMs() < until);
    await voyage.ends();
  },
  CHAOS_MS + 180_000,
);
