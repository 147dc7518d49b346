import assert from "node:assert/strict";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { fillDisk } from "../../core/test/support/full-disk.js";
import { LmdbStore } from "../src/lmdb.js";
import { LmdbGround } from "../src/lmdb-ground.js";
import type { Claim } from "../src/store.js";
import { StoreError } from "../src/store-errors.js";
import { LONG_MS, newFolder, request, SERVICE, says, UNKNOWN } from "./lmdb-harness.js";

let folder: string;
let file: string;
let elsewhere: string;
let store: LmdbStore;
beforeEach(async () => {
  // What LMDB for Node.js says itself of commits that fail.
  vi.spyOn(console, "error").mockImplementation(() => {});
  folder = newFolder();
  file = join(folder, "requests.lmdb");
  elsewhere = join(folder, "elsewhere.lmdb");
  store = new LmdbStore(folder, { lockWaitMs: 0 });
  await store.open();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

async function add(number: number): Promise<void> {
  assert.deepEqual(await store.add(request(number)), { type: "added" });
}

/** The disk is full for a change to the store, and has room again for whoever opens the file anew. */
async function breakAt(change: () => Promise<unknown>): Promise<void> {
  fillDisk(file);
  await assert.rejects(change(), says("ERR_STORE_FULL"));
}

/** Waits until a question to the store is answered, or refused, in this way. */
async function until(check: (outcome: unknown) => boolean): Promise<void> {
  while (!check(await store.find(UNKNOWN).catch((error: unknown) => error))) await setImmediate();
}

const works = (outcome: unknown): boolean => outcome === undefined;
const isGone = (outcome: unknown): boolean =>
  outcome instanceof StoreError && outcome.message.includes("is gone");

const claimAll = async (): Promise<readonly Claim[]> =>
  (await store.claim(SERVICE, 100, LONG_MS, 1e9)).claims;

describe.runIf(process.platform === "linux")(
  "an LmdbStore that could not write its file's first pages",
  () => {
    it("goes on when it can: what was taken in is there, and what was not is not", async () => {
      for (const number of [1, 2, 3]) {
        await add(number);
        await breakAt(() => store.add(request(100 + number)));
        await until(works);
      }
      assert.deepEqual(await store.counts(), { pending: 3, done: 0, dead: 0 });
      await add(4);
      await store.close();
      await store.open();
      assert.deepEqual(
        (await claimAll()).map(({ id }) => id[0]),
        [1, 2, 3, 4],
      );
    });

    it("gives out again what was claimed, and believes a reply to what was claimed before", async () => {
      await add(1);
      await add(2);
      const [first, second] = (await claimAll()) as [Claim, Claim];
      await breakAt(() => store.release(first, 0, "failure"));
      await until(works);
      assert.equal(await store.complete(second, [Buffer.from("reply")], LONG_MS), true);
      const [again, ...others] = await claimAll();
      assert.deepEqual([again?.id[0], again?.failures, others], [1, 0, []]);
      assert.notEqual(again?.token, first.token);
      assert.equal(await store.release(first, 0), false);
    });

    it("says why as long as its file cannot be opened anew", async () => {
      await add(1);
      await breakAt(() => store.remove(request(1).id, 0));
      renameSync(file, elsewhere);
      await until(isGone);
      await assert.rejects(store.counts(), says("ERR_STORE_UNAVAILABLE", /requests\.lmdb is gone/));
      renameSync(elsewhere, file);
      await until(works);
      assert.deepEqual(await store.counts(), { pending: 1, done: 0, dead: 0 });
    });

    it("can be closed meanwhile, and lets go of its folder", async () => {
      await add(1);
      await breakAt(() => store.add(request(2)));
      renameSync(file, elsewhere);
      await until(isGone);
      await store.close();
      await assert.rejects(store.counts(), says("ERR_STORE_CLOSED"));
      renameSync(elsewhere, file);
      await store.open();
      assert.deepEqual(await store.counts(), { pending: 1, done: 0, dead: 0 });
    });

    it("leaves the file to another process that has taken it over meanwhile", async () => {
      await add(1);
      await breakAt(() => store.add(request(2)));
      renameSync(file, elsewhere);
      await until(isGone);
      const other = await LmdbGround.open(
        { path: elsewhere, isShort: false },
        { lost: assert.fail, broken: assert.fail },
      );
      await other.close();
      renameSync(elsewhere, file);
      await until((outcome) => outcome instanceof StoreError && outcome.code === "ERR_STORE_IN_USE");
      await assert.rejects(store.add(request(3)), says("ERR_STORE_IN_USE", /has taken the store over/));
    });
  },
);
