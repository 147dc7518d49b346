import { type DeadlineEntry, DeadlineQueue } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** The same by brute force: entries in the order in which they were last set, sorted stably. */
class Model {
  pending: { item: number; at: number }[] = [];

  set(item: number, at: number): void {
    this.cancel(item);
    this.pending.push({ item, at });
  }

  cancel(item: number): void {
    this.pending = this.pending.filter((entry) => entry.item !== item);
  }

  get sorted(): { item: number; at: number }[] {
    return [...this.pending].sort((a, b) => a.at - b.at);
  }

  takeDue(now: number): number | undefined {
    const first = this.sorted[0];
    if (first === undefined || first.at > now) return undefined;
    this.cancel(first.item);
    return first.item;
  }
}

type Command =
  | { kind: "add"; at: number }
  | { kind: "cancel" | "move"; pick: number; at: number }
  | { kind: "take"; at: number };

const time = fc.integer({ min: 0, max: 20 });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), at: time }),
  fc.record({ kind: fc.constantFrom("cancel" as const, "move" as const), pick: fc.nat(), at: time }),
  fc.record({ kind: fc.constant("take" as const), at: time }),
);

describe("DeadlineQueue", () => {
  it("does what a sorted array does, ties in the order in which they were set", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
        const queue = new DeadlineQueue<number>();
        const model = new Model();
        const entries: DeadlineEntry<number>[] = [];
        for (const step of commands) {
          if (step.kind === "add") {
            model.set(entries.length, step.at);
            entries.push(queue.add(entries.length, step.at));
          } else if (step.kind === "take") {
            expect(queue.takeDue(step.at)).toBe(model.takeDue(step.at));
          } else {
            const entry = entries[step.pick % Math.max(1, entries.length)];
            if (entry === undefined) continue;
            // Also entries that were cancelled or taken: cancelling is harmless, moving sets again.
            if (step.kind === "cancel") {
              queue.cancel(entry);
              model.cancel(entry.item);
            } else {
              queue.move(entry, step.at);
              model.set(entry.item, step.at);
              expect(entry.at).toBe(step.at);
            }
          }
          expect(queue.size).toBe(model.pending.length);
          expect(queue.deadline).toBe(model.sorted[0]?.at);
        }
        const rest = model.sorted.map(({ item }) => item);
        expect(rest.map(() => queue.takeDue(Number.POSITIVE_INFINITY))).toEqual(rest);
        expect(queue.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("is empty at first, and a deadline is due at its very time", () => {
    const queue = new DeadlineQueue<string>();
    expect([queue.size, queue.deadline, queue.takeDue(1e9)]).toEqual([0, undefined, undefined]);
    queue.add("a", 5);
    expect(queue.takeDue(4.999)).toBeUndefined();
    expect(queue.takeDue(5)).toBe("a");
  });

  it("keeps 100,000 deadlines in order, a third of them cancelled and a third moved", () => {
    const count = 100_000;
    const queue = new DeadlineQueue<number>();
    const at = (index: number): number => (index * 7919) % count;
    const entries = Array.from({ length: count }, (_, index) => queue.add(index, at(index)));
    const expected: { item: number; at: number }[] = [];
    for (const [index, entry] of entries.entries()) {
      if (index % 3 === 0) queue.cancel(entry);
      else if (index % 3 === 1) expected.push({ item: index, at: at(index) });
    }
    for (const [index, entry] of entries.entries()) {
      if (index % 3 !== 2) continue;
      queue.move(entry, at(index) + count / 2);
      expected.push({ item: index, at: at(index) + count / 2 });
    }
    expect(queue.size).toBe(expected.length);
    expected.sort((a, b) => a.at - b.at);
    const taken: number[] = [];
    for (let item = queue.takeDue(2 * count); item !== undefined; item = queue.takeDue(2 * count)) {
      taken.push(item);
    }
    expect(taken).toEqual(expected.map(({ item }) => item));
  });
});
