import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { failSync, fillDisk } from "../../core/test/support/full-disk.js";
import { LmdbStore } from "../src/lmdb.js";
import type { Claim } from "../src/store.js";
import { LONG_MS, newFolder, request, SERVICE } from "./lmdb-harness.js";

let folder: string;
let file: string;
let store: LmdbStore;
let claim: Claim;
beforeEach(async () => {
  // What LMDB for Node.js says itself of commits that fail.
  vi.spyOn(console, "error").mockImplementation(() => {});
  folder = newFolder();
  file = join(folder, "requests.lmdb");
  store = new LmdbStore(folder, { lockWaitMs: 0 });
  await store.open();
  await store.add(request(1));
  [claim] = (await store.claim(SERVICE, 1, LONG_MS, 1e9)).claims as [Claim];
  await store.add(request(2));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

const changes: readonly (readonly [name: string, change: () => Promise<unknown>])[] = [
  ["add", () => store.add(request(3))],
  ["complete", () => store.complete(claim, [Buffer.from("reply")], LONG_MS)],
  ["remove", () => store.remove(request(2).id, 0)],
];

// Told by what becomes of a change when the disk says no at the one moment or the other: whoever acknowledges a change
// before that, or without it, acknowledges it here.
describe.runIf(process.platform === "linux").each(changes)("%s of an LmdbStore", (_name, change) => {
  it("is acknowledged when the page that names its pages was written through a descriptor that syncs, and not before", async () => {
    fillDisk(file);
    await assert.rejects(change(), /no room/);
  });

  it("is acknowledged when the sync of its pages has succeeded, and not before", async () => {
    const mend = failSync(file);
    // What a sync says of what cannot be synced.
    await assert.rejects(change(), /Invalid argument/);
    mend();
    assert.deepEqual(await store.counts(), { pending: 2, done: 0, dead: 0 });
    await change();
  });
});
