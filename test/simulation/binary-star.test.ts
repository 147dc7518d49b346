import { describe, expect, it } from "vitest";
import { binaryStar } from "./binary-star.js";
import { tableCoverage } from "./binary-star-coverage.js";
import { tellStory } from "./binary-star-stories.js";
import { keepsPromises } from "./keeps-promises.js";

describe("binary-star", () => {
  keepsPromises(binaryStar, 5000);

  it("has seen each row of a node's table that can happen", () => {
    // Claims take a moment at most, so that few of many seeds have one just when a cut ends.
    tellStory("claim-meets-active", "stores");
    const { rows, unseen, rarest } = tableCoverage();
    console.log({ rows, unseen, rarest });
    expect(unseen).toEqual([]);
  });
});
