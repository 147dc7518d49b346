import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { fillDisk } from "../../core/test/support/full-disk.js";
import { LmdbStore } from "../src/lmdb.js";
import { LmdbFile } from "../src/lmdb-file.js";
import { entryOf, mapOf, plain, uuidOf } from "./lmdb-maps.js";

let folder: string;
let file: string;
let elsewhere: string;
let store: LmdbStore;

beforeEach(async () => {
  // What LMDB for Node.js says itself of commits that fail.
  vi.spyOn(console, "error").mockImplementation(() => {});
  folder = mkdtempSync(join(tmpdir(), "seaworthy-map-"));
  file = join(folder, "map.lmdb");
  elsewhere = join(folder, "elsewhere.lmdb");
  store = new LmdbStore(folder, { maxKnown: 5 });
  await store.open();
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

const FULL = /cannot write to .*map\.lmdb: there is no room/;
const set = (key: string, sequence: number): Promise<void> =>
  store.commit([entryOf(key, sequence, { uuid: uuidOf(sequence) })]);

/** The disk is full for a change to the store, and has room again for whoever opens the file anew. */
async function breakAt(change: () => Promise<unknown>): Promise<void> {
  fillDisk(file);
  await assert.rejects(change(), FULL);
}

async function kept(): Promise<{ keys: string[]; known: number[]; sequence: number }> {
  await store.close();
  const { entries, known, sequence } = plain(await store.open());
  return { keys: [...entries.keys()].toSorted(), known, sequence };
}

describe.runIf(process.platform === "linux")(
  "an LmdbStore that could not write its file's first pages",
  () => {
    it("takes the same again when there is room, time after time", async () => {
      for (const number of [1, 2, 3]) {
        await breakAt(() => set(`k${number}`, number));
        await set(`k${number}`, number);
      }
      assert.deepEqual(await kept(), { keys: ["k1", "k2", "k3"], known: [1, 2, 3], sequence: 3 });
    });

    it("takes another map, and after one that failed the same", async () => {
      await set("a", 1);
      await breakAt(() => set("b", 2));
      await store.replace(mapOf(7, 2));
      await breakAt(() => store.replace(mapOf(8, 3)));
      await store.replace(mapOf(8, 3));
      await set("a", 9);
      assert.deepEqual(await kept(), { keys: ["a", "key 0", "key 1", "key 2"], known: [8, 9], sequence: 9 });
    });

    it("goes on with all that were waiting, in their order", async () => {
      await breakAt(() => set("a", 1));
      await Promise.all([set("a", 1), set("b", 2), store.replace(mapOf(3, 1)), set("c", 4), store.close()]);
      await store.open();
      assert.deepEqual(await kept(), { keys: ["c", "key 0"], known: [3, 4], sequence: 4 });
    });

    it("says why as long as its file cannot be opened anew, and may be closed", async () => {
      await set("a", 1);
      await breakAt(() => set("b", 2));
      renameSync(file, elsewhere);
      for (const change of [() => set("b", 2), () => store.replace(mapOf(3, 1))])
        await assert.rejects(change(), /cannot open .*map\.lmdb anew: the file is gone/);
      renameSync(elsewhere, file);
      await set("b", 2);
      await breakAt(() => set("c", 3));
      renameSync(file, elsewhere);
      await assert.rejects(set("c", 3), /the file is gone/);
      await store.close();
      renameSync(elsewhere, file);
      await store.open();
      const { keys } = await kept();
      assert.deepEqual(keys.slice(0, 2), ["a", "b"]);
    });

    it("leaves the file to another server that has taken it over meanwhile", async () => {
      await set("a", 1);
      await breakAt(() => set("b", 2));
      renameSync(file, elsewhere);
      await assert.rejects(set("b", 2), /the file is gone/);
      renameSync(elsewhere, file);
      const other = await LmdbFile.open(folder);
      await other.close();
      await assert.rejects(set("b", 2), /was taken over by another server/);
    });
  },
);
