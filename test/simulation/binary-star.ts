import { type RunResult, type ScenarioContext, type SimulatedNode, Simulation } from "@seaworthy/simulator";
import { SimulatedArbiter } from "./binary-star-arbiter.js";
import { asker, newWorld } from "./binary-star-asking.js";
import { bootClient } from "./binary-star-client.js";
import { runEnded } from "./binary-star-coverage.js";
import { draw, drawFaults } from "./binary-star-draw.js";
import { type Ask, Recovery } from "./binary-star-recovery.js";
import { bootServer } from "./binary-star-server.js";
import { bootStranger } from "./binary-star-stranger.js";
import { PairWitness } from "./binary-star-witness.js";
import { type ClientApp, NODES, STORM_MS, type World } from "./binary-star-world.js";
import { replayCommand } from "./replay.js";

const LIVENESS_MS = 60_000;

/**
 * Clients ask a pair, ours and such in the guide's manner; sometimes one of the two is a program by the guide's rules. Both
 * crash, stand still, crawl, leave and come again, with and without a store for their epochs and an arbiter, which is
 * out of reach now and then; their applications take time to become active and to catch up, or fail to. Connections break,
 * and the link between the two is cut on its own while clients reach both.
 *
 * Invariants, at all times. No epoch is given to both of the two, and an application is given higher ones as long as its
 * node can remember. No two answer in the same epoch; nor at the same time, if there is an arbiter or nothing has
 * been between the two. A reply leaves nobody who does not serve, and none leaves in an epoch that its request was not
 * taken in. A peer that is well and within reach is not taken for dead, whoever stood still. A request ends once, in its
 * own reply or in an error, in its bound. Whatever happens to a node is in its table.
 *
 * At the end, with all healed, in bounded time: one of the two is active and stays so, the other follows it, and every
 * client is answered.
 */
export function binaryStar({ seed, log }: ScenarioContext): RunResult {
  const simulation = new Simulation({ seed, log, replay: (failed) => replayCommand("binary-star", failed) });
  const setting = draw(simulation.stream("setting"));
  let violation: string | undefined;
  const world = newWorld(simulation, setting, (what) => {
    violation ??= what;
  });
  const witness = new PairWitness(world);
  const arbiter =
    setting.arbiter && new SimulatedArbiter(world, setting.arbiter, (node) => witness.refused(node));
  for (const node of setting.nodes)
    world.servers.set(node.name, bootServer(world, node, { witness, arbiter }));
  const clients = setting.clients.map((client) => bootClient(world, client));
  const ask = asker(world);
  runWorkload(world, clients, ask);
  simulation.inject(...setting.splits);
  const recovery = new Recovery(world, clients, ask);
  const result = simulation.run({
    safetyMs: STORM_MS,
    livenessMs: LIVENESS_MS,
    faults: drawFaults(setting),
    invariants: {
      "promises are kept": () => {
        witness.look();
        return violation;
      },
      "one is active in time after healing": () => recovery.unsettled(),
      "requests end in time": () => recovery.overdue(),
    },
    converged: () => recovery.progress(),
  });
  runEnded(world);
  return result;
}

/** What goes on while faults happen. */
function runWorkload(
  { simulation, setting, servers }: World,
  clients: readonly SimulatedNode<ClientApp>[],
  ask: Ask,
): void {
  const inStorm = (everyMs: number, action: () => void): void =>
    simulation.every(everyMs, () => {
      if (simulation.phase === "liveness") return false;
      action();
      return true;
    });
  for (const client of clients) inStorm(setting.everyMs, () => ask(client, false));
  const { pesteredEveryMs } = setting;
  if (pesteredEveryMs !== undefined)
    bootStranger(simulation, NODES, pesteredEveryMs, () => simulation.phase === "safety");
  const random = simulation.stream("leaves");
  for (const server of servers.values())
    inStorm(setting.leavesEveryMs * (0.5 + random()), () => server.call((app) => app.leave()));
}
