import type { Random } from "@seaworthy/core";
import {
  type FaultPlan,
  type RunResult,
  type ScenarioContext,
  type SimulatedNode,
  Simulation,
} from "@seaworthy/simulator";
import { DRAIN_MS } from "./node-support.js";
import {
  type Asked,
  bootClient,
  bootQueue,
  type ClientApp,
  type QueueApp,
  type RequestLimits,
  type Setting,
  type WorkerSetting,
  type World,
} from "./paranoid-pirate-nodes.js";
import { ABSENCE_MS, bootWorker, type WorkerApp } from "./paranoid-pirate-worker.js";
import { replayCommand } from "./replay.js";

const SAFETY_MS = 10_000;
const LIVENESS_MS = 90_000;

/** Handshakes, and messages under way. */
const TRAVEL_MS = 100;

function draw(random: Random): Setting {
  const between = (least: number, most: number) => least + Math.floor((most - least + 1) * random());
  const chance = (share: number) => random() < share;
  const names = (what: string, count: number) => Array.from({ length: count }, (_, at) => `${what}-${at}`);
  const queues = names("queue", chance(0.2) ? 2 : 1);
  const clients = names("client", between(1, 3));
  const handlerMs = chance(0.3) ? 1200 * random() : 20 * random();
  const workers = names("worker", between(1, 4)).map((name): WorkerSetting => {
    const heartbeatMs = between(100, 1000);
    const reconnectMaxMs = heartbeatMs * between(1, 4);
    return { name, concurrency: between(1, 3), heartbeatMs, liveness: between(2, 4), reconnectMaxMs };
  });
  const hands = workers.reduce((sum, { concurrency }) => sum + concurrency, 0);
  // A quarter of what the workers can do: retries may multiply it, and they must be able to catch up.
  const sustainableMs = (4 * clients.length * (handlerMs / 2)) / hands;
  return {
    queues,
    clients,
    workers,
    hands,
    handlerMs,
    failing: chance(0.5) ? 0.2 * random() : 0,
    stutters: chance(0.3) ? 0.1 : 0,
    everyMs: Math.max(20 + 300 * random(), sustainableMs),
    queue: {
      heartbeatMs: between(100, 1000),
      liveness: between(2, 4),
      detectDepartures: chance(0.5),
      maxDeliveries: between(1, 4),
      // Room and time for one request of each client, so that the last ones need no second attempt.
      maxWaiting: chance(0.3) ? between(clients.length, 20) : 500,
      maxWaitingMs: clients.length * handlerMs + between(200, 3000),
      maxWorkers: chance(0.2) ? hands + between(0, 2) : 30 * hands,
    },
  };
}

function faults({ queues, workers, clients }: Setting): FaultPlan {
  const crew = workers.map(({ name }) => name);
  // Workers more often than queues: it is their faults that the pattern is for.
  const often = [...crew, ...crew, ...crew];
  return {
    crash: { everyMs: [700, 4000], forMs: [50, 2500], nodes: [...often, ...queues, ...clients] },
    pause: { everyMs: [800, 5000], forMs: [100, 5000], nodes: [...often, ...queues, ...clients] },
    slow: { everyMs: [3000, 9000], forMs: [200, 2000], serviceMs: [1, 20], nodes: [...crew, ...queues] },
    cut: { everyMs: [500, 5000] },
    partition: { everyMs: [1500, 6000], forMs: [100, 5000], oneWay: 0.5 },
    delay: { everyMs: [2000, 8000], forMs: [200, 2000], extraMs: [5, 600] },
  };
}

/**
 * How long after healing the books of the queues may differ from the sessions that there are.
 *
 * A session comes back when its worker has noticed that the queue is gone, or has forgotten it: by its
 * silence for `liveness` intervals, after one more if the worker itself has stood still. A handler may have
 * to end first, since a busy session judges nobody. Then comes the longest pause before it connects.
 * Only now is its old connection dead to the queue, which, if nobody tells it so, presumes the worker dead after
 * `liveness` intervals of the worker and forgets it after as many again, and one for its own stall. If
 * the books were full until then, the worker has meanwhile been refused, and needs one more round.
 */
function viewBoundMs({ queue, workers, hands, handlerMs }: Setting): number {
  const bounds = workers.map(({ heartbeatMs, liveness, reconnectMaxMs }) => {
    const slowest = Math.max(queue.heartbeatMs, heartbeatMs);
    const reconnectMs = (liveness + 1) * slowest + DRAIN_MS + reconnectMaxMs + TRAVEL_MS;
    const forgetMs = queue.detectDepartures ? 0 : (2 * queue.liveness + 1) * slowest + DRAIN_MS;
    return handlerMs + reconnectMs + forgetMs + (queue.maxWorkers < 30 * hands ? reconnectMs : 0);
  });
  return ABSENCE_MS + Math.max(...bounds);
}

/**
 * Lazy Pirate clients ask numbered questions of a queue, or of two, whose workers crash, stop, crawl, lose
 * their connections, fail, and take their leave and come again. Intervals and liveness of all differ.
 *
 * Invariants, after every event: each request of a client ends at most once, in its own reply or in an
 * error; a reply goes to the client that asked, once for each time that it asked; a worker never runs
 * more than its concurrency; a session is never given a request while it has one, or when it has been silent for its liveness; a request is given to at
 * most `maxDeliveries` workers; what came to a queue waits, runs, or has ended for a reason that
 * is counted; the books are bounded. At the end, with all healed: what was asked with patience is answered;
 * within {@link viewBoundMs} each queue knows exactly the sessions that live; all of them become ready; then
 * requests are answered at the first attempt, and nothing is lost or found while nothing happens.
 */
export function paranoidPirate({ seed, log }: ScenarioContext): RunResult {
  const simulation = new Simulation({
    seed,
    log,
    replay: (failed) => replayCommand("paranoid-pirate", failed),
  });
  const setting = draw(simulation.stream("setting"));
  let violation: string | undefined;
  const world: World = {
    simulation,
    setting,
    asked: new Map(),
    open: new Set(),
    violated(what) {
      violation ??= what;
    },
  };
  const queues = setting.queues.map((name) => bootQueue(world, name));
  const workers = setting.workers.map((worker) => bootWorker(world, worker));
  const clients = setting.clients.map((name) => bootClient(world, name));
  const ask = asker(world);
  const recovery = new Recovery(world, queues, workers, clients, ask);

  runWorkload(world, clients, workers, ask);
  return simulation.run({
    safetyMs: SAFETY_MS,
    livenessMs: LIVENESS_MS,
    faults: faults(setting),
    invariants: {
      "promises to clients and workers are kept, and the books are in order": () => violation,
      "the queues' view of workers converges in time": () => recovery.overdue(),
    },
    converged: () => recovery.progress(),
  });
}

type Ask = (client: SimulatedNode<ClientApp>, limits: RequestLimits, isProbe?: boolean) => void;

function asker({ asked, open }: World): Ask {
  return (client, limits, isProbe = false) => {
    if (client.app === undefined) return;
    const call = asked.size + 1;
    const { attempts } = limits;
    const request: Asked = { call, client: client.name, attempts, isProbe, runs: 0, ended: undefined };
    asked.set(call, request);
    open.add(request);
    client.call((app) => app.request(call, limits));
  };
}

function runWorkload(
  { simulation, setting }: World,
  clients: readonly SimulatedNode<ClientApp>[],
  workers: readonly SimulatedNode<WorkerApp>[],
  ask: Ask,
): void {
  const random = simulation.stream("workload");
  const inSafety = (action: () => void) => () => {
    if (simulation.phase === "liveness") return false;
    action();
    return true;
  };
  const patienceMs = 2 * setting.handlerMs;
  for (const client of clients) {
    const limits = () => ({
      timeoutMs: 100 + patienceMs + 700 * random(),
      attempts: 1 + Math.floor(4 * random()),
    });
    simulation.every(
      setting.everyMs,
      inSafety(() => ask(client, limits())),
    );
  }
  for (const worker of workers) {
    simulation.every(
      2000 + 8000 * random(),
      inSafety(() => worker.call((app) => app.leave())),
    );
  }
}

/** Looks on while the world recovers from its faults, and asks it whether it has. */
class Recovery {
  readonly #world: World;
  readonly #queues: readonly SimulatedNode<QueueApp>[];
  readonly #workers: readonly SimulatedNode<WorkerApp>[];
  readonly #clients: readonly SimulatedNode<ClientApp>[];
  readonly #ask: Ask;
  readonly #boundMs: number;
  readonly #quietMs: number;
  #stage: "starting" | "patient" | "one-shot" | "quiet" = "starting";
  #healedAt = Number.POSITIVE_INFINITY;
  #quietUntil = Number.POSITIVE_INFINITY;

  constructor(
    world: World,
    queues: readonly SimulatedNode<QueueApp>[],
    workers: readonly SimulatedNode<WorkerApp>[],
    clients: readonly SimulatedNode<ClientApp>[],
    ask: Ask,
  ) {
    const { setting } = world;
    this.#world = world;
    this.#queues = queues;
    this.#workers = workers;
    this.#clients = clients;
    this.#ask = ask;
    this.#boundMs = viewBoundMs(setting);
    // Long enough for anybody who is not heard to be given up.
    const parties = [setting.queue, ...setting.workers];
    const slowest = Math.max(...parties.map(({ heartbeatMs }) => heartbeatMs));
    this.#quietMs = Math.max(...parties.map(({ liveness }) => liveness)) * slowest + TRAVEL_MS;
  }

  /** What is still missing when the time for it is over. */
  overdue(): string | undefined {
    if (this.#world.simulation.now() <= this.#healedAt + this.#boundMs) return undefined;
    const missing = this.#unsettled();
    return missing && `${missing}, ${this.#boundMs} ms after healing`;
  }

  progress(): true | string {
    const { simulation, setting, open } = this.#world;
    if (this.#healedAt === Number.POSITIVE_INFINITY) this.#healedAt = simulation.now();
    if (open.size > 0) return `${open.size} requests have not ended`;
    const { handlerMs } = setting;
    switch (this.#stage) {
      case "starting": {
        if (this.#clients.some(({ app }) => app === undefined)) return "clients start";
        this.#stage = "patient";
        const timeoutMs = 1000 + 2 * handlerMs;
        // They outlast everything that a healed world may still need.
        return this.#probe({ timeoutMs, attempts: 3 + Math.ceil(this.#boundMs / timeoutMs) });
      }
      case "patient": {
        const missing = this.#unsettled() ?? this.#busy();
        if (missing !== undefined) return missing;
        this.#stage = "one-shot";
        return this.#probe({ timeoutMs: 1000 + 3 * handlerMs, attempts: 1 });
      }
      case "one-shot":
        this.#stage = "quiet";
        this.#quietUntil = simulation.now() + this.#quietMs;
        return "waiting";
      case "quiet": {
        // Somebody may still be found out to have stood still, as long as there is time to converge. And a
        // request on a connection that its client has given up may be long under way.
        if (this.#unsettled() !== undefined || this.#busy() !== undefined) {
          this.#quietUntil = simulation.now() + this.#quietMs;
        }
        return simulation.now() >= this.#quietUntil || "waiting";
      }
    }
  }

  #probe(limits: RequestLimits): string {
    for (const client of this.#clients) this.#ask(client, limits, true);
    return "asking";
  }

  /** In which way the queues' view of workers is not what it should be. */
  #unsettled(): string | undefined {
    return this.#wrongView() ?? this.#absent();
  }

  /** In which way a queue does not know exactly the sessions that live. */
  #wrongView(): string | undefined {
    for (const { app, name } of this.#queues) {
      const alive = this.#workers.flatMap((worker) => worker.app?.sessionsWith(name) ?? []);
      if (alive.length !== this.#world.setting.hands) return `${alive.length} sessions with ${name}`;
      const strangers = alive.filter((id) => app?.known.has(id) !== true);
      if (strangers.length > 0) return `${name} does not know ${strangers.join(", ")}`;
      if (app?.known.size !== alive.length) return `${name} knows ${app?.known.size} of ${alive.length}`;
    }
    return undefined;
  }

  /** Which queue has sessions in its books that are neither ready nor at work on a request of its own. */
  #absent(): string | undefined {
    for (const { app, name } of this.#queues) {
      const { workers, ready, running } = (app as QueueApp).machine;
      if (ready + running < workers)
        return `${name}: of ${workers} workers ${ready} ready, ${running} running`;
    }
    return undefined;
  }

  #busy(): string | undefined {
    for (const { app, name } of this.#queues) {
      const { waiting, running } = (app as QueueApp).machine;
      if (waiting + running > 0) return `${name}: ${waiting} requests wait, ${running} run`;
    }
    return undefined;
  }
}
