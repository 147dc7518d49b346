import {
  attemptRules,
  type BackoffOptions,
  flag,
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

/** Options of a Lazy Pirate client. */
export interface LazyPirateClientOptions {
  /**
   * How long one attempt may take, in ms, counted from when it begins and not from when a connection
   * takes it. Default 2500, the guide's `REQUEST_TIMEOUT`.
   */
  timeoutMs?: number | undefined;
  /** How often one request is tried at most, from 1. Default 3, the guide's `REQUEST_RETRIES`. */
  attempts?: number | undefined;
  /** Requests that may be in flight; one more is rejected with `ERR_LIMIT_REACHED`. Default 10,000. */
  maxInFlight?: number | undefined;
  /** Largest body, in bytes over all its frames; a larger one is rejected. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** Pause before each retry: 50 ms at first, doubling to 2 s, half of it random. */
  backoff?: BackoffOptions | undefined;
  /**
   * How long a connection may take until it stands, in ms; then the next endpoint gets its turn.
   * Default 2500.
   */
  connectTimeoutMs?: number | undefined;
  /**
   * Fail a request at once, with `ERR_NOT_CONNECTED`, if no server is connected when it is made, which
   * is always so right after `connect()`: wait for `connection-opened`. Default false.
   */
  immediate?: boolean | undefined;
  /**
   * Connections that may be open: the current one, and replaced ones on which a reply may still
   * come. One more, and the oldest is given up: requests on it count as lost. Default 4.
   */
  maxConnections?: number | undefined;
  /** How long `close()` lets requests in flight finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets: high-water marks, CURVE keys, pauses before a reconnection, pings. */
  socket?: SocketSettings | undefined;
}

const schema = {
  ...attemptRules,
  maxInFlight: integer(10_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  backoff: nested<BackoffOptions>({}),
  connectTimeoutMs: milliseconds(2500, { min: 1 }),
  immediate: flag(false),
  maxConnections: integer(4, { min: 2 }),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Client options with every default filled in. */
export type ResolvedClientOptions = {
  [K in keyof Omit<LazyPirateClientOptions, "socket">]-?: Exclude<LazyPirateClientOptions[K], undefined>;
} & { socket: ResolvedSettings };

const OWNER = "LazyPirateClient";

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveClientOptions(options: LazyPirateClientOptions = {}): ResolvedClientOptions {
  const { socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  const socket = resolveSettings(`${OWNER}: socket`, given);
  // A burst of as many requests as may be in flight must find room.
  const maxQueued =
    given.maxQueued === undefined ? Math.max(socket.maxQueued, rest.maxInFlight) : socket.maxQueued;
  return {
    ...rest,
    socket: { ...socket, maxQueued, maxFrameBytes: frameLimit(OWNER, rest.maxBodyBytes, socket, given) },
  };
}
