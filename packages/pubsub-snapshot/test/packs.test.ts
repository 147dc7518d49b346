import { byteLength, type Frames, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  countItems,
  decodeAnswer,
  encodeItems,
  type Item,
  ItemPack,
  PORTION_BYTES,
  portionsIn,
  portionsOf,
} from "../src/packs.js";
import { EMPTY, encodeCommand, encodeKeyValue, type KeyValue } from "../src/wire.js";

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

const item: fc.Arbitrary<Item> = fc.record({
  key: fc.oneof(bytes(1, 12), bytes(255, 255)),
  sequence: fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER)),
  uuid: fc.oneof(fc.constant(EMPTY), bytes(16, 16)),
  properties: fc.oneof(fc.constant(EMPTY), bytes(0, 40)),
  value: fc.oneof({ weight: 9, arbitrary: bytes(1, 100) }, { weight: 1, arbitrary: bytes(1, 40_000) }),
});

const small = (key: string, sequence = 1): Item => ({
  ...{ key: textFrame(key), sequence, uuid: EMPTY, properties: EMPTY, value: textFrame("x") },
});

/** All messages that come of these items. */
function packed(items: readonly Item[], maxBytes: number): Frames[] {
  const pack = new ItemPack(maxBytes);
  const messages = items.map((each) => pack.add(each));
  return [...messages, pack.close()].filter((message) => message !== undefined);
}

/** What a message says, as its reader has it. */
function read(frames: Frames): KeyValue[] {
  const message = decodeAnswer([...frames]);
  if (message.type === "key-value") return [message];
  if (message.type !== "items") throw new Error(`it is ${JSON.stringify(message)}`);
  return [...message.items];
}

const properties = (frames: Frames): Uint8Array => frames[3] as Uint8Array;
/** The message with other properties in the place of its own. */
const withFrame = (frames: Frames, frame: Uint8Array): Uint8Array[] =>
  frames.map((each, index) => (index === 3 ? frame : each));

describe("items that are packed", () => {
  it("come out as they went in, in their order, in messages no larger than they may be", () => {
    const sizes = fc.oneof(fc.constantFrom(0, 60, 100, 1000, PORTION_BYTES, 10 * PORTION_BYTES), fc.nat());
    fc.assert(
      fc.property(fc.array(item, { maxLength: 30 }), sizes, (items, maxBytes) => {
        const messages = packed(items, maxBytes);
        expect(messages.flatMap(read)).toEqual(items.map((each) => ({ type: "key-value", ...each })));
        for (const message of messages) {
          const count = read(message).length;
          expect(countItems(message)).toBe(count);
          if (count > 1) expect(byteLength(message)).toBeLessThanOrEqual(Math.min(maxBytes, PORTION_BYTES));
        }
      }),
    );
  });

  it("fill a message before the next one begins", () => {
    // 13 bytes of the message, and 21 for each.
    const items = ["aa", "bb", "cc", "dd", "ee"].map((key) => small(key));
    const counts = (maxBytes: number) => packed(items, maxBytes).map((message) => countItems(message));
    expect([counts(13 + 42), counts(13 + 41), counts(13 + 63), counts(13 + 105), counts(0)]).toEqual([
      [2, 2, 1],
      [1, 1, 1, 1, 1],
      [3, 2],
      [5],
      [1, 1, 1, 1, 1],
    ]);
  });

  it("that are alone have messages as any other: what is too large for one with several goes by itself", () => {
    const large = { ...small("large"), value: new Uint8Array(PORTION_BYTES) };
    const messages = packed([small("a"), small("b"), large, small("c")], PORTION_BYTES);
    expect(messages.map(countItems)).toEqual([2, 1, 1]);
    expect(messages[1]?.[0]).toEqual(large.key);
    expect(messages[2]).toEqual(encodeKeyValue(textFrame("c"), 1, EMPTY, EMPTY, textFrame("x")));
  });

  it("are read wherever in memory the message is", () => {
    const frames = encodeItems([small("a"), small("b", 2)]);
    const memory = new Uint8Array(1000);
    memory.set(properties(frames), 77);
    expect(read(withFrame(frames, memory.subarray(77, 77 + properties(frames).length)))).toEqual(
      read(frames),
    );
  });

  it("are none in a pack that is empty", () => {
    expect(new ItemPack(1000).close()).toBeUndefined();
  });
});

describe("a message of items", () => {
  const two = encodeItems([
    { ...small("key-1", 0x0102), uuid: new Uint8Array(16).fill(7), properties: textFrame("a=b\n") },
    small("key-2", 3),
  ]);
  /** The bytes of two items, some of them changed. */
  const changed = (...changes: readonly (readonly [at: number, byte: number])[]): Uint8Array => {
    const frame = properties(two).slice();
    for (const [at, byte] of changes) frame[at] = byte;
    return frame;
  };
  const second = 18 + 5 + 16 + 4 + 1;

  it.each([
    ["without items", EMPTY],
    ["cut in a head", changed().subarray(0, second + 17)],
    ["cut in a value", changed().subarray(0, -1)],
    ["cut between two, so that its number is another", changed().subarray(0, second)],
    ["with something behind", Uint8Array.of(...changed(), 0)],
    ["with an empty key", changed([0, 0])],
    ["with a key that goes beyond the end", changed([second, 255])],
    ["with a UUID of one byte", changed([1, 1])],
    ["with a UUID of 17 bytes", changed([1, 17])],
    ["with a number beyond 2^53", changed([3, 0x20])],
    ["with a number beyond 2^56", changed([2, 1])],
    ["with properties of 4 GiB", changed([10, 255])],
    ["with a value of 4 GiB", changed([14, 255])],
    ["with an empty value", changed([second + 17, 0])],
  ])("%s is malformed", (_what, frame) => {
    expect(decodeAnswer(withFrame(two, frame))).toMatchObject({ type: "malformed" });
  });

  it.each([0, 1, 3, Number.MAX_SAFE_INTEGER])("of two that says that it has %i is malformed", (count) => {
    expect(decodeAnswer([...encodeCommand("ITEMS", count, EMPTY, properties(two))])).toMatchObject({
      type: "malformed",
    });
  });

  it("of more than a portion is malformed, since it would be more than its reader has room for", () => {
    const filled = (valueBytes: number) =>
      encodeItems([{ ...small("a"), value: new Uint8Array(valueBytes) }]);
    const most = PORTION_BYTES - 13 - 19;
    expect(decodeAnswer([...filled(most)])).toMatchObject({ type: "items" });
    expect(decodeAnswer([...filled(most + 1)])).toMatchObject({ type: "malformed" });
  });

  it("that is changed in any way is malformed, or says what its bytes say; and whatever is cut off or added is noticed", () => {
    const mutation = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    const usual = item.filter(({ value }) => value.length <= 100);
    fc.assert(
      fc.property(
        fc.array(usual, { minLength: 2, maxLength: 8 }),
        mutation,
        fc.nat(),
        bytes(1, 40),
        (items, changes, cut, added) => {
          const frames = encodeItems(items);
          const whole = properties(frames);
          const frame = whole.slice();
          for (const [at, byte] of changes) frame[at % frame.length] = byte;
          const message = decodeAnswer(withFrame(frames, frame));
          if (message.type !== "items") expect(message.type).toBe("malformed");
          else expect(properties(encodeItems(message.items))).toEqual(frame);
          for (const other of [whole.subarray(0, cut % whole.length), Uint8Array.of(...whole, ...added)])
            expect(decodeAnswer(withFrame(frames, other))).toMatchObject({ type: "malformed" });
        },
      ),
    );
  });

  it("whatever it is made of is something or malformed", () => {
    fc.assert(
      fc.property(bytes(0, 60), fc.nat({ max: 3 }), (frame, count) => {
        const { type } = decodeAnswer([...encodeCommand("ITEMS", count, EMPTY, frame)]);
        expect(["items", "malformed"]).toContain(type);
      }),
    );
  });

  it("is the only command that has any", () => {
    expect(countItems(encodeCommand("KNOWN", 3))).toBe(0);
    expect(countItems([EMPTY])).toBe(0);
    expect(decodeAnswer([...encodeCommand("KNOWN", 3)])).toMatchObject({ type: "command", name: "KNOWN" });
  });
});

describe("portions", () => {
  it("are of 16 KiB; what is larger is as many as it has begun", () => {
    expect([0, 1, 16_384, 16_385, 32_768, 1_048_577].map(portionsOf)).toEqual([1, 1, 1, 2, 2, 65]);
  });

  it("are counted alike by both sides", () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 30 }), (items) => {
        for (const frames of packed(items, PORTION_BYTES)) {
          const message = decodeAnswer([...frames]) as Parameters<typeof portionsIn>[0];
          expect(portionsIn(message)).toBe(portionsOf(byteLength(frames)));
        }
      }),
    );
  });
});
