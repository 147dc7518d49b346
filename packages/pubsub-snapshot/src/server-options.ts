import {
  frameLimit,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  type ResolvedSettings,
  resolveOptions,
  resolveSettings,
  type SocketSettings,
} from "@seaworthy/core";
import { PORTION_BYTES } from "./packs.js";

/** Options of a server, as far as its machine and its sockets for clients go. */
export interface ServerOptions {
  /** How often clients are told that the server lives, in ms. Default 1000, as in the guide. Of a pair, that of its peers as well. */
  heartbeatMs?: number | undefined;
  /** Keys in the map. Default 10,000,000. */
  maxKeys?: number | undefined;
  /** Size of all keys, values and properties, in bytes. Default 4 GiB. */
  maxBytes?: number | undefined;
  /** Size of one value with its properties, in bytes. Default 1 MiB. */
  maxValueBytes?: number | undefined;
  /** Updates that are ordered, and wait for the store or the passive server. Default 100,000. */
  maxUncommitted?: number | undefined;
  /** UUIDs of updates that are remembered, so that none is ordered twice; and as many of those that were refused. Default 100,000. */
  maxKnown?: number | undefined;
  /** Subtrees whose updates are counted; clients of others take the whole map, and filter it. Default 10,000. */
  maxSubtrees?: number | undefined;
  /** Snapshots that are sent at a time; each may keep what is replaced meanwhile. Default 16. */
  maxSnapshots?: number | undefined;
  /** Clients that wait for a snapshot. Default 10,000. */
  maxWaitingSnapshots?: number | undefined;
  /** So long may a client take no message of its snapshot, in ms. Default 10,000. */
  snapshotTimeoutMs?: number | undefined;
  /**
   * Updates that may wait for one client in ZeroMQ. Those beyond are dropped for this client, which notices, and joins anew.
   * Default 100,000.
   */
  maxBehind?: number | undefined;
  /** A passive server: updates of clients that are kept until the active has published them. Default 10,000. */
  maxPending?: number | undefined;
  /** A passive server: how long they are kept, in ms. Default 5000. */
  pendingMs?: number | undefined;
  /** How long `close()` gives replies to leave, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets for clients. `sendHighWaterMark` and `maxQueued` are those of the connections for snapshots. */
  socket?: SocketSettings | undefined;
}

const serverRules: {
  readonly [K in keyof Omit<ServerOptions, "socket">]-?: OptionRule<number>;
} & { readonly socket: OptionRule<SocketSettings> } = {
  heartbeatMs: milliseconds(1000, { min: 1, max: 2 ** 31 }),
  maxKeys: integer(10_000_000),
  maxBytes: integer(4 * 2 ** 30),
  maxValueBytes: integer(2 ** 20),
  maxUncommitted: integer(100_000),
  maxKnown: integer(100_000),
  maxSubtrees: integer(10_000),
  maxSnapshots: integer(16),
  maxWaitingSnapshots: integer(10_000),
  snapshotTimeoutMs: milliseconds(10_000, { min: 1 }),
  maxBehind: integer(100_000),
  maxPending: integer(10_000),
  pendingMs: milliseconds(5000),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
};

/** Options of a server with every default filled in. */
export type ResolvedServerOptions = {
  readonly [K in keyof Omit<ServerOptions, "socket">]-?: number;
} & {
  readonly socket: ResolvedSettings;
  /** A peer that is silent for so long is dead, in ms; `undefined` without a peer. */
  readonly peerDeadMs: number | undefined;
  /** Updates are kept in a store. */
  readonly hasStore: boolean;
  /** How large a message with several items may be that its peer sends it, in bytes. */
  readonly packBytes: number;
};

/** What is known of a server besides its options. */
export interface ServerSurroundings {
  readonly peerDeadMs?: number | undefined;
  readonly hasStore?: boolean;
  /** How large a message with several items may be that its peer sends it, in bytes; by default a portion, which is the most. */
  readonly packBytes?: number;
}

/** The largest frame that a server's sockets accept: a value that they do not would cost whoever sends it its connection, each time. */
export function valueLimit(
  owner: string,
  { maxValueBytes }: Pick<ResolvedServerOptions, "maxValueBytes">,
  settings: ResolvedSettings,
  given: SocketSettings,
  name = "socket",
): number {
  return frameLimit(owner, maxValueBytes, settings, given, name, "maxValueBytes");
}

/**
 * Checks the options of a server and fills in the defaults.
 *
 * @param owner - the name that error messages begin with
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveServerOptions(
  owner: string,
  options: ServerOptions,
  { peerDeadMs, hasStore = false, packBytes = PORTION_BYTES }: ServerSurroundings = {},
): ResolvedServerOptions {
  const { socket: given, ...rest } = resolveOptions(owner, serverRules, options);
  const socket = resolveSettings(`${owner}: socket`, given);
  return {
    ...rest,
    socket: { ...socket, maxFrameBytes: valueLimit(owner, rest, socket, given) },
    peerDeadMs,
    hasStore,
    packBytes,
  };
}
