import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PUBLISHED, type StarEvent, type StarState, starLife } from "../src/star-life.js";
import { BinaryStarMachine } from "../src/star-machine.js";
import type { BinaryStarInput } from "../src/star-messages.js";
import { resolveStarOptions } from "../src/star-options.js";
import type { PublishedState, StarRole } from "../src/wire.js";
import { type PairPlan, PairWorld } from "./pair-world.js";

describe("the table", () => {
  it("decides every pair, with a reason where nothing happens", () => {
    const rows = [...starLife.rows()];
    expect(rows).toHaveLength(16 * 7);
    for (const { state, event, decision } of rows) {
      if (decision.kind !== "go") expect(decision.because, `${state}, ${event}`).not.toBe("");
    }
  });

  it("every node can leave, from anywhere, and nothing follows", () => {
    for (const state of starLife.states.filter((state) => state !== "left"))
      expect(starLife.step(state, "closed")).toMatchObject({ to: "left", action: "leave" });
    expect(starLife.final).toEqual(["left"]);
  });

  it("nobody becomes active but by a grant, and grants follow only claims", () => {
    const moves = [...starLife.rows()].flatMap(({ state, event, decision }) =>
      decision.kind === "go" ? [{ from: state, to: decision.to, event, action: decision.action }] : [],
    );
    for (const { from, to, event } of moves.filter(({ from, to }) => to === "active" && from !== "active"))
      expect([from, event, to]).toEqual([from, "granted", "active"]);
    for (const { to, action } of moves.filter(({ to }) => to === "starting" || to === "promoting"))
      expect([to, ["claim", "reassert"].includes(action ?? "")]).toEqual([to, true]);
  });

  it("every state but the last has a word for the peer", () => {
    expect(starLife.states.filter((state) => PUBLISHED[state] === undefined)).toEqual(["left"]);
  });

  it("can be drawn", () => {
    expect(starLife.toMermaid("going-on")).toContain("promoting --> active");
  });
});

const states = fc.constantFrom<PublishedState>("primary", "backup", "active", "passive");
const epochs = fc.integer({ min: 0, max: 8 });
const few = fc.integer({ min: 1, max: 3 });
const leases = fc.option(fc.integer({ min: 1, max: 4000 }), { nil: undefined });
const reason = "said so";
/** Everything that can be fed to a machine, in any order, of any claim, epoch and transfer. */
const inputs: fc.Arbitrary<BinaryStarInput | { type: "stalled"; ms: number } | { type: "wait"; ms: number }> =
  fc.oneof(
    { weight: 2, arbitrary: fc.constant({ type: "start" } as const) },
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant("peer-state" as const),
        state: states,
        record: fc.option(
          fc.record({
            role: fc.constantFrom<StarRole>("primary", "backup"),
            heartbeatMs: fc.integer({ min: 1, max: 5000 }),
            epoch: epochs,
          }),
          { nil: undefined },
        ),
      }),
    },
    { weight: 4, arbitrary: fc.constant({ type: "vote" } as const) },
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 3000 }) }),
    },
    fc.record({ type: fc.constant("stalled" as const), ms: fc.integer({ min: 100, max: 5000 }) }),
    fc.record({ type: fc.constant("peer-reads-records" as const), reads: fc.boolean() }),
    fc.record({ type: fc.constant("voted" as const), isAccepted: fc.boolean() }),
    fc.record({ type: fc.constant("granted" as const), claim: few, epoch: epochs, leaseMs: leases }),
    fc.record({ type: fc.constant("denied" as const), claim: few, reason: fc.constant(reason) }),
    fc.record({
      type: fc.constant("renewed" as const),
      claim: few,
      leaseMs: fc.integer({ min: 1, max: 4000 }),
    }),
    fc.record({ type: fc.constant("lease-lost" as const), claim: few }),
    fc.record({ type: fc.constant("renewal-failed" as const), claim: few, reason: fc.constant(reason) }),
    fc.record({ type: fc.constant("activated" as const), epoch: epochs }),
    fc.record({
      type: fc.constant("activation-failed" as const),
      epoch: epochs,
      reason: fc.constant(reason),
    }),
    {
      weight: 6,
      arbitrary: fc.record({ type: fc.constant("caught-up" as const), transfer: few }),
    },
    fc.record({ type: fc.constant("transfer-failed" as const), transfer: few, reason: fc.constant(reason) }),
    fc.record({ type: fc.constant("not-remembered" as const), epoch: epochs, reason: fc.constant(reason) }),
    fc.constantFrom({ type: "source-lost" } as const, { type: "fell-behind" } as const),
    fc.constant({ type: "malformed", reason } as const),
  );

describe("one machine", () => {
  it("no input, in any order, is impossible; epochs only rise; every claim is given back", () => {
    const reached = new Set<StarState>();
    const lives = fc.record({
      role: fc.constantFrom<StarRole>("primary", "backup"),
      asks: fc.boolean(),
      steps: fc.array(inputs, { maxLength: 80, size: "max" }),
    });
    fc.assert(
      fc.property(lives, ({ role, asks, steps }) => {
        const machine = new BinaryStarMachine(resolveStarOptions("Star", { role }), { asksForEpochs: asks });
        machine.handle({ type: "start" }, 0);
        let now = 0;
        let activeIn = 0;
        const open = new Set<number>();
        const perform = (): void => {
          for (let output = machine.take(); output !== undefined; output = machine.take()) {
            if (output.type === "claim") open.add(output.claim);
            if (output.type === "release") expect(open.delete(output.claim)).toBe(true);
            if (output.type !== "activate") continue;
            expect(output.epoch).toBeGreaterThan(activeIn);
            if (!asks) expect(output.epoch % 2).toBe(role === "primary" ? 1 : 0);
            activeIn = output.epoch;
          }
          reached.add(machine.state);
        };
        for (const step of steps) {
          if (step.type === "wait") now += step.ms;
          else machine.handle(step, now);
          if ((machine.deadline ?? Number.POSITIVE_INFINITY) <= now) machine.tick(now);
          perform();
          expect(machine.isServing(now) && machine.state !== "active").toBe(false);
          expect(open.size, "one claim at a time").toBeLessThanOrEqual(1);
        }
        machine.handle({ type: "close" }, now);
        perform();
        expect([...open]).toEqual([]);
      }),
      { numRuns: 2000 },
    );
    expect([...reached].sort(), "or this would prove little").toEqual([...starLife.states].sort());
  });
});

const roles = fc.constantFrom<StarRole>("primary", "backup");
const acts = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.integer({ min: 10, max: 4000 }).map((ms) => (world: PairWorld) => world.run(ms)),
  },
  { weight: 3, arbitrary: roles.map((role) => (world: PairWorld) => world.vote(role)) },
  {
    weight: 6,
    arbitrary: fc.integer({ min: 100, max: 4000 }).map((ms) => (world: PairWorld) => world.load(ms)),
  },
  roles.map((role) => (world: PairWorld) => void world.cutOff.add(role)),
  { weight: 2, arbitrary: fc.constant((world: PairWorld) => world.cut()) },
  { weight: 2, arbitrary: fc.constant((world: PairWorld) => world.heal()) },
  {
    weight: 2,
    arbitrary: fc.tuple(roles, fc.integer({ min: 10, max: 6000 })).map(
      ([role, ms]) =>
        (world: PairWorld) =>
          world.pause(role, ms),
    ),
  },
  roles.map((role) => (world: PairWorld) => world.boot(role)),
  roles.map((role) => (world: PairWorld) => world.crash(role)),
  roles.map((role) => (world: PairWorld) => world.close(role)),
  fc.integer({ min: 0, max: 900 }).map((ms) => (world: PairWorld) => {
    world.delayMs = ms;
  }),
);
const heartbeats = fc.constantFrom<[number, number]>([1000, 1000], [200, 200], [100, 1000], [1000, 100]);
const plans = fc.oneof(
  fc.record({ keepsEpochs: fc.constant(true), heartbeats }),
  fc.record({ keepsEpochs: fc.constant(true), heartbeats, leaseMs: fc.integer({ min: 600, max: 3000 }) }),
);

/** A primary that is active, and is cut off from its peer and from the arbiter, while clients reach both. */
function splitPair(plan: PairPlan): PairWorld {
  const world = new PairWorld(plan);
  world.run(1500);
  expect(world.serving()).toEqual(["primary"]);
  world.cut();
  world.cutOff.add("primary");
  world.load(6000);
  return world;
}

describe("a pair", () => {
  it("that is split has two that serve, in epochs of their own, until it is healed", () => {
    const world = splitPair({ keepsEpochs: true, heartbeats: [1000, 1000] });
    expect(world.serving()).toEqual(["primary", "backup"]);
    expect([world.node("primary").epoch, world.node("backup").epoch]).toEqual([1, 2]);
    world.heal();
    world.run(1100);
    expect(world.serving()).toEqual(["backup"]);
  });

  it("that is split, with an arbiter, has one: the lease of the other has ended before", () => {
    const world = splitPair({ keepsEpochs: true, heartbeats: [1000, 1000], leaseMs: 2500 });
    expect(world.serving()).toEqual(["backup"]);
    expect(world.faults).toEqual([]);
  });

  it("of which the primary cannot reach the arbiter is served by the backup", () => {
    const world = new PairWorld({ keepsEpochs: true, heartbeats: [1000, 1000], leaseMs: 1000 });
    world.run(1500);
    world.cutOff.add("primary");
    world.load(6000);
    expect(world.serving()).toEqual(["backup"]);
    expect(world.faults).toEqual([]);
  });

  it.each([
    { delayMs: 0, heartbeats: [1000, 1000] },
    { delayMs: 700, heartbeats: [1000, 1000] },
    { delayMs: 700, heartbeats: [1000, 1000], leaseMs: 3000 },
    { delayMs: 0, heartbeats: [100, 1000] },
    { delayMs: 0, heartbeats: [1000, 100] },
  ] as const)(
    "whose primary's application cannot become active is served by the backup: %j",
    ({ delayMs, ...plan }) => {
      const world = new PairWorld({ keepsEpochs: true, ...plan });
      world.delayMs = delayMs;
      world.unfit.add("primary");
      world.load(15_000);
      expect(world.serving()).toEqual(["backup"]);
      world.load(30_000);
      expect([world.serving(), world.faults], "and it stays").toEqual([["backup"], []]);
    },
  );

  it("of which neither application can become active is served by the one that can again", () => {
    for (const role of ["primary", "backup"] as const) {
      const world = new PairWorld({ keepsEpochs: true, heartbeats: [1000, 1000] });
      for (const each of ["primary", "backup"] as const) world.unfit.add(each);
      world.load(30_000);
      expect(world.serving()).toEqual([]);
      expect(new Set(world.activations.map((each) => each.role)), "each has tried").toHaveProperty("size", 2);
      world.unfit.delete(role);
      world.load(10_000);
      expect(world.serving()).toEqual([role]);
    }
  });

  it("whatever happens: no epoch twice, with an arbiter never two that serve, and once it is over exactly one", () => {
    const served = new Set<StarEvent | StarRole>();
    fc.assert(
      fc.property(plans, fc.array(acts, { maxLength: 30, size: "max" }), (plan, chaos) => {
        const world = new PairWorld(plan);
        for (const act of chaos) act(world);
        world.delayMs = 0;
        world.heal();
        world.load(15_000);
        const [one, ...others] = world.serving();
        expect([others, world.faults]).toEqual([[], []]);
        expect(one, "nobody serves, although both run and hear each other").toBeDefined();
        served.add(one as StarRole);
        const epochsOf = (role: StarRole | undefined): number[] =>
          world.activations
            .filter((each) => role === undefined || each.role === role)
            .map(({ epoch }) => epoch);
        expect(new Set(epochsOf(undefined)).size).toBe(world.activations.length);
        for (const role of ["primary", "backup"] as const)
          expect(epochsOf(role)).toEqual(epochsOf(role).toSorted((a, b) => a - b));
        const before = world.activations.length;
        world.run(5000);
        expect([world.serving(), world.activations.length], "and it stays").toEqual([[one], before]);
      }),
      { numRuns: 300 },
    );
    expect([...served].sort()).toEqual(["backup", "primary"]);
  });
});
