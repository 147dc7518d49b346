import type { RequestState } from "./store.js";

/** A statement by the name under which connections keep it prepared; `Row`: what it returns. */
export interface Statement<Row> {
  readonly name: string;
  readonly text: string;
  /** Never set: it carries the type. */
  readonly row?: Row;
}

function statement<Row>(name: string, text: string): Statement<Row> {
  return { name, text };
}

/** Rows of `tallies`: statements that run at the same time should not have to wait for each other's. */
export const TALLY_SLOTS = 64;

/**
 * Keeps the counts right, in the statement that changes them: counting a million requests takes too long, and one
 * row would make all commits of all servers wait in a line. It comes last, so that its lock is taken last.
 */
function tally(changes: Readonly<Partial<Record<RequestState | "keys", string>>>): string {
  const columns = Object.entries(changes).map(([column, change]) => `${column} = ${column} + ${change}`);
  return `tallied AS (
    UPDATE tallies SET ${columns.join(", ")} WHERE slot = pg_backend_pid() % ${TALLY_SLOTS}
  )`;
}

const count = (rows: string, condition = "true"): string =>
  `(SELECT count(*) FROM ${rows} WHERE ${condition})`;

/** The items of a batch as the table `given`, `n` being their place; of several with the same `key` the first one only. */
function first(key: string, arrays: string, columns: string): string {
  return `(
      SELECT DISTINCT ON (${key}) * FROM unnest(${arrays}) WITH ORDINALITY AS items (${columns}, n) ORDER BY ${key}, n
    ) AS given`;
}

const inMs = (parameter: string): string => `now() + ${parameter} * interval '1 millisecond'`;
const asMs = (time: string): string => `(extract(epoch FROM ${time}) * 1000)::float8`;

/**
 * A request that was not simply added, by its place in the batch. `again`: another has just taken the key; a later
 * statement sees by whom.
 */
export interface AddRow {
  readonly n: number;
  readonly outcome: "known" | "conflict" | "maxRequests" | "maxKeys" | "again";
  readonly id: Uint8Array | null;
}

function addStatement(name: string, onConflict: string): Statement<AddRow> {
  return statement(
    name,
    `WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[], $6::int[], $7::int[])
      WITH ORDINALITY AS given (id, service, key, digest, bytes, first, last, n)
  ), known AS (
    SELECT given.n, keys.id, keys.digest = given.digest AS same
    FROM given JOIN keys ON keys.key = given.key
    WHERE keys.expires_at IS NULL OR keys.expires_at > now()
  ), room AS (
    SELECT $9::bigint - sum(pending + done + dead) AS requests, $10::bigint - sum(keys) AS keys FROM tallies
  ), fresh AS (
    SELECT *,
      row_number() OVER (ORDER BY n) > (SELECT requests FROM room) AS no_room,
      key IS NOT NULL AND count(key) OVER (ORDER BY n) > (SELECT keys FROM room) AS no_key
    FROM given WHERE n NOT IN (SELECT n FROM known)
  ), expired AS (
    SELECT keys.key FROM fresh JOIN keys ON keys.key = fresh.key
    WHERE keys.expires_at <= now() AND NOT (no_room OR no_key)
    ORDER BY keys.key FOR UPDATE OF keys
  ), dropped AS (
    DELETE FROM keys USING expired WHERE keys.key = expired.key RETURNING 1
  ), taken AS (
    -- In one order on all servers, so that two that add the same keys do not wait for each other. What was dropped is
    -- counted so that it is gone by now.
    INSERT INTO keys (key, id, digest)
    SELECT key, id, digest FROM fresh
    WHERE key IS NOT NULL AND NOT (no_room OR no_key) AND (SELECT count(*) FROM dropped) >= 0
    ORDER BY key
    ON CONFLICT (key) DO NOTHING
    RETURNING id
  ), added AS (
    INSERT INTO requests (id, service, key, bytes, body)
    SELECT id, service, key, bytes, ($8::bytea[])[first:last] FROM fresh
    WHERE NOT (no_room OR no_key) AND (key IS NULL OR id IN (SELECT id FROM taken))
    ORDER BY n
    ${onConflict}
    RETURNING 1
  ), ${tally({ pending: count("added"), keys: `${count("taken")} - ${count("dropped")}` })}
  SELECT n, CASE WHEN same THEN 'known' ELSE 'conflict' END AS outcome, id FROM known
  UNION ALL
  SELECT n, CASE WHEN no_room THEN 'maxRequests' ELSE 'maxKeys' END, NULL FROM fresh
  WHERE (no_room OR no_key) AND NOT EXISTS (SELECT FROM requests WHERE requests.id = fresh.id)
  UNION ALL
  SELECT n, 'again', NULL FROM fresh
  WHERE key IS NOT NULL AND NOT (no_room OR no_key) AND id NOT IN (SELECT id FROM taken)`,
  );
}

/**
 * Takes in many requests: ids, services, keys, digests, sizes, first and last frames, frames, maxRequests, maxKeys. It
 * fails if an id is there already.
 */
export const ADD: Statement<AddRow> = addStatement("add", "");

/**
 * The same, but a request whose id is there already is left as it is: whoever adds it again has not heard that it was
 * added. Such ids are rare, and to be ready for them makes each row dearer by a fifth.
 */
export const ADD_AGAIN: Statement<AddRow> = addStatement("add-again", "ON CONFLICT (id) DO NOTHING");

/** A request that was found; those that were not are missing. */
export interface FindRow {
  readonly id: Uint8Array;
  readonly state: RequestState;
  readonly reply: Uint8Array[] | null;
  readonly failure: Uint8Array | null;
}

/** What became of many requests: ids. */
export const FIND: Statement<FindRow> = statement(
  "find",
  `SELECT id, state, CASE state WHEN 'done' THEN reply END AS reply, CASE state WHEN 'dead' THEN failure END AS failure
  FROM requests WHERE id = ANY ($1::uuid[])`,
);

/** The place in the batch of one that was changed. */
export interface ChangedRow {
  readonly n: number;
}

/**
 * Removes many requests: ids, how long their keys are to be known. Rows are locked in the order of their ids, here and
 * below, so that two servers that change the same ones do not wait for each other.
 */
export const REMOVE: Statement<ChangedRow> = statement(
  "remove",
  `WITH locked AS (
    SELECT requests.seq, given.n, given.retention
    FROM ${first("id", "$1::uuid[], $2::float8[]", "id, retention")}
    JOIN requests ON requests.id = given.id
    ORDER BY requests.id FOR UPDATE OF requests
  ), removed AS (
    DELETE FROM requests USING locked WHERE requests.seq = locked.seq
    RETURNING requests.id, requests.key, requests.state, locked.n, locked.retention
  ), kept AS (
    UPDATE keys SET expires_at = ${inMs("removed.retention")}
    FROM removed WHERE keys.key = removed.key AND keys.id = removed.id AND removed.retention > 0
  ), freed AS (
    DELETE FROM keys USING removed WHERE keys.key = removed.key AND keys.id = removed.id AND removed.retention <= 0
    RETURNING 1
  ), ${tally({
    pending: `- ${count("removed", "state = 'pending'")}`,
    done: `- ${count("removed", "state = 'done'")}`,
    dead: `- ${count("removed", "state = 'dead'")}`,
    keys: `- ${count("freed")}`,
  })}
  SELECT n FROM removed`,
);

/** A request that was claimed; or, without one, only when there may be more. */
export interface ClaimRow {
  readonly more: number | null;
  readonly id: Uint8Array | null;
  readonly token: number;
  readonly failures: number;
  readonly body: Uint8Array[];
}

/**
 * Pending requests that nobody has claimed, or that were given back; and those with a lease, which may have ended. Each
 * kind has an index of its own, which is in the same words.
 */
const QUEUED = "state = 'pending' AND token IS NULL";
const LEASED = "state = 'pending' AND token IS NOT NULL";

/** When to look again for a request that is due and that another server has in hand at this very moment, in ms. */
const LOOK_AGAIN_MS = 50;

const nextOf = (table: string): string => `(
      SELECT CASE WHEN due_at <= now() THEN ${LOOK_AGAIN_MS} ELSE ${asMs("due_at - now()")} END FROM requests
      WHERE ${table} AND service = $1 AND seq NOT IN (SELECT seq FROM claimed)
      ORDER BY due_at LIMIT 1
    )`;

const due = (table: string, limit: string): string => `
    SELECT seq, due_at, bytes FROM requests
    WHERE ${table} AND service = $1 AND due_at <= now()
    ORDER BY due_at, seq LIMIT ${limit}
    FOR UPDATE SKIP LOCKED`;

/**
 * Claims requests of a service: service, limit, lease, bytes at most. A claimed request is due when its lease ends, so
 * nothing has to be done when a server dies. Those whose lease has ended come first: they are older than what waits.
 *
 * SKIP LOCKED: two servers that claim at the same time get different ones, and neither waits. All is seen as it was when
 * the statement began, so what is due and was not claimed here is in another's hand.
 */
export const CLAIM: Statement<ClaimRow> = statement(
  "claim",
  `WITH ended AS (${due(LEASED, "$2")}
  ), waiting AS (${due(QUEUED, `$2 - ${count("ended")}`)}
  ), due AS (
    SELECT *, row_number() OVER oldest AS nth, sum(bytes) OVER oldest AS total
    FROM (SELECT *, 1 AS place FROM ended UNION ALL SELECT *, 2 FROM waiting) AS candidates
    WINDOW oldest AS (ORDER BY place, due_at, seq)
  ), weighed AS (
    SELECT seq, nth = 1 OR total <= $4::bigint AS fits FROM due
  ), claimed AS (
    UPDATE requests SET due_at = ${inMs("$3::float8")}, token = nextval('tokens')
    FROM weighed WHERE requests.seq = weighed.seq AND weighed.fits
    RETURNING requests.seq, requests.id, requests.token, requests.failures, requests.body
  ), next AS (
    SELECT CASE WHEN ${count("weighed", "NOT fits")} > 0 OR ${count("weighed")} = $2 THEN 0 ELSE least(
      CASE WHEN ${count("claimed")} > 0 THEN $3::float8 END, ${nextOf(LEASED)}, ${nextOf(QUEUED)}
    ) END AS more
  )
  SELECT next.more, claimed.id, claimed.token, claimed.failures, claimed.body
  FROM next LEFT JOIN claimed ON true ORDER BY claimed.seq`,
);

/** Leases and what else comes with them, as rows that are locked if the lease stands: ids, tokens, and `columns`. */
function standing(columns: Readonly<Record<string, string>>): string {
  const names = Object.keys(columns);
  const parameters = Object.values(columns).map((type, index) => `, $${index + 3}::${type}`);
  const carried = names.map((name) => `, given.${name}`).join("");
  return `WITH locked AS (
    SELECT requests.seq, given.n${carried}
    FROM ${first("id, token", `$1::uuid[], $2::bigint[]${parameters.join("")}`, ["id", "token", ...names].join(", "))}
    JOIN requests ON requests.id = given.id
    WHERE requests.state = 'pending' AND requests.token = given.token
    ORDER BY requests.id FOR UPDATE OF requests
  )`;
}

/** Renews leases: ids, tokens, their new length. A lease that has ended stands until another has claimed the request. */
export const RENEW: Statement<ChangedRow> = statement(
  "renew",
  `${standing({ lease: "float8[]" })}
  UPDATE requests SET due_at = ${inMs("locked.lease")} FROM locked WHERE requests.seq = locked.seq
  RETURNING locked.n`,
);

/** A request that was given back. */
export interface ReleasedRow extends ChangedRow {
  readonly service: Uint8Array;
}

/**
 * Gives requests back: ids, tokens, delays, failures or null. Without a delay a request is as old as it was, and comes
 * before younger ones.
 */
export const RELEASE: Statement<ReleasedRow> = statement(
  "release",
  `${standing({ delay: "float8[]", failure: "bytea[]" })}
  UPDATE requests SET token = NULL,
    due_at = CASE WHEN locked.delay > 0 THEN ${inMs("locked.delay")} ELSE accepted_at END,
    failures = failures + (locked.failure IS NOT NULL)::int, failure = coalesce(locked.failure, requests.failure)
  FROM locked WHERE requests.seq = locked.seq
  RETURNING locked.n, requests.service`,
);

/** Makes requests dead letters: ids, tokens, failures. */
export const BURY: Statement<ChangedRow> = statement(
  "bury",
  `${standing({ failure: "bytea[]" })}, buried AS (
    UPDATE requests SET state = 'dead', token = NULL, settled_at = now(),
      failures = failures + 1, failure = locked.failure
    FROM locked WHERE requests.seq = locked.seq
    RETURNING locked.n
  ), ${tally({ pending: `- ${count("buried")}`, dead: count("buried") })}
  SELECT n FROM buried`,
);

/** Stores replies: ids, how long to keep them, first and last frames, frames. */
export const COMPLETE: Statement<ChangedRow> = statement(
  "complete",
  `WITH locked AS (
    SELECT requests.seq, given.*
    FROM ${first("id", "$1::uuid[], $2::float8[], $3::int[], $4::int[]", "id, retention, first, last")}
    JOIN requests ON requests.id = given.id
    WHERE requests.state = 'pending'
    ORDER BY requests.id FOR UPDATE OF requests
  ), completed AS (
    UPDATE requests SET state = 'done', token = NULL, settled_at = now(),
      reply = ($5::bytea[])[locked.first:locked.last], expires_at = ${inMs("locked.retention")}
    FROM locked WHERE requests.seq = locked.seq
    RETURNING locked.n
  ), ${tally({ pending: `- ${count("completed")}`, done: count("completed") })}
  SELECT n FROM completed`,
);

/** A request that is pending again. */
export type RequeuedRow = ReleasedRow;

/** Makes dead letters pending again: ids. */
export const REQUEUE: Statement<RequeuedRow> = statement(
  "requeue",
  `WITH locked AS (
    SELECT requests.seq, given.n
    FROM ${first("id", "$1::uuid[]", "id")}
    JOIN requests ON requests.id = given.id
    WHERE requests.state = 'dead'
    ORDER BY requests.id FOR UPDATE OF requests
  ), requeued AS (
    UPDATE requests SET state = 'pending', due_at = now(), settled_at = NULL, failures = 0, failure = NULL
    FROM locked WHERE requests.seq = locked.seq
    RETURNING locked.n, requests.service
  ), ${tally({ pending: count("requeued"), dead: `- ${count("requeued")}` })}
  SELECT n, service FROM requeued`,
);

const firstService = (condition: string): string => `least(
      (SELECT service FROM requests WHERE ${QUEUED} AND ${condition} ORDER BY service LIMIT 1),
      (SELECT service FROM requests WHERE ${LEASED} AND ${condition} ORDER BY service LIMIT 1)
    )`;

/** Services with pending requests. Leaps from one to the next in the index: there may be a million requests of each. */
export const SERVICES: Statement<{ readonly service: Uint8Array }> = statement(
  "services",
  `WITH RECURSIVE found AS (
    SELECT ${firstService("true")} AS service
    UNION ALL
    SELECT ${firstService("service > found.service")} FROM found WHERE found.service IS NOT NULL
  )
  SELECT service FROM found WHERE service IS NOT NULL`,
);

/** How many requests there are. */
export const COUNTS: Statement<{ readonly pending: number; readonly done: number; readonly dead: number }> =
  statement(
    "counts",
    `SELECT sum(pending)::bigint AS pending, sum(done)::bigint AS done, sum(dead)::bigint AS dead FROM tallies`,
  );

/** A request without its bodies. */
export interface InfoRow {
  readonly id: Uint8Array;
  readonly service: Uint8Array;
  readonly state: RequestState;
  readonly key: Uint8Array | null;
  readonly failures: number;
  readonly failure: Uint8Array | null;
  readonly accepted_at: number;
  readonly at: number;
}

const INFO = `id, service, state, key, failures, failure, ${asMs("accepted_at")} AS accepted_at,
  ${asMs("coalesce(settled_at, due_at)")} AS at`;

/** Lists requests: service or null, id to begin behind or null, limit. The state is part of the text, for its index. */
export function listStatement(state: RequestState | undefined): Statement<InfoRow> {
  return statement(
    `list-${state ?? "all"}`,
    `SELECT ${INFO} FROM requests
    WHERE ${state === undefined ? "true" : `state = '${state}'`} AND ($1::bytea IS NULL OR service = $1)
      AND seq > coalesce((SELECT seq FROM requests WHERE id = $2::uuid), 0)
    ORDER BY seq LIMIT $3`,
  );
}

/** A request with its bodies. */
export interface DetailsRow extends InfoRow {
  readonly body: Uint8Array[];
  readonly reply: Uint8Array[] | null;
}

/** Shows a request: id. */
export const SHOW: Statement<DetailsRow> = statement(
  "show",
  `SELECT ${INFO}, body, reply FROM requests WHERE id = $1::uuid`,
);

/**
 * Forgets replies whose time is over, with their keys, and keys whose time is over: limit. Several servers sweep at the
 * same time without waiting for each other.
 */
export const SWEEP: Statement<{ readonly swept: number }> = statement(
  "sweep",
  `WITH over AS (
    SELECT seq FROM requests WHERE state = 'done' AND expires_at <= now()
    ORDER BY expires_at LIMIT $1
    FOR UPDATE SKIP LOCKED
  ), removed AS (
    DELETE FROM requests USING over WHERE requests.seq = over.seq RETURNING requests.id, requests.key
  ), theirs AS (
    DELETE FROM keys USING removed WHERE keys.key = removed.key AND keys.id = removed.id RETURNING 1
  ), old AS (
    SELECT key FROM keys WHERE expires_at <= now()
    ORDER BY expires_at LIMIT $1 - (SELECT count(*) FROM removed)
    FOR UPDATE SKIP LOCKED
  ), forgotten AS (
    DELETE FROM keys USING old WHERE keys.key = old.key RETURNING 1
  ), ${tally({ done: `- ${count("removed")}`, keys: `- ${count("theirs")} - ${count("forgotten")}` })}
  SELECT ${count("removed")} + ${count("forgotten")} AS swept`,
);

/** Tells other servers of something: channels, and what is said on each. */
export const NOTIFY: Statement<unknown> = statement(
  "notify",
  "SELECT pg_notify(channel, word) FROM unnest($1::text[], $2::text[]) AS words (channel, word)",
);
