import { type Invariant, type RunResult, type ScenarioContext, Simulation } from "@seaworthy/simulator";
import { SimulatedArbiter } from "./binary-star-arbiter.js";
import { audit } from "./pubsub-snapshot-audit.js";
import { bootBare } from "./pubsub-snapshot-bare.js";
import { Calls } from "./pubsub-snapshot-calls.js";
import { bootClient } from "./pubsub-snapshot-client.js";
import { draw, drawFaults, drawSplits } from "./pubsub-snapshot-draw.js";
import { Histories } from "./pubsub-snapshot-history.js";
import { Losses } from "./pubsub-snapshot-losses.js";
import { Recovery, settleBoundMs } from "./pubsub-snapshot-recovery.js";
import { bootServer } from "./pubsub-snapshot-server.js";
import { Workload } from "./pubsub-snapshot-workload.js";
import { PROMISES, type PromiseName, type Setting, type World } from "./pubsub-snapshot-world.js";
import { replayCommand } from "./replay.js";

/** An empty world, in which the first violation of each promise is told. */
export function newWorld(simulation: Simulation, setting: Setting, violated: World["violated"]): World {
  let uuids = 0;
  return {
    ...{ simulation, setting, violated },
    ...{ histories: new Histories(), calls: new Calls(violated), servers: new Map(), clients: new Map() },
    newUuid() {
      const uuid = new Uint8Array(16);
      new DataView(uuid.buffer).setUint32(12, ++uuids);
      return uuid;
    },
  };
}

/**
 * A lone server, or a pair with or without an arbiter, with stores or without, and clients of ours and in the guide's manner that set, delete and
 * set on a condition; keys that look like words of the protocol; times to live. Servers and clients crash, stand still, crawl, leave and
 * come again; connections break, are half open, and drop at high-water marks of one. In some worlds the two of the pair lose each other.
 *
 * Invariants, at all times: those of `PROMISES`. What a server publishes is one history for each of its lives; a life goes on with all that
 * the one before has published, but for what two faults can do (see `Losses`). At each moment a client shows the state of its server's
 * life as of one number, and its watchers were told exactly of that.
 *
 * At the end, with all healed, in bounded time: one server serves, the other follows it, all maps are equal, and every set has ended.
 */
export function pubsubSnapshot({ seed, log }: ScenarioContext): RunResult {
  const setting = draw(new Simulation({ seed }).stream("setting"));
  const simulation = new Simulation({
    ...{ seed, log, replay: (failed: number) => replayCommand("pubsub-snapshot", failed) },
    network: { windowMessages: setting.windowMessages },
  });
  const violations = new Map<PromiseName, string>();
  const world = newWorld(simulation, setting, (promise, what) => {
    if (!violations.has(promise)) violations.set(promise, what);
  });
  const losses = new Losses(world);
  const workload = boot(world, losses);
  const recovery = new Recovery(world, (client) => workload.probe(client));
  return simulation.run({
    safetyMs: setting.stormMs,
    // What is overdue is told before.
    livenessMs: 2 * settleBoundMs(setting),
    faults: drawFaults(setting),
    invariants: {
      ...promises((promise) => violations.get(promise)),
      [PROMISES.convergence]: () => recovery.overdue(),
      [PROMISES.once]: () => violations.get("once") ?? recovery.late(),
    },
    converged() {
      const progress = recovery.progress();
      if (progress === true) audit(world, recovery.life, losses.excused.size === 0);
      const [violation] = violations.values();
      return violation ?? progress;
    },
  });
}

/** Starts all nodes, and what they have to do. */
function boot(world: World, losses: Losses): Workload {
  const { simulation, setting, servers, clients } = world;
  const arbiter = setting.arbiter && new SimulatedArbiter(world, setting.arbiter);
  for (const server of setting.servers)
    servers.set(server.name, bootServer(world, server, { losses, arbiter }));
  for (const client of setting.clients) clients.set(client.name, bootClient(world, client));
  const workload = new Workload(world);
  workload.run(setting.bare.map((bare) => bootBare(world, bare)));
  simulation.inject(...drawSplits(setting, simulation.stream("splits")));
  return workload;
}

/** Each promise as an invariant of its own. */
function promises(violation: (promise: PromiseName) => string | undefined): Record<string, Invariant> {
  const names = Object.keys(PROMISES) as PromiseName[];
  return Object.fromEntries(names.map((promise) => [PROMISES[promise], () => violation(promise)]));
}
