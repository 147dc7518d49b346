import type { BinaryStarServerEvent } from "@seaworthy/binary-star/machine";
import type { Fault, SimulatedNode, Simulation } from "@seaworthy/simulator";

/** How long faults happen, in ms. */
export const STORM_MS = 4000;

/** From the word to leave until the next start of a program: what closing may take, and then a pause. */
export const LINGER_MS = 100;
export const RESTART_MS = 300;

/** Longest pause before a lost connection between the two is tried again, in ms. */
export const RECONNECT_MS = 400;

export const CLIENT_PORT = 5001;
export const PEER_PORT = 5003;

export const NODES = ["primary", "backup"] as const;
export type NodeName = (typeof NODES)[number];

/** What an application takes for a hook of its, and how often it fails; `undefined` where it has no such hook. */
export type HookSetting = { readonly ms: number; readonly failing: number } | undefined;

/** What a seed decides about one of the two. */
export interface NodeSetting {
  readonly name: NodeName;
  /** `guide`: a program written from the guide's text, which knows no epochs. */
  readonly kind: "ours" | "guide";
  readonly heartbeatMs: number;
  readonly concurrency: number;
  readonly replyCache: boolean;
  readonly activation: HookSetting;
  readonly transfer: HookSetting;
  /** How long it takes to write an epoch down, and how often that fails; `undefined` for no store. */
  readonly store: HookSetting;
  /** The epoch that its store, if it has one, knows from earlier days. */
  readonly remembered: number;
}

/** One of the two cannot reach the arbiter. */
export interface Outage {
  readonly node: NodeName;
  readonly from: number;
  readonly to: number;
}

/** What a seed decides about the arbiter. */
export interface ArbiterSetting {
  readonly leaseMs: number;
  /** Longest way to it, and back. */
  readonly travelMs: number;
  readonly outages: readonly Outage[];
}

/** What a seed decides about one client. */
export interface ClientSetting {
  readonly name: string;
  /** `guide`: a REQ in the manner of the guide's client. */
  readonly kind: "ours" | "guide";
  readonly first: NodeName;
  readonly timeoutMs: number;
  readonly settleMs: number;
}

/** What faults there are: `nodes` for those of the two and their clients alone, without any of the network. */
export type Weather = "nodes" | "links" | "all";

/** Everything that a seed decides about a run besides its faults. */
export interface Setting {
  readonly nodes: readonly [NodeSetting, NodeSetting];
  readonly liveness: number;
  readonly arbiter: ArbiterSetting | undefined;
  readonly clients: readonly ClientSetting[];
  readonly weather: Weather;
  /** What is cut on its own, besides what the weather brings. */
  readonly splits: readonly Fault[];
  readonly handlerMs: number;
  readonly everyMs: number;
  /** Each of ours takes its leave now and then. */
  readonly leavesEveryMs: number;
  /** The application of each of ours says so often that it may have fallen behind. */
  readonly fallsBehindEveryMs: number;
  /** A stranger asks both nodes so often; `undefined` for none. */
  readonly pesteredEveryMs: number | undefined;
}

/** What the world knows of one request: made, and ended. */
export interface Asked {
  readonly call: number;
  readonly client: string;
  readonly madeAt: number;
  /** How long it may take while its client runs; for ever where nothing but the reply ends it. */
  readonly boundMs: number;
  ended: string | undefined;
}

/** What can be seen of one of the two, at its present. */
interface NodeView {
  readonly isActive: boolean;
  /** Passive, or on its way to be. */
  readonly isFollowing: boolean;
  /** It has asked for an epoch. */
  readonly isClaiming: boolean;
  /** It has heard the other since it began. */
  readonly hasHeardPeer: boolean;
  /** Answers requests at this time. */
  isServing(now: number): boolean;
}

/** A program of one of the two, from its start to its leave. */
export interface NodeProgram extends NodeView {
  leave(): void;
}

export interface NodeApp {
  readonly program: NodeProgram | undefined;
  /** Closes the program, if it can be; another starts a little later. */
  leave(): void;
}

export interface ClientApp {
  /** It can take a request now. */
  readonly isReady: boolean;
  request(request: Asked): void;
}

/** Looks on at what the two do. */
export interface NodeWitness {
  /** A program takes its leave. */
  left(node: NodeName): void;
  /** An application was given an epoch. */
  activated(node: NodeName, life: number, epoch: number): void;
  /** A node said what happens to it. */
  told(node: NodeName, event: BinaryStarServerEvent): void;
  /** An answer leaves a node. */
  answered(node: NodeName, life: number, epoch: number): void;
}

/** What the promises of a pair are about, and has to happen in some runs for them to mean anything. */
export type Sight =
  /** Either of the two could answer, which only an arbiter keeps them from. */
  | "both serve"
  /** The arbiter said no to one while the other served: without it both would have. */
  | "kept apart"
  /** One got the next lease as soon as the other's was over, which had not been given back. */
  | "lease passed on";

/** What all nodes of a run share. */
export interface World {
  readonly simulation: Simulation;
  readonly setting: Setting;
  readonly servers: Map<NodeName, SimulatedNode<NodeApp>>;
  readonly asked: Map<number, Asked>;
  readonly open: Set<Asked>;
  /** What there was to see in this run. */
  readonly seen: Set<Sight>;
  /** All is well from now on: applications and stores do not fail any more. */
  isHealed(): boolean;
  violated(what: string): void;
  /** A client has a reply of this epoch. */
  readonly answeredIn?: (client: string, epoch: number) => void;
  ended(call: number, how: string): void;
}

export const other = (name: NodeName): NodeName => (name === "primary" ? "backup" : "primary");

/** The program of one of the two that runs now. */
export const programOf = ({ servers }: Pick<World, "servers">, name: NodeName): NodeProgram | undefined =>
  servers.get(name)?.app?.program;

/** Either of the two could answer a request now. */
export function bothServe(world: Pick<World, "servers" | "simulation">): boolean {
  const now = world.simulation.now();
  return NODES.every((name) => programOf(world, name)?.isServing(now) === true);
}

/** The longest silence that one of the two takes, before it knows better by the other's record. */
export const deathLimitMs = ({ nodes, liveness }: Setting): number =>
  liveness * Math.max(...nodes.map(({ heartbeatMs }) => heartbeatMs));

/** How long a node waits for its epoch: longer than the way to the arbiter, and the writing down, may take. */
export const claimTimeoutMs = ({ liveness, arbiter }: Setting, { heartbeatMs, store }: NodeSetting): number =>
  liveness * heartbeatMs + 2 * (arbiter?.travelMs ?? 0) + (store?.ms ?? 0);
