import { frameText, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Entry } from "../src/entry.js";
import { MapCursor } from "../src/map-cursor.js";
import { ServerMap } from "../src/server-map.js";
import { EMPTY, isUnder } from "../src/wire.js";

/** A map that is changed by key and value, numbers going on. */
class Plain {
  readonly map = new ServerMap();

  set(key: string, value: string): void {
    const { map } = this;
    map.apply(new Entry(textFrame(key), key, map.sequence + 1, EMPTY, EMPTY, textFrame(value), undefined));
  }

  now(subtree = ""): Map<string, string> {
    const entries = [...this.map.values()].filter(({ key }) => isUnder(key, textFrame(subtree)));
    return new Map(entries.map((entry) => [entry.name, `${entry.sequence} ${frameText(entry.value)}`]));
  }
}

/** A reader that looks at one entry at a time. */
class Reader {
  readonly expected: Map<string, string>;
  readonly found: [string, string][] = [];
  readonly cursor: MapCursor;
  isOver = false;

  constructor(plain: Plain, subtree: string) {
    this.expected = plain.now(subtree);
    this.cursor = new MapCursor(plain.map, textFrame(subtree));
  }

  step(looks: number): void {
    let left = looks;
    for (;;) {
      const entry = this.cursor.next(() => left-- > 0);
      if (entry === "pause") return;
      if (entry === undefined) {
        this.isOver = true;
        return;
      }
      this.found.push([entry.name, `${entry.sequence} ${frameText(entry.value)}`]);
    }
  }
}

describe("a cursor", () => {
  const key = fc.constantFrom("/a/1", "/a/2", "/b/1", "/b/2", "/b/3", "c", "/a", "/b/");
  const action = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant("set" as const), key, value: fc.constantFrom("x", "y") }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), key }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("step" as const), looks: fc.nat({ max: 3 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("begin" as const), subtree: fc.constantFrom("", "/a/", "/b/") }),
    },
  );

  it("finds the map as it was at its number, each key once, whatever is updated, deleted and added again under it", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const plain = new Plain();
        for (const name of ["/a/1", "/b/1", "c", "/b/2"]) plain.set(name, "first");
        const readers = [new Reader(plain, ""), new Reader(plain, "/b/")];
        for (const each of actions) {
          if (each.do === "set") plain.set(each.key, each.value);
          else if (each.do === "delete") plain.set(each.key, "");
          else if (each.do === "begin") readers.push(new Reader(plain, each.subtree));
          else for (const reader of readers) reader.step(each.looks);
        }
        for (const reader of readers) {
          reader.step(Number.POSITIVE_INFINITY);
          expect(reader.isOver).toBe(true);
          expect(reader.found.length, "each once").toBe(reader.expected.size);
          expect(new Map(reader.found)).toEqual(reader.expected);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("keeps nothing that it has come by already, nor what is none of its subtree, nor what came later", () => {
    const plain = new Plain();
    for (const name of ["/a/1", "/b/1", "/a/2"]) plain.set(name, "1");
    const reader = new Reader(plain, "/a/");
    reader.step(1);
    for (const name of ["/a/1", "/b/1", "/a/3", "/a/3"]) plain.set(name, "2");
    reader.step(100);
    expect(reader.found).toEqual([
      ["/a/1", "1 1"],
      ["/a/2", "3 1"],
    ]);
    plain.set("/a/2", "3");
    reader.step(100);
    expect(reader.found).toHaveLength(2);
  });
});

describe("a map", () => {
  it("counts keys and bytes", () => {
    const { map, set } = Object.assign(new Plain(), { set: Plain.prototype.set });
    const plain = { map, set };
    plain.set("ab", "123");
    plain.set("c", "1");
    plain.set("ab", "1");
    expect([map.size, map.bytes, map.sequence]).toEqual([2, 5, 3]);
    plain.set("c", "");
    plain.set("none", "");
    expect([map.size, map.bytes, map.sequence]).toEqual([1, 3, 5]);
    map.clear();
    expect([map.size, map.bytes, map.sequence, map.get("ab")]).toEqual([0, 0, 0, undefined]);
  });

  it("finds what is over, and again if what was to take its place came to nothing", () => {
    const map = new ServerMap();
    const put = (name: string, sequence: number, expiresAt: number | undefined): Entry => {
      const entry = new Entry(textFrame(name), name, sequence, EMPTY, EMPTY, textFrame("x"), expiresAt);
      map.apply(entry);
      return entry;
    };
    const [a, b] = [put("a", 1, 20), put("b", 2, 10)];
    put("c", 3, undefined);
    expect(map.deadline).toBe(10);
    expect([map.takeExpired(9), map.takeExpired(30), map.takeExpired(30), map.takeExpired(30)]).toEqual([
      undefined,
      b,
      a,
      undefined,
    ]);
    for (const name of ["a", "a", "c", "none"]) map.putBack(name);
    expect(map.deadline).toBe(20);
    expect([map.takeExpired(30), map.takeExpired(30)]).toEqual([a, undefined]);
    put("b", 4, undefined);
    put("b", 5, 50);
    put("b", 6, 60);
    expect(map.deadline, "what is replaced is not found").toBe(60);
    map.clear();
    expect(map.deadline).toBeUndefined();
  });
});
