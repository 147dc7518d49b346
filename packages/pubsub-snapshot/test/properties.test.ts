import { frameText, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  countUnder,
  decodeItemTerms,
  decodeProperties,
  decodeUpdateTerms,
  encodeForeignTerms,
  encodeProperties,
  encodeUpdateTerms,
  isReserved,
  lineOf,
  type Property,
  subtreeCounts,
  timeLeft,
  wholeNumber,
  withLines,
} from "../src/properties.js";

const name = fc
  .string({ unit: "binary", minLength: 1, maxLength: 8 })
  .map((text) => text.replaceAll(/[=\n]/g, "_").toWellFormed())
  .filter((text) => !isReserved(text));
const value = fc
  .string({ unit: "binary", maxLength: 12 })
  .map((text) => text.replaceAll("\n", "_").toWellFormed());
const properties: fc.Arbitrary<Property[]> = fc.array(fc.tuple(name, value), { maxLength: 5 });
const anyFrame = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .array(
      fc.constantFrom("ttl=5", "sw-ttl=5", "sw-if=1", "sw-under=1:2", "sw-", "=", "", "a", "é=é", "ttl=x"),
    )
    .map((lines) => textFrame(lines.join("\n"))),
);
const text = (frame: Uint8Array): string => frameText(frame);

describe("lines", () => {
  it("what is encoded is decoded, whatever is in it", () => {
    fc.assert(
      fc.property(properties, (given) => {
        expect(decodeProperties(encodeProperties(given))).toEqual(given);
      }),
    );
    expect(encodeProperties([])).toHaveLength(0);
  });

  it("without =, without a last newline, empty, or not UTF-8, are read all the same", () => {
    expect(decodeProperties(textFrame("a\n\nb=1=2\n=c\n\nd="))).toEqual([
      ["a", ""],
      ["b", "1=2"],
      ["", "c"],
      ["d", ""],
    ]);
    expect(decodeProperties(Uint8Array.of(0x61, 0x3d, 0xff, 0x0a))).toEqual([["a", "\ufffd"]]);
    expect(decodeProperties(textFrame("\ufeffa=1\n"))).toEqual([["\ufeffa", "1"]]);
  });

  it("of a name that comes twice, the first counts", () => {
    const lines = decodeProperties(textFrame("a=1\nb=2\na=3\n"));
    expect([lineOf(lines, "a"), lineOf(lines, "b"), lineOf(lines, "c")]).toEqual(["1", "2", undefined]);
  });

  it("some names are the protocol's", () => {
    expect(["ttl", "sw-", "sw-x"].every(isReserved)).toBe(true);
    expect(["ttl2", "TTL", "sw", "x-sw-", ""].some(isReserved)).toBe(false);
  });

  it("whole numbers are decimal digits that a number holds", () => {
    expect(wholeNumber("007")).toBe(7);
    expect(wholeNumber("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
    for (const wrong of ["9007199254740992", "12345678901234567", "", "-1", "1.5", "1e3", " 1", undefined])
      expect(wholeNumber(wrong)).toBeUndefined();
  });
});

describe("terms of an update", () => {
  it("are read as they were given, and stored without what was meant for the server", () => {
    const terms = fc.tuple(properties, fc.nat({ max: 1e9 }), fc.option(fc.nat(), { nil: undefined }));
    fc.assert(
      fc.property(terms, ([given, ttlMs, expected]) => {
        const read = decodeUpdateTerms(encodeUpdateTerms(given, ttlMs, expected));
        if ("type" in read) throw new Error(read.reason);
        expect(read).toMatchObject({ ttlMs, expected });
        expect(decodeItemTerms(read.properties)).toMatchObject({
          properties: given,
          ttlMs,
          leftMs: undefined,
        });
      }),
    );
    expect(encodeUpdateTerms([], 0, undefined)).toHaveLength(0);
    expect(decodeUpdateTerms(new Uint8Array(0))).toMatchObject({ ttlMs: 0, expected: undefined });
  });

  it("have the time to live in whole seconds for others, and in ms for ours, whichever comes first", () => {
    expect(text(encodeUpdateTerms([["a", "b"]], 1200.5, 3))).toBe("a=b\nttl=2\nsw-ttl=1201\nsw-if=3\n");
    for (const frame of ["ttl=2\nsw-ttl=1201\n", "sw-ttl=1201\nttl=2\n"])
      expect(decodeUpdateTerms(textFrame(frame))).toMatchObject({ ttlMs: 1201 });
    expect(decodeUpdateTerms(textFrame("ttl= 30 "))).toMatchObject({ ttlMs: 30_000 });
    expect(decodeUpdateTerms(textFrame("ttl="))).toMatchObject({ ttlMs: 0 });
  });

  it("for a server that is not ours are what RFC 12 has", () => {
    expect(text(encodeForeignTerms([["a", "b"]], 1200))).toBe("a=b\nttl=2\n");
    expect(text(encodeForeignTerms([["a", "b"]], 0))).toBe("a=b\n");
    expect(encodeForeignTerms([], 0)).toHaveLength(0);
  });

  it.each(["ttl=x\n", "ttl=-1\n", "sw-ttl=\n", "sw-ttl=1.5\n", "sw-if=x\n", "sw-if\n", "ttl=1000000001\n"])(
    "%j is malformed",
    (frame) => {
      expect(decodeUpdateTerms(textFrame(frame))).toMatchObject({ type: "malformed" });
    },
  );

  it("keep lines of others byte for byte, the last one ended, and none of the protocol's but the time to live", () => {
    const frame = Uint8Array.of(
      0xff,
      0x3d,
      0xfe,
      0x0a,
      ...textFrame("sw-left=5\n\nsw-ttl=1500\nttl=2\nsw-under=1:2\nend"),
    );
    const read = decodeUpdateTerms(frame);
    if ("type" in read) throw new Error(read.reason);
    expect(read.properties).toEqual(
      Uint8Array.of(0xff, 0x3d, 0xfe, 0x0a, ...textFrame("\nsw-ttl=1500\nttl=2\nend\n")),
    );
  });

  it("of any frame are something or malformed", () => {
    fc.assert(
      fc.property(anyFrame, fc.boolean(), (given, isBuffer) => {
        const frame = isBuffer ? Buffer.from(given) : given;
        const read = decodeUpdateTerms(frame);
        if (!("type" in read)) expect(read.ttlMs).toBeGreaterThanOrEqual(0);
        const { stored } = decodeItemTerms(frame);
        expect(decodeItemTerms(stored).stored).toEqual(stored);
        countUnder(frame, 3);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("what a server of ours says in an update", () => {
  it("is put behind the user's lines, and is not theirs", () => {
    const frame = withLines(textFrame("a=b\n"), [timeLeft(12.1), subtreeCounts([[3, 7]])]);
    expect(text(frame)).toBe("a=b\nsw-left=13\nsw-under=3:7\n");
    expect(decodeItemTerms(frame)).toEqual({
      properties: [["a", "b"]],
      ttlMs: 0,
      leftMs: 13,
      stored: textFrame("a=b\n"),
    });
    expect(timeLeft(-5)).toEqual(["sw-left", "0"]);
    expect(withLines(frame, [])).toBe(frame);
    expect(text(withLines(new Uint8Array(0), [["a", "b"]]))).toBe("a=b\n");
    expect(decodeItemTerms(textFrame("ttl=x\nsw-left=y\n"))).toMatchObject({ ttlMs: 0, leftMs: undefined });
  });

  it("the count of a subtree is found by the length of its name, wherever the line is", () => {
    const counts = fc.uniqueArray(fc.tuple(fc.nat({ max: 255 }), fc.maxSafeNat()), {
      selector: ([length]) => length,
      maxLength: 6,
    });
    const behind = fc.constantFrom<Property[]>([], [["sw-left", "5"]], [["sw-x", "sw-under=1:9"]]);
    fc.assert(
      fc.property(properties, counts, behind, fc.boolean(), (given, subtrees, more, isBuffer) => {
        const lines = subtrees.length === 0 ? more : [subtreeCounts(subtrees), ...more];
        const frame = withLines(encodeProperties(given), lines);
        for (let length = 0; length < 256; length += 5) {
          const expected = subtrees.find(([other]) => other === length)?.[1];
          expect(countUnder(isBuffer ? Buffer.from(frame) : frame, length)).toBe(expected);
        }
      }),
    );
  });

  it.each([
    ["", undefined],
    ["sw-under=", undefined],
    ["sw-under=3\n", undefined],
    ["sw-under=3:\n", 0],
    ["sw-under=3:7", 7],
    ["sw-under=1:2,3:7,4:8\nsw-left=1\n", 7],
    ["sw-under=3:7\nsw-under=3:9\n", 9],
    ["a=sw-under=3:7\n", undefined],
    ["sw-under=x3:7\n", undefined],
    ["\nsw-under=3:7\n\n", 7],
  ])("%j counts %s under three bytes", (frame, count) => {
    expect(countUnder(textFrame(frame), 3)).toBe(count);
  });
});
