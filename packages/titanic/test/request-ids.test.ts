import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { idMaker } from "../src/request-ids.js";
import { idText } from "../src/wire.js";

describe("ids of requests", () => {
  it("are UUIDs of version 7, which begin with the time", () => {
    const make = idMaker(() => 0x0123456789ab, randomBytes);
    for (let count = 0; count < 1000; count++) {
      expect(idText(make())).toMatch(/^0123456789AB7[0-9A-F]{3}[89AB][0-9A-F]{15}$/);
    }
  });

  it("sort as they were made, from one ms to the next", () => {
    let now = 1_000_000;
    const make = idMaker(() => now++, randomBytes);
    const ids = Array.from({ length: 1000 }, () => idText(make()));
    expect(ids).toEqual(ids.toSorted());
  });

  it("are all different, also within one ms, and leave those alone that were made before", () => {
    const make = idMaker(() => 7, randomBytes);
    const ids = Array.from({ length: 10_000 }, make);
    const texts = ids.map(idText);
    expect(new Set(texts).size).toBe(ids.length);
    expect(new Set(texts.map((text) => text.slice(13))).size).toBe(ids.length);
  });
});
