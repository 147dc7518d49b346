import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Claim, nextEpoch } from "../src/claim.js";

describe("the next epoch", () => {
  it.each([
    [0, "primary", 1],
    [0, "backup", 2],
    [1, "primary", 3],
    [1, "backup", 2],
    [2, "primary", 3],
    [2, "backup", 4],
  ] as const)("above %i a %s claims %i", (known, role, epoch) => {
    expect(nextEpoch(known, role)).toBe(epoch);
  });

  it("is above all that are known, by two at most, and never the same for both", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 52 }),
        fc.integer({ min: 0, max: 2 ** 52 }),
        (one, another) => {
          const primary = nextEpoch(one, "primary");
          const backup = nextEpoch(another, "backup");
          expect(primary).not.toBe(backup);
          for (const [epoch, known] of [
            [primary, one],
            [backup, another],
          ] as const) {
            expect(epoch).toBeGreaterThan(known);
            expect(epoch).toBeLessThanOrEqual(known + 2);
          }
        },
      ),
    );
  });
});

describe("a claim", () => {
  const claim = (): Claim => new Claim(1, 3, "peer-dead", 100, 2000);

  it("is overdue after its time", () => {
    expect(claim()).toMatchObject({ deadline: 2100, isGranted: false, epoch: 3 });
  });

  it("granted for a while is renewed after a third, from when it was asked for", () => {
    const granted = claim();
    granted.granted(5, 3000);
    expect(granted).toMatchObject({ isGranted: true, epoch: 5, leaseUntil: 3100, deadline: 1100 });
    granted.renewing(1100);
    expect(granted).toMatchObject({ leaseUntil: 3100, deadline: 3100 });
    granted.renewed(600);
    expect(granted).toMatchObject({ leaseUntil: 1700, deadline: 1300 });
  });

  it("granted for good has no deadline", () => {
    const granted = claim();
    granted.granted(3);
    expect(granted).toMatchObject({
      leaseUntil: Number.POSITIVE_INFINITY,
      deadline: Number.POSITIVE_INFINITY,
    });
  });

  it("that could not be renewed is tried again after a sixth of the lease, at its end at the latest", () => {
    const granted = claim();
    granted.granted(3, 3000);
    granted.renewing(1100);
    granted.renewalFailed(1300);
    expect(granted.deadline).toBe(1800);
    granted.renewalFailed(2900);
    expect(granted.deadline).toBe(3100);
  });
});
