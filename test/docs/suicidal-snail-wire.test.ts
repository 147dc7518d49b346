import * as snail from "@seaworthy/suicidal-snail/machine";
import { expect, test } from "vitest";
import { bytesOf, pageSource, table, textAfter } from "./tables.js";

const page = await pageSource("docs/patterns/suicidal-snail.md");
const wire = textAfter(page, "## On the wire");
const layout = table(page, "## On the wire");

const TOPIC = Buffer.from("topic");
const EPOCH = snail.epochBytes(0x0102030405060708n);
const STAMP = { series: 0x090a0b0c0d0e, sequence: 0x0f1011121314, timeUs: 0x15161718191a };
const BODY = [Buffer.from("one"), Buffer.from("two")];

/** The bytes that the page has for a field. */
function field(header: Uint8Array, name: string): number[] {
  const row = layout.filter(([, text]) => text?.startsWith(name));
  expect(row).toHaveLength(1);
  return bytesOf(row).map((index) => header[index] as number);
}

test("a message and an END have the frames that the page says", () => {
  expect(snail.encodePublished(TOPIC, EPOCH, STAMP, BODY)).toEqual([TOPIC, expect.anything(), ...BODY]);
  expect(snail.encodePublished(TOPIC, EPOCH, STAMP, [])).toEqual([TOPIC, expect.anything()]);
  expect(wire).toContain("A message is `[topic][header][body…]`, an END `[topic][header]`");
});

test("the layout covers the header without a gap, and has each field where the page says", () => {
  const header = snail.encodePublished(TOPIC, EPOCH, STAMP, BODY)[1] as Uint8Array;
  expect(bytesOf(layout)).toEqual(Array.from(header, (_, index) => index));
  expect(wire).toContain(`The header has ${snail.HEADER_BYTES} bytes`);
  expect(field(header, "`SW`")).toEqual([...Buffer.from("SW")]);
  expect(field(header, "version, 1")).toEqual([1]);
  expect(field(header, "flags: bit 0 is END")).toEqual([0]);
  expect(field(header, "epoch")).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(field(header, "series")).toEqual([0, 0, 9, 10, 11, 12, 13, 14]);
  expect(field(header, "sequence")).toEqual([0, 0, 15, 16, 17, 18, 19, 20]);
  expect(field(header, "publish time")).toEqual([0, 0, 21, 22, 23, 24, 25, 26]);
  expect(field(snail.encodePublished(TOPIC, EPOCH, STAMP, [])[1] as Uint8Array, "flags")).toEqual([1]);
});

test("numbers end where the page says", () => {
  expect(snail.MAX_NUMBER).toBe(2 ** 53 - 1);
  expect(wire).toContain("Series, sequence and time are below 2^53");
  const of = (sequence: number): string =>
    snail.decodePublished(snail.encodePublished(TOPIC, EPOCH, { ...STAMP, sequence }, BODY) as Uint8Array[])
      .type;
  expect([of(1), of(snail.MAX_NUMBER), of(snail.MAX_NUMBER + 1)]).toEqual([
    "published",
    "published",
    "malformed",
  ]);
});
