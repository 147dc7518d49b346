import { frameText, textFrame } from "@seaworthy/core";
import { type Fault, type SimulatedNode, Simulation } from "@seaworthy/simulator";
import { SimulatedArbiter } from "./binary-star-arbiter.js";
import { NODES, type NodeName, other } from "./binary-star-world.js";
import { newWorld } from "./pubsub-snapshot.js";
import { bootClient } from "./pubsub-snapshot-client.js";
import { Losses } from "./pubsub-snapshot-losses.js";
import { bootServer } from "./pubsub-snapshot-server.js";
import type { ServerApp, Setting, World } from "./pubsub-snapshot-world.js";

/** What is added to the plain pair. */
export interface Cure {
  readonly hasStores?: boolean;
  readonly hasArbiter?: boolean;
}

const HEARTBEAT_MS = 200;
const DEAD_MS = 2 * HEARTBEAT_MS;
/** Time for the pair and its clients to find their places, in ms. */
const WHILE_MS = 10 * DEAD_MS;
const CLIENTS = ["ann", "bob"] as const;
type ClientName = (typeof CLIENTS)[number];

function settingOf({ hasStores = false, hasArbiter = false }: Cure): Setting {
  const store = hasStores ? { syncMs: 2, failing: 0 } : undefined;
  return {
    servers: NODES.map((name) => ({
      name,
      store,
      keepsEpochs: hasStores,
      skewMs: 0,
      packBytes: 250,
      options: {},
    })),
    ...{
      heartbeatMs: HEARTBEAT_MS,
      deadMs: DEAD_MS,
      splits: true,
      weather: "all",
      bare: [],
      keys: [textFrame("key")],
    },
    arbiter: hasArbiter ? { leaseMs: 600, travelMs: 2, outages: [] } : undefined,
    clients: CLIENTS.map((name) => ({
      ...{
        name,
        subtree: "",
        first: 0,
        timeoutMs: 10_000,
        retryMs: 300,
        credit: 400,
        packBytes: 250,
        liveness: 3,
      },
      ...{ receiveHighWaterMark: 1000, maxQueued: 1000, connectsLate: [] },
    })),
    ...{ stormMs: 0, everyMs: 0, leavesEveryMs: 0, maxTtlMs: 0, windowMessages: 100 },
  };
}

/** A pair with two clients, to which things are done by hand. The primary is active at first. */
export class StoryWorld {
  readonly #world: World;
  #violation: string | undefined;

  constructor(cure: Cure = {}) {
    const simulation = new Simulation({ seed: 1 });
    const setting = settingOf(cure);
    const world = newWorld(simulation, setting, (_promise, what) => {
      this.#violation ??= what;
    });
    const losses = new Losses(world);
    const arbiter = setting.arbiter && new SimulatedArbiter(world, setting.arbiter);
    for (const server of setting.servers)
      world.servers.set(server.name, bootServer(world, server, { losses, arbiter }));
    for (const client of setting.clients) world.clients.set(client.name, bootClient(world, client));
    // What is lost is excused, and nothing else goes wrong.
    simulation.invariant("promises are kept", () => this.#violation);
    this.#world = world;
    this.wait();
  }

  /** Who serves. */
  get active(): NodeName[] {
    return NODES.filter((name) => this.#node(name).app?.program?.machine.isServing === true);
  }

  /** A client sets the key, which has to be acknowledged. @throws Error if it is not */
  set(client: ClientName, value: string): this {
    const { clients, calls, simulation } = this.#world;
    const wanted = { key: textFrame("key"), value: textFrame(value), ttlMs: 0, expected: undefined };
    clients.get(client)?.call(({ view }) => view?.update(wanted));
    simulation.runFor(WHILE_MS);
    const ended = calls.all.at(-1)?.ended;
    if (ended !== "acknowledged") throw new Error(`the value ${value} is not acknowledged: ${ended}`);
    return this;
  }

  /** The value that a client shows. */
  shows(client: ClientName): string | undefined {
    return this.#world.clients.get(client)?.app?.view?.valueOf(textFrame("key"));
  }

  /** The value that a server has. */
  has(name: NodeName): string | undefined {
    const value = this.#node(name).app?.program?.machine.map.get("key")?.value;
    return value && frameText(value);
  }

  /** Nothing passes between these two any more. */
  cut(one: string, two: string): this {
    return this.#befall({ kind: "partition", at: 0, from: [one], to: [two] });
  }

  kill(name: NodeName): this {
    return this.#befall({ kind: "crash", at: 0, node: name });
  }

  start(name: NodeName): this {
    this.#node(name).start();
    return this.wait();
  }

  /** The ways that were cut are open, and all run again. */
  heal(): this {
    this.#world.simulation.heal();
    return this.wait();
  }

  wait(ms = WHILE_MS): this {
    this.#world.simulation.runFor(ms);
    return this;
  }

  #befall(fault: Fault): this {
    this.#world.simulation.inject(fault);
    return this.wait();
  }

  #node(name: NodeName): SimulatedNode<ServerApp> {
    return this.#world.servers.get(name) as SimulatedNode<ServerApp>;
  }
}

/** The end of every story: one serves, the other has its map, and so have both clients. @returns the value that all have */
export function ending(world: StoryWorld): string | undefined {
  const [active, ...others] = world.active;
  if (active === undefined || others.length > 0) throw new Error(`${world.active.length} serve`);
  const value = world.has(active);
  const all = [world.has(other(active)), ...CLIENTS.map((client) => world.shows(client))];
  if (all.some((shown) => shown !== value)) throw new Error(`${active} has ${value}, the others ${all}`);
  return value;
}
