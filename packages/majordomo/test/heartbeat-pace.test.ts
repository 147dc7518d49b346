import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BrokerDriver } from "./broker-driver.js";
import { Fleet } from "./heartbeat-fleet.js";

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `w${at}`);

/** A broker with so many workers of ours, which has told them nothing yet but what greets them. */
function crowd(count: number, maxHeartbeatsPerSecond: number): BrokerDriver {
  const broker = new BrokerDriver({ maxHeartbeatsPerSecond });
  for (const name of names(count)) broker.join(name, { version: "0.2", credit: 1, heartbeatMs: 100 });
  return broker;
}

/** What the broker said last of intervals to a worker. */
const lastNotice = (broker: BrokerDriver, worker: string): unknown =>
  broker.outputs.findLast(
    (output) => output.type === "heartbeat" && `${Buffer.from(output.worker)}` === worker,
  );

describe("workers that are few", () => {
  it("are asked for nothing, and sent as much as ever, as long as there is not one too many", () => {
    const broker = crowd(10, 100);
    for (const name of names(10)) {
      expect(lastNotice(broker, name)).toMatchObject({ notice: { heartbeatMs: 100, askedMs: 0 } });
    }
    broker.join("w10", { credit: 1, heartbeatMs: 100 });
    expect(lastNotice(broker, "w10")).toMatchObject({ notice: { heartbeatMs: 200, askedMs: 200 } });
  });

  it("and those that send less often anyway are asked for nothing", () => {
    const broker = crowd(10, 100).join("slow", { credit: 1, heartbeatMs: 200 });
    expect(lastNotice(broker, "slow")).toMatchObject({ notice: { heartbeatMs: 200, askedMs: 0 } });
  });

  it("and those that send more often than the broker are not, either, if there is no need", () => {
    const broker = new BrokerDriver({ maxHeartbeatsPerSecond: 100 }).join("fast", { heartbeatMs: 20 });
    expect(lastNotice(broker, "fast")).toMatchObject({ notice: { heartbeatMs: 100, askedMs: 0 } });
    for (const name of names(3)) broker.join(name, { heartbeatMs: 20 });
    expect(lastNotice(broker, "w2")).toMatchObject({ notice: { heartbeatMs: 100, askedMs: 50 } });
  });
});

describe("workers that are many", () => {
  it("are not asked if they are not ours, nor counted, nor heard of less", () => {
    const broker = new BrokerDriver({ maxHeartbeatsPerSecond: 10 }).ready(...names(30));
    expect(broker.until(100).said).toEqual(names(30).map((name) => `heartbeat ${name}`));
    broker.join("ours", { credit: 1 });
    expect(lastNotice(broker, "ours")).toMatchObject({ notice: { heartbeatMs: 100, askedMs: 0 } });
    crowd(20, 10);
    for (const name of names(20)) broker.join(`o${name}`, { credit: 1 });
    expect(
      broker
        .clear()
        .alive(200, ...names(30))
        .said.filter((said) => said === "heartbeat w1"),
    ).toHaveLength(1);
  });

  it("are asked with the heartbeat that is due next, and judged by what they answer, not by what was asked", () => {
    const broker = crowd(10, 100).until(50);
    for (const name of ["v0", "v1", "v2"]) broker.join(name, { credit: 1, heartbeatMs: 100 });
    broker.clear().until(100);
    expect(lastNotice(broker, "w3")).toMatchObject({ notice: { heartbeatMs: 200, askedMs: 200 } });
    broker.heartbeat("w3", { heartbeatMs: 200 }).until(300);
    const missing = broker.machine.workers(300).filter(({ isMissing }) => isMissing);
    expect(missing.map(({ id }) => id)).toEqual(names(10).filter((name) => name !== "w3"));
    expect(broker.until(699).statuses).not.toContain("worker-expired w3");
    expect(broker.until(700).statuses).toContain("worker-expired w3");
  });

  it("and were told so are told when they are few again, busy ones with what they are given next, after it", () => {
    const broker = crowd(20, 100);
    expect(lastNotice(broker, "w0")).toMatchObject({ notice: { heartbeatMs: 100, askedMs: 0 } });
    expect(lastNotice(broker, "w19")).toMatchObject({ notice: { heartbeatMs: 200, askedMs: 200 } });
    const before = names(19).slice(0, 11);
    broker
      .departed(...before)
      .clear()
      .heartbeat("w19", { credit: 9 })
      .ask("1");
    expect(broker.said, "nine are too many for half of it").toEqual([]);
    broker
      .reply("w11", "1")
      .departed(...names(19).slice(12))
      .clear()
      .ask("2");
    expect(broker.outputs).toMatchObject([
      { type: "deliver" },
      { type: "heartbeat", notice: { heartbeatMs: 100, askedMs: 0 } },
    ]);
    const told = broker.clear().now;
    expect(broker.until(told + 99).said).toEqual([]);
    expect(broker.until(told + 100).said, "at the shorter interval from then on").toEqual([
      "heartbeat w19 100",
    ]);
  });

  it("and one whose request is called back then is told as well", () => {
    const broker = new BrokerDriver({ maxHeartbeatsPerSecond: 100 });
    for (const name of names(19)) broker.join(name, { credit: 0 });
    broker.join("busy", { credit: 1 }).ask("1", { sequence: 1 });
    broker
      .departed(...names(19))
      .clear()
      .cancel(1);
    expect(broker.said).toEqual(["cancel 1 > busy", "heartbeat busy 100"]);
  });
});

describe("a fleet", () => {
  const settings = { heartbeatMs: 100, maxHeartbeatsPerSecond: 1000 };
  const thousand = (): Fleet => {
    const fleet = new Fleet(settings);
    for (const name of names(1000)) fleet.join(name, { heartbeatMs: 100 });
    return fleet;
  };

  it("of many that come at once slows down, and its heartbeats are spread in both directions", () => {
    const fleet = thousand().until(8000);
    expect(fleet.mourned).toEqual([]);
    // Were they not spread, all thousand would come in one such tenth of a second, and none in the next.
    expect(fleet.busiest("workers", 4000, 100)).toBeLessThanOrEqual(100);
    expect(fleet.busiest("broker", 4000, 100)).toBeLessThanOrEqual(100);
  });

  it("notices who stands still after three of the intervals that were announced, and is noticed in turn", () => {
    const fleet = thousand().until(4000).freeze("w7");
    const intervalMs = 1600;
    expect(fleet.until(4000 + 2 * intervalMs - 1).mourned).toEqual([]);
    expect(fleet.until(4000 + 3 * intervalMs).mourned).toEqual(["w7"]);
    fleet.freezeBroker().until(fleet.now + 3 * intervalMs);
    expect(new Set(fleet.mourned).size, "by all the others").toBe(1 + 999);
  });

  it("of which most leave is quick again within one of the long intervals", () => {
    const fleet = thousand().until(4000);
    for (const name of names(1000).slice(5)) fleet.leave(name);
    fleet.until(4000 + 1600 + 100);
    const since = fleet.now;
    fleet.until(since + 1000);
    for (const direction of ["workers", "broker"] as const)
      expect(fleet.beats[direction].filter((at) => at > since)).toHaveLength(5 * 10);
    expect(fleet.freeze("w3").until(fleet.now + 300).mourned).toEqual(["w3"]);
  });

  const step = fc.oneof(
    fc.record({
      join: fc.record({
        count: fc.integer({ min: 1, max: 20 }),
        heartbeatMs: fc.constantFrom(50, 100, 170, 1000),
        liveness: fc.integer({ min: 2, max: 4 }),
      }),
    }),
    fc.record({ leave: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ passMs: fc.nat({ max: 1500 }) }),
  );

  it("that grows and shrinks takes nobody for dead, and never has too many heartbeats for long", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 2, max: 4 }), (steps, liveness) => {
        const fleet = new Fleet({ heartbeatMs: 100, liveness, maxHeartbeatsPerSecond: 100 });
        let last = 0;
        for (const each of steps) {
          if ("passMs" in each) fleet.until(fleet.now + each.passMs);
          else if ("leave" in each) fleet.leaveSome(each.leave);
          else {
            const { count, ...options } = each.join;
            for (let at = 0; at < count; at++) fleet.join(`w${last++}`, options);
          }
        }
        // All have heard of it, and said so, and keep to it.
        fleet.until(fleet.now + 12_000);
        expect(fleet.mourned).toEqual([]);
        const since = fleet.now - 5000;
        for (const direction of ["workers", "broker"] as const)
          expect(fleet.beats[direction].filter((at) => at > since).length).toBeLessThanOrEqual(
            5 * 100 + fleet.size,
          );
      }),
      { numRuns: 60 },
    );
  }, 30_000);
});
