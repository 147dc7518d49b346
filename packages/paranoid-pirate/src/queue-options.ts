import {
  flag,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  type QueueSockets,
  resolveOptions,
  resolveQueueSockets,
  type SocketSettings,
} from "@seaworthy/core";

/** Options of a Paranoid Pirate queue. */
export interface ParanoidPirateQueueOptions {
  /** Each worker is sent something at least this often, in ms. Default 1000 (6/PPP). */
  heartbeatMs?: number | undefined;
  /**
   * Workers that do not say how often they send heartbeats are expected to do so at least this often,
   * in ms. Ours do say. Default: `heartbeatMs`.
   */
  peerHeartbeatMs?: number | undefined;
  /** How many of its intervals a worker may be silent until it counts as dead. Default 3 (6/PPP). */
  liveness?: number | undefined;
  /** How many workers a request is given to at most, one after the other. Default 3. */
  maxDeliveries?: number | undefined;
  /** Requests that may wait for a worker; if more come, the client with most of them gives way. Default 10,000. */
  maxWaiting?: number | undefined;
  /** Size of all requests that wait, in bytes, envelopes included. Default 256 MiB. */
  maxWaitingBytes?: number | undefined;
  /** How long a request may wait for a worker, in ms; then it is dropped. Begins anew when a worker was lost. Default 10,000. */
  maxWaitingMs?: number | undefined;
  /** Largest body of a request or reply, in bytes over all its frames. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** Workers that the queue keeps in its books: sessions, not processes. Default 10,000. */
  maxWorkers?: number | undefined;
  /**
   * Learn at once when a connection ends, where ZeroMQ has its draft API: a crashed worker's request goes to
   * another without waiting for heartbeats to be missed, and what a client that has gone left waiting
   * is dropped. Default true.
   */
  detectDepartures?: boolean | undefined;
  /** How long `close()` lets requests that workers have at hand be answered, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the socket for clients: CURVE keys, pings, high-water marks (replies to one client: 20,000). */
  frontend?: SocketSettings | undefined;
  /** Settings of the socket for workers; its `maxQueued` is at least four times `maxWorkers`. */
  backend?: SocketSettings | undefined;
}

const OWNER = "ParanoidPirateQueue";

const schema = {
  heartbeatMs: milliseconds(1000, { min: 1 }),
  peerHeartbeatMs: milliseconds(1000, { min: 1 }),
  liveness: integer(3),
  maxDeliveries: integer(3),
  maxWaiting: integer(10_000),
  maxWaitingBytes: integer(256 * 1024 * 1024),
  maxWaitingMs: milliseconds(10_000, { min: 1 }),
  maxBodyBytes: integer(16 * 1024 * 1024),
  maxWorkers: integer(10_000, { max: 1_000_000 }),
  detectDepartures: flag(true),
  lingerMs: milliseconds(1000),
  frontend: nested<SocketSettings>({}),
  backend: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Queue options with every default filled in. */
export type ResolvedQueueOptions = {
  readonly [K in keyof Omit<ParanoidPirateQueueOptions, "frontend" | "backend">]-?: Exclude<
    ParanoidPirateQueueOptions[K],
    undefined
  >;
} & QueueSockets;

/**
 * Checks the options of a queue and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveQueueOptions(options: ParanoidPirateQueueOptions = {}): ResolvedQueueOptions {
  const { frontend, backend, ...rest } = resolveOptions(OWNER, schema, options);
  return {
    ...rest,
    ...resolveQueueSockets(OWNER, rest, { frontend, backend }),
    peerHeartbeatMs: options.peerHeartbeatMs === undefined ? rest.heartbeatMs : rest.peerHeartbeatMs,
  };
}
