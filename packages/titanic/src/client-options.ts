import {
  type AttemptLimits,
  attemptRules,
  Backoff,
  type BackoffOptions,
  checkOption,
  choice,
  frameLimit,
  integer,
  milliseconds,
  nested,
  type OptionRule,
  type RequestLimits,
  resolveOptions,
  resolveRequestLimits,
  resolveSettings,
  type SocketSettings,
} from "@seaworthy/core";
import {
  type MdpVersion,
  type ResolvedClientOptions as ResolvedMajordomoOptions,
  resolveClientOptions,
} from "@seaworthy/majordomo/machine";
import type { TitanicDialect } from "./client-messages.js";

/** Options of a Titanic client. */
export interface TitanicClientOptions {
  /** How long a server may take to answer each time it is asked, in ms. Default 2500. */
  timeoutMs?: number | undefined;
  /** How often a server is asked at most to take a request in, for a reply, or to close a request. Default 3. */
  attempts?: number | undefined;
  /** Calls that may be in flight; one more is rejected with `ERR_LIMIT_REACHED`. Default 10,000. */
  maxInFlight?: number | undefined;
  /** Largest body, of a request or a reply, in bytes over all its frames. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** Pause before a server that failed is asked again: 50 ms at first, doubling to 2 s, half of it random. */
  backoff?: BackoffOptions | undefined;
  /** Pause before a reply that was not there yet is asked for again: 10 ms at first, doubling to 1 s, half of it random. */
  poll?: BackoffOptions | undefined;
  /**
   * How requests are handed in. `seaworthy`: to `titanic.submit`, under a key, so that a request that is sent again is
   * not taken in twice. `rfc9`: to `titanic.request`, which has no keys; a request whose acceptance got lost is taken
   * in again when it is sent again. `auto` asks the broker which of them it has (8/MMI), and asks again when nobody is
   * found there, or another broker may be. Where a broker does not tell, requests with a key of the caller's go to
   * `titanic.submit`, and others to `titanic.request`. Default `auto`.
   */
  dialect?: "auto" | TitanicDialect | undefined;
  /** How long a connection may take until it stands, in ms; then the next broker gets its turn. Default 2500. */
  connectTimeoutMs?: number | undefined;
  /** A broker of Seaworthy that owes an answer and is silent for so long is asked whether it is there, in ms. Default 1000. */
  heartbeatMs?: number | undefined;
  /** How many such intervals it may be silent until its connection counts as lost, from 2. Default 3. */
  liveness?: number | undefined;
  /** Version of MDP: see `MajordomoClientOptions`. Default `auto`. */
  protocol?: "auto" | MdpVersion | undefined;
  /** Sockets to a broker that is not one of Seaworthy, each of which takes one question at a time. Default 16. */
  maxSockets?: number | undefined;
  /** Connections that may be open: the current one and replaced ones. Default 4. */
  maxConnections?: number | undefined;
  /** How long `close()` lets calls in flight finish, in ms. Default 1000. */
  lingerMs?: number | undefined;
  /** Settings of the sockets: high-water marks, CURVE keys, pauses before a reconnection, pings. */
  socket?: SocketSettings | undefined;
}

const OWNER = "TitanicClient";

const schema = {
  ...attemptRules,
  maxInFlight: integer(10_000),
  maxBodyBytes: integer(16 * 1024 * 1024),
  backoff: nested<BackoffOptions>({}),
  poll: nested<BackoffOptions>({}),
  dialect: choice("auto", ["auto", "seaworthy", "rfc9"]) as OptionRule<"auto" | TitanicDialect>,
  connectTimeoutMs: milliseconds(2500, { min: 1 }),
  heartbeatMs: milliseconds(1000, { min: 1 }),
  liveness: integer(3, { min: 2 }),
  protocol: choice("auto", ["auto", "0.1", "0.2"]) as OptionRule<"auto" | MdpVersion>,
  maxSockets: integer(16),
  maxConnections: integer(4, { min: 2 }),
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** What the machine of a client goes by. */
export interface ResolvedTitanicOptions extends AttemptLimits {
  readonly maxInFlight: number;
  readonly maxBodyBytes: number;
  readonly backoff: BackoffOptions;
  readonly poll: BackoffOptions;
  readonly dialect: "auto" | TitanicDialect;
  readonly lingerMs: number;
  /** Of the Majordomo client that asks the servers. */
  readonly client: ResolvedMajordomoOptions;
}

/** Frames of a body that are the protocol's and not the user's: a status, a key, the name of a service. */
const OWN_BYTES = 1024;

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveTitanicOptions(options: TitanicClientOptions = {}): ResolvedTitanicOptions {
  const { socket, poll, ...rest } = resolveOptions(OWNER, schema, options);
  const { backoff, dialect, maxBodyBytes, ...shared } = rest;
  const pauses = { initialMs: 10, maxMs: 1000, ...poll };
  new Backoff(backoff, () => 0, `${OWNER}: backoff`);
  new Backoff(pauses, () => 0, `${OWNER}: poll`);
  frameLimit(OWNER, maxBodyBytes, resolveSettings(`${OWNER}: socket`, socket), socket);
  const { maxFrameBytes } = socket;
  return {
    ...rest,
    poll: pauses,
    client: resolveClientOptions({
      ...shared,
      backoff,
      maxBodyBytes: maxBodyBytes + OWN_BYTES,
      // A body of one frame comes in a frame of its own: what is the protocol's needs no room in that.
      socket: maxFrameBytes === undefined ? socket : { ...socket, maxFrameBytes: maxFrameBytes + OWN_BYTES },
      // Besides calls there may be a question for a service.
      maxInFlight: rest.maxInFlight + 1,
    }),
  };
}

/** @throws TypeError if the options are no object */
export function checkOptions<T extends object>(method: string, options: T): T {
  return checkOption(`${OWNER}.${method}`, "options", nested<T>(options), options);
}

/** What one question to a server may set for itself. */
export interface TitanicRequestOptions extends RequestLimits {}

/**
 * The limits of one question: its own, or else the client's.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveAskLimits(
  method: string,
  client: AttemptLimits,
  limits: RequestLimits,
): AttemptLimits {
  return resolveRequestLimits(`${OWNER}.${method}`, client, limits);
}

/** What a wait may set for itself. */
export interface TitanicWaitOptions {
  /** Gives it up: it rejects with `ERR_ABORTED`. The request goes on. */
  signal?: AbortSignal | undefined;
  /** How long to wait, in ms; then it rejects with `ERR_WAIT_TIMEOUT`. The request goes on. Default: no limit. */
  timeoutMs?: number | undefined;
}

const signalRule: OptionRule<unknown> = {
  fallback: undefined,
  check: (value) => (value instanceof AbortSignal ? undefined : { kind: "type", expected: "an AbortSignal" }),
};
/** What stands for no limit is no duration that could be given. */
const waitSchema = { signal: signalRule, timeoutMs: { ...milliseconds(1, { min: 1 }), fallback: 0 } };

/**
 * How long a wait may take, in ms: infinity if it has no limit.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveWait(method: string, options: TitanicWaitOptions): number {
  const { timeoutMs } = resolveOptions(`${OWNER}.${method}`, waitSchema, options);
  return timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs;
}
