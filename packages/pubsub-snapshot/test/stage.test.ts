import { frameText, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Stage } from "../src/stage.js";
import { decodeMessage, EMPTY, encodeKeyValue, type KeyValue } from "../src/wire.js";

const said = (key: string, sequence: number, value: string): KeyValue =>
  decodeMessage([...encodeKeyValue(textFrame(key), sequence, EMPTY, EMPTY, textFrame(value))]) as KeyValue;

const step = fc.record({
  key: fc.constantFrom("a", "b", "c", "d"),
  value: fc.constantFrom("", "1", "2", "3"),
});

it("whenever a snapshot is taken, and however much its items are late, it becomes the map as it is", () => {
  const run = fc.record({
    before: fc.array(step, { maxLength: 10 }),
    meanwhile: fc.array(step, { maxLength: 20 }),
    asOf: fc.nat({ max: 20 }),
    seed: fc.infiniteStream(fc.boolean()),
  });
  fc.assert(
    fc.property(run, ({ before, meanwhile, asOf, seed }) => {
      const map = new Map<string, [number, string]>();
      let sequence = 0;
      const apply = ({ key, value }: { key: string; value: string }): KeyValue => {
        sequence += 1;
        if (value === "") map.delete(key);
        else map.set(key, [sequence, value]);
        return said(key, sequence, value);
      };
      for (const update of before) apply(update);
      const stage = new Stage();
      const items: KeyValue[] = [];
      let number = sequence;
      const snapshot = (): void => {
        number = sequence;
        for (const [key, [at, value]] of map) items.push(said(key, at, value));
      };
      if (asOf === 0) snapshot();
      for (const [index, update] of meanwhile.entries()) {
        stage.update(apply(update));
        if (index + 1 === asOf) snapshot();
        while (items.length > 0 && seed.next().value === true) stage.item(items.pop() as KeyValue);
      }
      if (asOf > meanwhile.length) snapshot();
      for (const item of items) stage.item(item);
      const complete = [...stage.complete(number).values()];
      expect(
        Object.fromEntries(
          complete.map((entry) => [entry.keyText, [entry.sequence, frameText(entry.value)]]),
        ),
      ).toEqual(Object.fromEntries(map));
    }),
  );
});

it("is as large as the items, or the updates, whichever have more keys", () => {
  const stage = new Stage();
  stage.item(said("a", 1, "x"));
  stage.item(said("b", 1, "x"));
  stage.update(said("c", 2, "x"));
  stage.update(said("c", 3, ""));
  expect(stage.size).toBe(2);
  for (const key of ["d", "e"]) stage.update(said(key, 4, "x"));
  expect(stage.size).toBe(3);
});
