import type { Random } from "@seaworthy/core";
import {
  type FaultPlan,
  type RunResult,
  type ScenarioContext,
  type SimulatedNode,
  Simulation,
} from "@seaworthy/simulator";
import { replayCommand } from "./replay.js";
import {
  type Asked,
  bootClient,
  bootQueue,
  bootWorker,
  type ClientApp,
  QUEUE,
  type Setting,
  type World,
} from "./simple-pirate-nodes.js";

const SAFETY_MS = 10_000;
const LIVENESS_MS = 30_000;
const AMPLE_WORKERS = 10_000;
/** Time for any handler, and tries for what is lost to connections that died before healing. */
const PROBE_LIMITS = { timeoutMs: 1000, attempts: 4 };

function draw(random: Random): Setting {
  const names = (what: string, most: number) =>
    Array.from({ length: 1 + Math.floor(random() * most) }, (_, index) => `${what}-${index}`);
  const workers = names("worker", 3);
  const clients = names("client", 3);
  const concurrency = 1 + Math.floor(random() * 4);
  const handlerMs = random() < 0.3 ? 400 * random() : 20 * random();
  // A quarter of what the workers can do: retries may multiply it, and they must be able to catch up.
  const sustainableMs = (4 * clients.length * (handlerMs / 2)) / (concurrency * workers.length);
  const everyMs = Math.max(5 + 100 * random(), sustainableMs);
  const maxWaiting = random() < 0.3 ? 3 : 10_000;
  const dropShare = 0.1 * random();
  // Room for those that live, and for hardly any of the dead that are still in the books.
  const maxWorkers =
    random() < 0.2 ? Math.ceil((1 + random()) * concurrency * workers.length) : AMPLE_WORKERS;
  return { workers, clients, concurrency, handlerMs, dropShare, everyMs, maxWaiting, maxWorkers };
}

function faults({ workers, clients }: Setting): FaultPlan {
  return {
    crash: { everyMs: [800, 5000], forMs: [50, 2000], nodes: [...workers, QUEUE] },
    pause: { everyMs: [1000, 6000], forMs: [100, 2500], nodes: [...workers, ...clients, QUEUE] },
    slow: { everyMs: [2000, 8000], forMs: [200, 2000], serviceMs: [1, 10], nodes: [...workers, QUEUE] },
    cut: { everyMs: [500, 4000] },
    partition: { everyMs: [1500, 6000], forMs: [100, 3000], oneWay: 0.5 },
    delay: { everyMs: [1500, 6000], forMs: [200, 2000], extraMs: [5, 600] },
  };
}

/**
 * Lazy Pirate clients ask numbered questions through a queue, while its workers and itself crash, stop,
 * crawl, come and go, and lose their connections.
 *
 * Invariants, after every event: each request ends at most once, in its own reply or in an error, and runs
 * at most as often as it was tried; the queue sends a reply only to who asked, where it was asked, and once; a
 * worker's process never runs more than its concurrency; a session is never given a request while it has one, or
 * before it has said READY; every worker that the queue knows is ready or busy, and not both; each request that
 * the queue took is in one place, and none is lost but with a worker that said READY instead of a reply.
 *
 * At the end, with all healed: every request has ended, new ones are answered, and the queue has exactly
 * the sessions that live on its list of ready ones; or some of them, where the books have no room for the dead as
 * well, so that a live one may have been forgotten for a newcomer.
 */
export function simplePirate({ seed, log }: ScenarioContext): RunResult {
  const simulation = new Simulation({
    seed,
    log,
    replay: (failed) => replayCommand("simple-pirate", failed),
  });
  const setting = draw(simulation.stream("setting"));
  const asked = new Map<number, Asked>();
  let open = 0;
  let violation: string | undefined;
  const violated = (what: string): void => {
    violation ??= what;
  };
  const ended = (call: number, how: NonNullable<Asked["ended"]>): void => {
    const request = asked.get(call) as Asked;
    if (request.ended !== undefined) violated(`request ${call} ended twice: ${request.ended}, then ${how}`);
    request.ended = how;
    open -= 1;
  };

  const world: World = { simulation, setting, asked, ended, violated };
  const queue = bootQueue(world);
  const workers = setting.workers.map((name) => bootWorker(name, world));
  const clients = setting.clients.map((name) => bootClient(name, world));

  const workload = simulation.stream("workload");
  const ask = (client: SimulatedNode<ClientApp>, limits = PROBE_LIMITS): void => {
    client.call((app) => {
      const call = asked.size + 1;
      asked.set(call, { attempts: limits.attempts, runs: 0, ended: undefined });
      open += 1;
      app.request(call, limits);
    });
  };
  const inSafety = (action: () => void) => () => {
    if (simulation.phase === "safety") action();
    return simulation.phase === "safety";
  };
  for (const client of clients)
    simulation.every(
      setting.everyMs,
      inSafety(() =>
        ask(client, { timeoutMs: 100 + 700 * workload(), attempts: 1 + Math.floor(4 * workload()) }),
      ),
    );
  for (const worker of workers) {
    simulation.every(
      1000 + 5000 * workload(),
      inSafety(() => worker.call((app) => app.comeAgain())),
    );
  }

  const sessions = setting.workers.length * setting.concurrency;
  let asking = 0;
  let roundsInOrder = 0;
  /** What came of a round of probes, as a problem or none. */
  const judge = (): string | undefined => {
    const outcomes = Array.from({ length: asking }, (_, index) => asked.get(asked.size - index)?.ended);
    const ready = workers.map(({ app }) => app?.machine.ready ?? 0).reduce((sum, count) => sum + count, 0);
    const known = queue.app?.machine.ready;
    const isKnown = known === sessions || (setting.maxWorkers < AMPLE_WORKERS && known !== 0);
    if (outcomes.every((how) => how === "answered") && ready === sessions && isKnown) return undefined;
    return `probes: ${outcomes.join(", ")}; of ${sessions} sessions ${ready} are ready, and the queue has ${known}`;
  };
  let askedBefore = 0;
  const converged = (): true | string => {
    if (open > 0 || asked.size < askedBefore + asking) return `${open} requests have not ended`;
    const problem = judge();
    // Each round takes one from the front of the list at least; so many in order, and all have been there.
    roundsInOrder = problem === undefined ? roundsInOrder + 1 : 0;
    if (roundsInOrder > sessions) return true;
    askedBefore = asked.size;
    asking = clients.length;
    for (const client of clients) ask(client);
    return problem ?? "probing";
  };

  return simulation.run({
    safetyMs: SAFETY_MS,
    livenessMs: LIVENESS_MS,
    faults: faults(setting),
    invariants: {
      "requests end once, in their own reply, and run where there is room for them": () => violation,
      "a worker is ready or busy": () => {
        const { ready = 0, busy = 0, workers: known = 0 } = queue.app?.machine ?? {};
        return ready + busy === known ? undefined : `${ready} ready, ${busy} busy, ${known} known`;
      },
      "each request that the queue took waits, is with a worker, or came to an end that is told": () => {
        if (queue.app === undefined) return undefined;
        const { waiting, busy, stats } = queue.app.machine;
        const ended = stats.answered + stats.lost + queue.app.dropped;
        if (waiting + busy + ended === stats.requests) return undefined;
        return `of ${stats.requests} requests ${waiting} wait, ${busy} are with workers, ${ended} have ended`;
      },
    },
    converged,
  });
}
