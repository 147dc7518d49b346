import { Backoff } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const noJitter = (): number => 0;

describe("Backoff", () => {
  it("doubles from 50 ms to 2000 ms by default", () => {
    const backoff = new Backoff({}, noJitter);
    expect(Array.from({ length: 8 }, () => backoff.next())).toEqual([
      50, 100, 200, 400, 800, 1600, 2000, 2000,
    ]);
  });

  it("begins again after reset", () => {
    const backoff = new Backoff({ initialMs: 10, factor: 3 }, noJitter);
    expect([backoff.next(), backoff.next()]).toEqual([10, 30]);
    backoff.reset();
    expect(backoff.next()).toBe(10);
  });

  it("takes at most the share called jitter off each pause", () => {
    const backoff = new Backoff({ initialMs: 100, jitter: 0.5 }, () => 0.999999);
    expect(backoff.delay(1)).toBeCloseTo(50, 3);
    expect(new Backoff({ initialMs: 100, jitter: 0 }, () => 0.9).delay(1)).toBe(100);
  });

  it("asks for a new random number at each pause", () => {
    const numbers = [0, 0.5, 0.25];
    const backoff = new Backoff({ initialMs: 100, factor: 1, jitter: 1 }, () => numbers.shift() ?? 0);
    expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([100, 50, 75]);
  });

  it("never pauses shorter than its first pause allows: a cap below it is raised", () => {
    const backoff = new Backoff({ initialMs: 500, maxMs: 100 }, noJitter);
    expect(backoff.maxMs).toBe(500);
    expect(backoff.delay(9)).toBe(500);
  });

  it("stays a finite number within its bounds for any options and any failure count", () => {
    fc.assert(
      fc.property(
        fc.record({
          initialMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })),
          maxMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
          factor: fc.double({ min: 1, max: 100, noNaN: true }),
          jitter: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (options, failure, random) => {
          const backoff = new Backoff(options, () => random);
          const delay = backoff.delay(failure);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(backoff.maxMs);
        },
      ),
    );
  });

  it("names its owner and the option at fault", () => {
    expect(() => new Backoff({ factor: 0.5 }, noJitter, "Client: backoff")).toThrow(
      new RangeError('Client: backoff: option "factor" must be a finite number from 1 to 100, got 0.5'),
    );
    expect(() => new Backoff({ jitter: 2 }, noJitter)).toThrow(/^Backoff: option "jitter"/);
  });
});
