import type { Query } from "./postgres-database.js";
import { TALLY_SLOTS } from "./postgres-sql.js";
import { StoreError } from "./store-errors.js";

const PRODUCT = "seaworthy-titanic";

/**
 * What makes each version of the tables out of the one before. A version that was published is never changed: add
 * another. They run in one transaction, with the store's schema as the only one on the search path.
 */
const VERSIONS: readonly string[] = [
  `
  CREATE SEQUENCE tokens;

  CREATE TABLE requests (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    id uuid PRIMARY KEY,
    service bytea NOT NULL,
    key bytea,
    body bytea[] NOT NULL,
    bytes bigint NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'dead')),
    accepted_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    token bigint,
    failures int NOT NULL DEFAULT 0,
    failure bytea,
    settled_at timestamptz,
    reply bytea[],
    expires_at timestamptz
  ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
  COMMENT ON COLUMN requests.bytes IS 'Size of the body.';
  COMMENT ON COLUMN requests.due_at IS 'When a pending request can be claimed: if it has a token, when its lease ends.';
  COMMENT ON COLUMN requests.token IS 'Of the latest claim, until that is given up.';
  COMMENT ON COLUMN requests.failure IS 'UTF-8, which a database may not be able to hold as text.';
  COMMENT ON COLUMN requests.settled_at IS 'Since when it is done or dead.';
  CREATE UNIQUE INDEX requests_seq ON requests (seq);
  CREATE INDEX requests_queue ON requests (service, due_at, seq) WHERE state = 'pending' AND token IS NULL;
  CREATE INDEX requests_leases ON requests (service, due_at, seq) WHERE state = 'pending' AND token IS NOT NULL;
  CREATE INDEX requests_expiry ON requests (expires_at) WHERE state = 'done';
  CREATE INDEX requests_dead ON requests (seq) WHERE state = 'dead';

  CREATE TABLE keys (
    key bytea PRIMARY KEY,
    id uuid NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamptz
  );
  COMMENT ON COLUMN keys.digest IS 'SHA-256 of service and body, which outlives the request.';
  COMMENT ON COLUMN keys.expires_at IS 'Null for as long as the request is there.';
  CREATE INDEX keys_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE tallies (
    slot int PRIMARY KEY,
    pending bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    keys bigint NOT NULL DEFAULT 0
  ) WITH (fillfactor = 10);
  COMMENT ON TABLE tallies IS 'How much there is: the sum over all slots. Kept by the store: change its rows through it.';
  INSERT INTO tallies (slot) SELECT generate_series(0, ${TALLY_SLOTS - 1});
  `,
];

/** The tables of all versions, which must not be there before ours are made. */
const TABLES = ["requests", "keys", "tallies", "layout"];

/**
 * Makes the tables, or brings them up to date. Of servers that start at the same time one does it, and the others wait
 * for it.
 *
 * @throws (by rejecting) a StoreError with `ERR_STORE_FOREIGN` if there are tables of these names that are not a
 * store's, or of a later version
 */
export async function prepareLayout(query: Query, schema: string): Promise<void> {
  await query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`${PRODUCT}.${schema}`]);
  const version = await presentVersion(query, schema);
  if (version === VERSIONS.length) return;
  // Not IF NOT EXISTS alone: who may not make schemas can still use one that is there.
  const schemas = await query("SELECT FROM pg_namespace WHERE nspname = $1", [schema]);
  if (schemas.length === 0) await query(`CREATE SCHEMA ${schema}`);
  if (version === 0) await query("CREATE TABLE layout (product text NOT NULL, version int NOT NULL)");
  for (const text of VERSIONS.slice(version)) await query(text);
  await query("DELETE FROM layout");
  await query("INSERT INTO layout VALUES ($1, $2)", [PRODUCT, VERSIONS.length]);
}

/** The version of the tables that are there; 0: there are none. */
async function presentVersion(query: Query, schema: string): Promise<number> {
  const present = await query<{ relname: string }>(
    `SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND relname = ANY ($2) ORDER BY relname`,
    [schema, TABLES],
  );
  if (present.length === 0) return 0;
  const [first] = present as [{ relname: string }];
  if (!present.some(({ relname }) => relname === "layout"))
    throw foreign(`${schema}.${first.relname} is not a table of a store`);
  const [layout] = await query<{ product: string; version: number }>("SELECT product, version FROM layout");
  if (layout?.product !== PRODUCT) throw foreign(`${schema}.layout is not a table of a store`);
  if (layout.version > VERSIONS.length)
    throw foreign(
      `the tables in ${schema} are of version ${layout.version}, this program knows ${VERSIONS.length} and older`,
    );
  return layout.version;
}

function foreign(what: string): StoreError {
  return new StoreError("ERR_STORE_FOREIGN", what);
}
