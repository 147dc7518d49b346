import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import {
  decodeAnswer,
  decodeCommand,
  encodeAccepted,
  encodeClosed,
  encodeDead,
  encodeFailed,
  encodeId,
  encodePending,
  encodeReply,
  encodeSubmit,
  encodeUnknown,
  idText,
  isBrokersOwn,
  parseId,
  TITANIC_VERBS,
  verbService,
} from "../src/wire.js";

const id = Uint8Array.from({ length: 16 }, (_, at) => 16 * at + (15 - at));
const digits = "0F1E2D3C4B5A69788796A5B4C3D2E1F0";
const words = (frames: readonly Uint8Array[]): string[] =>
  frames.map((frame) => Buffer.from(frame).toString());
const frames = (...texts: string[]): Uint8Array[] => texts.map(textFrame);

it("each verb is a service of its own", () => {
  expect(TITANIC_VERBS.map(verbService)).toEqual([
    "titanic.request",
    "titanic.submit",
    "titanic.reply",
    "titanic.close",
  ]);
});

describe("ids", () => {
  it("are 32 hexadecimal digits, written in upper case as the guide does", () => {
    expect(idText(id)).toBe(digits);
    expect(words(encodeId(id))).toEqual([digits]);
    expect(words(encodeAccepted(id))).toEqual(["200", digits]);
  });

  it("are read in either case", () => {
    expect(parseId(digits)).toEqual(id);
    expect(parseId(digits.toLowerCase())).toEqual(id);
  });

  it.each([
    "",
    digits.slice(1),
    `${digits}0`,
    `${digits.slice(1)}G`,
    `${digits.slice(1)}/`,
    `${digits.slice(1)} `,
    `0x${digits.slice(2)}`,
    "é".repeat(16),
    "é".repeat(32),
    "0F1E2D3C-4B5A-6978-8796-A5B4C3D2",
  ])("%j is none", (text) => {
    expect(parseId(text)).toBeUndefined();
  });

  it.each(["reply", "close"] as const)(
    "fault: an id that is a path leads nowhere, and is refused by titanic.%s",
    (verb) => {
      for (const path of [
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "..",
        "../../../../secret/of/somebody",
      ]) {
        for (const text of [path, path.padStart(32, "/"), path.padEnd(32, "\0")]) {
          expect(decodeCommand(verb, frames(text))).toMatchObject({ type: "malformed" });
        }
      }
      expect("../../../../secret/of/somebody/x").toHaveLength(32);
      expect(decodeCommand(verb, frames("../../../../secret/of/somebody/x"))).toMatchObject({
        type: "malformed",
      });
    },
  );
});

describe("commands", () => {
  it("titanic.request is [service][body…]", () => {
    const body = frames("a", "", "b");
    expect(words(encodeSubmit(undefined, textFrame("echo"), body))).toEqual(["echo", "a", "", "b"]);
    expect(decodeCommand("request", frames("echo", "a"))).toEqual({
      type: "submit",
      key: undefined,
      service: textFrame("echo"),
      body: frames("a"),
    });
  });

  it("titanic.submit has a key in front", () => {
    expect(words(encodeSubmit(textFrame("k"), textFrame("echo"), frames("a")))).toEqual(["k", "echo", "a"]);
    expect(decodeCommand("submit", frames("k", "echo", "a", "b"))).toEqual({
      type: "submit",
      key: textFrame("k"),
      service: textFrame("echo"),
      body: frames("a", "b"),
    });
  });

  it.each(["reply", "close"] as const)("titanic.%s is [id]", (verb) => {
    expect(decodeCommand(verb, frames(digits))).toEqual({ type: verb, id });
    expect(decodeCommand(verb, frames(digits.toLowerCase()))).toEqual({ type: verb, id });
  });

  it("a service may have 255 bytes, and so may a key", () => {
    const [long, longer] = ["s".repeat(255), "s".repeat(256)];
    expect(decodeCommand("request", frames(long, "x")).type).toBe("submit");
    expect(decodeCommand("submit", frames(long, long, "x")).type).toBe("submit");
    expect(decodeCommand("request", frames(longer, "x")).type).toBe("malformed");
    expect(decodeCommand("submit", frames(longer, long, "x")).type).toBe("malformed");
  });

  it.each([
    ["request", [], "the name of a service has 1 to 255 bytes"],
    ["request", ["", "x"], "the name of a service has 1 to 255 bytes"],
    ["request", ["echo"], "a request has a body"],
    ["request", ["mmi.service", "x"], "services that begin with mmi. are the broker's own"],
    ["submit", [], "a key has 1 to 255 bytes"],
    ["submit", ["", "echo", "x"], "a key has 1 to 255 bytes"],
    ["submit", ["k"], "the name of a service has 1 to 255 bytes"],
    ["submit", ["k", "echo"], "a request has a body"],
    ["submit", ["k", "mmi.", "x"], "services that begin with mmi. are the broker's own"],
    ["reply", [], "an id is 32 hexadecimal digits"],
    ["reply", [""], "an id is 32 hexadecimal digits"],
    ["reply", [digits, ""], "an id is 32 hexadecimal digits"],
    ["close", ["echo"], "an id is 32 hexadecimal digits"],
  ] as const)("titanic.%s %j: %s", (verb, texts, reason) => {
    expect(decodeCommand(verb, frames(...texts))).toEqual({ type: "malformed", reason });
  });

  it("names that only look like the broker's own are anybody's", () => {
    expect(
      ["mmi.", "mmi.x", "mmi", "mm", "Mmi.x", "xmmi."].map((name) => isBrokersOwn(textFrame(name))),
    ).toEqual([true, true, false, false, false, false]);
  });
});

describe("answers", () => {
  it.each([
    [encodeAccepted(id), ["200", digits], { type: "ok", frames: frames(digits) }],
    [encodeReply(frames("a", "b")), ["200", "a", "b"], { type: "ok", frames: frames("a", "b") }],
    [encodeClosed(), ["200"], { type: "ok", frames: [] }],
    [encodePending(), ["300"], { type: "pending" }],
    [encodeUnknown(), ["400"], { type: "unknown", text: "" }],
    [encodeUnknown("no id"), ["400", "no id"], { type: "unknown", text: "no id" }],
    [encodeFailed("full"), ["500", "full"], { type: "failed", text: "full" }],
    [encodeDead("it broke"), ["500", "dead: it broke"], { type: "dead", failure: "it broke" }],
  ] as const)("%# is written and read", (encoded, written, read) => {
    expect(words(encoded)).toEqual(written);
    expect(decodeAnswer([...encoded])).toEqual(read);
  });

  it("500 without a text, as another server says it, has failed", () => {
    expect(decodeAnswer(frames("500"))).toEqual({ type: "failed", text: "" });
  });

  it.each([[], [""], ["2000"], ["20"], ["201"], ["abc"], ["501", "x"]])("%j is none", (...texts) => {
    expect(decodeAnswer(frames(...texts))).toMatchObject({ type: "malformed" });
  });

  it("no more than 4096 bytes of a text are read, and a dead letter is known all the same", () => {
    const answer = decodeAnswer(frames("500", `dead: ${"x".repeat(10_000)}`, "y"));
    expect(answer).toEqual({ type: "dead", failure: "x".repeat(4096 - "dead: ".length) });
  });
});
