import {
  Backoff,
  type BackoffOptions,
  checkOption,
  choice,
  flag,
  integer,
  MAX_DURATION_MS,
  milliseconds,
  nested,
  type OptionRule,
  resolveOptions,
  type SocketSettings,
} from "@seaworthy/core";
import {
  type MdpVersion,
  type ResolvedClientOptions,
  type ResolvedWorkerOptions,
  resolveClientOptions,
  resolveWorkerOptions,
} from "@seaworthy/majordomo/machine";

/** Options of a Titanic server. */
export interface TitanicServerOptions {
  /**
   * How long an attempt may take, in ms: the time in which a request waits at the broker for a worker and is worked
   * on. Default 60,000.
   */
  timeoutMs?: number | undefined;
  /** How many attempts may fail until a request becomes a dead letter, from 1. Default 10. */
  maxAttempts?: number | undefined;
  /** Pause before a failed request is tried again: 1 s at first, doubling to 5 minutes, half of it random. */
  backoff?: BackoffOptions | undefined;
  /** Requests of one service that are worked on at a time. Default 100. */
  maxInFlight?: number | undefined;
  /**
   * Requests of all services that are worked on at a time. A service that has none may always have one. Default 10,000.
   */
  maxInFlightTotal?: number | undefined;
  /** Size of the bodies of all requests that are worked on, in bytes; it holds in the same way. Default 256 MiB. */
  maxInFlightBytes?: number | undefined;
  /** Services that requests may wait for; a request for one more is answered with 500. Default 1000. */
  maxServices?: number | undefined;
  /**
   * How long the server has requests that it works on to itself, in ms; it renews the lease in time. When it dies,
   * others that share the store take them over when that has ended. Default 30,000.
   */
  leaseMs?: number | undefined;
  /** How long a reply is kept that nobody closes, and with it the key of its request, in ms. Default 7 days. */
  retentionMs?: number | undefined;
  /** How long the key of a request that was closed is known, in ms, so that it is not run again. Default 1 day. */
  keyRetentionMs?: number | undefined;
  /**
   * Whether to ask the broker for a worker of the service (8/MMI) before its requests are sent. Without, requests for
   * a service that nobody offers use up their attempts at a broker that is not ours. One that does not know 8/MMI at
   * all, and says nothing to that, has no workers as far as can be told: it needs false. Default true.
   */
  asksForWorkers?: boolean | undefined;
  /** Pause before the broker is asked again for a service that had no worker: 100 ms at first, doubling to 5 s. */
  absence?: BackoffOptions | undefined;
  /**
   * How often the store is looked through for services with work that nobody told of, and for what has been kept long
   * enough, in ms. Default 5000.
   */
  lookMs?: number | undefined;
  /** Requests to each of the server's own services that are served at a time, up to 100,000. Default 1000. */
  concurrency?: number | undefined;
  /**
   * Size of the bodies of all requests that are on their way to the store, in bytes; what goes beyond it is answered with
   * 500. One request may always be on its way. Default 256 MiB.
   */
  maxStoringBytes?: number | undefined;
  /** Largest body, of a request or a reply, in bytes over all its frames. Default 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** The broker is sent something at least this often, in ms. Default 1000. */
  heartbeatMs?: number | undefined;
  /** How many intervals a broker may be silent, from 2. Default 3. */
  liveness?: number | undefined;
  /**
   * Version of MDP: see `MajordomoWorkerOptions`. A broker that is not ours and knows 0.2 alone needs `"0.2"`. Default
   * `auto`.
   */
  protocol?: "auto" | MdpVersion | undefined;
  /**
   * How long `close()` lets what is worked on finish, in ms; then it is given back to the store. Default 1000.
   */
  lingerMs?: number | undefined;
  /** Settings of the sockets: CURVE keys, pings, high-water marks. */
  socket?: SocketSettings | undefined;
}

const OWNER = "TitanicServer";
const DAY_MS = 24 * 3600 * 1000;

const schema = {
  timeoutMs: milliseconds(60_000, { min: 1 }),
  maxAttempts: integer(10),
  backoff: nested<BackoffOptions>({}),
  maxInFlight: integer(100, { max: 100_000 }),
  maxInFlightTotal: integer(10_000, { max: 100_000 }),
  maxInFlightBytes: integer(256 * 1024 * 1024),
  maxServices: integer(1000),
  // Renewed each third of it: an event loop that is late for a moment must not lose its claims.
  leaseMs: milliseconds(30_000, { min: 100 }),
  retentionMs: milliseconds(7 * DAY_MS, { min: 1 }),
  keyRetentionMs: milliseconds(DAY_MS, { min: 0 }),
  asksForWorkers: flag(true),
  absence: nested<BackoffOptions>({}),
  lookMs: milliseconds(5000, { min: 1 }),
  concurrency: integer(1000, { max: 100_000 }),
  maxStoringBytes: integer(256 * 1024 * 1024),
  maxBodyBytes: integer(16 * 1024 * 1024),
  heartbeatMs: milliseconds(1000, { min: 1 }),
  liveness: integer(3, { min: 2 }),
  protocol: choice("auto", ["auto", "0.1", "0.2"]) as OptionRule<"auto" | MdpVersion>,
  lingerMs: milliseconds(1000),
  socket: nested<SocketSettings>({}),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Pauses that grow from nothing stay nothing: a broker that has no worker would be asked without rest. */
const firstAbsence = milliseconds(100, { min: 1 });

/** Server options with every default filled in. */
export type ResolvedServerOptions = {
  readonly [K in keyof Omit<TitanicServerOptions, "socket">]-?: Exclude<TitanicServerOptions[K], undefined>;
} & {
  /** Of the workers that offer the server's own services. */
  readonly worker: ResolvedWorkerOptions;
  /** Of the client that sends requests on to their services. */
  readonly client: ResolvedClientOptions;
};

/**
 * Sockets to a broker that is not ours, each of which takes one request at a time: enough for two services that hang with
 * all that they may have in flight by default, and for the others beside them.
 */
const MAX_SOCKETS = 256;

/** Frames of a body that are the protocol's and not the user's: a status, a key and the name of a service, an id. */
const OWN_BYTES = 1024;

/**
 * Checks the options of a server and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveServerOptions(options: TitanicServerOptions = {}): ResolvedServerOptions {
  const { socket, backoff, absence, ...rest } = resolveOptions(OWNER, schema, options);
  const {
    heartbeatMs,
    liveness,
    protocol,
    lingerMs,
    maxBodyBytes,
    concurrency,
    timeoutMs,
    maxInFlightTotal,
  } = rest;
  const shared = { heartbeatMs, liveness, protocol, maxBodyBytes: maxBodyBytes + OWN_BYTES, socket };
  const pauses = { initialMs: 1000, maxMs: Math.min(5 * 60_000, MAX_DURATION_MS), ...backoff };
  const absences = { initialMs: 100, maxMs: 5000, ...absence };
  new Backoff(pauses, () => 0, `${OWNER}: backoff`);
  new Backoff(absences, () => 0, `${OWNER}: absence`);
  checkOption(`${OWNER}: absence`, "initialMs", firstAbsence, absences.initialMs);
  return {
    ...rest,
    backoff: pauses,
    absence: absences,
    // What waits for others to answer is bounded by the workers' credit.
    worker: resolveWorkerOptions({ ...shared, lingerMs, maxHeld: Math.max(1000, 2 * concurrency) }),
    client: resolveClientOptions({
      ...shared,
      lingerMs,
      timeoutMs,
      // Each try is the server's own, so that no request is tried more often than it counts.
      attempts: 1,
      maxSockets: MAX_SOCKETS,
      // A request beyond the total, and a question whether there is a worker, for each service at most.
      maxInFlight: maxInFlightTotal + 2 * rest.maxServices,
    }),
  };
}
