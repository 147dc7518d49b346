import { ChurnMap } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const step = fc.record({ key: fc.nat(12), value: fc.option(fc.nat(99), { nil: undefined }) });

describe("ChurnMap", () => {
  it("does what a Map does", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const map = new ChurnMap<number, number>();
        const model = new Map<number, number>();
        for (const { key, value } of steps) {
          if (value === undefined) {
            map.delete(key);
            model.delete(key);
          } else {
            map.set(key, value);
            model.set(key, value);
          }
          expect(map.size).toBe(model.size);
          expect(map.get(key)).toBe(model.get(key));
        }
        expect([...map.values()]).toEqual([...model.values()]);
      }),
    );
  });

  it("is as good as new when very many have left", () => {
    const map = new ChurnMap<number, object>();
    const item = {};
    for (let key = 0; key < 5000; key++) map.set(key, item);
    for (let key = 0; key < 5000; key++) map.delete(key);
    expect(map.size).toBe(0);
    map.set(1, item);
    map.set(2, map);
    expect([map.get(1), map.get(2), map.get(3)]).toEqual([item, map, undefined]);
    expect([...map.values()]).toEqual([item, map]);
  });
});
