import {
  type BackoffOptions,
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

/** Options of a Binary Star client. */
export interface BinaryStarClientOptions {
  /** The pair's heartbeat interval, in ms: only `settleMs` follows from it. Default 1000, as in the guide. */
  heartbeatMs?: number | undefined;
  /**
   * How long the client waits before it moves, in ms, counted from when it learned that its server is gone: until
   * then the other one may not have found its peer dead. Default 2 × `heartbeatMs`, the guide's `SETTLE_DELAY`;
   * give heartbeat × liveness if the pair's liveness is not 2.
   */
  settleMs?: number | undefined;
  /**
   * How long one attempt may take, in ms, counted from when it is sent. After an attempt without a word the server is
   * taken for dead, so let the slowest handler finish within it. Default 1000, the guide's `REQUEST_TIMEOUT`.
   */
  timeoutMs?: number | undefined;
  /**
   * How often one request is sent at most, from 1. Default 8: a request then has `8 × timeoutMs + settleMs`, in
   * which three servers in a row may fall silent; and a failover takes up to four sends, to the old
   * server, to one that cannot take over yet, to one that is about to, and to the new active.
   */
  attempts?: number | undefined;
  /** Requests that may be in flight; one more is rejected with `ERR_LIMIT_REACHED`. Default 10,000. */
  maxInFlight?: number | undefined;
  /** Largest body, in bytes over all its frames; a larger one is rejected. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /**
   * Pauses before a request is sent again to a server that was slow, or refuses for the second time in a row: 50 ms at
   * first, doubling to 2 s, half of it random.
   */
  backoff?: BackoffOptions | undefined;
  /** How long a connection may take until it stands, in ms; then it counts as lost. Default 1000. */
  connectTimeoutMs?: number | undefined;
  /** How long `close()` lets requests in flight finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /**
   * Settings of the sockets: high-water marks, CURVE keys, pings. `reconnectIntervalMs` and `reconnectMaxIntervalMs` are
   * the pauses after a round of servers that could not serve.
   */
  socket?: SocketSettings | undefined;
}

const schema = {
  timeoutMs: milliseconds(1000, { min: 1 }),
  attempts: integer(8),
  heartbeatMs: milliseconds(1000, { min: 1 }),
  settleMs: milliseconds(0),
  maxInFlight: integer(10_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  backoff: nested<BackoffOptions>({}),
  connectTimeoutMs: milliseconds(1000, { min: 1 }),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Client options with every default filled in. */
export type ResolvedClientOptions = {
  [K in keyof Omit<BinaryStarClientOptions, "socket">]-?: Exclude<BinaryStarClientOptions[K], undefined>;
} & { socket: ResolvedSettings };

const OWNER = "BinaryStarClient";
/** Heartbeats after which a node of the pair takes its peer for dead, unless it is told otherwise. */
const LIVENESS = 2;

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveClientOptions(options: BinaryStarClientOptions = {}): ResolvedClientOptions {
  const { socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  const socket = resolveSettings(`${OWNER}: socket`, given);
  // A burst of as many requests as may be in flight must find room.
  const maxQueued =
    given.maxQueued === undefined ? Math.max(socket.maxQueued, rest.maxInFlight) : socket.maxQueued;
  return {
    ...rest,
    settleMs: options.settleMs ?? LIVENESS * rest.heartbeatMs,
    socket: { ...socket, maxQueued, maxFrameBytes: frameLimit(OWNER, rest.maxBodyBytes, socket, given) },
  };
}
