import { frameKey, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { MapChange, MapEntry } from "../src/client-entry.js";
import { ChangeView, type EntryView, views } from "../src/client-view.js";
import { encodeUpdateTerms, type Property, timeLeft, withLines } from "../src/properties.js";

const KEY = Uint8Array.of(0xff, 0, 0x61);

function entry(properties: Uint8Array, value = textFrame("value")): MapEntry {
  return new MapEntry(frameKey(KEY), {
    type: "key-value",
    key: KEY,
    sequence: 7,
    uuid: new Uint8Array(16),
    properties,
    value,
  });
}

describe("an entry", () => {
  it("has its key byte for byte, and as text as far as it is text", () => {
    expect(entry(textFrame("")).key).toEqual(KEY);
    expect(entry(textFrame("")).keyText).toBe("\ufffd\0a");
  });

  it("has the user's properties, the first of a name, and the time to live as it was given", () => {
    const lines: Property[] = [
      ["a", "1"],
      ["a", "2"],
      ["__proto__", "x"],
    ];
    const { properties, ttlMs } = entry(withLines(encodeUpdateTerms(lines, 1500, undefined), [timeLeft(3)]));
    expect(Object.entries(properties).toSorted()).toEqual([
      ["__proto__", "x"],
      ["a", "1"],
    ]);
    expect(ttlMs).toBe(1500);
    expect(entry(textFrame("ttl=3\n")).ttlMs).toBe(3000);
  });

  it("has no time to live where there is none, or a date in its place as the guide's server has it", () => {
    expect(entry(textFrame("ttl=0\n")).ttlMs).toBeUndefined();
    expect(entry(textFrame("")).ttlMs).toBeUndefined();
    expect(entry(textFrame("ttl=1763745600000\n")).ttlMs).toBeUndefined();
  });

  it("keeps a copy of what is small, and not the memory of the frame", () => {
    const memory = new Uint8Array(1000);
    expect(entry(memory.subarray(0, 64), memory.subarray(0, 64)).value.buffer.byteLength).toBe(64);
    expect(entry(memory.subarray(0, 64), memory).value).toBe(memory);
    expect(entry(memory.subarray(0, 64)).lines.buffer.byteLength).toBe(64);
    expect(entry(memory.subarray(0, 0)).lines.buffer).not.toBe(memory.buffer);
  });

  it("keeps a copy of what is a part of something larger", () => {
    const memory = new Uint8Array(1000).map((_, index) => index);
    const { value, lines } = entry(memory.subarray(1, 501), memory.subarray(500, 700));
    expect([value, lines]).toEqual([memory.slice(500, 700), memory.slice(1, 501)]);
    expect([value.buffer.byteLength, lines.buffer.byteLength]).toEqual([200, 500]);
  });
});

describe("what the application sees", () => {
  const toText = (frame: Uint8Array) => Uint8Array.from([...frame, 0x21]);

  it("of an entry is decoded where it looks", () => {
    const [view] = [...views([entry(textFrame("a=1\nttl=2\n"))], toText)] as [EntryView<Uint8Array>];
    expect(view.key).toEqual(Uint8Array.of(...KEY, 0x21));
    expect(view.value).toEqual(textFrame("value!"));
    expect(view.keyText).toBe("\ufffd\0a");
    expect([view.sequence, view.properties, view.ttlMs]).toEqual([7, { a: "1" }, 2000]);
  });

  it("of a change has both entries, if there are two", () => {
    const [before, after] = [entry(textFrame("")), entry(textFrame(""), textFrame("new"))];
    const view = new ChangeView(new MapChange(frameKey(KEY), after, before, 9), toText);
    expect(view).toMatchObject({ type: "set", sequence: 9 });
    expect([view.previous?.value, view.entry?.value]).toEqual([textFrame("value!"), textFrame("new!")]);
    const gone = new ChangeView(new MapChange(frameKey(KEY), undefined, undefined, 9), toText);
    expect(gone).toMatchObject({ type: "deleted", entry: undefined, previous: undefined });
    expect(gone.key).toEqual(Uint8Array.of(...KEY, 0x21));
    expect(gone.keyText).toBe("\ufffd\0a");
  });
});
