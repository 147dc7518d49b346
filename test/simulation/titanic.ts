import { type RunResult, type ScenarioContext, type SimulatedNode, Simulation } from "@seaworthy/simulator";
import { bootWorker, type WorkerApp } from "./majordomo-worker.js";
import { NOBODYS, type WorkerSetting } from "./majordomo-world.js";
import { replayCommand } from "./replay.js";
import { bootBroker } from "./titanic-broker.js";
import { bootClient, type Note } from "./titanic-client.js";
import { DatabaseStore } from "./titanic-database.js";
import { DiskStore } from "./titanic-disk.js";
import { draw, drawFaults } from "./titanic-draw.js";
import { type Cast, Recovery } from "./titanic-recovery.js";
import { bootServer } from "./titanic-server.js";
import type { SimulatedStore } from "./titanic-store.js";
import { beginOrders, probesOf } from "./titanic-workload.js";
import { type Order, STORM_MS, type TitanicWorld } from "./titanic-world.js";

/** How long after healing all must be worked off, and the books empty, in ms. */
const LIVENESS_MS = 60_000;

/**
 * Clients have orders done through Titanic: ours, with keys and without, and plain clients of Majordomo that speak
 * RFC 9. Servers keep them on disks of their own, which forget at a crash what is not synced, or in one database over
 * which several of them work. All crash and come back, stand still, and lose their connections; stores refuse, are slow
 * or do what they say they have not done. Handlers throw, and some requests kill whoever works on them.
 *
 * Invariants: what a client was told 200 for is there after each crash, until it is closed; it is run, and its reply
 * is its own and stays, or it is dead after exactly `maxAttempts` failures that were seen. One key, one request. Nobody
 * is given a request that another has a lease of, nor one that a server works on that is well; nobody gives back what
 * it does not have. What is closed is never given out again, and nothing of it is left; it is neither sent nor waited
 * for by whoever closed it, or has heard that another has, which all servers of the store are told. Who did not hear
 * cannot renew its lease. Nothing is run that was not taken in.
 *
 * At the end, with all healed, in bounded time: all is worked off but what nobody has workers for, which delays nobody;
 * with a worker for that, this too. Then the books of all are empty, the stores have exactly what was taken in and not
 * closed, and their counters and indexes agree.
 */
export function titanic({ seed, log }: ScenarioContext): RunResult {
  const simulation = new Simulation({ seed, log, replay: (failed) => replayCommand("titanic", failed) });
  const drawn = draw(simulation.stream("setting"));
  let violation: string | undefined;
  const violated = (what: string): void => {
    violation ??= what;
  };
  const world = newWorld(simulation, drawn, violated);
  const stores = drawn.titanic.stores.map((setting) =>
    setting.kind === "disk" ? new DiskStore(world, setting) : new DatabaseStore(world, setting),
  );
  const notes = drawn.titanic.clients.map(() => new Map<Order, Note>());
  const cast: Cast = {
    brokers: drawn.crew.brokers.map((broker) => bootBroker(world, broker)),
    workers: drawn.crew.workers.map((worker) => bootWorker(world, worker)),
    servers: drawn.titanic.servers.map((server) =>
      bootServer(
        world,
        server,
        stores.find(({ setting }) => setting.name === server.store) as SimulatedStore,
      ),
    ),
    clients: drawn.titanic.clients.map((client, at) =>
      bootClient(world, client, notes[at] as Map<Order, Note>),
    ),
    stores,
    notes,
  };
  for (const node of cast.workers) world.workers.set(node.name, node);
  const recovery = new Recovery(world, cast, {
    probe: () => probesOf(world, cast),
    help: () => {
      const [first] = drawn.crew.workers as [WorkerSetting];
      const helper = { ...first, name: "helper", service: NOBODYS };
      world.workers.set(helper.name, bootWorker(world, helper));
    },
  });
  beginOrders(world, cast);
  return simulation.run({
    safetyMs: STORM_MS,
    livenessMs: LIVENESS_MS,
    faults: drawFaults(drawn),
    invariants: {
      "promises are kept, and the books are in order": () => violation,
      "what nobody works on delays nobody": () => recovery.overdue(),
    },
    converged: () => recovery.progress(),
  });
}

/** How long a worker is away that died of a request, in ms. */
const BURIAL_MS = 200;

function newWorld(
  simulation: Simulation,
  { crew, titanic }: ReturnType<typeof draw>,
  violated: (what: string) => void,
): TitanicWorld & { readonly workers: Map<string, SimulatedNode<WorkerApp>> } {
  const asked = new Map<number, Order>();
  const open = new Set<Order>();
  const workers = new Map<string, SimulatedNode<WorkerApp>>();
  return {
    ...{ simulation, setting: crew, titanic, asked, open, workers, sockets: new Map(), leaves: [], runs: 0 },
    violated,
    ended(call, how) {
      const order = asked.get(call) as Order;
      if (order.ended !== undefined) violated(`request ${call} ended twice: ${order.ended}, then ${how}`);
      order.ended = how;
      open.delete(order);
    },
    ran(call, { name }) {
      const order = asked.get(call) as Order;
      order.runs += 1;
      if (order.fate === "kills") {
        simulation.at(simulation.now() + 1, () => workers.get(name)?.crash());
        simulation.at(simulation.now() + BURIAL_MS, () => workers.get(name)?.start());
      }
      return order.fate === "throws" ? "fails" : "works";
    },
  };
}
