import type { BinaryStarServerEvent } from "@seaworthy/binary-star/machine";
import { type LogMode, type SimulatedNode, Simulation } from "@seaworthy/simulator";
import { SimulatedArbiter } from "./binary-star-arbiter.js";
import { asker, newWorld } from "./binary-star-asking.js";
import { bootClient } from "./binary-star-client.js";
import { bootServer } from "./binary-star-server.js";
import { bootStranger } from "./binary-star-stranger.js";
import {
  type ArbiterSetting,
  bothServe,
  type ClientApp,
  type HookSetting,
  NODES,
  type NodeName,
  type NodeSetting,
  type NodeWitness,
  type Outage,
  other,
  programOf,
  type Setting,
  type World,
} from "./binary-star-world.js";

/** What is added to the plain pair. */
export const CURES = ["none", "stores", "arbiter"] as const;
export type Cure = (typeof CURES)[number];

/** Interval of heartbeats, where a story has no others, and how long a node may then be silent, in ms. */
export const HEARTBEAT_MS = 100;
export const DEATH_MS: number = 2 * HEARTBEAT_MS;
const ASKS_EVERY_MS = 40;
const PESTERS_EVERY_MS = 20;
const NEAR: Distance = { leaseMs: 300, travelMs: 2 };

/** How long the arbiter's leases last, and the longest way to it. */
type Distance = Pick<ArbiterSetting, "leaseMs" | "travelMs">;

/** What a story has that is not usual. */
export interface StoryOptions {
  /** Intervals of heartbeats. */
  readonly heartbeats?: Readonly<Record<NodeName, number>>;
  readonly arbiter?: Distance;
}

const ordinary = {
  concurrency: 4,
  replyCache: false,
  transfer: undefined,
  remembered: 0,
};

function settingOf(
  cure: Cure,
  { heartbeats, arbiter = NEAR }: StoryOptions,
  outages: readonly Outage[],
  activation: HookSetting,
): Setting {
  const store = cure === "stores" ? { ms: 40, failing: 0 } : undefined;
  const node = (name: NodeName): NodeSetting => ({
    ...{
      name,
      kind: "ours",
      heartbeatMs: heartbeats?.[name] ?? HEARTBEAT_MS,
      store,
      activation,
      ...ordinary,
    },
  });
  return {
    nodes: [node("primary"), node("backup")],
    liveness: 2,
    arbiter: cure === "arbiter" ? { ...arbiter, outages } : undefined,
    // Each begins with a server of its own.
    clients: NODES.map((first, at) => ({
      ...{ name: `client-${at}`, kind: "ours", first, timeoutMs: 150, settleMs: DEATH_MS },
    })),
    ...{ weather: "all", splits: [], handlerMs: 4, everyMs: ASKS_EVERY_MS, leavesEveryMs: 0 },
    fallsBehindEveryMs: Number.POSITIVE_INFINITY,
    pesteredEveryMs: undefined,
  };
}

/** Writes down what the two do, as lines of a story. */
class StoryWitness implements NodeWitness {
  readonly #tell: (line: string) => void;

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  left(): void {}

  activated(): void {}

  told(node: NodeName, event: BinaryStarServerEvent): void {
    switch (event.type) {
      case "became-active":
        return this.#tell(`${node}: active in epoch ${event.epoch} (${event.because})`);
      case "stopped-serving":
        return this.#tell(`${node}: not active any more, epoch ${event.epoch} (${event.reason})`);
      case "became-passive":
        return this.#tell(`${node}: passive`);
      case "claim-denied":
        return this.#tell(`${node}: no epoch, ${event.reason}`);
      case "reply-fenced":
        return this.#tell(`${node}: keeps a reply back`);
    }
  }

  answered(): void {}
}

/** A pair with two clients, to which things are done by hand. */
export class StoryWorld {
  readonly simulation: Simulation;
  /** What happened, each line with its time in ms. */
  readonly told: { readonly at: number; readonly line: string }[] = [];
  /** With stores: applications refuse to become active. */
  isRefusing = false;
  readonly #world: World;
  #overlapMs = 0;
  /** The latest event, if either could answer after it. */
  #overlapSince: number | undefined;
  readonly #clients: SimulatedNode<ClientApp>[] = [];
  readonly #heal: (() => void)[] = [];
  readonly #outages: { -readonly [K in keyof Outage]: Outage[K] }[] = [];
  /** In which epoch each client was answered last. */
  readonly #epochs = new Map<string, number>();
  readonly #answeredAt = new Map<string, number>();
  #violation: string | undefined;

  constructor(cure: Cure, options: StoryOptions, log: LogMode) {
    const isRefusing = (): number => (this.isRefusing ? 1 : 0);
    const activation = {
      ms: 0,
      get failing() {
        return isRefusing();
      },
    };
    const setting = settingOf(cure, options, this.#outages, cure === "stores" ? activation : undefined);
    this.simulation = new Simulation({ seed: 1, log });
    const world: World = {
      ...newWorld(this.simulation, setting, (what) => {
        this.#violation ??= what;
      }),
      answeredIn: (client, epoch) => this.#answered(client, epoch),
    };
    this.#world = world;
    const witness = new StoryWitness((line) => this.tell(line));
    const surroundings = {
      witness,
      arbiter: setting.arbiter && new SimulatedArbiter(world, setting.arbiter),
    };
    for (const node of setting.nodes) world.servers.set(node.name, bootServer(world, node, surroundings));
    const ask = asker(world);
    for (const client of setting.clients) {
      const node = bootClient(world, client);
      this.#clients.push(node);
      this.simulation.every(ASKS_EVERY_MS, () => ask(node, false));
    }
    this.simulation.invariant("promises are kept", () => {
      this.#look();
      return this.#violation;
    });
  }

  /** For how long either of the two could answer a request, in ms; up to the event at which it was over. */
  get overlapMs(): number {
    return this.#overlapMs;
  }

  /** The story without its times. */
  get lines(): string[] {
    return this.told.map(({ line }) => line);
  }

  get active(): NodeName[] {
    return NODES.filter((name) => programOf(this.#world, name)?.isActive === true);
  }

  /** What comes again at once is told once. */
  tell(line: string): void {
    const at = this.simulation.now();
    if (this.told.at(-1)?.line !== line) this.told.push({ at, line });
    this.simulation.note(line);
  }

  runFor(ms: number): void {
    this.simulation.runFor(ms);
  }

  /** @throws Error if it has not come to this within ten seconds */
  runUntil(node: NodeName, what: "isClaiming" | "isActive"): void {
    if (!this.simulation.runUntil(() => programOf(this.#world, node)?.[what] === true, 10_000))
      throw new Error(`the ${node}: not ${what}`);
  }

  /** Nothing passes between these two any more. */
  cut(a: string, b: string): void {
    this.tell(`--- ${a} and ${b} lose each other`);
    this.#heal.push(this.simulation.partition(a, b));
  }

  /** From now on somebody asks this node, and no other, in short intervals. */
  pester(node: NodeName): void {
    bootStranger(this.simulation, [node], PESTERS_EVERY_MS, () => true);
  }

  /** A node is alone: nothing passes to or from it, not even where there is an arbiter. */
  cutOff(node: NodeName): void {
    this.tell(`--- ${node} is cut off from all others`);
    const others = [other(node), ...this.#clients.map(({ name }) => name)];
    this.#heal.push(this.simulation.partition(node, others));
    this.#loseArbiter(node);
  }

  /** A node cannot reach the arbiter, if there is one. */
  loseArbiter(node: NodeName): void {
    this.tell(`--- ${node} loses the arbiter`);
    this.#loseArbiter(node);
  }

  #loseArbiter(node: NodeName): void {
    const outage = { node, from: this.simulation.now(), to: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    this.#heal.push(() => {
      outage.to = this.simulation.now();
    });
  }

  /** The ways that were cut are open again. */
  heal(): void {
    this.tell("--- they reach each other again");
    for (const open of this.#heal.splice(0)) open();
  }

  kill(node: NodeName): void {
    this.tell(`--- ${node} is killed`);
    this.#world.servers.get(node)?.crash();
  }

  start(node: NodeName): void {
    this.tell(`--- ${node} is started`);
    this.#world.servers.get(node)?.start();
  }

  pause(node: NodeName): void {
    this.tell(`--- ${node} stands still`);
    this.#world.servers.get(node)?.pause();
  }

  resume(node: NodeName): void {
    this.tell(`--- ${node} goes on`);
    this.#world.servers.get(node)?.resume();
  }

  /** Whether each client has been answered within these last ms. */
  answeredSince(at: number): string[] {
    return [...this.#answeredAt].filter(([, last]) => last >= at).map(([client]) => client);
  }

  #look(): void {
    const now = this.simulation.now();
    this.#overlapMs += now - (this.#overlapSince ?? now);
    this.#overlapSince = bothServe(this.#world) ? now : undefined;
  }

  #answered(client: string, epoch: number): void {
    this.#answeredAt.set(client, this.simulation.now());
    if (this.#epochs.get(client) === epoch) return;
    this.#epochs.set(client, epoch);
    this.tell(`${client}: answered in epoch ${epoch}`);
  }
}
