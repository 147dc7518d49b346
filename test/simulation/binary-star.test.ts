import { describe, expect, it } from "vitest";
import { binaryStar } from "./binary-star.js";
import { sightsSeen, tableCoverage } from "./binary-star-coverage.js";
import { tellStory } from "./binary-star-stories.js";
import { keepsPromises } from "./keeps-promises.js";

describe("binary-star", () => {
  keepsPromises(binaryStar, 5000);

  it("has seen what an arbiter is for", () => {
    const sights = sightsSeen();
    console.log(sights);
    expect(sights["both serve"]).toBeGreaterThan(0.05);
    expect(sights["kept apart"]).toBeGreaterThan(0.3);
    expect(sights["lease passed on"]).toBeGreaterThan(0.1);
  });

  it("has seen each row of a node's table that can happen", () => {
    // Claims take a moment at most, so that few of many seeds have one just when a cut ends.
    tellStory("claim-meets-active", "stores");
    const { rows, unseen, rarest } = tableCoverage();
    console.log({ rows, unseen, rarest });
    expect(unseen).toEqual([]);
  });
});
