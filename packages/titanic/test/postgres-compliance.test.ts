import { afterAll, beforeAll, describe, it } from "vitest";
import type { PostgresStore } from "../src/postgres.js";
import { type StoreGround, type StoreHarness, storeCases } from "../src/store-compliance.js";
import { hasPostgres, TestDatabase } from "./postgres-server.js";

describe.skipIf(!hasPostgres())("PostgresStore", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await TestDatabase.start();
  }, 60_000);
  afterAll(() => database[Symbol.asyncDispose]());

  const harness: StoreHarness = {
    shared: true,
    durable: true,
    limits: ["maxRequests", "maxKeys"],
    async create(): Promise<StoreGround> {
      const schema = database.newSchema();
      const stores: PostgresStore[] = [];
      const closeAll = async (): Promise<void> => {
        await Promise.all(stores.splice(0).map((store) => store.close()));
      };
      return {
        async open(limits = {}) {
          const store = database.store(schema, limits);
          stores.push(store);
          await store.open();
          return store;
        },
        async crash() {
          await database.server.kill();
          // While the database is down, so that nothing of theirs reaches it any more.
          await closeAll();
          await database.server.start();
        },
        discard: closeAll,
      };
    },
  };

  for (const { name, run } of storeCases(harness)) it(name, run, 60_000);
});
