import { runInNewContext } from "node:vm";
import {
  type Body,
  bodyFrames,
  byteLength,
  DELIMITER,
  delimiterIndex,
  frameKey,
  framesEqual,
  frameText,
  keyFrame,
  MAX_ENVELOPE_FRAMES,
  malformed,
  readUint64,
  textFrame,
  writeUint64,
} from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const bytes = fc.uint8Array({ maxLength: 1000 });
const asBody = (value: unknown): Body => value as Body;

describe("frames as keys", () => {
  it("come back byte for byte", () => {
    fc.assert(fc.property(bytes, (frame) => framesEqual(keyFrame(frameKey(frame)), frame)));
  });

  it("are equal exactly if the frames are", () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(frameKey(a) === frameKey(b)).toBe(framesEqual(a, b));
        expect(framesEqual(a, a.slice())).toBe(true);
      }),
    );
  });

  it("tell apart ids that would be the same as text", () => {
    expect(frameKey(Uint8Array.of(0xff))).not.toBe(frameKey(Uint8Array.of(0xfe)));
    expect(frameText(Uint8Array.of(0xff))).toBe(frameText(Uint8Array.of(0xfe)));
  });

  it.each([255, 256, 257, 200_000])("work for %i bytes", (length) => {
    const frame = Uint8Array.from({ length }, (_, index) => index);
    const key = frameKey(frame);
    expect(key).toHaveLength(length);
    expect(framesEqual(keyFrame(key), frame)).toBe(true);
  });
});

describe("frames as text", () => {
  it("come back character for character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(frameText(textFrame(text))).toBe(text);
      }),
    );
  });

  it("keep a leading byte order mark", () => {
    expect(frameText(textFrame("\uFEFFdata"))).toBe("\uFEFFdata");
  });

  it("hold replacement characters for what is not UTF-8", () => {
    expect(frameText(Uint8Array.of(0x61, 0xff, 0x62))).toBe("a\uFFFDb");
  });
});

describe("framesEqual", () => {
  it("compares length and bytes", () => {
    expect(framesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(framesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(framesEqual(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
    expect(framesEqual(DELIMITER, new Uint8Array(0))).toBe(true);
  });
});

describe("bodyFrames", () => {
  it("takes text, bytes, and arrays of both", () => {
    expect(bodyFrames("é")).toEqual([Uint8Array.of(0xc3, 0xa9)]);
    expect(bodyFrames("")).toEqual([new Uint8Array(0)]);
    expect(bodyFrames(["a", Uint8Array.of(1)])).toEqual([Uint8Array.of(0x61), Uint8Array.of(1)]);
  });

  it("does not copy bytes", () => {
    const frame = new Uint8Array(1000);
    expect(bodyFrames(frame)[0]).toBe(frame);
    expect(bodyFrames([frame])[0]).toBe(frame);
    const buffer = Buffer.from("x");
    expect(bodyFrames(buffer)[0]).toBe(buffer);
  });

  it("counts the bytes", () => {
    expect(byteLength(bodyFrames(["abc", new Uint8Array(7), ""]))).toBe(10);
    expect(byteLength([])).toBe(0);
  });

  const bareObject: unknown = Object.create(null);
  it.each([
    [undefined, "a body must be a string, a Uint8Array or an array of them, got undefined"],
    [null, "a body must be a string, a Uint8Array or an array of them, got null"],
    [7, "a body must be a string, a Uint8Array or an array of them, got number"],
    [{}, "a body must be a string, a Uint8Array or an array of them, got Object"],
    [bareObject, "a body must be a string, a Uint8Array or an array of them, got an object"],
    [new ArrayBuffer(1), "a body must be a string, a Uint8Array or an array of them, got ArrayBuffer"],
    [new Uint16Array(1), "a body must be a string, a Uint8Array or an array of them, got Uint16Array"],
    [[], "a body must have at least one frame, got an empty array"],
    [["a", undefined], "a body frame must be a string or a Uint8Array, got undefined"],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    [["a", , "b"], "a body frame must be a string or a Uint8Array, got undefined"],
    [[["a"]], "a body frame must be a string or a Uint8Array, got Array"],
    [[null], "a body frame must be a string or a Uint8Array, got null"],
    [
      new Uint8Array(new SharedArrayBuffer(4)),
      "a body frame must not lie in a SharedArrayBuffer: it could change while it is sent",
    ],
  ])("refuses %o", (body, message) => {
    expect(() => bodyFrames(asBody(body))).toThrow(new TypeError(message));
  });

  it("also works where there is no SharedArrayBuffer", () => {
    const original = globalThis.SharedArrayBuffer;
    try {
      Reflect.deleteProperty(globalThis, "SharedArrayBuffer");
      expect(bodyFrames(Uint8Array.of(1))).toEqual([Uint8Array.of(1)]);
    } finally {
      globalThis.SharedArrayBuffer = original;
    }
  });

  it("names what came from another realm by its kind", () => {
    expect(() => bodyFrames(asBody(runInNewContext("new Map()")))).toThrow("got Map");
  });
});

describe("delimiterIndex", () => {
  const hop = Uint8Array.of(1);

  it("finds the first empty frame at or after a start", () => {
    expect(delimiterIndex([DELIMITER, hop])).toBe(0);
    expect(delimiterIndex([hop, hop, DELIMITER, DELIMITER])).toBe(2);
    expect(delimiterIndex([DELIMITER, hop, DELIMITER], 1)).toBe(2);
  });

  it("says -1 if there is none", () => {
    expect(delimiterIndex([])).toBe(-1);
    expect(delimiterIndex([hop, hop])).toBe(-1);
    expect(delimiterIndex([DELIMITER], 1)).toBe(-1);
  });

  it.each([0, 3])("believes no longer envelope than the limit (from %i)", (from) => {
    const envelope = (hops: number): Uint8Array[] => [
      ...Array.from({ length: from + hops }, () => hop),
      DELIMITER,
    ];
    expect(delimiterIndex(envelope(MAX_ENVELOPE_FRAMES), from)).toBe(from + MAX_ENVELOPE_FRAMES);
    expect(delimiterIndex(envelope(MAX_ENVELOPE_FRAMES + 1), from)).toBe(-1);
  });
});

describe("64-bit numbers in frames", () => {
  it("come back exactly, most significant byte first, within a view of a larger buffer", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(20), (value, offset) => {
        const target = new Uint8Array(64).subarray(8, 48);
        writeUint64(target, offset, value);
        expect(readUint64(target, offset)).toBe(value);
        const hex = Buffer.from(target.subarray(offset, offset + 8)).toString("hex");
        expect(hex).toBe(value.toString(16).padStart(16, "0"));
      }),
    );
  });

  it("need eight bytes", () => {
    expect(() => readUint64(new Uint8Array(7), 0)).toThrow(RangeError);
    expect(() => writeUint64(new Uint8Array(8), 1, 0n)).toThrow(RangeError);
  });
});

describe("malformed", () => {
  it("is a value that says why", () => {
    expect(malformed("too short")).toEqual({ type: "malformed", reason: "too short" });
  });
});
