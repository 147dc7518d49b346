import {
  Backoff,
  type BackoffOptions,
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

/** Options of a Paranoid Pirate worker. */
export interface ParanoidPirateWorkerOptions {
  /** The queue is sent something at least this often, in ms. Default 1000 (6/PPP). */
  heartbeatMs?: number | undefined;
  /**
   * A queue that does not say how often it sends heartbeats is expected to do so at least this often, in
   * ms. Ours says so. Default: `heartbeatMs`.
   */
  peerHeartbeatMs?: number | undefined;
  /** How many of its intervals a queue may be silent until the session counts as lost. Default 3 (6/PPP). */
  liveness?: number | undefined;
  /**
   * Pause before a lost session is opened again. Default: `heartbeatMs` at first, doubling to 32 times that (6/PPP:
   * 1 s to 32 s), half of it random.
   */
  reconnect?: BackoffOptions | undefined;
  /**
   * Sessions with each queue, however high the concurrency: a process has about 340 of these sockets.
   * Default 300.
   */
  maxSessions?: number | undefined;
  /**
   * Requests that may be here, waiting or running, until a session that has one already is refused another, as
   * only queues that are not ours give it. Default 1000.
   */
  maxHeld?: number | undefined;
  /** Largest body of a reply, in bytes over all its frames. For requests it is the queue that sets a limit. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** How long `close()` lets requests at hand finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets: CURVE keys, pings, high-water marks. */
  socket?: SocketSettings | undefined;
}

const OWNER = "ParanoidPirateWorker";

const schema = {
  heartbeatMs: milliseconds(1000, { min: 1 }),
  peerHeartbeatMs: milliseconds(1000, { min: 1 }),
  liveness: integer(3),
  reconnect: nested<BackoffOptions>({}),
  // ZeroMQ has 1023 sockets in a context, and one that is watched takes three of them.
  maxSessions: integer(300),
  maxHeld: integer(1000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Worker options with every default filled in. */
export type ResolvedWorkerOptions = {
  readonly [K in keyof Omit<ParanoidPirateWorkerOptions, "socket">]-?: Exclude<
    ParanoidPirateWorkerOptions[K],
    undefined
  >;
} & { readonly socket: ResolvedSettings };

/** 6/PPP: a worker reconnects after 1 s, doubling to 32 s. */
const MAX_PAUSE_INTERVALS = 32;

/**
 * Checks the options of a worker and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveWorkerOptions(options: ParanoidPirateWorkerOptions = {}): ResolvedWorkerOptions {
  const { socket: given, reconnect, ...rest } = resolveOptions(OWNER, schema, options);
  const { heartbeatMs, maxBodyBytes } = rest;
  const socket = resolveSettings(`${OWNER}: socket`, given);
  const longestMs = Math.min(MAX_PAUSE_INTERVALS * heartbeatMs, MAX_DURATION_MS);
  const { initialMs = heartbeatMs, maxMs = longestMs } = reconnect;
  const pauses = { ...reconnect, initialMs, maxMs };
  // Each session has a backoff of its own; what is wrong with all of them is to be said now.
  new Backoff(pauses, () => 0, `${OWNER}: reconnect`);
  return {
    ...rest,
    peerHeartbeatMs: options.peerHeartbeatMs === undefined ? heartbeatMs : rest.peerHeartbeatMs,
    reconnect: pauses,
    socket: { ...socket, maxFrameBytes: frameLimit(OWNER, maxBodyBytes, socket, given) },
  };
}
