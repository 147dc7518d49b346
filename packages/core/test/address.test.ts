import { Addresses } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const epoch = fc.uint8Array({ minLength: 8, maxLength: 8 });
const number = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER),
);

describe("Addresses", () => {
  it("come back, up to 2^53 - 1, whatever memory they lie in", () => {
    fc.assert(
      fc.property(epoch, number, fc.nat(9), (ours, given, offset) => {
        const addresses = new Addresses(ours);
        const frame = addresses.encode(given);
        expect(frame).toHaveLength(16);
        expect(addresses.decode(frame)).toBe(given);
        const memory = new Uint8Array(32).fill(0xaa);
        memory.set(frame, offset);
        expect(addresses.decode(memory.subarray(offset, offset + 16))).toBe(given);
      }),
    );
  });

  it("are told apart by every bit of the number", () => {
    fc.assert(
      fc.property(epoch, number, number, (ours, a, b) => {
        const addresses = new Addresses(ours);
        expect(Buffer.compare(addresses.encode(a), addresses.encode(b)) === 0).toBe(a === b);
      }),
    );
  });

  it("of another life of the queue are none", () => {
    fc.assert(
      fc.property(epoch, fc.nat(7), fc.integer({ min: 1, max: 255 }), number, (ours, at, change, given) => {
        const theirs = ours.slice();
        theirs[at] = (theirs[at] as number) ^ change;
        expect(new Addresses(ours).decode(new Addresses(theirs).encode(given))).toBeUndefined();
      }),
    );
  });

  it("of another length are none, though they begin or end alike", () => {
    const addresses = new Addresses(new Uint8Array(8));
    const frame = addresses.encode(7);
    for (const wrong of [
      new Uint8Array(0),
      frame.subarray(0, 8),
      frame.subarray(0, 15),
      frame.subarray(1),
      Uint8Array.of(...frame, 0),
    ]) {
      expect(addresses.decode(wrong)).toBeUndefined();
    }
  });

  it("with a number that was never given are none, or at least themselves", () => {
    const addresses = new Addresses(new Uint8Array(8));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
        const forged = Uint8Array.of(...new Uint8Array(8), ...bytes);
        const decoded = addresses.decode(forged);
        const exact = Buffer.from(bytes).readBigUInt64BE();
        expect(decoded).toBe(exact > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(exact));
      }),
    );
    const first = Uint8Array.of(...new Uint8Array(8), 0, 32, 0, 0, 0, 0, 0, 0);
    expect(addresses.decode(first), "2^53").toBeUndefined();
  });

  it("keep the epoch that they were made with", () => {
    const ours = new Uint8Array(8);
    const addresses = new Addresses(ours);
    const frame = addresses.encode(1);
    ours.fill(9);
    expect(addresses.encode(1)).toEqual(frame);
    expect(addresses.decode(frame)).toBe(1);
  });

  it.each([0, 7, 9, 16])("refuse an epoch of %i bytes", (length) => {
    expect(() => new Addresses(new Uint8Array(length))).toThrow(
      new RangeError(`Addresses: the epoch must have 8 bytes, got ${length}`),
    );
  });
});
