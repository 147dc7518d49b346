import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LmdbStore } from "../src/lmdb.js";
import type { StoreHarness } from "../src/store-compliance.js";

/** A new folder for a test. */
export const newFolder = (): string => mkdtempSync(join(tmpdir(), "titanic-"));

/** Stores in folders. A crash leaves the files as they are at that moment: what the operating system has been given. */
export const lmdbHarness: StoreHarness = {
  shared: false,
  durable: true,
  limits: ["maxRequests", "maxKeys"],
  async create() {
    const base = newFolder();
    const stores: LmdbStore[] = [];
    let life = 0;
    const folder = (): string => join(base, `life-${life}`);
    return {
      async open(limits) {
        const store = new LmdbStore(folder(), { ...limits, lockWaitMs: 0 });
        stores.push(store);
        await store.open();
        return store;
      },
      async crash() {
        const before = folder();
        life += 1;
        mkdirSync(folder());
        for (const name of ["requests.lmdb", "README.txt"]) {
          if (existsSync(join(before, name))) copyFileSync(join(before, name), join(folder(), name));
        }
      },
      async discard() {
        for (const store of stores) await store.close();
        rmSync(base, { recursive: true });
      },
    };
  },
};
