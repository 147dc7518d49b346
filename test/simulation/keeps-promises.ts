import { type Scenario, sweep } from "@seaworthy/simulator";
import { expect, it } from "vitest";

/** Tests of a scenario: with so many seeds, or with `SEAWORTHY_SEEDS`. */
export function keepsPromises(scenario: Scenario, usualSeeds: number): void {
  const seeds = Number(process.env["SEAWORTHY_SEEDS"] ?? usualSeeds);

  it(`keeps its promises under ${seeds} seeds of faults, and recovers`, { timeout: 600_000 }, async () => {
    const { events, faults, slowest } = await sweep({ scenario, seeds });
    console.log({ seeds, events, faults, slowest });
    // The faults really happen: else the promises would be easy to keep.
    expect(faults).toBeGreaterThan(5 * seeds);
  });

  it("gives the same log for the same seed, byte for byte", () => {
    const [first, again, other] = [1, 1, 2].map((seed) => scenario({ seed, log: "full" }).log().join("\n"));
    expect(first).toBe(again);
    expect(other).not.toBe(first);
  });
}
