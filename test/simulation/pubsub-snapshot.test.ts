import { describe, expect, it } from "vitest";
import { keepsPromises } from "./keeps-promises.js";
import { pubsubSnapshot } from "./pubsub-snapshot.js";
import { pubsubSnapshotCoverage } from "./pubsub-snapshot-coverage.js";

const SEEDS = 5000;

/** The machine asks no table what a client does that already is receiving. */
const RARE = ["row receiving: answered"];

describe("pubsub-snapshot", () => {
  keepsPromises(pubsubSnapshot, SEEDS);

  it.runIf(process.env["SEAWORTHY_SEEDS"] === undefined)("has met what can happen", () => {
    const { counts, unseen } = pubsubSnapshotCoverage();
    console.log(counts);
    expect(unseen.filter((what) => !RARE.includes(what))).toEqual([]);
  });
});
