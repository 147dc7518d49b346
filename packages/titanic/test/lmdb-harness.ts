import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LmdbStore } from "../src/lmdb.js";
import type { NewRequest } from "../src/store.js";
import type { StoreHarness } from "../src/store-compliance.js";
import { StoreError, type StoreErrorCode } from "../src/store-errors.js";

export const SERVICE: Buffer = Buffer.from("echo");
export const LONG_MS = 600_000;
/** The id of no request. */
export const UNKNOWN: Buffer = Buffer.alloc(16, 0xff);

/** A new folder for a test. */
export const newFolder = (): string => mkdtempSync(join(tmpdir(), "titanic-"));

/** A request for the service whose id is this number, 16 times. */
export const request = (number: number): NewRequest => ({
  ...{ id: Buffer.alloc(16, number), service: SERVICE, body: [Buffer.from("body")], key: undefined },
});

/** Whether a store has rejected with this code, and in such words. */
export const says =
  (code: StoreErrorCode, message = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof StoreError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };

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
