import { describe, it } from "vitest";
import { MemoryStore } from "../src/memory-store.js";
import { type StoreHarness, storeCases } from "../src/store-compliance.js";

const harness: StoreHarness = {
  shared: true,
  durable: false,
  limits: ["maxRequests", "maxKeys"],
  async create() {
    const stores: MemoryStore[] = [];
    return {
      async open(limits) {
        const store = new MemoryStore(stores[0] ?? limits);
        stores.push(store);
        await store.open();
        return store;
      },
      async discard() {
        for (const store of stores) await store.close();
      },
    };
  },
};

describe("MemoryStore", () => {
  describe("complies with the interface of stores", () => {
    for (const { name, run } of storeCases(harness)) it(name, run);
  });
});
