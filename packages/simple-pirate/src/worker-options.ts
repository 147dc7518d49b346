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

/** Options of a Simple Pirate worker. */
export interface SimplePirateWorkerOptions {
  /** Largest body of a request or reply, in bytes over all its frames. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /**
   * Requests that may be here, waiting or running, until a session that has one already is refused another.
   * Our queue never gives it one. Default 1000.
   */
  maxHeld?: number | undefined;
  /**
   * Sessions with each queue, however high the concurrency: a process has about 340 of these sockets.
   * Default 300.
   */
  maxSessions?: number | undefined;
  /** How long a connection may take until it stands, in ms; then it is tried again. Default 2500. */
  connectTimeoutMs?: number | undefined;
  /** How long `close()` lets requests at hand finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets: CURVE keys, pauses before a reconnection, pings, high-water marks. */
  socket?: SocketSettings | undefined;
}

const OWNER = "SimplePirateWorker";

const schema = {
  maxBodyBytes: integer(16 * 1024 * 1024),
  maxHeld: integer(1000),
  // ZeroMQ has 1023 sockets in a context, and one that is watched takes three of them.
  maxSessions: integer(300),
  connectTimeoutMs: milliseconds(2500, { min: 1 }),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Worker options with every default filled in. */
export type ResolvedWorkerOptions = {
  readonly [K in keyof Omit<SimplePirateWorkerOptions, "socket">]-?: Exclude<
    SimplePirateWorkerOptions[K],
    undefined
  >;
} & { readonly socket: ResolvedSettings };

/**
 * Checks the options of a worker and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveWorkerOptions(options: SimplePirateWorkerOptions = {}): ResolvedWorkerOptions {
  const { socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  const socket = resolveSettings(`${OWNER}: socket`, given);
  return {
    ...rest,
    socket: { ...socket, maxFrameBytes: frameLimit(OWNER, rest.maxBodyBytes, socket, given) },
  };
}
