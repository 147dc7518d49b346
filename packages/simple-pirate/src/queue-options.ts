import {
  integer,
  milliseconds,
  nested,
  type OptionRule,
  type QueueSockets,
  resolveOptions,
  resolveQueueSockets,
  type SocketSettings,
} from "@seaworthy/core";

/** Options of a Simple Pirate queue. */
export interface SimplePirateQueueOptions {
  /** Requests that may wait for a worker; if more come, the client with most of them gives way. Default 10,000. */
  maxWaiting?: number | undefined;
  /** Size of all requests that wait, in bytes, envelopes included. Default 256 MiB. */
  maxWaitingBytes?: number | undefined;
  /** How long a request may wait for a worker, in ms; then it is dropped. Default 10,000. */
  maxWaitingMs?: number | undefined;
  /** Largest body of a request or reply, in bytes over all its frames. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /**
   * Workers that the queue knows at a time: sessions, not processes. At the limit the one that has been busy
   * for longest, or else ready for longest, makes room for a new one. If it lives, it is given nothing any
   * more: choose it above all sessions that there may be. Default 10,000.
   */
  maxWorkers?: number | undefined;
  /** How long `close()` lets requests that workers have be answered, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the socket for clients: CURVE keys, pings, high-water marks (replies to one client: 20,000). */
  frontend?: SocketSettings | undefined;
  /** Settings of the socket for workers; its `maxQueued` is at least four times `maxWorkers`. */
  backend?: SocketSettings | undefined;
}

const OWNER = "SimplePirateQueue";

const schema = {
  maxWaiting: integer(10_000),
  maxWaitingBytes: integer(256 * 1024 * 1024),
  maxWaitingMs: milliseconds(10_000, { min: 1 }),
  maxBodyBytes: integer(16 * 1024 * 1024),
  maxWorkers: integer(10_000, { max: 1_000_000 }),
  lingerMs: milliseconds(1000),
  frontend: nested<SocketSettings>({}),
  backend: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Queue options with every default filled in. */
export type ResolvedQueueOptions = {
  readonly [K in keyof Omit<SimplePirateQueueOptions, "frontend" | "backend">]-?: Exclude<
    SimplePirateQueueOptions[K],
    undefined
  >;
} & QueueSockets;

/**
 * Checks the options of a queue and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveQueueOptions(options: SimplePirateQueueOptions = {}): ResolvedQueueOptions {
  const { frontend, backend, ...rest } = resolveOptions(OWNER, schema, options);
  return { ...rest, ...resolveQueueSockets(OWNER, rest, { frontend, backend }) };
}
