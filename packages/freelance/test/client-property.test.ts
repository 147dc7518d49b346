import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FreelanceStrategy, HEDGE_BURST } from "../src/machine.js";
import { ClientDriver } from "./client-driver.js";

const NAMES = ["a", "b", "c"];
const TIMEOUT_MS = 100;
const PAUSE_MS = 20;

/** What can happen to a client, in any order, as far as sockets allow. */
const step = fc.record({
  what: fc.constantFrom(
    "request",
    "request",
    "request",
    "connect",
    "disconnect",
    "up",
    "up",
    "up",
    "down",
    "failed",
    "word",
    "word",
    "reply",
    "reply",
    "failure",
    "refuse",
    "abort",
    "wait",
    "wait",
    "stall",
  ),
  which: fc.nat(10_000),
  ms: fc.integer({ min: 0, max: 150 }),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A client and what its sockets know. */
class World {
  readonly client: ClientDriver;
  readonly begunAt = new Map<number, number>();
  readonly up = new Set<number>();

  constructor(strategy: FreelanceStrategy) {
    const hedging = strategy === "tracked" ? { hedgeAfterMs: 30 } : {};
    let seed = 1;
    this.client = new ClientDriver(
      {
        strategy,
        timeoutMs: TIMEOUT_MS,
        attempts: 3,
        heartbeatMs: 50,
        connectTimeoutMs: 80,
        backoff: { initialMs: PAUSE_MS, maxMs: PAUSE_MS, jitter: 0 },
        socket: { reconnectIntervalMs: 10 },
        ...hedging,
      },
      () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      },
    );
  }

  /** The connections that are open. */
  get open(): number[] {
    const discarded = new Set(this.client.of("discard").map(({ connection }) => connection));
    return this.client
      .of("open")
      .map(({ connection }) => connection)
      .filter((connection) => !discarded.has(connection));
  }

  do({ what, which, ms }: Step): void {
    const { client } = this;
    const name = NAMES[which % NAMES.length] as string;
    const { open } = this;
    const connection = open[which % open.length];
    const sends = client.of("send").slice(-20);
    const sent = sends[which % sends.length];
    if (what === "request") {
      this.begunAt.set(client.request({ timeoutMs: TIMEOUT_MS, attempts: 3 }), client.now);
    } else if (what === "connect") client.connect(name);
    else if (what === "disconnect") client.disconnect(name);
    else if (what === "wait") client.until(client.now + ms);
    else if (what === "stall") {
      client.now += ms;
      client.feed({ type: "stalled", ms }).until(client.now);
    } else if (what === "abort") client.feed({ type: "abort", call: (which % (this.begunAt.size + 1)) + 1 });
    else if (connection !== undefined) this.#happen(what, connection, sent);
  }

  #happen(
    what: Step["what"],
    connection: number,
    sent: { readonly connection: number; readonly id: { epoch: bigint; sequence: bigint } } | undefined,
  ): void {
    const { client, up } = this;
    const isUp = up.has(connection);
    if (what === "up" && !isUp) {
      up.add(connection);
      client.feed({ type: "up", connection });
    } else if (what === "down" && isUp) {
      up.delete(connection);
      client.feed({ type: "down", connection });
    } else if (what === "failed" && !isUp) client.feed({ type: "failed", connection });
    else if (what === "word" && isUp)
      client.feed({ type: "received", connection, message: { type: "pong" } });
    else if (sent !== undefined && this.open.includes(sent.connection)) this.#answer(what, sent);
  }

  #answer(
    what: Step["what"],
    { connection, id }: { connection: number; id: { epoch: bigint; sequence: bigint } },
  ): void {
    const { client } = this;
    if (what === "reply")
      client.feed({ type: "received", connection, message: { type: "reply", ...id, body: [] } });
    else if (what === "failure")
      client.feed({ type: "received", connection, message: { type: "failure", ...id, message: "no" } });
    else if (what === "refuse")
      client.feed({ type: "refused", connection, sequence: id.sequence, reason: "peer-unknown" });
  }

  ends(): number[] {
    const { client } = this;
    return [...client.of("answered"), ...client.of("failed")].map(({ call }) => call);
  }
}

/** How often a call went to one server: at most once, and once more for each of its timeouts. */
function assertNoneTwice(client: ClientDriver): void {
  const timeouts = new Map<number, number>();
  const had = new Map<string, number>();
  for (const output of client.outputs) {
    if (output.type === "status" && output.event.type === "request-retried") {
      const { call, reason } = output.event;
      if (reason === "timed-out") timeouts.set(call, (timeouts.get(call) ?? 0) + 1);
    } else if (output.type === "send") {
      const call = Number(output.id.sequence);
      const place = client.of("open").find(({ connection }) => connection === output.connection)?.endpoint;
      const key = `${call} ${place}`;
      had.set(key, (had.get(key) ?? 0) + 1);
      expect(had.get(key)).toBeLessThanOrEqual(1 + (timeouts.get(call) ?? 0));
    }
  }
}

describe.each(["failover", "shotgun", "tracked"] as const)("%s, whatever happens", (strategy) => {
  const script = fc.array(step, { minLength: 10, maxLength: 150 });

  it("each request ends once and in time, and nothing is kept behind it", () => {
    fc.assert(
      fc.property(script, (steps) => {
        const world = new World(strategy);
        const { client } = world;
        client.connect("a", "b");
        for (const each of steps) world.do(each);
        client.until(client.now + 3 * TIMEOUT_MS + 2 * PAUSE_MS);
        expect(world.ends().sort()).toEqual([...world.begunAt.keys()].sort());
        const { stats } = client.machine;
        expect(stats.answered + stats.failed).toBe(stats.requests);
        expect(stats.hedges).toBeLessThanOrEqual(HEDGE_BURST + 0.1 * stats.requests);
        client.until(client.now + TIMEOUT_MS);
        expect(client.machine.servers(0).every(({ outstanding }) => outstanding === 0)).toBe(true);
        expect(world.open.length).toBeLessThanOrEqual(client.machine.serverCount);
        client.feed({ type: "close" });
        expect(client.machine).toMatchObject({ inFlight: 0, serverCount: 0, deadline: undefined });
        expect(world.open).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("is sent as often as it says, at most once for each attempt and server", () => {
    fc.assert(
      fc.property(script, (steps) => {
        const world = new World(strategy);
        world.client.connect("a", "b");
        for (const each of steps.filter(({ what }) => what !== "refuse")) world.do(each);
        const perCall = new Map<bigint, number>();
        for (const { id } of world.client.of("send"))
          perCall.set(id.sequence, (perCall.get(id.sequence) ?? 0) + 1);
        for (const { call, failure } of world.client.of("failed")) {
          expect(failure.sent).toBe(perCall.get(BigInt(call)) ?? 0);
          expect(failure.attempts).toBeLessThanOrEqual(3);
        }
        if (strategy === "tracked") assertNoneTwice(world.client);
      }),
      { numRuns: 300 },
    );
  });
});
