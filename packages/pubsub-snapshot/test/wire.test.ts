import { frameText, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { beatTopic, decodeBeat, encodeBeat, HUGZ, isForeignBeat, subtreeOfBeat } from "../src/beat.js";
import { decodeKnown, encodeKnown } from "../src/packs.js";
import {
  type CommandName,
  decodeMessage,
  decodeRefusal,
  decodeServerMessage,
  decodeUpdate,
  EMPTY,
  encodeCommand,
  encodeForeignEnd,
  encodeKeyValue,
  encodeRefusal,
  encodeSnapshotRequest,
  isForeignEnd,
  isUnder,
  type KeyValue,
  looksLikeEnd,
  type Refusal,
} from "../src/wire.js";

const bytes = (constraints: fc.IntArrayConstraints) => fc.uint8Array(constraints);
const uuid = fc.oneof(fc.constant(EMPTY), bytes({ minLength: 16, maxLength: 16 }));
const number = fc.maxSafeNat();
const commands = [
  "MOAR",
  "GOTIT",
  "PING",
  "PONG",
  "KTHXBAI",
  "OKTHX",
  "SORRY",
  "KNOWN",
  "INSYNC",
] as const satisfies CommandName[];
const reasons = ["passive", "conflict", "full", "invalid", "store-failed"] as const;
const odd = fc.oneof(
  fc.constantFrom(
    ...["HUGZ", "KTHXBAI", "ICANHAZ?", "OKTHX", "\0HUGZ\0\0", "sw-life=1\n", "", "sw-credit=5\n"].map(
      textFrame,
    ),
  ),
  bytes({ maxLength: 30 }),
  bytes({ minLength: 8, maxLength: 8 }),
  bytes({ minLength: 16, maxLength: 16 }),
);
/** Frames as they may come, also from sockets, which hand over Buffers. */
const anything = fc.array(
  odd.chain((frame) => fc.constantFrom<Uint8Array>(frame, Buffer.from(frame))),
  { maxLength: 7 },
);

describe("what is encoded is decoded", () => {
  it("a key and its value", () => {
    const key = bytes({ minLength: 1, maxLength: 255 });
    fc.assert(
      fc.property(key, number, uuid, bytes({}), bytes({}), (name, sequence, id, properties, value) => {
        const frames = [...encodeKeyValue(name, sequence, id, properties, value)];
        const expected = { type: "key-value", key: name, sequence, uuid: id, properties, value };
        expect(frames).toHaveLength(5);
        for (const decode of [decodeMessage, decodeUpdate, decodeServerMessage])
          expect(decode(frames)).toEqual(expected);
      }),
    );
  });

  it("a command", () => {
    fc.assert(
      fc.property(fc.constantFrom(...commands), number, uuid, bytes({}), (name, sequence, id, properties) => {
        const frames = [...encodeCommand(name, sequence, id, properties)];
        const expected = { type: "command", name, number: sequence, uuid: id, properties };
        expect(decodeMessage(frames)).toEqual(expected);
        expect(decodeServerMessage(frames)).toEqual(expected);
        expect(decodeUpdate(frames)).toMatchObject({ type: "malformed" });
      }),
    );
  });

  it("a request for a snapshot, with terms or without", () => {
    const terms = fc.record({ credit: fc.integer({ min: 1 }), packBytes: fc.nat(), follows: fc.boolean() });
    fc.assert(
      fc.property(bytes({}), fc.option(terms, { nil: undefined }), (subtree, given) => {
        const frames = [...encodeSnapshotRequest(subtree, given)];
        expect(frames.length).toBe(given === undefined ? 2 : 3);
        expect(decodeServerMessage(frames)).toEqual({ type: "snapshot-request", subtree, terms: given });
      }),
    );
  });

  it("a refusal", () => {
    const refusal: fc.Arbitrary<Refusal> = fc.record({
      reason: fc.constantFrom(...reasons),
      retryAfterMs: fc.option(fc.nat(), { nil: undefined }),
      option: fc.constant<string | undefined>(undefined),
      limit: fc.constant<number | undefined>(undefined),
    });
    const full: Refusal = { reason: "full", retryAfterMs: undefined, option: "maxKeys", limit: 9 };
    fc.assert(
      fc.property(fc.oneof(refusal, fc.constant(full)), uuid, number, (given, id, sequence) => {
        const message = decodeMessage([...encodeRefusal(given, id, sequence)]);
        expect(message).toMatchObject({ type: "command", name: "SORRY", uuid: id, number: sequence });
        if (message.type === "command") expect(decodeRefusal(message.properties)).toEqual(given);
      }),
    );
    expect(decodeRefusal(textFrame("sw-reason=why\n"))).toMatchObject({ type: "malformed" });
    expect(decodeRefusal(EMPTY)).toMatchObject({ type: "malformed" });
    const message = decodeMessage([...encodeRefusal({ reason: "passive", retryAfterMs: 0.5 })]);
    if (message.type === "command")
      expect(decodeRefusal(message.properties)).toMatchObject({ retryAfterMs: 1 });
  });

  it("a heartbeat", () => {
    const beat = fc.record({
      life: fc.stringMatching(/^[0-9a-f]{0,16}$/),
      isActive: fc.boolean(),
      heartbeatMs: fc.integer({ min: 1 }),
      sequence: number,
      count: fc.option(number, { nil: undefined }),
    });
    fc.assert(
      fc.property(bytes({ maxLength: 255 }), beat, (subtree, given) => {
        const message = decodeUpdate([...encodeBeat(beatTopic(subtree), given)]) as KeyValue;
        expect(message).toMatchObject({ sequence: 0, uuid: EMPTY, value: EMPTY });
        expect(subtreeOfBeat(message.key)).toEqual(subtree);
        expect(decodeBeat(message.properties)).toEqual(given);
        expect(isForeignBeat(message)).toBe(false);
      }),
    );
  });

  it("updates that are known", () => {
    const known = fc.array(fc.tuple(bytes({ minLength: 16, maxLength: 16 }), number), { maxLength: 20 });
    fc.assert(
      fc.property(known, (updates) => {
        const message = decodeMessage([...encodeKnown(updates)]);
        expect(message).toMatchObject({ type: "command", name: "KNOWN", number: updates.length });
        if (message.type === "command") expect(decodeKnown(message.properties)).toEqual(updates);
      }),
    );
    expect(decodeKnown(new Uint8Array(25))).toMatchObject({ type: "malformed" });
    expect(decodeKnown(new Uint8Array(24).fill(0xff))).toMatchObject({ type: "malformed" });
  });
});

describe("whatever comes", () => {
  it("is something or malformed, and nothing throws", () => {
    fc.assert(
      fc.property(anything, (frames) => {
        for (const decode of [decodeMessage, decodeUpdate, decodeServerMessage])
          expect(["key-value", "command", "snapshot-request", "malformed"]).toContain(
            decode([...frames]).type,
          );
        for (const frame of frames) {
          decodeBeat(frame);
          decodeRefusal(frame);
          decodeKnown(frame);
          subtreeOfBeat(frame);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["no frames", []],
    ["four frames", ["a", "\0\0\0\0\0\0\0\u0001", "", ""]],
    ["six frames", ["a", "\0\0\0\0\0\0\0\u0001", "", "", "", ""]],
    ["a number of seven bytes", ["a", "\0\0\0\0\0\0\u0001", "", "", ""]],
    ["a number beyond 2^53", ["a", "\0 \0\0\0\0\0\0", "", "", ""]],
    ["a number beyond 2^56", ["a", "\u0001\0\0\0\0\0\0\0", "", "", ""]],
    ["a UUID of five bytes", ["a", "\0\0\0\0\0\0\0\u0001", "12345", "", ""]],
    ["an unknown command", ["", "\0\0\0\0\0\0\0\u0001", "", "", "BYE"]],
    ["a long command", ["", "\0\0\0\0\0\0\0\u0001", "", "", "KTHXBAIKTHXBAI"]],
  ])("%s is malformed", (_what, frames) => {
    expect(decodeMessage(frames.map(textFrame))).toMatchObject({ type: "malformed" });
  });

  it.each([
    [["ICANHAZ?"]],
    [["ICANHAZ", "/a/"]],
    [["ICANHAZ?", "", "", ""]],
    [["ICANHAZ?", "", ""]],
    [["ICANHAZ?", "", "sw-credit=0\n"]],
    [["ICANHAZ?", "", "sw-credit=x\n"]],
    [["ICANHAZ?", "", "sw-credit=1\nsw-pack=x\n"]],
  ])("%j is no request", (frames) => {
    expect(decodeServerMessage(frames.map(textFrame))).toMatchObject({ type: "malformed" });
  });

  it("the largest number is 2^53 - 1", () => {
    const [, frame] = encodeKeyValue(HUGZ, Number.MAX_SAFE_INTEGER, EMPTY, EMPTY, EMPTY) as [
      never,
      Uint8Array,
    ];
    expect([...frame]).toEqual([0, 0x1f, 255, 255, 255, 255, 255, 255]);
  });
});

describe("what a heartbeat, an end and a subtree are", () => {
  const message = (key: string, sequence = 0, properties = "", value = "", id = EMPTY): KeyValue =>
    decodeMessage([
      ...encodeKeyValue(textFrame(key), sequence, id, textFrame(properties), textFrame(value)),
    ]) as KeyValue;
  const id = new Uint8Array(16);

  it.each([
    ["", "no life"],
    ["sw-active=1\nsw-life=1\nsw-beat=5\nsw-at=1\n", "life is not first"],
    ["sw-life=1\nsw-at=1\n", "no interval"],
    ["sw-life=1\nsw-beat=0\nsw-at=1\n", "an interval of nothing"],
    ["sw-life=1\nsw-beat=5\n", "no number"],
    ["sw-life=1\nsw-beat=5\nsw-at=-1\n", "a number that is none"],
  ])("%j is no heartbeat of ours: %s", (properties) => {
    expect(decodeBeat(textFrame(properties))).toBeUndefined();
  });

  it("a heartbeat of ours may lack its last newline, and have lines that are not known", () => {
    expect(decodeBeat(textFrame("sw-life=\nsw-new\nsw-beat=5\nsw-at=1"))).toEqual({
      life: "",
      isActive: false,
      heartbeatMs: 5,
      sequence: 1,
      count: undefined,
    });
  });

  it("the guide's heartbeat has nothing but its number", () => {
    expect(isForeignBeat(message("HUGZ", 12))).toBe(true);
    expect(isForeignBeat(message("HUGZ"))).toBe(true);
    for (const other of [
      message("HUG"),
      message("HUGZZ"),
      message("HUGZ", 1, "a=b\n"),
      message("HUGZ", 1, "", "x"),
      message("HUGZ", 1, "", "", id),
    ])
      expect(isForeignBeat(other)).toBe(false);
  });

  it("the end for clients of others has the subtree, or nothing", () => {
    const subtree = textFrame("/a/");
    const end = decodeMessage([...encodeForeignEnd(7, subtree)]) as KeyValue;
    expect(end).toMatchObject({ key: textFrame("KTHXBAI"), sequence: 7, value: subtree });
    expect(isForeignEnd(end, subtree)).toBe(true);
    expect(isForeignEnd(message("KTHXBAI", 7), subtree)).toBe(true);
    for (const other of [
      message("KTHXBAI", 7, "", "/b/"),
      message("KTHXBAI", 7, "a=b\n"),
      message("KTHXBAI", 7, "", "", id),
      message("KTHXBYE", 7),
    ])
      expect(isForeignEnd(other, subtree)).toBe(false);
    expect(looksLikeEnd(end.key)).toBe(true);
    expect(looksLikeEnd(HUGZ)).toBe(false);
  });

  it.each(["", "HUGZ", "\0HUGZ", "\0HUGZ\0", "\0HUGZ\0\u0001", "\0HUGZ\0\u0001/a", "\0HUGX\0\0"])(
    "%j is no topic of a subtree's heartbeats",
    (topic) => {
      expect(subtreeOfBeat(textFrame(topic))).toBeUndefined();
    },
  );

  it("a subtree's topic is the beginning of no other's", () => {
    const name = fc.string({ maxLength: 20 }).map((text) => textFrame(`/${text}/`));
    fc.assert(
      fc.property(name, name, (a, b) => {
        fc.pre(frameText(a) !== frameText(b));
        expect(isUnder(beatTopic(b), beatTopic(a))).toBe(false);
      }),
    );
    const long = new Uint8Array(7 + 256);
    long.set(beatTopic(new Uint8Array(256)));
    expect(subtreeOfBeat(long)).toBeUndefined();
  });

  it("a key lies in the subtrees that it begins with", () => {
    expect(isUnder(textFrame("/a/b"), textFrame("/a/"))).toBe(true);
    expect(isUnder(textFrame("/a/"), textFrame("/a/"))).toBe(true);
    expect(isUnder(textFrame("/a"), textFrame("/a/"))).toBe(false);
    expect(isUnder(textFrame("/b/b"), textFrame("/a/"))).toBe(false);
    expect(isUnder(textFrame("x"), EMPTY)).toBe(true);
  });
});
