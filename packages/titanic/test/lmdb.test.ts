import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LmdbStore } from "../src/lmdb.js";
import { storeCases } from "../src/store-compliance.js";
import { lmdbHarness, newFolder } from "./lmdb-harness.js";

describe("LmdbStore", () => {
  describe("complies with the interface of stores", () => {
    for (const { name, run } of storeCases(lmdbHarness)) it(name, run);
  });

  it("that is closed while it is being opened has let go of its folder then", async () => {
    const folder = newFolder();
    const [first, second] = [new LmdbStore(folder), new LmdbStore(folder, { lockWaitMs: 0 })];
    const opening = first.open();
    await first.close();
    await opening;
    await expect(first.counts()).rejects.toMatchObject({ code: "ERR_STORE_CLOSED" });
    await second.open();
    await second.close();
    rmSync(folder, { recursive: true });
  });
});
