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
  isAnonymous,
  keyFrame,
  MAX_ENVELOPE_FRAMES,
  malformed,
  openEnvelope,
  readableId,
  readUint32,
  readUint64,
  smallFrame,
  textFrame,
  writeUint32,
  writeUint64,
} from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const bytes = fc.uint8Array({ maxLength: 1000 });
/** Any text that UTF-8 can say: code points without the surrogates, which are none alone. */
const codePoint = fc.oneof(fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }));
const anyText = fc.array(codePoint).map((points) => String.fromCodePoint(...points));
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
      fc.property(anyText, (text) => {
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

describe("openEnvelope", () => {
  const frame = (text: string): Uint8Array => textFrame(text);

  it("splits a message at its first empty frame behind the routing id", () => {
    const [id, hop, body, empty] = [frame("id"), frame("hop"), frame("body"), DELIMITER];
    expect(openEnvelope([id, empty, body])).toEqual({ type: "enveloped", route: [id], body: [body] });
    expect(openEnvelope([id, hop, empty, body, empty])).toEqual({
      type: "enveloped",
      route: [id, hop],
      body: [body, empty],
    });
    expect(openEnvelope([id, empty, empty])).toEqual({ type: "enveloped", route: [id], body: [empty] });
    expect(openEnvelope([empty, empty, body])).toMatchObject({ route: [empty] });
  });

  it.each<[string, string[]]>([
    ["nothing", []],
    ["a routing id alone", ["id"]],
    ["no empty frame", ["id", "body"]],
    ["an envelope that is too long", ["id", ...Array<string>(MAX_ENVELOPE_FRAMES + 1).fill("hop"), "", "x"]],
  ])("%s has no envelope", (_, texts) => {
    expect(openEnvelope(texts.map(frame))).toEqual(
      malformed("request without an empty frame after its envelope"),
    );
  });

  it("believes the longest envelope that is allowed", () => {
    const hops = Array<string>(MAX_ENVELOPE_FRAMES).fill("hop");
    const opened = openEnvelope(["id", ...hops, "", "x"].map(frame));
    expect(opened).toMatchObject({ type: "enveloped", body: [frame("x")] });
  });

  it("says that a body is missing", () => {
    expect(openEnvelope(["id", ""].map(frame))).toEqual(malformed("request without a body"));
    expect(openEnvelope(["id", "hop", ""].map(frame))).toEqual(malformed("request without a body"));
  });

  it("loses no frame and changes none, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2 }), { maxLength: 40 }), (frames) => {
        const opened = openEnvelope(frames);
        if (opened.type === "malformed") return;
        const { route, body } = opened;
        expect([...route, frames[route.length], ...body]).toEqual(frames);
        expect(frames[route.length]).toHaveLength(0);
        expect(Math.min(route.length, body.length)).toBeGreaterThan(0);
        expect(route.slice(1).every(({ length }) => length > 0)).toBe(true);
      }),
    );
  });
});

describe("isAnonymous", () => {
  it("tells ids that a ROUTER made up from those that peers chose", () => {
    expect(isAnonymous(Uint8Array.of(0, 1, 2, 3, 4))).toBe(true);
    expect([isAnonymous(textFrame("x")), isAnonymous(DELIMITER)]).toEqual([false, false]);
  });
});

describe("readableId", () => {
  it("shows printable ASCII as it is, and anything else in hexadecimal", () => {
    expect(readableId(textFrame("worker-1~!"))).toBe("worker-1~!");
    expect(readableId(Uint8Array.of(0, 1, 0xab))).toBe("0001ab");
    for (const odd of [" ", "a b", "\x7f", "é"]) {
      expect(readableId(textFrame(odd))).toBe(Buffer.from(odd).toString("hex"));
    }
  });
});

describe("small frames", () => {
  it("are empty of what was there before, and are nobody else's", () => {
    // More than once around the memory that they share, and not in step with its size.
    const frames = Array.from({ length: 20_000 }, (_, index) => smallFrame(index % 48));
    for (const [index, frame] of frames.entries()) {
      expect(frame).toHaveLength(index % 48);
      if (frame.some((byte) => byte !== 0)) throw new Error(`frame ${index} was written to before`);
      frame.fill(1 + (index % 255));
    }
    for (const [index, frame] of frames.entries()) {
      if (frame.some((byte) => byte !== 1 + (index % 255))) throw new Error(`frame ${index} is shared`);
    }
  });
});

describe("32-bit numbers", () => {
  const uint32 = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1));

  it("are written and read as a DataView does it, and touch nothing beside them", () => {
    fc.assert(
      fc.property(uint32, fc.nat(9), fc.nat(5), (value, offset, start) => {
        const frame = new Uint8Array(20).fill(0xaa).subarray(start, start + 14);
        const expected = frame.slice();
        new DataView(expected.buffer).setUint32(offset, value);
        writeUint32(frame, offset, value);
        expect(frame).toEqual(expected);
        expect(readUint32(frame, offset)).toBe(value);
      }),
    );
  });
});
