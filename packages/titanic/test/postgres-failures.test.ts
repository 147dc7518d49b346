import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TcpProxy } from "../../../test/harness/tcp-proxy.js";
import type { PostgresStoreOptions } from "../src/postgres.js";
import { hasPostgres, TestDatabase } from "./postgres-server.js";
import { administer, bytes, claim, eventually, hold, LONG_MS, request, Stores } from "./postgres-support.js";

const UNAVAILABLE = { name: "StoreError", code: "ERR_STORE_UNAVAILABLE", retryable: true };
const DATABASE = "postgres";

describe.skipIf(!hasPostgres())("a database that goes away", { timeout: 60_000 }, () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await TestDatabase.start();
  }, 60_000);
  afterAll(() => database[Symbol.asyncDispose]());
  let proxy: TcpProxy | undefined;
  afterEach(async () => {
    await proxy?.close();
    proxy = undefined;
  });

  /** A store behind a proxy, with short timeouts. */
  async function behindProxy(stores: Stores, timeouts: PostgresStoreOptions = {}) {
    proxy = await TcpProxy.to(database.server.port);
    const store = await stores.open({
      connectionString: `postgres://postgres@127.0.0.1:${proxy.port}/${DATABASE}`,
      connectTimeoutMs: 1000,
      statementTimeoutMs: 1000,
      ...timeouts,
    });
    return { proxy, store };
  }

  it("is killed amid 1,000 adds: what was acknowledged is there, and nothing is there twice", async () => {
    await using stores = new Stores(database);
    const store = await stores.open();
    // So large that they do not all go into the first statements.
    const requests = Array.from({ length: 1000 }, (_, index) =>
      request({ body: [randomBytes(32 * 1024)], key: index % 2 === 0 ? bytes(`key ${index}`) : undefined }),
    );
    const adds = requests.map((one) => store.add(one));
    const settled = Promise.allSettled(adds);
    await Promise.race(adds);
    await database.server.kill();
    const outcomes = await settled;
    await expect(store.counts()).rejects.toMatchObject(UNAVAILABLE);
    await database.server.start();

    const isAcknowledged = outcomes.map(({ status }) => status === "fulfilled");
    expect(isAcknowledged).toContain(true);
    expect(isAcknowledged).toContain(false);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject(UNAVAILABLE);
    }
    const found = await Promise.all(requests.map(({ id }) => store.find(id)));
    for (const [index, acknowledged] of isAcknowledged.entries()) {
      if (acknowledged) expect(found[index]).toEqual({ state: "pending" });
    }
    for (const [index, one] of requests.entries()) {
      const again = await store.add(one);
      if (found[index] === undefined || one.key === undefined) expect(again).toEqual({ type: "added" });
      else expect(again).toMatchObject({ type: "known", id: Buffer.from(one.id) });
    }
    expect(await store.counts()).toEqual({ pending: 1000, done: 0, dead: 0 });
    expect(await claim(store, 2000, LONG_MS)).toHaveLength(1000);
  });

  it("is stopped and started again: everything works again", async () => {
    await using stores = new Stores(database);
    const store = await stores.open();
    await store.add(request());
    const [lease] = await claim(store, 1, LONG_MS);
    await database.server.stop();
    await expect(store.add(request())).rejects.toMatchObject(UNAVAILABLE);
    await expect(claim(store, 1, LONG_MS)).rejects.toMatchObject(UNAVAILABLE);
    await expect(store.complete(lease as NonNullable<typeof lease>, [], LONG_MS)).rejects.toMatchObject(
      UNAVAILABLE,
    );
    await database.server.start();
    expect(await store.complete(lease as NonNullable<typeof lease>, [bytes("reply")], LONG_MS)).toBe(true);
    expect(await store.add(request())).toEqual({ type: "added" });
    expect(await claim(store, 1, LONG_MS)).toHaveLength(1);
  });

  it("is not there yet: open() rejects, and can be called again", async () => {
    await using stores = new Stores(database);
    const store = database.store(stores.schema);
    await database.server.stop();
    await expect(store.open()).rejects.toMatchObject(UNAVAILABLE);
    await expect(store.add(request())).rejects.toMatchObject({ code: "ERR_STORE_CLOSED" });
    await database.server.start();
    await store.open();
    expect(await store.add(request())).toEqual({ type: "added" });
    await store.close();
  });

  it("loses every connection: the next calls get new ones", async () => {
    await using stores = new Stores(database);
    const store = await stores.open();
    await store.add(request());
    await administer(
      database,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
    // One of them may still be handed out before its end is read.
    const outcome = await store.add(request()).catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toMatchObject(UNAVAILABLE);
    else expect(outcome).toEqual({ type: "added" });
    await eventually(() => store.counts()).toMatchObject({ done: 0 });
  });

  it("loses a connection that is being set up: the call rejects, and the process lives", async () => {
    await using stores = new Stores(database);
    const { store, proxy } = await behindProxy(stores, { connectTimeoutMs: 5000, statementTimeoutMs: 5000 });
    const one = request();
    await store.add(one);
    {
      await using _locked = await hold(database, `SELECT FROM ${stores.schema}.requests FOR UPDATE`);
      proxy.delay(500);
      // Keeps the only connection that there is, so that the next call needs another.
      const calls = [store.remove(one.id, 0), store.add(request())];
      const outcomes = Promise.allSettled(calls);
      const settingUp = `SELECT count(*)::int AS count FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND query LIKE '%SET search_path = ${stores.schema};%'`;
      await eventually(() => administer(database, settingUp)).toEqual([{ count: 1 }]);
      // Its answer is still on the way.
      proxy.cut();
      proxy.delay(0);
      for (const outcome of await outcomes) {
        expect(outcome).toMatchObject({ status: "rejected", reason: UNAVAILABLE });
      }
    }
    expect(await store.add(request())).toEqual({ type: "added" });
  });

  it("says nothing any more: calls reject in time, and work again when it is heard", async () => {
    await using stores = new Stores(database);
    const { store, proxy } = await behindProxy(stores);
    await store.add(request());
    proxy.hold();
    const calls = [
      ...Array.from({ length: 50 }, () => store.add(request())),
      ...Array.from({ length: 50 }, (_, index) => store.claim(bytes(`service ${index}`), 1, LONG_MS, 1000)),
      store.counts(),
    ];
    for (const { status, reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[]) {
      expect(status).toBe("rejected");
      expect(reason).toMatchObject(UNAVAILABLE);
    }
    proxy.release();
    await eventually(() => store.add(request()).catch(() => undefined)).toEqual({ type: "added" });
  });

  it("does not tell how a commit ended: to add the same again is to add it once", async () => {
    await using stores = new Stores(database);
    const [{ store, proxy }, direct] = [await behindProxy(stores), await stores.open()];
    await store.add(request());
    const requests = [request(), request({ key: bytes("key") })] as const;
    proxy.hold("to-client");
    for (const outcome of await Promise.allSettled(requests.map((one) => store.add(one)))) {
      expect(outcome).toMatchObject({ status: "rejected", reason: UNAVAILABLE });
    }
    await eventually(() => direct.counts()).toEqual({ pending: 3, done: 0, dead: 0 });
    proxy.cut();
    proxy.release();
    const again = await Promise.all(requests.map((one) => direct.add(one)));
    expect(again).toEqual([{ type: "added" }, { type: "known", id: Buffer.from(requests[1].id) }]);
    expect(await direct.counts()).toEqual({ pending: 3, done: 0, dead: 0 });
    expect(await direct.list({ limit: 9 })).toHaveLength(3);
  });

  it("does not tell how a commit ended: a reply is stored once, whoever stores it", async () => {
    await using stores = new Stores(database);
    const [{ store, proxy }, direct] = [await behindProxy(stores), await stores.open()];
    const { id } = request();
    await store.add(request({ id }));
    const [lease] = await claim(store, 1, LONG_MS);
    proxy.hold("to-client");
    const reply = [bytes("reply")];
    await expect(store.complete(lease as NonNullable<typeof lease>, reply, LONG_MS)).rejects.toMatchObject(
      UNAVAILABLE,
    );
    await eventually(() => direct.find(id)).toEqual({ state: "done", reply: [Buffer.from("reply")] });
    proxy.cut();
    proxy.release();
    const other = [bytes("another reply")];
    expect(await direct.complete(lease as NonNullable<typeof lease>, other, LONG_MS)).toBe(false);
    expect(await direct.counts()).toEqual({ pending: 0, done: 1, dead: 0 });
    expect(await direct.find(id)).toEqual({ state: "done", reply: [Buffer.from("reply")] });
  });

  it("is closed in time though it is gone", async () => {
    await using stores = new Stores(database);
    const { store, proxy } = await behindProxy(stores);
    await store.add(request());
    await claim(store, 1, LONG_MS);
    proxy.hold();
    await store.close();
    await expect(store.counts()).rejects.toMatchObject({ code: "ERR_STORE_CLOSED" });
  });

  it("takes no writes: adds reject until it does", async () => {
    await using stores = new Stores(database);
    const store = await stores.open();
    const readOnly = `ALTER DATABASE ${DATABASE} SET default_transaction_read_only`;
    const reconnect = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`;
    await administer(database, `${readOnly} = on`, reconnect);
    await eventually(() => store.counts().catch(() => undefined)).toEqual({ pending: 0, done: 0, dead: 0 });
    await expect(store.add(request())).rejects.toMatchObject(UNAVAILABLE);
    await administer(database, "SET default_transaction_read_only = off", `${readOnly} = off`);
    expect(await store.add(request())).toEqual({ type: "added" });
  });

  it("has no room on its disk: adds reject until it has, and what is there can be read", async () => {
    await using stores = new Stores(database);
    const store = await stores.open();
    const { schema } = stores;
    const kept = request();
    await store.add(kept);
    await administer(
      database,
      `CREATE FUNCTION ${schema}.fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
      END $$`,
      `CREATE TRIGGER fill BEFORE INSERT ON ${schema}.requests EXECUTE FUNCTION ${schema}.fill()`,
    );
    await expect(store.add(request())).rejects.toMatchObject({ code: "ERR_STORE_FULL", retryable: true });
    expect(await store.find(kept.id)).toEqual({ state: "pending" });
    await administer(database, `DROP TRIGGER fill ON ${schema}.requests`);
    expect(await store.add(request())).toEqual({ type: "added" });
    expect(await store.counts()).toEqual({ pending: 2, done: 0, dead: 0 });
  });

  it("has no connection left: open() rejects until it has", async () => {
    await using stores = new Stores(database);
    await stores.open();
    const role = `crowded_${stores.schema}`;
    await administer(
      database,
      `CREATE ROLE ${role} LOGIN CONNECTION LIMIT 1`,
      `GRANT USAGE ON SCHEMA ${stores.schema} TO ${role}`,
      `GRANT ALL ON ALL TABLES IN SCHEMA ${stores.schema} TO ${role}`,
      `GRANT ALL ON ALL SEQUENCES IN SCHEMA ${stores.schema} TO ${role}`,
    );
    const connectionString = database.server.url().replace("postgres@", `${role}@`);
    const store = database.store(stores.schema, { connectionString });
    await expect(store.open()).rejects.toMatchObject(UNAVAILABLE);
    await administer(database, `ALTER ROLE ${role} CONNECTION LIMIT 20`);
    await store.open();
    expect(await store.add(request())).toEqual({ type: "added" });
    await store.close();
  });

  it("lets a statement wait for too long: it is broken off, and has changed nothing", async () => {
    await using stores = new Stores(database);
    const store = await stores.open({ statementTimeoutMs: 1000 });
    const one = request();
    await store.add(one);
    {
      await using _locked = await hold(database, `SELECT FROM ${stores.schema}.requests FOR UPDATE`);
      await expect(store.remove(one.id, 0)).rejects.toMatchObject({
        ...UNAVAILABLE,
        message: expect.stringContaining("statement timeout"),
      });
    }
    expect(await store.find(one.id)).toEqual({ state: "pending" });
    expect(await store.remove(one.id, 0)).toBe(true);
  });
});
