import {
  attemptRules,
  type BackoffOptions,
  choice,
  flag,
  fraction,
  frameLimit,
  integer,
  milliseconds,
  nested,
  number,
  type OptionRule,
  type ResolvedSettings,
  resolveOptions,
  resolveSettings,
  type SocketSettings,
} from "@seaworthy/core";

/** How a client chooses among its servers: see `FreelanceClient`. */
export type FreelanceStrategy = "failover" | "shotgun" | "tracked";

/** Options of a Freelance client. */
export interface FreelanceClientOptions {
  /** How servers are chosen, and which protocol they are spoken to in. Default `tracked`. */
  strategy?: FreelanceStrategy | undefined;
  /**
   * How long one attempt may take, in ms, counted from when it begins and not from when a server gets it. Default
   * 2500, the guide's `REQUEST_TIMEOUT` of its Lazy Pirate client.
   */
  timeoutMs?: number | undefined;
  /** How often one request is tried at most, from 1; a hedge is no attempt of its own. Default 3. */
  attempts?: number | undefined;
  /** Requests that may be in flight; one more is rejected with `ERR_LIMIT_REACHED`. Default 10,000. */
  maxInFlight?: number | undefined;
  /** Largest body, in bytes over all its frames; a larger one is rejected. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /**
   * Servers that may be entered; one more is refused with `ERR_LIMIT_REACHED`. Default 300: a process has ZeroMQ sockets for
   * some 330 connections, unless `context.maxSockets` of zeromq is raised first. Each takes three.
   */
  maxServers?: number | undefined;
  /** Pause before each retry after a timeout: 50 ms at first, doubling to 2 s, half of it random. */
  backoff?: BackoffOptions | undefined;
  /**
   * Fail a request at once, with `ERR_NOT_CONNECTED`, if no server can take it when it is made, which is always
   * so right after `connect()`: wait for `server-alive`. Default false.
   */
  immediate?: boolean | undefined;
  /** `tracked`: how often each server is sent a PING, in ms. Default 2000, as 10/FLP recommends. */
  heartbeatMs?: number | undefined;
  /** `tracked`: a server is gone when it was silent for so many times `heartbeatMs`. Default 3, which makes the 6 s of the guide. */
  liveness?: number | undefined;
  /** How long a connection may take until it stands, in ms; then it is made anew. Default 2500. */
  connectTimeoutMs?: number | undefined;
  /**
   * `tracked`: a request that has no reply after so many ms is sent to another server as well, and the first reply
   * wins. Only for requests that may run twice. Default: never.
   */
  hedgeAfterMs?: number | undefined;
  /**
   * `tracked`: as `hedgeAfterMs`, after the time in which this share of the latest 512 replies came, from 0.5 to
   * 0.999; none before 32 replies. 0.95 hedges the slowest twentieth. Only for requests that may run twice. Default:
   * never.
   */
  hedgePercentile?: number | undefined;
  /**
   * Hedges that may be made, as a share of the requests, from 0 to 1; 10 more may be made in all, so that the
   * first requests have some. Default 0.1.
   */
  maxHedgeRatio?: number | undefined;
  /** How long `close()` lets requests in flight finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets: high-water marks, CURVE keys, pauses before a reconnection, pings. */
  socket?: SocketSettings | undefined;
}

/** A rule for an option that may be left out without another value taking its place. */
function optional<T>({ check }: OptionRule<T>): OptionRule<T | undefined> {
  return { fallback: undefined, check };
}

const schema = {
  strategy: choice<FreelanceStrategy>("tracked", ["failover", "shotgun", "tracked"]),
  ...attemptRules,
  maxInFlight: integer(10_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  maxServers: integer(300),
  backoff: nested<BackoffOptions>({}),
  immediate: flag(false),
  heartbeatMs: milliseconds(2000, { min: 1 }),
  liveness: integer(3),
  connectTimeoutMs: milliseconds(2500, { min: 1 }),
  hedgeAfterMs: optional(milliseconds(0)),
  hedgePercentile: optional(number(0.95, { min: 0.5, max: 0.999 })),
  maxHedgeRatio: fraction(0.1),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

type Hedges = "hedgeAfterMs" | "hedgePercentile";

/** Client options with every default filled in. */
export type ResolvedClientOptions = {
  readonly [K in keyof Omit<FreelanceClientOptions, "socket" | Hedges>]-?: Exclude<
    FreelanceClientOptions[K],
    undefined
  >;
} & { readonly [K in Hedges]: number | undefined } & { readonly socket: ResolvedSettings };

const OWNER = "FreelanceClient";

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveClientOptions(options: FreelanceClientOptions = {}): ResolvedClientOptions {
  const { socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  checkHedging(rest);
  const socket = resolveSettings(`${OWNER}: socket`, given);
  // A burst of as many requests as may be in flight must find room, and PINGs as well.
  const { maxInFlight, maxServers, strategy } = rest;
  const maxQueued = given.maxQueued ?? Math.max(socket.maxQueued, maxInFlight + maxServers);
  // ZeroMQ hears of what a peer has read only each half mark, and a ROUTER refuses what is above.
  const sendHighWaterMark =
    given.sendHighWaterMark ??
    (strategy === "tracked" ? Math.max(socket.sendHighWaterMark, 2 * maxInFlight) : socket.sendHighWaterMark);
  const maxFrameBytes = frameLimit(OWNER, rest.maxBodyBytes, socket, given);
  return { ...rest, socket: { ...socket, maxQueued, sendHighWaterMark, maxFrameBytes } };
}

function checkHedging({
  strategy,
  hedgeAfterMs,
  hedgePercentile,
}: Pick<ResolvedClientOptions, Hedges | "strategy">): void {
  if (hedgeAfterMs !== undefined && hedgePercentile !== undefined)
    throw new TypeError(`${OWNER}: options "hedgeAfterMs" and "hedgePercentile" exclude each other`);
  const name = hedgeAfterMs === undefined ? "hedgePercentile" : "hedgeAfterMs";
  if (strategy !== "tracked" && (hedgeAfterMs ?? hedgePercentile) !== undefined)
    throw new TypeError(`${OWNER}: option "${name}" needs the strategy "tracked", got "${strategy}"`);
}
