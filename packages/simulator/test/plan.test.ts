import fc from "fast-check";
import { expect, test } from "vitest";
import { type Fault, type FaultPlan, Simulation } from "../src/index.js";

const names = ["a", "b", "c", "d"];

function faultsOf(faults: FaultPlan, seed = 1, nodes: readonly string[] = names): readonly Fault[] {
  const simulation = new Simulation({ seed });
  for (const name of nodes) simulation.node(name, () => {});
  return simulation.run({ safetyMs: 20_000, faults }).faults;
}

test("a schedule is in order, within the safety phase, and at the rate that was asked for", () => {
  const faults = faultsOf({ cut: { everyMs: [100, 300] }, pause: { everyMs: 1000, forMs: 10 } });
  const times = faults.map(({ at }) => at);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times.every((at) => at < 20_000)).toBe(true);
  expect(faults.filter(({ kind }) => kind === "pause").map(({ at }) => at)).toEqual(
    Array.from({ length: 19 }, (_, index) => (index + 1) * 1000),
  );
  const cuts = faults.filter(({ kind }) => kind === "cut").length;
  expect(cuts).toBeGreaterThan(85);
  expect(cuts).toBeLessThan(115);
});

test("faults hit the nodes that they may hit, all of them, and last as long as they may", () => {
  const faults = faultsOf({ crash: { everyMs: 100, forMs: [5, 50], nodes: ["b", "c"] } });
  const hit = new Set(faults.map((fault) => fault.kind === "crash" && fault.node));
  expect(hit).toEqual(new Set(["b", "c"]));
  for (const fault of faults) {
    if (fault.kind !== "crash") throw new Error(`unexpected ${fault.kind}`);
    expect(fault.forMs).toBeGreaterThanOrEqual(5);
    expect(fault.forMs).toBeLessThanOrEqual(50);
  }
});

test("slowness and delay have their measures", () => {
  const faults = faultsOf({
    slow: { everyMs: 500, forMs: 10, serviceMs: [1, 2] },
    delay: { everyMs: 500, forMs: 10, extraMs: 7 },
  });
  for (const fault of faults) {
    if (fault.kind === "slow") expect(Math.abs(fault.serviceMs - 1.5)).toBeLessThanOrEqual(0.5);
    if (fault.kind === "delay") {
      expect(fault.extraMs).toBe(7);
      expect(fault.from).not.toBe(fault.to);
    }
  }
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(["slow", "delay"]));
});

test("a partition splits the nodes into two groups that leave nobody out", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 2, max: 6 }), (seed, count) => {
      const nodes = Array.from({ length: count }, (_, index) => `n${index}`);
      const faults = faultsOf({ partition: { everyMs: 500, forMs: 1, oneWay: 0.5 } }, seed, nodes);
      expect(faults).toHaveLength(39);
      for (const fault of faults) {
        if (fault.kind !== "partition") throw new Error(`unexpected ${fault.kind}`);
        expect(fault.from.length * fault.to.length).toBeGreaterThan(0);
        expect([...fault.from, ...fault.to].sort()).toEqual(nodes);
      }
    }),
    { numRuns: 40 },
  );
});

test("the share of one-way partitions is what was asked for", () => {
  const oneWay = (share: number): number =>
    faultsOf({ partition: { everyMs: 50, forMs: 1, oneWay: share } }).filter(
      (fault) => fault.kind === "partition" && fault.oneWay,
    ).length;
  expect(oneWay(0)).toBe(0);
  expect(oneWay(1)).toBe(399);
  expect(oneWay(0.5)).toBeGreaterThan(150);
  expect(oneWay(0.5)).toBeLessThan(250);
});

test.each<[FaultPlan, RegExp]>([
  [{ crush: {} } as FaultPlan, /^faults: there is no option "crush"/],
  [{ crash: { everyMs: 0, forMs: 1 } }, /^faults: crash: option "everyMs" must be .* at least 1/],
  [{ crash: { everyMs: [5, 2], forMs: 1 } }, /option "everyMs"/],
  [{ crash: { everyMs: [5] as never, forMs: 1 } }, /option "everyMs"/],
  [{ crash: { everyMs: 5, forMs: "1" as never } }, /option "forMs"/],
  [{ crash: { everyMs: 5, forMs: 1, nodes: [] } }, /option "nodes" must be an array of names/],
  [{ crash: { everyMs: 5, forMs: 1, nodes: ["x"] } }, /there is no node "x"/],
  [{ cut: { everyMs: 5, nodes: ["a"] } }, /cut: needs at least 2 nodes/],
  [{ cut: { everyMs: 5, nodes: ["a", "a"] } }, /cut: needs at least 2 nodes/],
  [{ partition: { everyMs: 5, forMs: 1, oneWay: 2 } }, /option "oneWay"/],
])("a wrong plan is named: %j", (plan, message) => {
  expect(() => faultsOf(plan)).toThrow(message);
});

test("a wrong fault is named when it is scheduled", () => {
  const simulation = new Simulation();
  simulation.node("a", () => {});
  expect(() => simulation.inject({ at: 0, kind: "crash", node: "b" })).toThrow('there is no node "b"');
  expect(() => simulation.inject({ at: -1, kind: "crash", node: "a" })).toThrow(/option "at"/);
  expect(() => simulation.inject({ at: 0, kind: "burn", node: "a" } as unknown as Fault)).toThrow(/"kind"/);
  expect(() => simulation.inject({ at: 0, kind: "partition", from: ["a"], to: ["c"] })).toThrow("c");
});
