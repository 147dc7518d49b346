import { sweep } from "@seaworthy/simulator";
import { describe, expect, it } from "vitest";
import { scenarios } from "./scenarios.js";

/** Seeds for each scenario: at least 2,000, more with `SEAWORTHY_SEEDS=20000`. */
const SEEDS = Number(process.env["SEAWORTHY_SEEDS"] ?? 2000);

describe.each(Object.entries(scenarios))("%s", (_name, scenario) => {
  it(`keeps its promises under ${SEEDS} seeds of faults, and recovers`, { timeout: 600_000 }, async () => {
    const { events, faults, slowest } = await sweep({ scenario, seeds: SEEDS });
    console.log({ seeds: SEEDS, events, faults, slowest });
    // The faults really happen: else the promises would be easy to keep.
    expect(faults).toBeGreaterThan(5 * SEEDS);
  });

  it("gives the same log for the same seed, byte for byte", () => {
    const [first, again, other] = [1, 1, 2].map((seed) => scenario({ seed, log: "full" }).log().join("\n"));
    expect(first).toBe(again);
    expect(other).not.toBe(first);
  });
});
