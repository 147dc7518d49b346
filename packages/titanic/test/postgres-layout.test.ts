import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasPostgres, TestDatabase } from "./postgres-server.js";
import { administer, claim, LONG_MS, request, Stores } from "./postgres-support.js";

describe.skipIf(!hasPostgres())("the tables of PostgresStore", { timeout: 60_000 }, () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await TestDatabase.start();
  }, 60_000);
  afterAll(() => database[Symbol.asyncDispose]());

  const tablesOf = async (schema: string): Promise<string[]> => {
    const rows = await administer<{ tablename: string }>(
      database,
      `SELECT tablename FROM pg_tables WHERE schemaname = '${schema}' ORDER BY tablename`,
    );
    return rows.map(({ tablename }) => tablename);
  };

  it("are made once by three servers that start at the same time", async () => {
    await using stores = new Stores(database);
    const [first] = await Promise.all([stores.open(), stores.open(), stores.open()]);
    expect(await first?.add(request())).toEqual({ type: "added" });
    expect(await administer(database, `SELECT * FROM ${stores.schema}.layout`)).toEqual([
      { product: "seaworthy-titanic", version: 1 },
    ]);
  });

  it("are left as they are by the next server", async () => {
    await using stores = new Stores(database);
    await (await stores.open()).add(request());
    expect(await (await stores.open()).counts()).toEqual({ pending: 1, done: 0, dead: 0 });
  });

  it("can be beside the tables of others", async () => {
    await using stores = new Stores(database);
    await administer(
      database,
      `CREATE SCHEMA ${stores.schema}`,
      `CREATE TABLE ${stores.schema}.orders (id int)`,
    );
    await stores.open();
    expect(await tablesOf(stores.schema)).toEqual(["keys", "layout", "orders", "requests", "tallies"]);
  });

  it.each(["requests", "layout", "keys"])("are not made beside a foreign table %s", async (name) => {
    await using stores = new Stores(database);
    await administer(
      database,
      `CREATE SCHEMA ${stores.schema}`,
      `CREATE TABLE ${stores.schema}.${name} (id int)`,
    );
    await expect(stores.open()).rejects.toMatchObject({
      name: "StoreError",
      code: "ERR_STORE_FOREIGN",
      retryable: false,
    });
    expect(await tablesOf(stores.schema)).toEqual([name]);
  });

  it("of a later version are left alone", async () => {
    await using stores = new Stores(database);
    await stores.open();
    await administer(database, `UPDATE ${stores.schema}.layout SET version = 99`);
    await expect(stores.open()).rejects.toMatchObject({
      code: "ERR_STORE_FOREIGN",
      message: `the tables in ${stores.schema} are of version 99, this program knows 1 and older`,
    });
  });

  it("of another program are left alone", async () => {
    await using stores = new Stores(database);
    await stores.open();
    await administer(database, `UPDATE ${stores.schema}.layout SET product = 'another'`);
    await expect(stores.open()).rejects.toMatchObject({ code: "ERR_STORE_FOREIGN" });
  });

  it("that are dropped while it runs are reported, and not made again", async () => {
    await using stores = new Stores(database);
    const store = await stores.open();
    await administer(database, `DROP SCHEMA ${stores.schema} CASCADE`);
    await expect(store.add(request())).rejects.toMatchObject({ code: "ERR_STORE_FOREIGN" });
    expect(await tablesOf(stores.schema)).toEqual([]);
  });

  it("can be used by someone who may not make any", async () => {
    await using stores = new Stores(database);
    await stores.open();
    const { schema } = stores;
    await administer(
      database,
      `CREATE ROLE user_of_${schema} LOGIN`,
      `GRANT USAGE ON SCHEMA ${schema} TO user_of_${schema}`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO user_of_${schema}`,
      `GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO user_of_${schema}`,
    );
    const connectionString = database.server.url().replace("postgres@", `user_of_${schema}@`);
    const store = await stores.open({ connectionString });
    await store.add(request());
    const [lease] = await claim(store, 1, LONG_MS);
    expect(await store.complete(lease as NonNullable<typeof lease>, [], LONG_MS)).toBe(true);
  });

  it("promise no less because the database's defaults do", async () => {
    await using stores = new Stores(database);
    const { schema } = stores;
    await administer(
      database,
      `CREATE ROLE lax_${schema} SUPERUSER LOGIN`,
      `ALTER ROLE lax_${schema} SET synchronous_commit = off`,
      `ALTER ROLE lax_${schema} SET default_transaction_isolation = 'serializable'`,
      `ALTER ROLE lax_${schema} SET bytea_output = 'escape'`,
    );
    const connectionString = database.server.url().replace("postgres@", `lax_${schema}@`);
    const store = await stores.open({ connectionString });
    // What each statement of the store runs under.
    await administer(
      database,
      `CREATE TABLE ${schema}.seen (setting text)`,
      `CREATE FUNCTION ${schema}.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO ${schema}.seen VALUES
          (current_setting('synchronous_commit')), (current_setting('transaction_isolation'));
        RETURN NULL; END $$`,
      `CREATE TRIGGER look AFTER INSERT ON ${schema}.requests EXECUTE FUNCTION ${schema}.look()`,
    );
    const { id } = request();
    await store.add(request({ id, body: [Uint8Array.of(0, 92, 255)] }));
    const seen = await administer<{ setting: string }>(database, `SELECT setting FROM ${schema}.seen`);
    expect(seen.map(({ setting }) => setting)).toEqual(["on", "read committed"]);
    expect((await store.show(id))?.body.map(hexOf)).toEqual(["005cff"]);
  });
});

const hexOf = (value: Uint8Array): string => Buffer.from(value).toString("hex");
