import { Fifo } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** Positive: push so many; negative: shift so many; 0: clear. */
const steps = fc.array(fc.integer({ min: -3000, max: 3000 }), { maxLength: 30 });

describe("Fifo", () => {
  it("does what an array does, across its compactions", () => {
    fc.assert(
      fc.property(steps, (counts) => {
        const fifo = new Fifo<number>();
        let model: number[] = [];
        let next = 0;
        for (const count of counts) {
          if (count === 0) {
            fifo.clear();
            model = [];
          }
          for (let index = 0; index < count; index++) {
            fifo.push(next);
            model.push(next++);
          }
          const shifted = model.splice(0, Math.max(0, -count));
          for (const item of shifted) if (fifo.shift() !== item) expect.fail(`lost ${item}`);
          expect(fifo.length).toBe(model.length);
          expect(fifo.peek()).toBe(model[0]);
        }
        expect(model.map(() => fifo.shift())).toEqual(model);
        expect(fifo.shift()).toBeUndefined();
        expect(fifo.length).toBe(0);
      }),
    );
  });

  it("keeps order while it never runs empty", () => {
    const fifo = new Fifo<number>();
    for (let index = 0; index < 10; index++) fifo.push(index);
    for (let index = 10; index < 50_000; index++) {
      fifo.push(index);
      if (fifo.shift() !== index - 10) expect.fail(`out of order at ${index}`);
    }
    expect(fifo.length).toBe(10);
  });
});
