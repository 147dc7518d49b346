import {
  Backoff,
  type BackoffOptions,
  checkOption,
  choice,
  frameLimit,
  integer,
  MAX_DURATION_MS,
  milliseconds,
  nested,
  type OptionRule,
  type ResolvedSettings,
  resolveOptions,
  resolveSettings,
  type SocketSettings,
} from "@seaworthy/core";

/** Options of a Majordomo worker. */
export interface MajordomoWorkerOptions {
  /** A broker is sent something at least this often, in ms. Default 1000. */
  heartbeatMs?: number | undefined;
  /**
   * A broker that does not say how often it sends heartbeats is expected to do so at least this often, in ms. Ours
   * says so. Default 2500, as the guide's programs do, or `heartbeatMs` if that is longer.
   */
  peerHeartbeatMs?: number | undefined;
  /** How many of its intervals a broker may be silent until the session counts as lost, at least 2. Default 3. */
  liveness?: number | undefined;
  /**
   * What is spoken: `"0.1"` (7/MDP), `"0.2"` (18/MDP), or `"auto"`: 0.1 at first, and 0.2 with a broker of ours.
   * Toward a broker that is spoken to in 0.1 the parts of a reply are kept and sent as one. Default `"auto"`.
   */
  protocol?: "auto" | "0.1" | "0.2" | undefined;
  /**
   * Pause before a lost session is opened again. Default: `heartbeatMs` at first, doubling to 32 times that, half of
   * it random; `initialMs` is at least 1. The first DISCONNECT of a broker is followed by none.
   */
  reconnect?: BackoffOptions | undefined;
  /**
   * Requests that may be here, waiting or running, until a broker is refused what goes beyond the credit that it has;
   * ours never goes beyond it. Default 1000.
   */
  maxHeld?: number | undefined;
  /**
   * Largest body of a reply, or of a part of one, in bytes over all its frames. Where the parts of a reply are kept,
   * it holds for all of them together. For requests the broker sets a limit, and `socket.maxFrameBytes`, 64 MiB by
   * default, does for each of their frames: a larger one cuts the connection with the broker. Default 16 MiB.
   */
  maxBodyBytes?: number | undefined;
  /** How long `close()` lets requests at hand finish, and brokers of ours answer its leave, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets: CURVE keys, pings, high-water marks. */
  socket?: SocketSettings | undefined;
}

const OWNER = "MajordomoWorker";

const schema = {
  heartbeatMs: milliseconds(1000, { min: 1 }),
  peerHeartbeatMs: milliseconds(2500, { min: 1 }),
  // With one, a broker that keeps to its interval to the millisecond would be late.
  liveness: integer(3, { min: 2 }),
  protocol: choice("auto", ["auto", "0.1", "0.2"]),
  reconnect: nested<BackoffOptions>({}),
  maxHeld: integer(1000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Worker options with every default filled in. */
export type ResolvedWorkerOptions = {
  readonly [K in keyof Omit<MajordomoWorkerOptions, "socket">]-?: Exclude<
    MajordomoWorkerOptions[K],
    undefined
  >;
} & { readonly socket: ResolvedSettings };

const MAX_PAUSE_INTERVALS = 32;
/** Pauses that grow from nothing stay nothing: a broker that cannot be reached would be tried without rest. */
const firstPause = milliseconds(1000, { min: 1 });

/**
 * Checks the options of a worker and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveWorkerOptions(options: MajordomoWorkerOptions = {}): ResolvedWorkerOptions {
  const { socket: given, reconnect, ...rest } = resolveOptions(OWNER, schema, options);
  const { heartbeatMs, maxBodyBytes } = rest;
  const socket = resolveSettings(`${OWNER}: socket`, given);
  const longestMs = Math.min(MAX_PAUSE_INTERVALS * heartbeatMs, MAX_DURATION_MS);
  const { initialMs = heartbeatMs, maxMs = longestMs } = reconnect;
  const pauses = { ...reconnect, initialMs, maxMs };
  // Each session has a backoff of its own; what is wrong with all of them is to be said now.
  new Backoff(pauses, () => 0, `${OWNER}: reconnect`);
  checkOption(`${OWNER}: reconnect`, "initialMs", firstPause, initialMs);
  const { peerHeartbeatMs } = options;
  return {
    ...rest,
    peerHeartbeatMs: peerHeartbeatMs ?? Math.max(schema.peerHeartbeatMs.fallback, heartbeatMs),
    reconnect: pauses,
    socket: { ...socket, maxFrameBytes: frameLimit(OWNER, maxBodyBytes, socket, given) },
  };
}
