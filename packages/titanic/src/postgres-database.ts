import pg from "pg";
import { storeError } from "./postgres-errors.js";
import type { ResolvedPostgresOptions } from "./postgres-options.js";
import type { Statement } from "./postgres-sql.js";
import { columnTypes } from "./postgres-values.js";

/** How long a connection is kept that nobody uses, in ms. */
const IDLE_MS = 30_000;
/** The database ends a statement that takes too long. If nothing is heard of that either, in so many ms, we do. */
const GRACE_MS = 1000;

/** What the pool and the connection that listens have in common. */
export function connectionSettings(options: ResolvedPostgresOptions): pg.ClientConfig {
  const { place, connectTimeoutMs, statementTimeoutMs } = options;
  // What is not given must be absent: pg would take undefined for a value.
  const given = Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined));
  return {
    fallback_application_name: "titanic",
    ...given,
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + GRACE_MS,
    types: columnTypes as unknown as pg.CustomTypesConfig,
  };
}

/**
 * What each connection begins with. The defaults of a database or a user are made for others, and must not weaken what
 * the store promises. A plan is made once and kept, so it must not depend on how many rows there were at that time: a
 * table that was empty then is never to be read from one end to the other when it has a million.
 */
function sessionSettings({ schema, statementTimeoutMs }: ResolvedPostgresOptions): string {
  return `
    SET search_path = ${schema};
    SELECT set_config('synchronous_commit', 'on', false)
      WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');
    SET default_transaction_isolation = 'read committed';
    SET statement_timeout = ${Math.ceil(statementTimeoutMs)};
    SET bytea_output = 'hex';
    SET extra_float_digits = 1;
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
  `;
}

/** A transaction on one connection. */
export type Query = <Row>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** The connections for statements. Every failure is a StoreError. */
export class Database {
  readonly #pool: pg.Pool;

  constructor(options: ResolvedPostgresOptions) {
    const session = sessionSettings(options);
    this.#pool = new pg.Pool({
      ...connectionSettings(options),
      max: options.maxConnections,
      idleTimeoutMillis: IDLE_MS,
      // Neither may a connection on which nothing is heard any more keep a process alive that has closed its store.
      allowExitOnIdle: true,
      verify: (client, done) => {
        client.query(session).then(
          () => done(),
          (error: Error) => done(error),
        );
      },
    });
    // A connection that is lost while nobody uses it: the next statement gets another.
    this.#pool.on("error", () => undefined);
    // While it is set up, or between two statements of a transaction, the pool does not listen, and its loss would end the
    // process.
    this.#pool.on("connect", (client) => client.on("error", () => undefined));
  }

  /** Runs a statement, which is prepared once for each connection. One that fails costs its connection. */
  async run<Row>({ name, text }: Statement<Row>, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      const { rows } = await this.#pool.query({ name, text, values: [...values] });
      return rows as Row[];
    } catch (error) {
      throw storeError(error);
    }
  }

  /** Runs several statements, all or none. */
  async transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw storeError(error);
    });
    try {
      await client.query("BEGIN");
      const result = await work(async (text, values = []) => (await client.query(text, [...values])).rows);
      await client.query("COMMIT");
      client.release();
      return result;
    } catch (error) {
      // Its end rolls back.
      client.release(true);
      throw storeError(error);
    }
  }

  /** Ends all connections, once nobody uses them. */
  async end(): Promise<void> {
    await this.#pool.end();
  }
}
