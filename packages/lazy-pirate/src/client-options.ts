import {
  type BackoffOptions,
  flag,
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
  timeoutMs?: number;
  /** How often one request is tried at most, from 1. Default 3, the guide's `REQUEST_RETRIES`. */
  attempts?: number;
  /** Requests that may be in flight; one more is rejected with `ERR_LIMIT_REACHED`. Default 10,000. */
  maxInFlight?: number;
  /** Largest body, in bytes over all its frames; a larger one is rejected. Default 16 MiB. */
  maxBodyBytes?: number;
  /** Pause before each retry: 50 ms at first, doubling to 2 s, half of it random. */
  backoff?: BackoffOptions;
  /** Fail a request at once, with `ERR_NOT_CONNECTED`, if no server is connected when it is made. Default false. */
  immediate?: boolean;
  /**
   * Connections that may be open: the current one, and replaced ones on which a reply may still
   * come. Default 4.
   */
  maxConnections?: number;
  /** How long `close()` lets requests in flight finish, in ms. Default 1000. */
  lingerMs?: number;
  /** Settings of the sockets: high-water marks, CURVE keys, pauses before a reconnection, pings. */
  socket?: SocketSettings;
}

const schema = {
  timeoutMs: milliseconds(2500, { min: 1 }),
  attempts: integer(3),
  maxInFlight: integer(10_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  backoff: nested<BackoffOptions>({}),
  immediate: flag(false),
  maxConnections: integer(4, { min: 2 }),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Client options with every default filled in. */
export type ResolvedClientOptions = Required<Omit<LazyPirateClientOptions, "socket">> & {
  socket: ResolvedSettings;
};

const OWNER = "LazyPirateClient";

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveClientOptions(options: LazyPirateClientOptions = {}): ResolvedClientOptions {
  const resolved = resolveOptions(OWNER, schema, options);
  return { ...resolved, socket: resolveSettings(`${OWNER}: socket`, resolved.socket) };
}

/** What one request may set for itself. */
export interface RequestLimits {
  timeoutMs?: number | undefined;
  attempts?: number | undefined;
}

const limitsSchema = { timeoutMs: schema.timeoutMs, attempts: schema.attempts };

/**
 * The limits of one request: its own, or else the client's.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveLimits(
  client: ResolvedClientOptions,
  { timeoutMs, attempts }: RequestLimits,
): Required<{ timeoutMs: number; attempts: number }> {
  const given = resolveOptions(`${OWNER}.request`, limitsSchema, { timeoutMs, attempts });
  return {
    timeoutMs: timeoutMs === undefined ? client.timeoutMs : given.timeoutMs,
    attempts: attempts === undefined ? client.attempts : given.attempts,
  };
}
