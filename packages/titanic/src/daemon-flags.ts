import { bytes, count, type Flag, HELP, LOG_LEVEL, METRICS, ms, VERSION } from "@seaworthy/majordomo/daemon";
import type { ledgerRules } from "./ledger-options.js";
import { REQUEST_STATES } from "./server-arguments.js";
import type { TitanicServerOptions } from "./server-options.js";

/** The guide's port of a Majordomo broker. */
export const DEFAULT_ENDPOINT = "tcp://localhost:5555";
/** Requests that `ls` lists, unless it is told otherwise. */
export const DEFAULT_LIMIT = 100;

/** Options of a server that are numbers. */
export type NumericOption = {
  [K in keyof TitanicServerOptions]-?: NonNullable<TitanicServerOptions[K]> extends number ? K : never;
}[keyof TitanicServerOptions];

/** The flag of each option that is a number, its default apart. */
export const OPTION_FLAGS: Readonly<Record<NumericOption, Flag>> = {
  timeoutMs: ms("timeout", "how long an attempt may take, the wait for a worker included"),
  maxAttempts: count("max-attempts", "attempts that may fail until a request becomes a dead letter"),
  maxInFlight: count("max-in-flight", "requests of one service that are worked on at a time"),
  maxInFlightTotal: count("max-in-flight-total", "requests of all services that are worked on at a time"),
  maxInFlightBytes: bytes("max-in-flight-bytes", "size of the bodies of those"),
  maxServices: count("max-services", "services that requests may wait for"),
  leaseMs: ms("lease", "until other servers of the store take over what a dead one worked on"),
  retentionMs: ms("retention", "how long a reply is kept that nobody closes"),
  keyRetentionMs: ms("key-retention", "how long the key of a closed request is known"),
  lookMs: ms("look", "how often to look through the store for work that nobody told of"),
  concurrency: count("concurrency", "questions of clients that are served at a time, of each kind"),
  maxStoringBytes: bytes("max-storing-bytes", "size of the bodies that are on their way to the store"),
  maxBodyBytes: bytes("max-body-bytes", "size of one body, of a request or a reply"),
  heartbeatMs: ms("heartbeat", "send each broker something at least this often"),
  liveness: count("liveness", "intervals that a broker may be silent"),
  lingerMs: ms("linger", "how long to let what is worked on finish, when the server is to stop"),
};

/** The flag of each limit of the store. */
export const STORE_FLAGS: Readonly<Record<keyof typeof ledgerRules, Flag>> = {
  maxRequests: count("max-requests", "requests in the store, whatever their state"),
  maxKeys: count("max-keys", "keys that the store knows, those of closed requests included"),
};

export const CONNECT: Flag = {
  name: "connect",
  value: "ENDPOINT",
  help: `a broker; may be given again (default ${DEFAULT_ENDPOINT})`,
  isMultiple: true,
};
export const DATA: Flag = {
  name: "data",
  value: "DIR",
  help: "keep requests in this folder, which one server has to itself",
};
export const POSTGRES: Flag = {
  name: "postgres",
  value: "URL",
  help: "keep them in this database, which servers may share; a password may be in PGPASSWORD instead",
};
export const IPV6: Flag = { name: "ipv6", help: "connect to IPv6 addresses, too" };
export const CURVE_SERVER: Flag = {
  name: "curve-server-key-file",
  value: "PATH",
  help: "encrypt with CURVE; the file has the broker's public key, 40 characters of Z85",
};
export const CURVE_PUBLIC: Flag = {
  name: "curve-public-key-file",
  value: "PATH",
  help: "the server's own public key (without, it makes up a pair for itself)",
};
export const CURVE_SECRET: Flag = {
  name: "curve-secret-key-file",
  value: "PATH",
  help: "the secret key that belongs to it",
};

export const STATE: Flag = {
  name: "state",
  value: "STATE",
  help: `only those that are ${REQUEST_STATES.join(", ")}`,
};
export const SERVICE: Flag = { name: "service", value: "NAME", help: "only those for this service" };
export const AFTER: Flag = { name: "after", value: "ID", help: "only those behind this one" };
export const LIMIT: Flag = {
  name: "limit",
  value: "N",
  help: `so many at most (default ${DEFAULT_LIMIT})`,
};
export const JSON_FLAG: Flag = { name: "json", help: "print JSON, one request a line, nothing cut off" };
export const ALL_DEAD: Flag = { name: "all-dead", help: "all dead letters" };

/** What the program can be told to do. */
export type CommandName = "serve" | "ls" | "show" | "requeue" | "drop";

/** The flags of each command, in the order of its help. */
export const FLAGS: Readonly<Record<CommandName, readonly Flag[]>> = {
  serve: [
    ...[CONNECT, DATA, POSTGRES],
    ...[...Object.values(OPTION_FLAGS), ...Object.values(STORE_FLAGS)],
    ...[IPV6, CURVE_SERVER, CURVE_PUBLIC, CURVE_SECRET, METRICS, LOG_LEVEL, HELP, VERSION],
  ],
  ls: [DATA, POSTGRES, STATE, SERVICE, AFTER, LIMIT, JSON_FLAG, HELP],
  show: [DATA, POSTGRES, JSON_FLAG, HELP],
  requeue: [DATA, POSTGRES, ALL_DEAD, SERVICE, HELP],
  drop: [DATA, POSTGRES, HELP],
};
