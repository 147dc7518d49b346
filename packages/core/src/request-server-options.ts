import { frameLimit } from "./frame-limit.js";
import { integer, milliseconds, nested, type OptionRule, type Resolved, resolveOptions } from "./options.js";
import type { ReplyCacheBounds, ReplyCacheOptions } from "./reply-cache.js";
import { type ResolvedSettings, resolveSettings } from "./socket-settings.js";
import type { SocketSettings } from "./transport.js";

/** Options of a server that answers requests. */
export interface RequestServerOptions {
  /** Requests that may wait for a handler; one more is refused with a `request-refused` event. Default 10,000. */
  maxQueued?: number | undefined;
  /** Size of all requests that wait for a handler, in bytes, envelopes included; more are refused. Default 256 MiB. */
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

/** Rules of the options that all such servers have; a pattern puts those of its own beside them. */
export const requestServerRules: {
  maxQueued: OptionRule<number>;
  maxQueuedBytes: OptionRule<number>;
  maxUnanswered: OptionRule<number>;
  maxBodyBytes: OptionRule<number>;
  replyCache: OptionRule<boolean | ReplyCacheOptions>;
  lingerMs: OptionRule<number>;
  socket: OptionRule<SocketSettings>;
} = {
  maxQueued: integer(10_000),
  maxQueuedBytes: integer(256 * 1024 * 1024),
  maxUnanswered: integer(10_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  replyCache: replyCacheRule,
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
};

const cacheSchema = {
  maxEntries: integer(10_000),
  maxAgeMs: milliseconds(60_000, { min: 1 }),
  maxBytes: integer(64 * 1024 * 1024),
};

/** Server options with every default filled in; `replyCache` is `undefined` when it is off. */
export interface ResolvedRequestServerOptions {
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly maxUnanswered: number;
  readonly maxBodyBytes: number;
  readonly replyCache: ReplyCacheBounds | undefined;
  readonly lingerMs: number;
  readonly socket: ResolvedSettings;
}

/** The options that are objects with tables of their own. */
type Nested = "replyCache" | "socket";

/**
 * Checks the options of a server and fills in the defaults.
 *
 * @param owner - the name that error messages begin with
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveRequestServerOptions(
  owner: string,
  options: RequestServerOptions = {},
): ResolvedRequestServerOptions {
  return completeRequestServerOptions(owner, resolveOptions(owner, requestServerRules, options));
}

/**
 * Checks what is inside of options that `resolveOptions` has seen to with {@link requestServerRules}, and fills
 * in the defaults there. What else is in the object stays.
 *
 * @param owner - the name that error messages begin with
 * @throws TypeError or RangeError that names the option at fault
 */
export function completeRequestServerOptions<T extends Resolved<typeof requestServerRules>>(
  owner: string,
  options: T,
): Omit<T, Nested> & Pick<ResolvedRequestServerOptions, Nested> {
  const { replyCache, socket: given, ...rest } = options;
  const { sendHighWaterMark = SEND_HIGH_WATER_MARK } = given;
  const settings = resolveSettings(`${owner}: socket`, { ...given, sendHighWaterMark });
  const socket = { ...settings, maxFrameBytes: frameLimit(owner, rest.maxBodyBytes, settings, given) };
  if (replyCache === false) return { ...rest, socket, replyCache: undefined };
  const bounds = replyCache === true ? {} : replyCache;
  return { ...rest, socket, replyCache: resolveOptions(`${owner}: replyCache`, cacheSchema, bounds) };
}
