import {
  choice,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  type Resolved,
  type ResolvedSettings,
  resolveOptions,
  resolveSettings,
  type SocketSettings,
} from "@seaworthy/core";
import type { StarRole } from "./wire.js";

/** Options of one node of a pair, as far as its machine goes. */
export interface StarOptions {
  /** Which of the two it is. The primary is active at first; of two that are active with nothing else to tell them apart, it stays. */
  role: StarRole;
  /**
   * How often the node publishes its state, in ms. Default 1000, as in the guide. A peer of ours is judged by its own interval, any
   * other by this one: give both of a pair the same.
   */
  heartbeatMs?: number | undefined;
  /** How many heartbeats may be missed until the peer is dead. Default 2, as in the guide. */
  liveness?: number | undefined;
  /** How long a claim may wait for its arbiter and its epoch file, in ms; one that is answered later is given back. Default: as long as the peer may be silent. */
  claimTimeoutMs?: number | undefined;
  /** Settings of the two sockets between the peers: CURVE keys, pings, pauses before a reconnection. */
  peerSocket?: SocketSettings | undefined;
}

const DEFAULT_HEARTBEAT_MS = 1000;
/** Pauses before a connection to the peer is tried again, where they are not longer than a heartbeat, in ms. */
const RECONNECT_MS = 100;
const RECONNECT_MAX_MS = 2000;

/** For `resolveOptions`, also of roles that have more options. */
export const starRules: {
  role: OptionRule<StarRole>;
  heartbeatMs: OptionRule<number>;
  liveness: OptionRule<number>;
  claimTimeoutMs: OptionRule<number | undefined>;
  peerSocket: OptionRule<SocketSettings>;
} = {
  role: choice<StarRole>("primary", ["primary", "backup"]),
  heartbeatMs: milliseconds(DEFAULT_HEARTBEAT_MS, { min: 1, max: 2 ** 31 }),
  liveness: integer(2),
  claimTimeoutMs: { ...milliseconds(1, { min: 1 }), fallback: undefined },
  peerSocket: nested<SocketSettings>({}),
};

/** Options of a node with every default filled in. */
export interface ResolvedStarOptions {
  readonly role: StarRole;
  readonly heartbeatMs: number;
  readonly liveness: number;
  readonly claimTimeoutMs: number;
  readonly peerSocket: ResolvedSettings;
}

/**
 * Checks the options of a node and fills in the defaults.
 *
 * @param owner - the name that error messages begin with
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveStarOptions(owner: string, options: StarOptions): ResolvedStarOptions {
  return completeStarOptions(owner, resolveOptions(owner, starRules, options), options);
}

/**
 * Fills in what depends on other options, after `resolveOptions` has seen to them with {@link starRules}.
 *
 * @param given - what the user gave: the role has no default
 * @throws TypeError or RangeError that names the option at fault
 */
export function completeStarOptions(
  owner: string,
  { role, heartbeatMs, liveness, claimTimeoutMs, peerSocket }: Resolved<typeof starRules>,
  given: { readonly role?: unknown },
): ResolvedStarOptions {
  if (given.role === undefined)
    throw new TypeError(`${owner}: option "role" must be "primary" or "backup", and has no default`);
  return {
    role,
    heartbeatMs,
    liveness,
    claimTimeoutMs: claimTimeoutMs ?? heartbeatMs * liveness,
    peerSocket: resolveSettings(`${owner}: peerSocket`, {
      // A peer that can be reached again is to be heard within a heartbeat.
      reconnectIntervalMs: Math.min(RECONNECT_MS, heartbeatMs),
      reconnectMaxIntervalMs: Math.min(RECONNECT_MAX_MS, heartbeatMs),
      ...peerSocket,
    }),
  };
}
