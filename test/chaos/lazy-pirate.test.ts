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

it("outlives a server that is killed and started again", async () => {
  await using server = await startServer();
  await using crew = new Crew(server);
  await crew.survives(async () => {
    const felt = crew.feelsIt();
    await server.process.kill();
    await felt;
    await server.process.start();
    await crew.recovers();
  });
  await crew.isAccountedFor("killed");
});

it("outlives a server that is frozen and goes on, and takes no late reply for another", async () => {
  await using server = await startServer();
  await using crew = new Crew(server);
  await crew.survives(async () => {
    const felt = crew.feelsIt();
    server.process.pause();
    await felt;
    server.process.resume();
    await crew.recovers();
  });
  await crew.isAccountedFor("frozen");
});

it("fails typed, within the bound, while a server stays frozen, and answers again after it", async () => {
  await using server = await startServer();
  await using crew = new Crew(server);
  await crew.survives(async () => {
    const failed = once(crew.client, "request-failed");
    server.process.pause();
    await failed;
    server.process.resume();
    await crew.recovers();
  });
  expect(Object.keys(crew.load.failures)).toEqual(["ERR_REQUEST_TIMEOUT"]);
  await crew.isAccountedFor("frozen for long");
});

it("outlives TCP connections that are cut, again and again", async () => {
  await using server = await startServer();
  await using crew = new Crew(server);
  await crew.survives(async () => {
    for (let cuts = 0; cuts < 10; cuts++) {
      const lost = once(crew.client, "connection-lost");
      server.proxy.cut();
      await lost;
      await crew.recovers();
    }
  });
  await crew.isAccountedFor("cut");
});

it("outlives a network that refuses connections for a while", async () => {
  await using server = await startServer();
  await using crew = new Crew(server);
  await crew.survives(async () => {
    const felt = crew.feelsIt();
    await server.proxy.refuse();
    server.proxy.cut();
    await felt;
    await server.proxy.accept();
    await crew.recovers();
  });
  await crew.isAccountedFor("refused");
});

it("replaces a half-open connection that nobody reports as gone", async () => {
  await using server = await startServer();
  await using crew = new Crew(server);
  await crew.survives(async () => {
    const replaced = once(crew.client, "connection-replaced");
    server.proxy.lose();
    expect((await replaced)[0]).toMatchObject({ reason: "silent" });
    await crew.recovers();
  });
  await crew.isAccountedFor("half open");
});

it("outlives replies that are lost, while requests arrive", async () => {
  await using server = await startServer();
  await using crew = new Crew(server);
  await crew.survives(async () => {
    const felt = crew.feelsIt();
    server.proxy.hold("to-client");
    await felt;
    server.proxy.release();
    await crew.recovers();
  });
  await crew.isAccountedFor("replies held back");
});

it("goes over to another server when the one in use is killed, and back", async () => {
  await using first = await startServer();
  await using second = await startServer();
  await using crew = new Crew(first, second);
  await crew.survives(async () => {
    for (const [victim, heir] of [
      [first, second],
      [second, first],
    ] as const) {
      const opened = once(crew.client, "connection-opened");
      const killedAt = monotonicMs();
      await victim.process.kill();
      expect((await opened)[0]).toMatchObject({ endpoint: heir.endpoint });
      await crew.recovers(killedAt);
      await victim.process.start();
    }
  });
  await crew.isAccountedFor("two servers, one killed");
});

it("goes over to another server when the one in use is frozen", async () => {
  await using first = await startServer();
  await using second = await startServer();
  await using crew = new Crew(first, second);
  await crew.survives(async () => {
    for (const [victim, heir] of [
      [first, second],
      [second, first],
    ] as const) {
      const replaced = once(crew.client, "connection-replaced");
      const frozenAt = monotonicMs();
      victim.process.pause();
      expect((await replaced)[0]).toMatchObject({
        from: victim.endpoint,
        to: heir.endpoint,
        reason: "silent",
      });
      await crew.recovers(frozenAt);
      victim.process.resume();
    }
  });
  await crew.isAccountedFor("two servers, one frozen");
});
