import { FairQueue, type FairQueueLimits } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueueModel, type Parcel } from "./support/fair-queue-model.js";

type Command =
  | { kind: "add"; lane: string; bytes: number }
  | { kind: "shift" }
  | { kind: "putBack" | "take"; pick: number }
  | { kind: "takeLane"; lane: string }
  | { kind: "pass"; ms: number };

const lane = fc.constantFrom("a", "b", "c", "d");
const bytes = fc.oneof(fc.nat(3), fc.nat(25));
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("add" as const), lane, bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("shift" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("putBack" as const, "take" as const),
      pick: fc.nat(20),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("takeLane" as const), lane }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(6) }) },
);

const limits: fc.Arbitrary<FairQueueLimits> = fc.record(
  {
    maxItems: fc.integer({ min: 1, max: 8 }),
    maxBytes: fc.integer({ min: 1, max: 40 }),
    maxAgeMs: fc.integer({ min: 0, max: 20 }),
  },
  { requiredKeys: ["maxItems", "maxBytes"] },
);

function* counter(): Generator<number, never> {
  for (let number = 0; ; number++) yield number;
}

/** A queue, and a way to add to it that needs no more than a lane. */
function queueOf(given: Partial<FairQueueLimits> = {}): {
  queue: FairQueue<Parcel>;
  add: (lane: string, bytes?: number, now?: number) => number[];
  take: (count: number) => string;
} {
  const queue = new FairQueue<Parcel>({ maxItems: 100, maxBytes: 1000, maxAgeMs: 1000, ...given });
  const numbers = counter();
  return {
    queue,
    add: (name, size = 1, now = 0) =>
      queue.add({ lane: name, bytes: size, number: numbers.next().value }, now).map(({ number }) => number),
    take: (count) => Array.from({ length: count }, () => queue.shift()?.lane ?? "-").join(""),
  };
}

describe("FairQueue against brute force", () => {
  it("does what arrays do that are searched from end to end", () => {
    fc.assert(
      fc.property(limits, fc.array(command, { maxLength: 120 }), (given, commands) => {
        const queue = new FairQueue<Parcel>(given);
        const model = new FairQueueModel(given);
        const [known, taken]: [Parcel[], Parcel[]] = [[], []];
        const numbers = counter();
        let now = 0;
        for (const step of commands) {
          if (step.kind === "add") {
            const parcel = { lane: step.lane, bytes: step.bytes, number: numbers.next().value };
            known.push(parcel);
            expect(queue.add(parcel, now)).toEqual(model.add(parcel, now));
          } else if (step.kind === "shift") {
            const parcel = queue.shift();
            expect(parcel).toBe(model.shift());
            if (parcel !== undefined) taken.push(parcel);
          } else if (step.kind === "takeLane") {
            expect(queue.takeLane(step.lane)).toEqual(model.takeLane(step.lane));
          } else if (step.kind === "pass") {
            now += step.ms;
            for (let old = model.takeOverdue(now); old !== undefined; old = model.takeOverdue(now)) {
              expect(queue.takeOverdue(now)).toBe(old);
            }
            expect(queue.takeOverdue(now)).toBeUndefined();
          } else {
            const pool = step.kind === "take" ? known : taken;
            const parcel = pool[step.pick % Math.max(1, pool.length)];
            if (parcel === undefined) continue;
            if (step.kind === "take") {
              expect(queue.take(parcel)).toBe(model.take(parcel));
            } else {
              taken.splice(taken.indexOf(parcel), 1);
              queue.putBack(parcel, now);
              model.putBack(parcel, now);
            }
          }
          expect([queue.length, queue.bytes, queue.deadline]).toEqual([
            model.length,
            model.bytes,
            model.deadline,
          ]);
        }
        const rest = Array.from({ length: model.length }, () => model.shift());
        expect(rest.map(() => queue.shift())).toEqual(rest);
        expect([queue.shift(), queue.length, queue.bytes, queue.deadline]).toEqual([
          undefined,
          0,
          0,
          undefined,
        ]);
      }),
      { numRuns: 1000 },
    );
  });

  /** What holds however the queue decides, stated without its rules. */
  it("keeps its bounds, drops nothing in vain, and grants each lane its equal share", () => {
    const additions = fc.array(fc.record({ lane, bytes }), { maxLength: 120 });
    fc.assert(
      fc.property(limits, additions, (given, all) => {
        const queue = new FairQueue<Parcel>(given);
        const numbers = counter();
        let waiting: Parcel[] = [];
        for (const { lane: name, bytes: size } of all) {
          const parcel = { lane: name, bytes: size, number: numbers.next().value };
          const lanes = new Set([...waiting, parcel].map((other) => other.lane)).size;
          const own = [...waiting.filter((other) => other.lane === name), parcel];
          const gone = queue.add(parcel, 0);
          const isRefused = gone.includes(parcel);
          if (isRefused) expect(gone).toEqual([parcel]);
          expect(gone.filter((other) => other.lane === name && other !== parcel)).toEqual([]);
          waiting = [...waiting, parcel].filter((other) => !gone.includes(other));
          expect(waiting.length).toBeLessThanOrEqual(given.maxItems);
          expect(waiting.reduce((sum, other) => sum + other.bytes, 0)).toBeLessThanOrEqual(given.maxBytes);
          const hasShare =
            own.length * lanes <= given.maxItems &&
            own.reduce((sum, other) => sum + other.bytes, 0) * lanes <= given.maxBytes;
          if (hasShare) expect(isRefused, "refused within its equal share").toBe(false);
        }
        expect(queue.length).toBe(waiting.length);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("FairQueue", () => {
  it("serves lanes in turn, a new one after those that wait, and an empty one not at all", () => {
    const { add, take } = queueOf();
    for (const name of "aaab") add(name);
    expect(take(2)).toBe("ab");
    add("c");
    add("b");
    expect(take(5)).toBe("acba-");
  });

  it("lets the newest of the longest lane give way, if that is longer than the newcomer's would be", () => {
    const { add, queue, take } = queueOf({ maxItems: 4 });
    for (const name of "aaaa") expect(add(name)).toEqual([]);
    expect(add("a"), "a lane does not push out its own").toEqual([4]);
    expect(add("b")).toEqual([3]);
    expect(add("b")).toEqual([2]);
    expect(add("b"), "three would be more than two").toEqual([7]);
    expect(add("c"), "of two lanes as long the one that has been so for longer").toEqual([1]);
    expect(add("c"), "two would not be less than two").toEqual([9]);
    expect(queue.length).toBe(4);
    expect(take(5)).toBe("abcb-");
  });

  it.each([
    ["places", { maxItems: 100, maxBytes: 1000 }, 1],
    ["bytes", { maxItems: 10_000, maxBytes: 1000 }, 10],
    ["both", { maxItems: 100, maxBytes: 1000 }, 10],
  ])("a flood that takes all %s never refuses others within their share", (_what, given, size) => {
    const queue = new FairQueue<Parcel>({ ...given, maxAgeMs: 1000 });
    const numbers = counter();
    const isRefused = (name: string): boolean => {
      const parcel = { lane: name, bytes: size, number: numbers.next().value };
      return queue.add(parcel, 0).includes(parcel);
    };
    const flood = (count: number): boolean[] => Array.from({ length: count }, () => isRefused("flood"));
    expect(flood(500).filter((refused) => refused)).toHaveLength(400);
    const others = Array.from({ length: 9 }, (_, index) => `other ${index}`);
    for (let round = 0; round < 10; round++) {
      for (const name of others) {
        flood(3);
        expect(isRefused(name), `${name} in round ${round}`).toBe(false);
      }
    }
    for (const name of [...others, "flood"]) expect(queue.takeLane(name), name).toHaveLength(10);
  });

  it("where bytes are short, who has many small items does not give way to who has few large ones", () => {
    const { add, queue } = queueOf({ maxItems: 1000, maxBytes: 1000 });
    for (let index = 0; index < 9; index++) expect(add("large", 100)).toEqual([]);
    for (let index = 9; index < 109; index++) expect(add("small", 1)).toEqual([]);
    expect(add("large", 100), "it is the one that takes the bytes").toEqual([109]);
    expect(add("small", 1)).toEqual([8]);
    expect(queue.takeLane("small")).toHaveLength(101);
  });

  it("drops nothing for an item that finds no room all the same", () => {
    const { add, queue } = queueOf({ maxItems: 10, maxBytes: 100 });
    for (const name of "aaabbb") add(name, 16);
    expect(add("c", 60), "it would have more than either keeps").toEqual([6]);
    expect(add("c", 101), "larger than everything").toEqual([7]);
    expect(queue.length).toBe(6);
    expect(add("c", 33), "an equal share is granted, and costs what it must").toEqual([2, 5]);
  });

  it("refuses for lack of a place before any bytes are freed", () => {
    const { add, queue } = queueOf({ maxItems: 2, maxBytes: 100 });
    expect([add("a", 90), add("b", 1)]).toEqual([[], []]);
    expect(add("c", 20)).toEqual([2]);
    expect(queue.bytes).toBe(91);
  });

  it("puts back in front of all, in order, without limit, and nothing of it gives way", () => {
    const { add, queue, take } = queueOf({ maxItems: 1, maxBytes: 10, maxAgeMs: 100 });
    const parcels = ["x", "y"].map((name, index) => ({ lane: name, bytes: 8, number: 100 + index }));
    add("a", 2);
    for (const parcel of parcels) queue.putBack(parcel, 0);
    expect([queue.length, queue.bytes]).toEqual([3, 18]);
    expect(add("b", 1), "bytes that came back count").toEqual([1]);
    expect(queue.take(parcels[0] as Parcel)).toBe(true);
    expect(queue.take(parcels[0] as Parcel)).toBe(false);
    expect(add("b", 1), "but not in the places").toEqual([2]);
    expect(take(3)).toBe("ya-");
  });

  it("passes over what came back and is not meant, and leaves it in its place", () => {
    const { add, queue, take } = queueOf();
    add("a");
    for (const [index, name] of ["x", "y"].entries())
      queue.putBack({ lane: name, bytes: 1, number: 100 + index }, 0);
    expect(
      queue.shift(() => false, 2),
      "as many are left as may be",
    ).toBeUndefined();
    expect(queue.shift(({ lane: name }) => name !== "x", 2)?.lane).toBe("y");
    expect(queue.shift(() => false, 2)?.lane, "what never left was not judged").toBe("a");
    expect(queue.shift(() => false)).toBeUndefined();
    expect(take(2)).toBe("x-");
  });

  it("refuses what has no room because of what came back alone", () => {
    const { add, queue } = queueOf({ maxItems: 5, maxBytes: 10 });
    queue.putBack({ lane: "x", bytes: 10, number: 100 }, 0);
    expect(add("a", 1)).toEqual([0]);
    expect(add("a", 0)).toEqual([]);
  });

  it("counts the age anew for what came back, and takes the oldest first", () => {
    const { add, queue } = queueOf({ maxAgeMs: 10 });
    expect(queue.deadline).toBeUndefined();
    add("a", 1, 0);
    add("b", 1, 1);
    const first = queue.shift() as Parcel;
    queue.putBack(first, 5);
    expect(queue.deadline).toBe(11);
    expect(queue.takeOverdue(10.9)).toBeUndefined();
    expect(queue.takeOverdue(20)?.lane).toBe("b");
    expect([queue.deadline, queue.takeOverdue(14.9)]).toEqual([15, undefined]);
    expect(queue.takeOverdue(15)).toBe(first);
    expect(queue.length).toBe(0);
  });

  it("without an age lets items wait for ever, those that came back included", () => {
    const queue = new FairQueue<Parcel>({ maxItems: 10, maxBytes: 10 });
    const parcels = [0, 1].map((number) => ({ lane: "a", bytes: 1, number }));
    for (const parcel of parcels) queue.add(parcel, 0);
    queue.putBack(queue.shift() as Parcel, 0);
    expect([queue.deadline, queue.takeOverdue(Number.MAX_VALUE), queue.length]).toEqual([
      undefined,
      undefined,
      2,
    ]);
    expect([queue.take(parcels[1] as Parcel), queue.shift(), queue.length]).toEqual([true, parcels[0], 0]);
  });

  it("does not take out what waits in another queue, or did", () => {
    const [here, there] = [queueOf().queue, queueOf().queue];
    const parcel: Parcel = { lane: "a", bytes: 1, number: 0 };
    there.add(parcel, 0);
    expect(here.take(parcel)).toBe(false);
    expect([here.length, there.length, there.bytes]).toEqual([0, 1, 1]);
    expect(there.shift()).toBe(parcel);
    here.add(parcel, 0);
    expect([there.take(parcel), here.length]).toEqual([false, 1]);
    expect([here.take(parcel), here.take(parcel), here.length]).toEqual([true, false, 0]);
  });

  it("takes a lane out with what was put back of it, in the order in which it would have been served", () => {
    const { add, queue, take } = queueOf();
    for (const name of "abaa") add(name);
    const first = queue.shift() as Parcel;
    queue.putBack({ lane: "b", bytes: 1, number: 100 }, 0);
    queue.putBack(first, 0);
    expect(queue.takeLane("a").map(({ number }) => number)).toEqual([0, 2, 3]);
    expect(queue.takeLane("nobody")).toEqual([]);
    expect([queue.length, take(3)]).toEqual([2, "bb-"]);
  });

  it("keeps its order and its books over 100,000 items of 1,000 lanes", () => {
    const { add, queue } = queueOf({ maxItems: 50_000, maxBytes: 1_000_000 });
    let gone = 0;
    for (let index = 0; index < 100_000; index++) gone += add(`lane ${index % 1000}`, 1 + (index % 3)).length;
    expect([queue.length, gone]).toEqual([50_000, 50_000]);
    for (let index = 0; index < 1000; index++) expect(queue.shift()?.number).toBe(index);
    for (let index = 0; index < 1000; index++) expect(queue.takeLane(`lane ${index}`)).toHaveLength(49);
    expect([queue.length, queue.bytes, queue.deadline]).toEqual([0, 0, undefined]);
  });
});
