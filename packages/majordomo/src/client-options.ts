import {
  type AttemptLimits,
  attemptRules,
  type BackoffOptions,
  choice,
  frameLimit,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  type RequestLimits,
  type ResolvedSettings,
  resolveOptions,
  resolveRequestLimits,
  resolveSettings,
  type SocketSettings,
} from "@seaworthy/core";
import { serviceFrame } from "./service-name.js";
import { type MdpVersion, MMI_SEAWORTHY } from "./wire.js";

/** Options of a Majordomo client. */
export interface MajordomoClientOptions {
  /**
   * How long one attempt may take, in ms, counted from when it begins and not from when a broker takes it.
   * For a stream it is also the longest wait for the next part. Default 2500, the guide's.
   */
  timeoutMs?: number | undefined;
  /** How often one request is tried at most, from 1. Default 3, the guide's. */
  attempts?: number | undefined;
  /** Requests that may be in flight; one more is rejected with `ERR_LIMIT_REACHED`. Default 10,000. */
  maxInFlight?: number | undefined;
  /**
   * Largest body, in bytes over all its frames: of a request, of a reply with all its parts, and of one part of
   * a stream. Default 16 MiB.
   */
  maxBodyBytes?: number | undefined;
  /** Pause before each retry: 50 ms at first, doubling to 2 s, half of it random. */
  backoff?: BackoffOptions | undefined;
  /**
   * How long a connection may take until it stands, in ms; then the next broker gets its turn.
   * Default 2500.
   */
  connectTimeoutMs?: number | undefined;
  /**
   * A broker of Seaworthy that owes replies and says nothing for so long is asked whether it is there, in ms.
   * For a broker's first answer, whether it is one, the client waits so long at most, and half of an attempt's
   * time. Default 1000.
   */
  heartbeatMs?: number | undefined;
  /** How many such intervals it may be silent until its connection counts as lost, from 2. Default 3. */
  liveness?: number | undefined;
  /**
   * Version of MDP. `auto`: 0.1, which every broker speaks, and 0.2 with brokers of Seaworthy. Default `auto`.
   */
  protocol?: "auto" | MdpVersion | undefined;
  /**
   * Sockets to a broker that is not one of Seaworthy. It takes one request per socket at a time, since MDP
   * has no way to tell which reply belongs to which request. Default 16.
   */
  maxSockets?: number | undefined;
  /** Parts of one stream that may wait to be read; one more ends it with `ERR_LIMIT_REACHED`. Default 10,000. */
  maxStreamParts?: number | undefined;
  /** Bytes of one stream that may wait to be read. Default 64 MiB. */
  maxStreamBytes?: number | undefined;
  /**
   * Connections that may be open: the current one, and replaced ones on which a reply may still
   * come. One more, and the oldest is given up: requests on it count as lost. Default 4.
   */
  maxConnections?: number | undefined;
  /** How long `close()` lets requests in flight finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets: high-water marks, CURVE keys, pauses before a reconnection, pings. */
  socket?: SocketSettings | undefined;
}

const schema = {
  ...attemptRules,
  maxInFlight: integer(10_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  backoff: nested<BackoffOptions>({}),
  connectTimeoutMs: milliseconds(2500, { min: 1 }),
  heartbeatMs: milliseconds(1000, { min: 1 }),
  // The question whether it is there must have time to be answered.
  liveness: integer(3, { min: 2 }),
  protocol: choice("auto", ["auto", "0.1", "0.2"]) as OptionRule<"auto" | MdpVersion>,
  maxSockets: integer(16),
  maxStreamParts: integer(10_000),
  maxStreamBytes: integer(64 * 1024 * 1024),
  maxConnections: integer(4, { min: 2 }),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Client options with every default filled in. */
export type ResolvedClientOptions = {
  readonly [K in keyof Omit<MajordomoClientOptions, "socket">]-?: Exclude<
    MajordomoClientOptions[K],
    undefined
  >;
} & { readonly socket: ResolvedSettings };

const OWNER = "MajordomoClient";

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveClientOptions(options: MajordomoClientOptions = {}): ResolvedClientOptions {
  const { socket: given, ...rest } = resolveOptions(OWNER, schema, options);
  const socket = resolveSettings(`${OWNER}: socket`, given);
  // A burst of as many requests as may be in flight must find room.
  const maxQueued =
    given.maxQueued === undefined ? Math.max(socket.maxQueued, rest.maxInFlight) : socket.maxQueued;
  return {
    ...rest,
    socket: { ...socket, maxQueued, maxFrameBytes: frameLimit(OWNER, rest.maxBodyBytes, socket, given) },
  };
}

/**
 * The limits of one request: its own, or else the client's.
 *
 * @param method - the name that error messages begin with, after the class's
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveLimits(
  method: string,
  client: ResolvedClientOptions,
  limits: RequestLimits,
): AttemptLimits {
  return resolveRequestLimits(`${OWNER}.${method}`, client, limits);
}

/**
 * The name of a service that is asked for, as a frame.
 *
 * @throws TypeError if it is no string; RangeError if it is empty, too long, or what the client itself asks with
 */
export function askedService(service: unknown): Uint8Array {
  const frame = serviceFrame(OWNER, service);
  // Without a request header its replies could not be told from those to the client's own questions.
  if (service === MMI_SEAWORTHY) throw new RangeError(`${OWNER}: ${service} is asked by the client itself`);
  return frame;
}
