import { describe, it } from "vitest";
import { storeCases } from "../src/store-compliance.js";
import { lmdbHarness } from "./lmdb-harness.js";

describe("LmdbStore", () => {
  describe("complies with the interface of stores", () => {
    for (const { name, run } of storeCases(lmdbHarness)) it(name, run);
  });
});
