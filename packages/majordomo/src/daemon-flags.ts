import { type MajordomoBrokerOptions, resolveBrokerOptions } from "./broker-options.js";
import {
  bytes,
  count,
  defaultsOf,
  type Flag,
  flagLines,
  HELP,
  LOG_LEVEL,
  METRICS,
  ms,
  VERSION,
} from "./daemon-flag.js";

/** The guide's port of a Majordomo broker. */
export const DEFAULT_ENDPOINT = "tcp://*:5555";

/** Options of a broker that are numbers. */
export type NumericOption = {
  [K in keyof MajordomoBrokerOptions]-?: NonNullable<MajordomoBrokerOptions[K]> extends number ? K : never;
}[keyof MajordomoBrokerOptions];

/** The flag of each option that is a number, its default apart. */
export const OPTION_FLAGS: Readonly<Record<NumericOption, Flag>> = {
  heartbeatMs: ms("heartbeat", "send each worker something at least this often"),
  peerHeartbeatMs: ms("peer-heartbeat", "how often to expect heartbeats of workers that do not say it"),
  liveness: count("liveness", "intervals that a worker may be silent"),
  requestTtlMs: ms("request-ttl", "how long a request may wait for a worker"),
  lingerMs: ms("linger", "how long workers may still answer what they have, when the broker is to stop"),
  maxHeartbeatsPerSecond: count(
    "max-heartbeats-per-second",
    "heartbeats of all workers, which keep longer intervals when they are many",
  ),
  maxDeliveries: count("max-deliveries", "workers that a request is given to, one after the other"),
  maxWaiting: count("max-waiting", "requests that wait for one service"),
  maxWaitingBytes: bytes("max-waiting-bytes", "size of those"),
  maxUnoffered: count("max-unoffered", "requests that wait for services that no worker offers"),
  maxUnofferedBytes: bytes("max-unoffered-bytes", "size of those"),
  maxHeldBytes: bytes("max-held-bytes", "size of all requests, waiting or at workers"),
  maxBodyBytes: bytes("max-body-bytes", "size of one body"),
  maxServices: count("max-services", "services that workers offer"),
  maxWorkers: count("max-workers", "registered workers"),
  maxCredit: count("max-credit", "requests that one worker has at a time"),
};

export const BIND: Flag = {
  name: "bind",
  value: "ENDPOINT",
  help: `where to listen; may be given again (default ${DEFAULT_ENDPOINT})`,
  isMultiple: true,
};
export const IPV6: Flag = { name: "ipv6", help: "listen on IPv6 addresses, too" };
export const CURVE: Flag = {
  name: "curve-secret-key-file",
  value: "PATH",
  help: "encrypt with CURVE; the file has the secret key, 40 characters of Z85",
};

/** All flags, in the order of the help. */
export const FLAGS: readonly Flag[] = [
  BIND,
  ...Object.values(OPTION_FLAGS),
  ...[IPV6, CURVE, METRICS, LOG_LEVEL, HELP, VERSION],
];

/** The text of `--help`. */
export function usage(): string {
  return `Usage: majordomo-broker [--bind ENDPOINT]… [flag]…

A broker of services for ZeroMQ (7/MDP and 18/MDP, 8/MMI). Clients and workers use the same endpoints.

${flagLines(FLAGS, defaultsOf(OPTION_FLAGS, resolveBrokerOptions()))}

Prints "ready" and where it listens as its only line on standard output; log lines, in JSON, go to standard
error. SIGTERM and SIGINT let workers answer what they have, then it exits with 0; a second one ends it at
once, with 128 and the number of the signal. It exits with 1 if it cannot listen, and with 2 if an argument
is wrong.
`;
}
