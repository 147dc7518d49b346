import {
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

/** Options of a Majordomo broker. */
export interface MajordomoBrokerOptions {
  /** Each worker is sent something at least this often, in ms. Default 1000. */
  heartbeatMs?: number | undefined;
  /**
   * Workers that do not say how often they send heartbeats are expected to do so at least this often, in ms.
   * Ours do say. Default: 2500, as the guide's programs do, or `heartbeatMs` if that is more.
   */
  peerHeartbeatMs?: number | undefined;
  /** How many of its intervals a worker may be silent until it counts as dead. At least 2; default 3 (7/MDP: 3 to 5). */
  liveness?: number | undefined;
  /**
   * Heartbeats per second that workers of ours send at most, all together, and that they are sent. When they are too
   * many for their own intervals and `heartbeatMs`, both sides keep longer ones: `heartbeatMs`, doubled as often as is
   * needed. One that stands still is noticed that much later; the end of a connection is not. Other workers are not
   * counted, and nothing changes for them. Default 1250: 10,000 workers keep 8 s.
   */
  maxHeartbeatsPerSecond?: number | undefined;
  /** How many workers a request is given to at most, one after the other. Default 3. */
  maxDeliveries?: number | undefined;
  /**
   * How long a request may wait for a worker, in ms; clients of ours may ask for less. Then it is dropped, and our
   * clients are told why. Begins anew when a worker was lost. Default 60,000.
   */
  requestTtlMs?: number | undefined;
  /**
   * Requests that may wait for one service; if more come, the client with most of them gives way. The
   * guide's asynchronous client sends 100,000 before it reads. Default 200,000.
   */
  maxWaiting?: number | undefined;
  /** Size of all requests that wait for one service, in bytes, envelopes included. Default 256 MiB. */
  maxWaitingBytes?: number | undefined;
  /** Requests that may wait for services that no worker offers, all such names together. Default 1000. */
  maxUnoffered?: number | undefined;
  /** Size of those, in bytes, envelopes included. Default 16 MiB. */
  maxUnofferedBytes?: number | undefined;
  /**
   * Size of all requests at hand, waiting or at workers, and of the parts of replies that are kept for clients of
   * 0.1, in bytes. Default 1 GiB.
   */
  maxHeldBytes?: number | undefined;
  /** Largest body of a request or reply, in bytes over all its frames. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** Services that workers offer. Default 1000. */
  maxServices?: number | undefined;
  /** Workers that may be registered. Default 10,000. */
  maxWorkers?: number | undefined;
  /** Requests that one worker is given at a time at most, whatever credit it claims. Default 1000. */
  maxCredit?: number | undefined;
  /**
   * Learn at once when a connection ends, where ZeroMQ has its draft API: a crashed worker's requests go to
   * others without waiting for heartbeats to be missed, and what a client that has gone had asked for is
   * dropped. Default true.
   */
  detectDepartures?: boolean | undefined;
  /**
   * How long `close()` lets requests that workers have be answered, in ms. Up to 100 ms more may pass until the workers
   * are told to go. Default 1000.
   */
  lingerMs?: number | undefined;
  /**
   * Settings of the socket: CURVE keys, pings, high-water marks (messages to one peer: 20,000). Its `maxQueued` is at
   * least four times `maxWorkers`.
   */
  socket?: SocketSettings | undefined;
}

const OWNER = "MajordomoBroker";
const MIB = 1024 * 1024;

/** The interval of the guide's Majordomo programs, in ms. */
const GUIDE_HEARTBEAT_MS = 2500;

/**
 * Twice the requests that one of our clients has in flight by default. ZeroMQ hears of what a peer has read
 * only each half mark, so a ROUTER may take a peer for full when half a mark is waiting.
 */
const HIGH_WATER_MARK = 20_000;

/** A full queue must not cost a worker its heartbeat, so there is room for all of them. */
const QUEUED_PER_WORKER = 4;

const schema = {
  heartbeatMs: milliseconds(1000, { min: 1 }),
  peerHeartbeatMs: milliseconds(GUIDE_HEARTBEAT_MS, { min: 1 }),
  // With one interval every delay is a death.
  liveness: integer(3, { min: 2 }),
  maxHeartbeatsPerSecond: integer(1250),
  maxDeliveries: integer(3),
  requestTtlMs: milliseconds(60_000, { min: 1 }),
  maxWaiting: integer(200_000),
  maxWaitingBytes: integer(256 * MIB),
  maxUnoffered: integer(1000),
  maxUnofferedBytes: integer(16 * MIB),
  maxHeldBytes: integer(1024 * MIB),
  maxBodyBytes: integer(16 * MIB),
  maxServices: integer(1000),
  maxWorkers: integer(10_000, { max: 1_000_000 }),
  maxCredit: integer(1000),
  detectDepartures: flag(true),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Broker options with every default filled in. */
export type ResolvedBrokerOptions = {
  readonly [K in keyof Omit<MajordomoBrokerOptions, "socket">]-?: Exclude<
    MajordomoBrokerOptions[K],
    undefined
  >;
} & { readonly socket: ResolvedSettings };

/**
 * Checks the options of a broker and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveBrokerOptions(options: MajordomoBrokerOptions = {}): ResolvedBrokerOptions {
  const { socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  const { sendHighWaterMark = HIGH_WATER_MARK } = given;
  const socket = resolveSettings(`${OWNER}: socket`, { ...given, sendHighWaterMark });
  const { heartbeatMs, peerHeartbeatMs, maxBodyBytes, maxWorkers } = rest;
  return {
    ...rest,
    peerHeartbeatMs:
      options.peerHeartbeatMs === undefined ? Math.max(GUIDE_HEARTBEAT_MS, heartbeatMs) : peerHeartbeatMs,
    socket: {
      ...socket,
      maxQueued: Math.max(socket.maxQueued, QUEUED_PER_WORKER * maxWorkers),
      maxFrameBytes: frameLimit(OWNER, maxBodyBytes, socket, given),
    },
  };
}
