import {
  type BackoffOptions,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  type ResolvedSettings,
  resolveOptions,
  resolveSettings,
  type SocketSettings,
  textFrame,
} from "@seaworthy/core";
import { PORTION_BYTES } from "./packs.js";
import { MAX_KEY_BYTES } from "./wire.js";

/** Options of a client. */
export interface SnapshotClientOptions {
  /** The part of the map that it keeps: what its keys begin with. Begins and ends with a slash. Default empty: all of it. */
  subtree?: string | undefined;
  /** How often a server says that it lives, if it does not tell, in ms. Default 1000, the guide's. After five of them in silence it is dead. */
  heartbeatMs?: number | undefined;
  /** How many of the intervals that a server of ours tells may pass in silence before it is dead. Default 3. */
  liveness?: number | undefined;
  /** So long may a join make no progress before the next server gets its turn, in ms. Default 5000. */
  joinTimeoutMs?: number | undefined;
  /** So long may a `set` or `delete` take, in ms. Default 10,000. */
  timeoutMs?: number | undefined;
  /** An update that was not answered for so long is sent again, in ms. Default 2000. */
  retryMs?: number | undefined;
  /** Calls of `set` and `delete` that may be in flight; one more is rejected with `ERR_LIMIT_REACHED`. Default 10,000. */
  maxInFlight?: number | undefined;
  /**
   * How much of a snapshot may be under way, in portions: a message of up to 16 KiB is one, a larger one as many as it takes. Well below the
   * high-water mark of the server's ROUTER. Default 400, 6.25 MiB.
   */
  credit?: number | undefined;
  /** Keys of the map. A server that has more is left, and asked again after the longest pause. Default 10,000,000. */
  maxKeys?: number | undefined;
  /** Pauses between joins that fail: 50 ms at first, doubling to 2 s, half of it random. */
  backoff?: BackoffOptions | undefined;
  /** How long `close()` lets calls in flight finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets. The pauses between connections are `backoff`'s. */
  socket?: SocketSettings | undefined;
}

const SLASH = "/";

const subtree: OptionRule<string> = {
  fallback: "",
  check(value) {
    const expected = `empty, or begin and end with "/" and have up to ${MAX_KEY_BYTES} bytes`;
    if (typeof value !== "string") return { kind: "type", expected };
    const isFine = value === "" || (value.startsWith(SLASH) && value.endsWith(SLASH));
    return isFine && textFrame(value).length <= MAX_KEY_BYTES ? undefined : { kind: "range", expected };
  },
};

const schema = {
  subtree,
  heartbeatMs: milliseconds(1000, { min: 1 }),
  liveness: integer(3),
  joinTimeoutMs: milliseconds(5000, { min: 1 }),
  timeoutMs: milliseconds(10_000, { min: 1 }),
  retryMs: milliseconds(2000, { min: 1 }),
  maxInFlight: integer(10_000),
  credit: integer(400, { max: 1_000_000 }),
  maxKeys: integer(10_000_000),
  backoff: nested<BackoffOptions>({}),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Client options with every default filled in. */
export type ResolvedSnapshotClientOptions = {
  readonly [K in keyof Omit<SnapshotClientOptions, "socket">]-?: Exclude<SnapshotClientOptions[K], undefined>;
} & {
  readonly socket: ResolvedSettings;
  /** How large a message with several items may be, in bytes. */
  readonly packBytes: number;
};

const OWNER = "SnapshotClient";
/** Messages of the protocol itself that may wait in front of a socket. */
const COMMANDS = 1000;

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveSnapshotClientOptions(
  options: SnapshotClientOptions = {},
): ResolvedSnapshotClientOptions {
  const { socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  const socket = resolveSettings(`${OWNER}: socket`, given);
  // After a join, all that is in flight is sent again at once.
  const maxQueued =
    given.maxQueued === undefined
      ? Math.max(socket.maxQueued, rest.maxInFlight + COMMANDS)
      : socket.maxQueued;
  // A server that sends larger frames than the socket takes is disconnected.
  const packBytes = Math.min(PORTION_BYTES, socket.maxFrameBytes);
  return { ...rest, socket: { ...socket, maxQueued }, packBytes };
}
