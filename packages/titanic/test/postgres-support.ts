import { randomBytes } from "node:crypto";
import pg from "pg";
import { expect } from "vitest";
import type { PostgresStore } from "../src/postgres.js";
import type { Claim, NewRequest, TitanicStore } from "../src/store.js";
import type { TestDatabase } from "./postgres-server.js";

/** Longer than any test takes, in ms. */
export const LONG_MS = 600_000;
const ROOM = 64 * 1024 * 1024;

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

/** Expects of what a function gives that it will be so, sooner or later. */
export const eventually = <T>(look: () => T): ReturnType<typeof expect.poll<T>> =>
  expect.poll(look, { timeout: 20_000 });

export function request(parts: Partial<NewRequest> = {}): NewRequest {
  return { id: randomBytes(16), service: bytes("echo"), body: [bytes("hello")], key: undefined, ...parts };
}

/** Claims for `echo`. */
export async function claim(store: TitanicStore, limit: number, leaseMs: number): Promise<readonly Claim[]> {
  return (await store.claim(bytes("echo"), limit, leaseMs, ROOM)).claims;
}

/** Claims for `echo` when there is something to claim, asking again whenever the store says so. */
export async function claimWhenDue(
  store: TitanicStore,
  limit: number,
  leaseMs: number,
): Promise<readonly Claim[]> {
  for (;;) {
    const { claims, moreInMs } = await store.claim(bytes("echo"), limit, leaseMs, ROOM);
    if (claims.length > 0 || moreInMs === undefined) return claims;
    await new Promise((resolve) => setTimeout(resolve, Math.ceil(moreInMs)));
  }
}

/** Runs statements beside a store, as somebody who looks after the database. */
export async function administer<T = unknown>(
  database: TestDatabase,
  ...texts: readonly string[]
): Promise<T[]> {
  const client = new pg.Client({ connectionString: database.server.url() });
  // The server that ends, ends this connection, too.
  client.on("error", () => undefined);
  await client.connect();
  try {
    let rows: T[] = [];
    for (const text of texts) rows = (await client.query(text)).rows as T[];
    return rows;
  } finally {
    await client.end();
  }
}

/** Runs a statement beside a store in a transaction that stays open, with its locks, until it is disposed of. */
export async function hold(database: TestDatabase, text: string): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: database.server.url() });
  await client.connect();
  await client.query("BEGIN");
  await client.query(text);
  return { [Symbol.asyncDispose]: () => client.end() };
}

/** Opens stores over one new schema, and closes them in the end. */
export class Stores implements AsyncDisposable {
  readonly schema: string;
  readonly #database: TestDatabase;
  readonly #stores: PostgresStore[] = [];

  constructor(database: TestDatabase) {
    this.#database = database;
    this.schema = database.newSchema();
  }

  async open(options: Parameters<TestDatabase["store"]>[1] = {}): Promise<PostgresStore> {
    const store = this.#database.store(this.schema, options);
    this.#stores.push(store);
    await store.open();
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
  }
}
