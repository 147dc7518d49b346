import { frameText, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeAnswer,
  decodeRequest,
  decodeState,
  encodeFailure,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  encodeRequestId,
  encodeState,
  MAX_EPOCH,
  type PublishedState,
  RECORD_TOPIC,
  type StarRecord,
} from "../src/wire.js";

const record: StarRecord = { role: "backup", heartbeatMs: 1000, epoch: 0x0102030405 };
const hex = (frame: Uint8Array | undefined): string => Buffer.from(frame ?? []).toString("hex");
const recordFrame = (change: (frame: Uint8Array) => void): Uint8Array => {
  const frame = new Uint8Array(encodeState("active", record)[1] as Uint8Array);
  change(frame);
  return frame;
};

const states = fc.constantFrom<PublishedState>("primary", "backup", "active", "passive");
const records: fc.Arbitrary<StarRecord> = fc.record({
  role: fc.constantFrom("primary", "backup"),
  heartbeatMs: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  epoch: fc.integer({ min: 0, max: MAX_EPOCH }),
});
const frames = fc.array(fc.uint8Array({ maxLength: 24 }), { maxLength: 5 });
const ids = fc.record({ epoch: fc.bigInt(0n, 2n ** 64n - 1n), sequence: fc.bigInt(0n, 2n ** 64n - 1n) });

describe("a state", () => {
  it.each([
    ["primary", "1"],
    ["backup", "2"],
    ["active", "3"],
    ["passive", "4"],
  ] as const)("%s is the guide's digit %s", (state, digit) => {
    expect(encodeState(state).map(frameText)).toEqual([digit]);
    expect(decodeState([textFrame(digit)])).toEqual({ type: "peer-state", state, record: undefined });
  });

  it("any other digit, and any other frame, is malformed", () => {
    for (const text of ["0", "5", "9", "", "33", "3\0", "a", "\0", "/"]) {
      expect(decodeState([textFrame(text)]), JSON.stringify(text)).toMatchObject({
        type: "malformed",
        reason: "peer state is not a digit from 1 to 4",
      });
    }
    expect(decodeState([]).type).toBe("malformed");
  });

  it("decode(encode(state)) is the state, with its record or without", () => {
    fc.assert(
      fc.property(states, fc.option(records, { nil: undefined }), (state, said) => {
        const [digit, ...more] = encodeState(state, said) as Uint8Array[];
        expect(decodeState([digit as Uint8Array, ...more])).toEqual({
          type: "peer-state",
          state,
          record: said,
        });
      }),
    );
  });

  it("any bytes are a state or malformed", () => {
    fc.assert(
      fc.property(frames, (said) => {
        expect(["peer-state", "malformed"]).toContain(decodeState(said).type);
      }),
    );
  });
});

describe("a record", () => {
  it("is laid out as documented", () => {
    expect(hex(encodeState("active", record)[1])).toBe(
      ["5357", "01", "02", "000003e8", "0000000102030405"].join(""),
    );
    expect(encodeState("primary", { ...record, role: "primary" })[1]?.[3]).toBe(1);
    expect(frameText(RECORD_TOPIC)).toBe("SW-BSTAR-1");
  });

  it("says at least 1 ms of an interval with a fraction", () => {
    expect(decodeState(encodeState("active", { ...record, heartbeatMs: 1.5 }) as Uint8Array[])).toMatchObject(
      {
        record: { heartbeatMs: 2 },
      },
    );
  });

  it("records of other versions are passed over, and what is no record at all", () => {
    const passedOver = [
      recordFrame((frame) => frame.fill(2, 2, 3)),
      recordFrame((frame) => frame.fill(0, 2, 3)),
      recordFrame((frame) => frame.fill(0x54, 0, 1)),
      recordFrame((frame) => frame.fill(0x54, 1, 2)),
      textFrame("anything"),
      new Uint8Array(0),
    ];
    for (const frame of passedOver) {
      expect(decodeState([textFrame("4"), frame])).toEqual({
        type: "peer-state",
        state: "passive",
        record: undefined,
      });
    }
    expect(decodeState([...encodeState("active", record), textFrame("more")] as Uint8Array[])).toMatchObject({
      record,
    });
  });

  it.each([
    [recordFrame(() => {}).subarray(0, 15), "peer record of 15 bytes"],
    [new Uint8Array([...recordFrame(() => {}), 0]), "peer record of 17 bytes"],
    [recordFrame((frame) => frame.fill(0, 3, 4)), "peer record with role 0"],
    [recordFrame((frame) => frame.fill(3, 3, 4)), "peer record with role 3"],
    [recordFrame((frame) => frame.fill(0, 4, 8)), "peer record without a heartbeat interval"],
    [recordFrame((frame) => frame.fill(255, 8, 16)), "peer record with an epoch beyond 2^52"],
  ])("of our version, but wrong: %#", (frame, reason) => {
    expect(decodeState([textFrame("3"), frame])).toMatchObject({ type: "malformed", reason });
  });
});

describe("a refusal", () => {
  const id = encodeRequestId({ epoch: 7n, sequence: 9n });
  const hop = Uint8Array.of(0, 1, 2, 3, 4);
  const asked = decodeRequest([hop, ...encodeRequest(id, [textFrame("hi")])]);
  if (asked.type !== "request") throw new Error(asked.reason);
  /** As the client reads it: the hop's routing id is taken off. */
  const answer = (state: PublishedState, retryAfterMs?: number): Uint8Array[] =>
    (encodeRefusal(asked, state, retryAfterMs) as Uint8Array[]).slice(1);

  it("goes back the way that the request came, in kind 2", () => {
    const refusal = encodeRefusal(asked, "passive", 1500.2) as Uint8Array[];
    expect(refusal[0]).toEqual(hop);
    expect(refusal[1]?.[3]).toBe(2);
    expect(id[3], "the id that was asked with is as it was").toBe(0);
    expect(refusal.slice(2).map(frameText)).toEqual(["", "4", "1501"]);
    expect(decodeAnswer(refusal.slice(1))).toEqual({
      type: "refusal",
      epoch: 7n,
      sequence: 9n,
      state: "passive",
      retryAfterMs: 1501,
    });
  });

  it("is not sent to a client that would not understand it", () => {
    const foreign = decodeRequest([hop, new Uint8Array(0), textFrame("hi")]);
    if (foreign.type !== "request") throw new Error(foreign.reason);
    expect(encodeRefusal(foreign, "passive", 0)).toBeUndefined();
    expect(encodeRefusal({ route: [], key: "x" }, "passive", 0)).toBeUndefined();
  });

  it("decode(encode(refusal)) is the refusal, with a wait of an hour at most", () => {
    const waits = fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(ids, states, waits, (named, state, wait) => {
        const request = decodeRequest([hop, ...encodeRequest(encodeRequestId(named), [hop])]);
        if (request.type !== "request") throw new Error(request.reason);
        expect(decodeAnswer((encodeRefusal(request, state, wait) as Uint8Array[]).slice(1))).toEqual({
          type: "refusal",
          ...named,
          state,
          retryAfterMs: wait === undefined ? undefined : Math.min(Math.ceil(wait), 3_600_000),
        });
      }),
    );
  });

  it.each([
    ["no delimiter", (said: Uint8Array[]) => [said[0], hop, ...said.slice(2)]],
    ["no state", (said: Uint8Array[]) => said.slice(0, 2)],
    ["no wait", (said: Uint8Array[]) => said.slice(0, 3)],
    ["no such state", (said: Uint8Array[]) => [said[0], said[1], textFrame("5"), said[3]]],
    ["a wait that is no number", (said: Uint8Array[]) => [...said.slice(0, 3), textFrame("-1")]],
    ["a wait of more than an hour", (said: Uint8Array[]) => [...said.slice(0, 3), textFrame("3600001")]],
    ["a wait with many digits", (said: Uint8Array[]) => [...said.slice(0, 3), textFrame("00000001")]],
  ])("with %s is malformed", (_what, change) => {
    expect(decodeAnswer(change(answer("active", 5)) as Uint8Array[]).type).toBe("malformed");
  });

  it("replies and failures are told from it", () => {
    expect(decodeAnswer([...encodeReply([id], [hop])]).type).toBe("reply");
    const failure = encodeFailure([hop, id], "broken") as Uint8Array[];
    expect(decodeAnswer(failure.slice(1))).toMatchObject({ type: "failure", message: "broken" });
    expect(decodeAnswer([])).toMatchObject({ type: "malformed" });
  });

  it("any frames behind any request id are an answer or malformed", () => {
    const kinds = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(ids, kinds, frames, (named, kind, rest) => {
        const said = encodeRequestId(named);
        said[3] = kind;
        expect(["reply", "failure", "refusal", "malformed"]).toContain(decodeAnswer([said, ...rest]).type);
        expect(["reply", "failure", "refusal", "malformed"]).toContain(decodeAnswer(rest).type);
      }),
    );
  });
});
