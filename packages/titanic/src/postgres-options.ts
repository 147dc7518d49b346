import type { ConnectionOptions } from "node:tls";
import { integer, milliseconds, nested, type OptionRule, resolveOptions } from "@seaworthy/core";

/**
 * Options of a {@link PostgresStore}. What says where the database is can be left out: then it is as the usual
 * variables PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE of the environment say.
 */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`; what it says goes before the options below. */
  connectionString?: string | undefined;
  host?: string | undefined;
  port?: number | undefined;
  user?: string | undefined;
  /** The password, or what gives one for each connection. */
  password?: string | (() => string | Promise<string>) | undefined;
  database?: string | undefined;
  /** TLS, as `tls.connect` takes it; `true`: with a certificate that the system trusts. Default: none. */
  ssl?: boolean | ConnectionOptions | undefined;
  /**
   * Where its tables are. They are made if they are not there. Up to 50 small letters, digits and underscores.
   * Default `titanic`.
   */
  schema?: string | undefined;
  /**
   * Requests that it holds, whatever their state. What is taken in at the very same moment may exceed it together.
   * Default 10,000,000.
   */
  maxRequests?: number | undefined;
  /** Keys that it knows, those of removed requests included. It holds in the same way. Default 10,000,000. */
  maxKeys?: number | undefined;
  /** Connections for statements; one more listens. Default 10. */
  maxConnections?: number | undefined;
  /** How long connecting may take, in ms. Default 5000. */
  connectTimeoutMs?: number | undefined;
  /** How long a statement may take, in ms. Default 10,000. */
  statementTimeoutMs?: number | undefined;
}

const OWNER = "PostgresStore";

function optional<T>(expected: string, isRight: (value: unknown) => boolean): OptionRule<T | undefined> {
  return {
    fallback: undefined,
    check: (value) => (isRight(value) ? undefined : { kind: "type", expected }),
  };
}

const text = optional<string>("a string", (value) => typeof value === "string");

const password = optional<string | (() => string | Promise<string>)>(
  "a string or a function",
  (value) => typeof value === "string" || typeof value === "function",
);

const tls = optional<boolean | ConnectionOptions>(
  "true, false or an object",
  (value) => typeof value === "boolean" || nested<object>({}).check(value) === undefined,
);

const port: OptionRule<number | undefined> = { ...integer(1, { max: 65_535 }), fallback: undefined };

/** Of such names none has to be quoted, and channels and indexes can be named after it: names end after 63 bytes. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,49}$/;

const schemaName: OptionRule<string> = {
  fallback: "titanic",
  check(value) {
    const expected = "up to 50 small letters, digits and underscores";
    if (typeof value !== "string") return { kind: "type", expected };
    return SCHEMA.test(value) ? undefined : { kind: "range", expected };
  },
};

const schema = {
  connectionString: text,
  host: text,
  port,
  user: text,
  password,
  database: text,
  ssl: tls,
  schema: schemaName,
  maxRequests: integer(10_000_000),
  maxKeys: integer(10_000_000),
  maxConnections: integer(10, { max: 1000 }),
  connectTimeoutMs: milliseconds(5000, { min: 1 }),
  statementTimeoutMs: milliseconds(10_000, { min: 1 }),
} as const satisfies Record<string, OptionRule<unknown>>;

/** Where the database is. */
type Place = Pick<
  PostgresStoreOptions,
  "connectionString" | "host" | "port" | "user" | "password" | "database" | "ssl"
>;

/** Options with every default filled in. */
export interface ResolvedPostgresOptions {
  readonly place: Place;
  readonly schema: string;
  readonly maxRequests: number;
  readonly maxKeys: number;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/**
 * Checks the options of a store and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolvePostgresOptions(options: PostgresStoreOptions): ResolvedPostgresOptions {
  const { connectionString, host, port, user, password, database, ssl, ...rest } = resolveOptions(
    OWNER,
    schema,
    options,
  );
  return { place: { connectionString, host, port, user, password, database, ssl }, ...rest };
}
