import { textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodePublished,
  decodeTimestamp,
  encodePublished,
  epochBytes,
  epochKey,
  epochOf,
  HEADER_BYTES,
  isEnd,
  isSameEpoch,
  MAX_NUMBER,
  sequenceOf,
  seriesOf,
  timeOf,
} from "../src/machine.js";

const number = fc.oneof(fc.nat(), fc.integer({ min: 2 ** 31, max: MAX_NUMBER }), fc.constant(MAX_NUMBER));
const epoch = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const frame = fc.uint8Array({ maxLength: 40 });
const NO_STAMP = { series: 1, sequence: 1, timeUs: 0 };

function message(change: (header: Uint8Array) => void, body = [textFrame("x")]): Uint8Array[] {
  const frames = [...encodePublished(textFrame("t"), epochBytes(1n), NO_STAMP, body)];
  change(frames[1] as Uint8Array);
  return frames;
}

const reasonOf = (frames: Uint8Array[]): unknown => (decodePublished(frames) as { reason?: string }).reason;

describe("a published message", () => {
  it("is read as it was written, whatever its numbers", () => {
    fc.assert(
      fc.property(
        frame,
        epoch,
        number,
        fc.integer({ min: 1, max: MAX_NUMBER }),
        number,
        fc.array(frame, { maxLength: 3 }),
        (topic, life, series, sequence, timeUs, body) => {
          const frames = encodePublished(topic, epochBytes(life), { series, sequence, timeUs }, body);
          const read = decodePublished([...frames]);
          if (read.type === "malformed") throw new Error(read.reason);
          const { header } = read;
          expect(header).toHaveLength(HEADER_BYTES);
          expect([read.topic, read.body]).toEqual([topic, body]);
          expect([epochOf(header), seriesOf(header), sequenceOf(header), timeOf(header)]).toEqual([
            life,
            series,
            sequence,
            timeUs,
          ]);
          expect(isEnd(header)).toBe(body.length === 0);
          expect(header).toEqual(layout(life, series, sequence, timeUs, body.length === 0));
        },
      ),
    );
  });

  /** The header, field by field, as the contract has it. */
  function layout(life: bigint, series: number, sequence: number, timeUs: number, end: boolean): Uint8Array {
    const header = Buffer.alloc(36);
    header.write("SW", 0, "latin1");
    header[2] = 1;
    header[3] = end ? 1 : 0;
    header.writeBigUInt64BE(life, 4);
    header.writeBigUInt64BE(BigInt(series), 12);
    header.writeBigUInt64BE(BigInt(sequence), 20);
    header.writeBigUInt64BE(BigInt(timeUs), 28);
    return new Uint8Array(header);
  }

  it("never throws on hostile frames", () => {
    const hostile = fc.array(fc.oneof(fc.uint8Array(), fc.uint8Array({ minLength: 36, maxLength: 36 })), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(hostile, (frames) => {
        expect(["published", "malformed"]).toContain(decodePublished(frames).type);
        expect(["timestamp", "malformed"]).toContain(decodeTimestamp(frames).type);
      }),
    );
  });

  it.each<[string, Uint8Array[]]>([
    ["message without a header", [textFrame("t")]],
    ["header of 35 bytes", [textFrame("t"), new Uint8Array(35)]],
    ["header of another protocol", message((header) => header.set([0x54], 0))],
    ["header of another protocol", message((header) => header.set([0x54], 1))],
    ["version 2", message((header) => header.set([2], 2))],
    ["END with a body", message((header) => header.set([1], 3))],
    ["message without a body", message((header) => header.set([0], 3), [])],
    ["sequence number 0", message((header) => header.set([0], 27))],
    ["number above 2^53 - 1", message((header) => header.set([0x20], 13))],
    ["number above 2^53 - 1", message((header) => header.set([1], 20))],
    ["number above 2^53 - 1", message((header) => header.set([0xff], 28))],
  ])("is refused: %s", (reason, frames) => {
    expect(reasonOf(frames)).toBe(reason);
  });

  it("flags that are not known mean nothing", () => {
    expect(decodePublished(message((header) => header.set([0x80], 3))).type).toBe("published");
  });

  it("epochs are told apart by each of their bytes", () => {
    for (let bit = 0n; bit < 64n; bit++) {
      const [one, other] = [0n, 1n << bit].map(
        (life) => encodePublished(new Uint8Array(0), epochBytes(life), NO_STAMP, [])[1] as Uint8Array,
      ) as [Uint8Array, Uint8Array];
      expect(isSameEpoch(one, other)).toBe(false);
      expect(isSameEpoch(one, one)).toBe(true);
      expect(epochKey(one)).not.toBe(epochKey(other));
    }
  });
});

describe("the guide's timestamp", () => {
  it("is read", () => {
    expect(decodeTimestamp([textFrame("1763700000123")])).toMatchObject({
      type: "timestamp",
      timeMs: 1763700000123,
    });
  });

  it.each<[string, string[]]>([
    ["timestamp of 0 frames", []],
    ["timestamp of 2 frames", ["1", "2"]],
    ["timestamp of 0 characters", [""]],
    ["timestamp of 16 characters", ["1234567890123456"]],
    ["timestamp that is no number", ["12:4"]],
    ["timestamp that is no number", ["-12"]],
  ])("is refused: %s", (reason, texts) => {
    expect(decodeTimestamp(texts.map(textFrame))).toMatchObject({ type: "malformed", reason });
  });
});
