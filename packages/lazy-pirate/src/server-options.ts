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

/** Bounds of the reply cache. What goes beyond them is forgotten, oldest first. */
export interface ReplyCacheOptions {
  /** Replies kept. Default 10,000. */
  maxEntries?: number | undefined;
  /** How long a reply is kept, in ms. Choose longer than your clients retry. Default 60,000. */
  maxAgeMs?: number | undefined;
  /** Size of all bodies kept, in bytes. Default 64 MiB. */
  maxBytes?: number | undefined;
}

/** Options of a Lazy Pirate server. */
export interface LazyPirateServerOptions {
  /** Requests that may wait for a handler; one more is refused with a `request-refused` event. Default 10,000. */
  maxQueued?: number | undefined;
  /** Size of the bodies of all requests that wait for a handler, in bytes; more are refused. Default 256 MiB. */
  maxQueuedBytes?: number | undefined;
  /**
   * Requests that the application has been given and has not answered, failed or dropped. At the
   * limit it is given no more. Default 10,000.
   */
  maxUnanswered?: number | undefined;
  /** Largest body accepted, in bytes over all its frames; a larger one is refused. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /**
   * Answer a repeated request of our clients instead of running it again. `true` takes the default
   * bounds. Default false.
   */
  replyCache?: boolean | ReplyCacheOptions | undefined;
  /** How long `close()` lets running handlers finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the socket: CURVE keys, pings, high-water marks (replies to one client: 20,000 by default). */
  socket?: SocketSettings | undefined;
}

const OWNER = "LazyPirateServer";

/**
 * Twice the requests that one client has in flight by default. ZeroMQ hears of what a peer has read
 * only each half mark, so a ROUTER may take a peer for full when half a mark is waiting.
 */
const SEND_HIGH_WATER_MARK = 20_000;

const replyCacheRule: OptionRule<boolean | ReplyCacheOptions> = {
  fallback: false,
  check: (value) =>
    typeof value === "boolean"
      ? undefined
      : nested({}).check(value) && { kind: "type", expected: "true, false or an object" },
};

const schema = {
  maxQueued: integer(10_000),
  maxQueuedBytes: integer(256 * 1024 * 1024),
  maxUnanswered: integer(10_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  replyCache: replyCacheRule,
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

const cacheSchema = {
  maxEntries: integer(10_000),
  maxAgeMs: milliseconds(60_000, { min: 1 }),
  maxBytes: integer(64 * 1024 * 1024),
};

/** Bounds of the reply cache with every default filled in. */
export type ReplyCacheBounds = { [K in keyof ReplyCacheOptions]-?: number };

/** Server options with every default filled in; `replyCache` is `undefined` when it is off. */
export interface ResolvedServerOptions {
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly maxUnanswered: number;
  readonly maxBodyBytes: number;
  readonly replyCache: ReplyCacheBounds | undefined;
  readonly lingerMs: number;
  readonly socket: ResolvedSettings;
}

/**
 * Checks the options of a server and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveServerOptions(options: LazyPirateServerOptions = {}): ResolvedServerOptions {
  const { replyCache, socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  const { sendHighWaterMark = SEND_HIGH_WATER_MARK } = given;
  const settings = resolveSettings(`${OWNER}: socket`, { ...given, sendHighWaterMark });
  const socket = { ...settings, maxFrameBytes: frameLimit(OWNER, rest.maxBodyBytes, settings, given) };
  if (replyCache === false) return { ...rest, socket, replyCache: undefined };
  const bounds = replyCache === true ? {} : replyCache;
  return { ...rest, socket, replyCache: resolveOptions(`${OWNER}: replyCache`, cacheSchema, bounds) };
}
