import { type Random, readUint64, writeUint64 } from "@seaworthy/core";
import {
  LazyPirateClientMachine,
  LazyPirateServerMachine,
  type RequestFailure,
  resolveClientOptions,
  resolveServerOptions,
  type WiredClient,
  wireClient,
  wireServer,
} from "@seaworthy/lazy-pirate/machine";
import {
  type FaultPlan,
  type RunResult,
  type ScenarioContext,
  type SimulatedNode,
  Simulation,
} from "@seaworthy/simulator";
import { replayCommand } from "./replay.js";

const SAFETY_MS = 10_000;
const LIVENESS_MS = 30_000;

/** What the world knows of one request: made, perhaps run, ended. */
interface Asked {
  readonly call: number;
  readonly client: string;
  readonly madeAt: number;
  /** By when it must have ended if its client never stood still. */
  readonly boundMs: number;
  runs: number;
  /** How often it may have run, by the word of its error. */
  sent: number;
  ended: "answered" | RequestFailure["code"] | undefined;
}

interface ClientApp {
  request(body: Uint8Array, limits: { timeoutMs: number; attempts: number }): void;
  readonly inFlight: number;
}

/** Everything that a seed decides about a run besides its faults. */
interface Setting {
  readonly servers: string[];
  readonly clients: string[];
  readonly replyCache: boolean;
  readonly concurrency: number;
  readonly handlerMs: number;
  readonly everyMs: number;
  /** The queues in front of the clients' sockets take less than a burst. */
  readonly isTight: boolean;
}

/** Requests at once that a tight queue does not take. */
const BURST = 12;
const TIGHT = { maxQueued: 4 };

function draw(random: Random, isTight: boolean): Setting {
  const names = (what: string, most: number) =>
    Array.from({ length: 1 + Math.floor(random() * most) }, (_, index) => `${what}-${index}`);
  const servers = names("server", 3);
  const clients = names("client", 2);
  const concurrency = 1 + Math.floor(random() * 8);
  const handlerMs = random() < 0.3 ? 400 * random() : 20 * random();
  // A quarter of what one server can do: retries may multiply it, and it must be able to catch up.
  const sustainableMs = (4 * clients.length * (handlerMs / 2)) / concurrency;
  const everyMs = Math.max(5 + 100 * random(), sustainableMs);
  return { servers, clients, replyCache: random() < 0.5, concurrency, handlerMs, everyMs, isTight };
}

function faults({ servers, clients }: Setting): FaultPlan {
  return {
    crash: { everyMs: [800, 5000], forMs: [50, 2000], nodes: servers },
    pause: { everyMs: [1000, 6000], forMs: [100, 2500], nodes: [...servers, ...clients] },
    slow: { everyMs: [2000, 8000], forMs: [200, 2000], serviceMs: [1, 30], nodes: servers },
    cut: { everyMs: [500, 4000] },
    partition: { everyMs: [1500, 6000], forMs: [100, 3000], oneWay: 0.5 },
    delay: { everyMs: [1500, 6000], forMs: [200, 2000], extraMs: [5, 600] },
  };
}

const bodyOf = (call: number): Uint8Array => {
  const body = new Uint8Array(8);
  writeUint64(body, 0, BigInt(call));
  return body;
};
const callOf = (body: readonly Uint8Array[]): number => Number(readUint64(body[0] as Uint8Array, 0));

/**
 * Clients that ask numbered questions of servers that crash, stop, crawl and lose their connections.
 *
 * Invariants, after every event: each request ends at most once, in its own reply or in an error,
 * and within its bound; it runs at most as often as it was tried; with the reply cache on, it runs at
 * most once in one life of a server; and no more often than its error says that it was sent. At the end, with all healed:
 * every request has ended, and new ones are answered; where the clients' queues are tight, so is a burst of them, at
 * the first attempt.
 */
export function lazyPirate({ seed, log }: ScenarioContext): RunResult {
  const simulation = new Simulation({ seed, log, replay: (failed) => replayCommand("lazy-pirate", failed) });
  const setting = draw(simulation.stream("setting"), seed % 4 === 0);
  const asked = new Map<number, Asked>();
  const open = new Set<Asked>();
  let violation: string | undefined;
  let lastCall = 0;
  const violated = (what: string) => {
    violation ??= what;
  };

  for (const name of setting.servers) bootServer(simulation, name, setting, asked, violated);
  const clients = setting.clients.map((name) => {
    const end = (call: number, how: NonNullable<Asked["ended"]>, sent?: number) => {
      const request = asked.get(call) as Asked;
      request.sent = sent ?? request.sent;
      if (request.runs > request.sent)
        violated(
          `request ${call} ended: ${how}, was sent ${request.sent} times at most, and ran ${request.runs}`,
        );
      if (request.ended !== undefined) violated(`request ${call} ended twice: ${request.ended}, then ${how}`);
      request.ended = how;
      open.delete(request);
    };
    return bootClient(simulation, name, setting, end, violated);
  });

  const workload = simulation.stream("workload");
  const ask = (
    client: SimulatedNode<ClientApp>,
    count: number,
    limits = { timeoutMs: 100 + 700 * workload(), attempts: 1 + Math.floor(4 * workload()) },
  ) => {
    const { timeoutMs, attempts } = limits;
    const calls = Array.from({ length: count }, () => ++lastCall);
    const boundMs = attempts * timeoutMs + (attempts - 1) * MAX_PAUSE_MS;
    client.call((app) => {
      for (const call of calls) {
        const request: Asked = {
          call,
          client: client.name,
          madeAt: simulation.now(),
          boundMs,
          runs: 0,
          sent: attempts,
          ended: undefined,
        };
        asked.set(call, request);
        open.add(request);
        app.request(bodyOf(call), limits);
      }
    });
  };
  for (const client of clients) {
    const burst = setting.isTight ? BURST : 1;
    simulation.every(burst * setting.everyMs, () => {
      if (simulation.phase === "liveness") return false;
      ask(client, burst);
      return true;
    });
  }

  let probes: number[] | undefined;
  let isCrowd = false;
  const converged = (): true | string => {
    if (probes === undefined) {
      if (open.size > 0) return `${open.size} requests have not ended`;
      const first = lastCall + 1;
      for (const client of clients) {
        if (isCrowd) ask(client, BURST, { timeoutMs: CROWD_MS, attempts: 1 });
        else ask(client, 1);
      }
      probes = Array.from({ length: lastCall - first + 1 }, (_, index) => first + index);
    }
    // A first probe may still meet a connection that died before healing; then the next must do.
    const ended = probes.map((call) => asked.get(call)?.ended);
    if (ended.some((how) => how === undefined)) return `probes after healing: ${ended.join(", ")}`;
    probes = undefined;
    const areAnswered = ended.every((how) => how === "answered");
    if (areAnswered && (isCrowd || !setting.isTight)) return true;
    if (isCrowd) violated(`of a burst after healing, requests ended: ${ended.join(", ")}`);
    isCrowd = areAnswered;
    return `probes after healing ended: ${ended.join(", ")}`;
  };

  return simulation.run({
    safetyMs: SAFETY_MS,
    livenessMs: LIVENESS_MS,
    faults: faults(setting),
    invariants: {
      "each request ends once, in its own reply, and runs no more often than allowed": () => violation,
      "each request ends within its bound": () => overdue(simulation, open),
    },
    converged,
  });
}

/** Time in which any server runs what all clients ask in a burst, and which nobody has who waits for an attempt to be over. */
const CROWD_MS = 15_000;

/** Longest pause before a retry, and what a client may take to read after it stood still. */
const MAX_PAUSE_MS = 200;
const DRAIN_MS = 1100;

/** A client that stood still has not seen the time pass: its bound is longer by its pauses. */
function overdue(simulation: Simulation, open: ReadonlySet<Asked>): string | undefined {
  const now = simulation.now();
  for (const { call, client, madeAt, boundMs } of open) {
    // Requests are made in order of time, but their bounds differ, so all that are open are looked at.
    if (now <= madeAt + boundMs + 1) continue;
    let allowance = 0;
    for (const fault of simulation.faults) {
      if (fault.kind !== "pause" || fault.node !== client) continue;
      const until = Math.min(now, fault.at + (fault.forMs ?? Number.POSITIVE_INFINITY));
      if (until + DRAIN_MS > madeAt) allowance += until - Math.max(fault.at, madeAt - DRAIN_MS) + DRAIN_MS;
    }
    if (now > madeAt + boundMs + allowance + 1) {
      return `request ${call} of ${client}, made at ${madeAt}, has not ended within ${boundMs} ms`;
    }
  }
  return undefined;
}

function bootServer(
  simulation: Simulation,
  name: string,
  { replyCache, concurrency, handlerMs }: Setting,
  asked: ReadonlyMap<number, Asked>,
  violated: (what: string) => void,
): void {
  simulation.node(name, ({ transport, scheduler, random, life, log }) => {
    const machine = new LazyPirateServerMachine(resolveServerOptions({ replyCache }));
    const ranInThisLife = new Set<number>();
    const server = wireServer(machine, {
      transport,
      scheduler,
      socket: {},
      owner: {
        run({ ticket, body }) {
          const call = callOf(body);
          const request = asked.get(call) as Asked;
          request.runs += 1;
          log("run", call);
          if (request.runs > request.sent)
            violated(`request ${call} ran ${request.runs} times and was sent ${request.sent} times at most`);
          if (replyCache && ranInThisLife.has(call))
            violated(`request ${call} ran twice in life ${life} of ${name}`);
          ranInThisLife.add(call);
          scheduler.schedule(scheduler.now() + handlerMs * random(), () => {
            server.feed({ type: "reply", ticket, body });
            server.feed({ type: "demand", count: 1 });
          });
        },
        status: (event) => log("status", event.type),
      },
    });
    server.bind("tcp://*:5555");
    server.feed({ type: "demand", count: concurrency });
    return server;
  });
}

function bootClient(
  simulation: Simulation,
  name: string,
  { servers, isTight }: Setting,
  end: (call: number, how: NonNullable<Asked["ended"]>, sent?: number) => void,
  violated: (what: string) => void,
): SimulatedNode<ClientApp> {
  return simulation.node(name, ({ transport, scheduler, random, log }): ClientApp => {
    const options = resolveClientOptions({ backoff: { initialMs: 20, maxMs: MAX_PAUSE_MS } });
    const epoch = BigInt(Math.floor(random() * 2 ** 32));
    const machine = new LazyPirateClientMachine(options, epoch, random);
    const client: WiredClient = wireClient(machine, {
      transport,
      scheduler,
      socket: { reconnectMaxIntervalMs: 500, ...(isTight ? TIGHT : {}) },
      owner: {
        answered(call, body) {
          const answer = callOf(body);
          if (answer !== call) violated(`request ${call} got the reply to ${answer}`);
          log("answered", call);
          end(call, "answered");
        },
        failed(call, { code, attempts, sent }) {
          log("failed", call, code, attempts, sent);
          end(call, code, sent);
        },
        status: (event) => log("status", event.type),
      },
    });
    for (const server of servers) client.feed({ type: "connect", endpoint: `tcp://${server}:5555` });
    return {
      request: (body, limits) =>
        client.feed({ type: "request", call: callOf([body]), body: [body], ...limits }),
      get inFlight() {
        return machine.inFlight;
      },
    };
  });
}
