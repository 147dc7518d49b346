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

/** Options of a publisher. */
export interface SnailPublisherOptions {
  /**
   * Topics whose numbering is remembered. Before a further one begins, the one that was published to least recently
   * ends, and its subscribers are told so. Default 100,000.
   */
  maxTopics?: number | undefined;
  /** Largest body, in bytes over all its frames; a larger one is refused. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** How long `close()` lets messages leave, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /**
   * Settings of the socket. `sendHighWaterMark` (default 1000) is how many messages wait in ZeroMQ for each subscriber;
   * those beyond are dropped for this subscriber, which notices. `maxQueued` (default 10,000) is how many
   * may wait to be handed to ZeroMQ, which is done at the end of a turn of the event loop, for 5 ms in each.
   */
  socket?: SocketSettings | undefined;
}

const schema = {
  maxTopics: integer(100_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Publisher options with every default filled in. */
export interface ResolvedPublisherOptions {
  readonly maxTopics: number;
  readonly maxBodyBytes: number;
  readonly lingerMs: number;
  readonly socket: ResolvedSettings;
}

const OWNER = "SnailPublisher";

/**
 * Checks the options of a publisher and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolvePublisherOptions(options: SnailPublisherOptions = {}): ResolvedPublisherOptions {
  const { socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  const socket = resolveSettings(`${OWNER}: socket`, given);
  const maxFrameBytes = frameLimit(OWNER, rest.maxBodyBytes, socket, given);
  return { ...rest, socket: { ...socket, maxFrameBytes } };
}
