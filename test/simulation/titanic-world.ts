import type { ResolvedServerOptions, TitanicClientOptions } from "@seaworthy/titanic/machine";
import type { Asked, World } from "./majordomo-world.js";

/** How long faults happen, in ms. */
export const STORM_MS = 2500;

/** What a seed decides about one Titanic server. */
export interface ServerSetting {
  readonly name: string;
  readonly brokers: readonly string[];
  /** Name of its store. */
  readonly store: string;
  readonly options: ResolvedServerOptions;
}

/** `away`: nothing is done, or nobody learns that it was. `slow`: each commit takes long. */
export interface StoreTrouble {
  readonly kind: "away" | "slow";
  readonly from: number;
  readonly to: number;
}

/** What a seed decides about one store: a server's own disk, or a database that several share. */
export interface StoreSetting {
  readonly name: string;
  readonly kind: "disk" | "database";
  /** Longest time that a commit takes while all is well. */
  readonly commitMs: number;
  /** Longest time from a server to the database. */
  readonly travelMs: number;
  /** Share of the words about new work that others never hear. */
  readonly lostWords: number;
  readonly troubles: readonly StoreTrouble[];
}

/** What a seed decides about one client: ours, or a plain client of Majordomo that speaks RFC 9. */
export interface TitanicClientSetting {
  readonly name: string;
  readonly kind: "ours" | "bare";
  readonly brokers: readonly string[];
  readonly options: TitanicClientOptions;
  /** Share of the orders of ours that have a key. */
  readonly keyed: number;
  /** Orders that it has in hand at most. */
  readonly maxOrders: number;
}

/** Everything that a seed decides about Titanic in a run. Brokers and workers are Majordomo's. */
export interface TitanicSetting {
  readonly servers: readonly ServerSetting[];
  readonly stores: readonly StoreSetting[];
  readonly clients: readonly TitanicClientSetting[];
  readonly everyMs: number;
  /** Shares of orders whose handler throws each time, or dies of them; and that are for nobody. */
  readonly throwing: number;
  readonly killing: number;
  readonly nobodys: number;
}

/** Something that a client wants to have done. One that it hands in several times may be taken in several times. */
export interface Order extends Asked {
  readonly key: string | undefined;
  readonly fate: "works" | "throws" | "kills";
  /** How often handlers have begun with it. */
  runs: number;
}

/** What all nodes of a run share. */
export interface TitanicWorld extends World {
  readonly titanic: TitanicSetting;
  readonly asked: Map<number, Order>;
}
