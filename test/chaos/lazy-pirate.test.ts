import { once } from "node:events";
import { LazyPirateClient } from "@seaworthy/lazy-pirate";
import { expect, it } from "vitest";
import { Load, requestBoundMs } from "../harness/load.js";
import { monotonicMs } from "../harness/monotonic.js";
import { freePort } from "../harness/ports.js";
import { Program } from "../harness/program.js";
import { TcpProxy } from "../harness/tcp-proxy.js";

const IN_FLIGHT = 500;
const TIMEOUT_MS = 400;
const ATTEMPTS = 5;
const MAX_PAUSE_MS = 400;
const BOUND_MS = requestBoundMs(ATTEMPTS, TIMEOUT_MS, MAX_PAUSE_MS);
/** Answers before and after each fault: enough that every request in flight has been another one. */
const CALM = 5 * IN_FLIGHT;
/** Longer than this is no recovery but a hang. */
const RECOVERY_LIMIT_MS = 10_000;
const TYPED = ["ERR_REQUEST_TIMEOUT", "ERR_CONNECTION_LOST"];

// How long each test goes on with its faults; it has one round at least.
const { SEAWORTHY_CHAOS_SECONDS = "0" } = process.env;
const TEST_MS = Number(SEAWORTHY_CHAOS_SECONDS) * 1000;

interface Server extends AsyncDisposable {
  readonly process: Program;
  readonly proxy: TcpProxy;
  /** The proxy's. */
  readonly endpoint: string;
}

async function startServer(): Promise<Server> {
  const port = await freePort();
  const process = await Program.start({
    file: "examples/lazy-pirate/server.ts",
    args: ["--bind", `tcp://127.0.0.1:${port}`],
  });
  const proxy = await TcpProxy.to(port);
  return {
    process,
    proxy,
    endpoint: `tcp://127.0.0.1:${proxy.port}`,
    async [Symbol.asyncDispose]() {
      await process.kill();
      await proxy.close();
    },
  };
}

/** A client with {@link IN_FLIGHT} requests in flight all the time. */
class Crew implements AsyncDisposable {
  readonly client: LazyPirateClient;
  readonly load: Load;
  readonly #recoveries: number[] = [];

  constructor(...servers: Server[]) {
    this.client = new LazyPirateClient({
      timeoutMs: TIMEOUT_MS,
      attempts: ATTEMPTS,
      backoff: { maxMs: MAX_PAUSE_MS },
      socket: { reconnectMaxIntervalMs: 400 },
    });
    for (const { endpoint } of servers) this.client.connect(endpoint);
    const request = async (body: string): Promise<string> => String((await this.client.request(body))[0]);
    this.load = new Load({ request, inFlight: IN_FLIGHT, boundMs: BOUND_MS });
    this.load.start();
  }

  /** Resolves when as many attempts as there are requests in flight have failed. */
  async feelsIt(): Promise<void> {
    const goal = this.client.stats().retries + IN_FLIGHT;
    while (this.client.stats().retries < goal) await once(this.client, "request-retried");
  }

  /** Waits for the next answer, and then for calm; it took so long since the cause of the fault was gone. */
  async recovers(goneAt: number = monotonicMs()): Promise<void> {
    this.#recoveries.push((await this.load.firstAnswerAfter(monotonicMs())) - goneAt);
    await this.load.answers(CALM);
  }

  /** Does a round of faults, as often as there is time for. */
  async survives(round: () => Promise<void>): Promise<void> {
    const until = monotonicMs() + TEST_MS;
    do {
      await this.load.answers(CALM);
      await round();
    } while (monotonicMs() < until);
  }

  /** Every request has ended, in time, in its own reply or in a typed error; and both sides count the same. */
  async isAccountedFor(what: string): Promise<void> {
    await this.load.stop();
    const { counters, failures, slowestMs } = this.load;
    expect(counters).toMatchObject({ lost: 0, mismatched: 0, inFlight: 0 });
    expect(counters.answered + counters.failed).toBe(counters.sent);
    for (const code of Object.keys(failures)) expect(TYPED).toContain(code);
    expect(slowestMs).toBeLessThanOrEqual(BOUND_MS);
    const { requests, answered, failed, retries, inFlight } = this.client.stats();
    const { sent } = counters;
    expect({ requests, answered, failed, inFlight }).toEqual({
      requests: sent,
      answered: counters.answered,
      failed: counters.failed,
      inFlight: 0,
    });
    const worst = Math.max(...this.#recoveries);
    expect(worst).toBeLessThan(RECOVERY_LIMIT_MS);
    console.log(
      `${what}: ${sent} requests, ${retries} retries, ${failed} failed, slowest ${slowestMs.toFixed(0)} ms; ` +
        `recovered ${this.#recoveries.length} times, in ${worst.toFixed(1)} ms at most`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

interface Fault {
  readonly title: string;
  readonly label: string;
  /** Called before the fault; resolves when the client has felt it. */
  felt(crew: Crew): Promise<unknown>;
  begin(server: Server): unknown;
  /** Takes the cause away. */
  end?(server: Server): unknown;
  /** How often in one round. Default once. */
  readonly times?: number;
  /** Codes of the requests that must fail. Default: none need to. */
  readonly failures?: readonly string[];
}

const faults: readonly Fault[] = [
  {
    title: "outlives a server that is killed and started again",
    label: "killed",
    felt: (crew) => crew.feelsIt(),
    begin: ({ process }) => process.kill(),
    end: ({ process }) => process.start(),
  },
  {
    title: "outlives a server that is frozen and goes on, and takes no late reply for another",
    label: "frozen",
    felt: (crew) => crew.feelsIt(),
    begin: ({ process }) => process.pause(),
    end: ({ process }) => process.resume(),
  },
  {
    title: "fails typed, within the bound, while a server stays frozen, and answers again after it",
    label: "frozen for long",
    felt: ({ client }) => once(client, "request-failed"),
    begin: ({ process }) => process.pause(),
    end: ({ process }) => process.resume(),
    failures: ["ERR_REQUEST_TIMEOUT"],
  },
  {
    title: "outlives TCP connections that are cut, again and again",
    label: "cut",
    felt: ({ client }) => once(client, "connection-lost"),
    begin: ({ proxy }) => proxy.cut(),
    times: 10,
  },
  {
    title: "outlives a network that refuses connections for a while",
    label: "refused",
    felt: (crew) => crew.feelsIt(),
    async begin({ proxy }) {
      await proxy.refuse();
      proxy.cut();
    },
    end: ({ proxy }) => proxy.accept(),
  },
  {
    title: "replaces a half-open connection that nobody reports as gone",
    label: "half open",
    async felt({ client }) {
      expect((await once(client, "connection-replaced"))[0]).toMatchObject({ reason: "silent" });
    },
    begin: ({ proxy }) => proxy.lose(),
  },
  {
    title: "outlives replies that are lost, while requests arrive",
    label: "replies held back",
    felt: (crew) => crew.feelsIt(),
    begin: ({ proxy }) => proxy.hold("to-client"),
    end: ({ proxy }) => proxy.release(),
  },
];

it.each(faults)("$title", async ({ label, felt, begin, end, times = 1, failures }) => {
  await using server = await startServer();
  await using crew = new Crew(server);
  await crew.survives(async () => {
    for (let time = 0; time < times; time++) {
      const isFelt = felt(crew);
      await begin(server);
      await isFelt;
      await end?.(server);
      await crew.recovers();
    }
  });
  if (failures !== undefined) expect(Object.keys(crew.load.failures)).toEqual(failures);
  await crew.isAccountedFor(label);
});

interface Outage {
  readonly what: string;
  /** What the client reports when it goes over, and how. */
  readonly event: "connection-opened" | "connection-replaced";
  report(victim: Server, heir: Server): object;
  begin(victim: Server): unknown;
  end(victim: Server): unknown;
}

const outages: readonly Outage[] = [
  {
    what: "killed",
    event: "connection-opened",
    report: (_victim, heir) => ({ endpoint: heir.endpoint }),
    begin: ({ process }) => process.kill(),
    end: ({ process }) => process.start(),
  },
  {
    what: "frozen",
    event: "connection-replaced",
    report: (victim, heir) => ({ from: victim.endpoint, to: heir.endpoint, reason: "silent" }),
    begin: ({ process }) => process.pause(),
    end: ({ process }) => process.resume(),
  },
];

it.each(outages)("goes over to another server when the one in use is $what, and back", async (outage) => {
  await using first = await startServer();
  await using second = await startServer();
  await using crew = new Crew(first, second);
  const turns = [
    [first, second],
    [second, first],
  ] as const;
  await crew.survives(async () => {
    for (const [victim, heir] of turns) {
      const reported = once(crew.client, outage.event);
      const beganAt = monotonicMs();
      await outage.begin(victim);
      expect((await reported)[0]).toMatchObject(outage.report(victim, heir));
      await crew.recovers(beganAt);
      await outage.end(victim);
    }
  });
  await crew.isAccountedFor(`two servers, one ${outage.what}`);
});
