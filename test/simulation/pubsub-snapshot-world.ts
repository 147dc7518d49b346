import type { BinaryStarMachine } from "@seaworthy/binary-star/machine";
import type { ServerMachine, ServerOptions } from "@seaworthy/pubsub-snapshot/machine";
import type { SimulatedNode, Simulation } from "@seaworthy/simulator";
import type { ArbiterSetting, NodeName } from "./binary-star-world.js";
import type { Calls } from "./pubsub-snapshot-calls.js";
import type { Histories, Life } from "./pubsub-snapshot-history.js";

/** What the pattern promises: each is an invariant of its own. */
export const PROMISES = {
  convergence: "all maps are equal in time after healing",
  prefix: "a client shows a state that its server had",
  difference: "nothing is applied twice or out of order, and watchers see exactly the difference",
  survival: "what was published, and so what was acknowledged, survives",
  once: "a set ends once, and is ordered once at most",
  ttl: "a key's time to live ends not before its time",
  condition: "a conditional set finds what it expects",
  numbers: "a server's numbers go up one by one, and what it publishes is what was set",
  follower: "updates are published when the follower has them, and it is lost for a reason only",
  snapshot: "a client that is not ours gets a snapshot as of one number",
} as const;
export type PromiseName = keyof typeof PROMISES;

export const SNAPSHOT_PORT = 5556;
export const PEER_PORT = 5003;
/** Longest pause before a lost connection between the two is tried again, in ms. */
export const RECONNECT_MS = 300;
/** What closing may take, and the longest pause until the next start of the program, in ms. */
export const LINGER_MS = 50;
export const RESTART_MS = 300;
/** Longest pauses of a client between two rounds of its servers, in ms. */
export const BACKOFF_MS = 200;

/** A server's store: how long it takes to sync, in ms, and how often it fails while faults happen. */
export interface StoreSetting {
  readonly syncMs: number;
  readonly failing: number;
}

export interface ServerSetting {
  readonly name: NodeName;
  readonly store: StoreSetting | undefined;
  /** It writes its epochs down. */
  readonly keepsEpochs: boolean;
  /** How large a message with several entries may be, from its peer, in bytes. */
  readonly packBytes: number;
  /** How wrong its wall clock is, in ms. */
  readonly skewMs: number;
  readonly options: ServerOptions;
}

export interface ClientSetting {
  readonly name: string;
  readonly subtree: string;
  readonly first: number;
  readonly timeoutMs: number;
  readonly retryMs: number;
  readonly credit: number;
  /** How large a message with several entries may be, in bytes. */
  readonly packBytes: number;
  readonly liveness: number;
  readonly receiveHighWaterMark: number;
  /** Changes that may wait for its slow watcher. */
  readonly maxQueued: number;
  /** Of its servers, the first one first: those that it comes to know of late. */
  readonly connectsLate: readonly boolean[];
}

/** A client in the manner of the guide's. */
export interface BareSetting {
  readonly name: string;
  readonly subtree: string;
  readonly first: number;
}

export type Weather = "nodes" | "links" | "all";

/** Everything that a seed decides about a run besides its faults. */
export interface Setting {
  /** One, or the two of a pair. */
  readonly servers: readonly ServerSetting[];
  readonly heartbeatMs: number;
  /** A server that is silent for so long is dead to its peer. */
  readonly deadMs: number;
  readonly arbiter: ArbiterSetting | undefined;
  /** The two may lose each other while clients reach both. */
  readonly splits: boolean;
  readonly weather: Weather;
  readonly clients: readonly ClientSetting[];
  readonly bare: readonly BareSetting[];
  readonly keys: readonly Uint8Array[];
  readonly stormMs: number;
  readonly everyMs: number;
  /** Servers close, and begin anew, so often. */
  readonly leavesEveryMs: number;
  /** Longest time to live that is over within the run, in ms. */
  readonly maxTtlMs: number;
  readonly windowMessages: number;
}

/** A server's program from its start to its end. */
export interface Program {
  readonly node: NodeName;
  readonly machine: ServerMachine;
  readonly star: BinaryStarMachine | undefined;
  /** Of which life its map is. */
  origin: Life | undefined;
  /** It has ended: closed, or its process has died. */
  readonly isOver: () => boolean;
  leave(): void;
}

export interface ServerApp {
  readonly program: Program | undefined;
  leave(): void;
}

/** A client of ours, from its making to its end. */
export interface ClientView {
  readonly isLive: boolean;
  /** Of which life its map is. */
  readonly life: Life | undefined;
  readonly sequence: number;
  /** Number of the entry of a key, 0 for none. */
  sequenceOf(key: Uint8Array): number;
  valueOf(key: Uint8Array): string | undefined;
  update(what: Wanted): void;
  /** All that watchers are to be told of has been. */
  audit(): void;
}

export interface ClientApp {
  readonly view: ClientView | undefined;
  /** Closes the client; another is made a little later. */
  leave(): void;
}

/** An update that an application wants. */
export interface Wanted {
  readonly key: Uint8Array;
  /** Empty to delete the key. */
  readonly value: Uint8Array;
  readonly ttlMs: number;
  readonly expected: number | undefined;
}

export interface BareApp {
  publish(what: Wanted, hasUuid: boolean): void;
}

/** What all nodes of a run share. */
export interface World {
  readonly simulation: Simulation;
  readonly setting: Setting;
  readonly histories: Histories;
  readonly calls: Calls;
  readonly servers: Map<string, SimulatedNode<ServerApp>>;
  readonly clients: Map<string, SimulatedNode<ClientApp>>;
  violated(promise: PromiseName, what: string): void;
  newUuid(): Uint8Array;
}

export const snapshotEndpoint = (node: string): string => `tcp://${node}:${SNAPSHOT_PORT}`;

export const isPair = ({ servers }: Setting): boolean => servers.length > 1;

/** The program of a server that runs now. */
export const programOf = ({ servers }: Pick<World, "servers">, name: string): Program | undefined =>
  servers.get(name)?.app?.program;

export const programsOf = (world: Pick<World, "servers">): Program[] =>
  [...world.servers.keys()].flatMap((name) => programOf(world, name) ?? []);
