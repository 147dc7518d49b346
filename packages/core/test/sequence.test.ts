import { MAX_SEQUENCE, SequenceSource, SequenceTracker } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const uint64 = fc.bigInt({ min: 0n, max: MAX_SEQUENCE });

describe("SequenceSource", () => {
  it("counts from 1 by default, within its epoch", () => {
    const source = new SequenceSource(7n);
    expect([source.epoch, source.next(), source.next(), source.next()]).toEqual([7n, 1n, 2n, 3n]);
  });

  it("is exact where floating-point numbers are not", () => {
    const source = new SequenceSource(0n, 2n ** 53n - 1n);
    expect([source.next(), source.next(), source.next()]).toEqual([
      9007199254740991n,
      9007199254740992n,
      9007199254740993n,
    ]);
  });

  it("hands out 2^64 - 1 as the last number and then refuses for good", () => {
    const source = new SequenceSource(MAX_SEQUENCE, MAX_SEQUENCE - 1n);
    expect([source.next(), source.next()]).toEqual([MAX_SEQUENCE - 1n, 18446744073709551615n]);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(() => source.next()).toThrow(new RangeError("sequence numbers of this epoch are used up"));
    }
  });

  it("refuses numbers beyond 64 unsigned bits", () => {
    expect(() => new SequenceSource(-1n)).toThrow(
      new RangeError("epoch must fit in 64 unsigned bits, got -1n"),
    );
    expect(() => new SequenceSource(2n ** 64n)).toThrow(RangeError);
    expect(() => new SequenceSource(0n, 2n ** 64n)).toThrow(/^first must fit/);
  });
});

describe("SequenceTracker", () => {
  it("knows nothing at first, and takes the first number as the start", () => {
    const tracker = new SequenceTracker();
    expect([tracker.epoch, tracker.last]).toEqual([undefined, undefined]);
    expect(tracker.observe(0n, 0n)).toEqual({ kind: "first" });
    expect([tracker.epoch, tracker.last]).toEqual([0n, 0n]);
  });

  it("tells next, duplicate and gap, and reports one gap once", () => {
    const tracker = new SequenceTracker();
    tracker.observe(1n, 5n);
    expect(tracker.observe(1n, 6n)).toEqual({ kind: "next" });
    expect(tracker.observe(1n, 6n)).toEqual({ kind: "duplicate" });
    expect(tracker.observe(1n, 2n)).toEqual({ kind: "duplicate" });
    expect(tracker.observe(1n, 10n)).toEqual({ kind: "gap", from: 7n, to: 9n, missing: 3n });
    expect(tracker.observe(1n, 8n)).toEqual({ kind: "duplicate" });
    expect(tracker.observe(1n, 11n)).toEqual({ kind: "next" });
  });

  it.each([2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, MAX_SEQUENCE - 2n])("is exact around %s", (base) => {
    const tracker = new SequenceTracker();
    tracker.observe(1n, base);
    expect(tracker.observe(1n, base)).toEqual({ kind: "duplicate" });
    expect(tracker.observe(1n, base + 1n)).toEqual({ kind: "next" });
    const gap = new SequenceTracker();
    gap.observe(1n, base);
    expect(gap.observe(1n, base + 2n)).toEqual({ kind: "gap", from: base + 1n, to: base + 1n, missing: 1n });
  });

  it("reports the whole range as one gap", () => {
    const tracker = new SequenceTracker();
    tracker.observe(1n, 0n);
    expect(tracker.observe(1n, MAX_SEQUENCE)).toEqual({
      kind: "gap",
      from: 1n,
      to: MAX_SEQUENCE - 1n,
      missing: MAX_SEQUENCE - 1n,
    });
  });

  it("takes a new epoch as a restart, wherever its numbers begin", () => {
    const tracker = new SequenceTracker();
    tracker.observe(1n, 1000n);
    expect(tracker.observe(2n, 1n)).toEqual({ kind: "restart", previousEpoch: 1n });
    expect([tracker.epoch, tracker.last]).toEqual([2n, 1n]);
    expect(tracker.observe(2n, 2n)).toEqual({ kind: "next" });
  });

  it("goes on from the number of a snapshot", () => {
    const tracker = new SequenceTracker();
    tracker.reset(4n, 41n);
    expect([tracker.epoch, tracker.last]).toEqual([4n, 41n]);
    expect(tracker.observe(4n, 41n)).toEqual({ kind: "duplicate" });
    expect(tracker.observe(4n, 42n)).toEqual({ kind: "next" });
  });

  it("accounts for every number: those seen, and those in gaps", () => {
    fc.assert(
      fc.property(uint64, fc.array(uint64, { maxLength: 50 }), (first, arrivals) => {
        const tracker = new SequenceTracker();
        tracker.observe(9n, first);
        let accounted = 1n;
        let highest = first;
        for (const sequence of arrivals) {
          const arrival = tracker.observe(9n, sequence);
          if (arrival.kind === "gap") accounted += arrival.missing + 1n;
          else if (arrival.kind === "next") accounted += 1n;
          else expect(arrival.kind === "duplicate" && sequence <= highest).toBe(true);
          if (sequence > highest) highest = sequence;
          expect(tracker.last).toBe(highest);
        }
        expect(accounted).toBe(highest - first + 1n);
      }),
    );
  });
});
