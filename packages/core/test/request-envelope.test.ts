import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeReply,
  decodeRequest,
  encodeFailure,
  encodeReply,
  encodeRequest,
  encodeRequestId,
  FAILURE_KIND,
  frameKey,
  REQUEST_ID_BYTES,
  REQUEST_KIND,
  requestKind,
  textFrame,
  withKind,
} from "../src/index.js";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const frame = fc.uint8Array({ maxLength: 40 });
const body = fc.array(frame, { minLength: 1, maxLength: 4 });
const hop = fc.uint8Array({ minLength: 1, maxLength: 19 });
const hops = fc.array(hop, { maxLength: 4 });
const routingId = Uint8Array.of(0, 1, 2, 3, 4);
const anyFrames = fc.array(
  fc.oneof(
    frame,
    fc.constant(new Uint8Array(0)),
    uint64.map((n) => encodeRequestId({ epoch: n, sequence: n })),
  ),
  { maxLength: 8 },
);

describe("request id", () => {
  it("is laid out as documented", () => {
    const id = encodeRequestId({ epoch: 0x0102030405060708n, sequence: 0xf1f2f3f4f5f6f7f8n });
    expect(Buffer.from(id).toString("hex")).toBe(`53570100${"0102030405060708"}${"f1f2f3f4f5f6f7f8"}`);
    expect(id).toHaveLength(REQUEST_ID_BYTES);
  });

  it("survives the way there and back, through any hops, with any body", () => {
    fc.assert(
      fc.property(uint64, uint64, body, body, hops, (epoch, sequence, question, answer, route) => {
        const sent = encodeRequest(encodeRequestId({ epoch, sequence }), question);
        const request = decodeRequest([routingId, ...route, ...sent]);
        if (request.type !== "request") throw new Error(request.reason);
        expect(request.body).toEqual(question);
        expect(request.key).toHaveLength(16);
        const reply = encodeReply(request.route, answer).slice(1 + route.length);
        expect(decodeReply([...reply])).toEqual({ type: "reply", epoch, sequence, body: answer });
      }),
    );
  });

  it("tells requests apart that differ in epoch or sequence", () => {
    const key = (epoch: bigint, sequence: bigint) => {
      const request = decodeRequest([
        routingId,
        ...encodeRequest(encodeRequestId({ epoch, sequence }), [textFrame("x")]),
      ]);
      return request.type === "request" ? request.key : undefined;
    };
    fc.assert(
      fc.property(uint64, uint64, uint64, uint64, (a, b, c, d) => {
        expect(key(a, b) === key(c, d)).toBe(a === c && b === d);
      }),
    );
  });
});

describe("kinds", () => {
  const id = encodeRequestId({ epoch: 1n, sequence: 2n });
  const request = (kind: number) => [routingId, ...encodeRequest(withKind(id, kind), [textFrame("x")])];

  it("are told by request ids, and by nothing else", () => {
    expect(requestKind(id)).toBe(REQUEST_KIND);
    expect(requestKind(withKind(id, 9))).toBe(9);
    expect(requestKind(id.slice(1))).toBeUndefined();
    expect(requestKind(new Uint8Array(20))).toBeUndefined();
  });

  it("are all that a copy differs in, also if the id is a view of a socket's memory", () => {
    for (const original of [id, Buffer.from(id)]) {
      const copy = withKind(original, 9);
      expect([...copy]).toEqual([...id.slice(0, 3), 9, ...id.slice(4)]);
      expect([...original], "the original stays").toEqual([...id]);
    }
  });

  it("of requests are understood if they are asked for", () => {
    const key = frameKey(id.subarray(4));
    expect(decodeRequest(request(3), [2, 3])).toMatchObject({ type: "request", kind: 3, key });
    expect(decodeRequest(request(REQUEST_KIND), [2, 3])).toMatchObject({ kind: REQUEST_KIND, key });
    expect(decodeRequest(request(4), [2, 3])).toMatchObject({ reason: "request of unknown kind 4" });
    expect(decodeRequest(request(3))).toMatchObject({ reason: "request of unknown kind 3" });
  });

  it("of failures are the same, whatever the kind of the request", () => {
    const frames = encodeFailure([routingId, withKind(id, 3)], "x") ?? [];
    expect(requestKind(frames[1] as Uint8Array)).toBe(FAILURE_KIND);
    expect(decodeReply(frames.slice(1))).toEqual({
      type: "failure",
      epoch: 1n,
      sequence: 2n,
      message: "x",
    });
  });
});

describe("a failed handler", () => {
  it("is reported under the request's id", () => {
    fc.assert(
      fc.property(uint64, uint64, fc.string({ maxLength: 200 }), hops, (epoch, sequence, message, route) => {
        const id = encodeRequestId({ epoch, sequence });
        const frames = encodeFailure([routingId, ...route, id], message)?.slice(1 + route.length);
        const wellFormed = message.toWellFormed();
        expect(decodeReply([...(frames ?? [])])).toEqual({
          type: "failure",
          epoch,
          sequence,
          message: wellFormed,
        });
        expect(id[3]).toBe(0);
      }),
    );
  });

  it("is not reported to clients that would take it for a reply", () => {
    expect(encodeFailure([routingId], "x")).toBeUndefined();
    expect(encodeFailure([routingId, Uint8Array.of(1, 2, 3)], "x")).toBeUndefined();
    expect(encodeFailure([encodeRequestId({ epoch: 1n, sequence: 1n })], "x")).toBeUndefined();
    expect(encodeFailure([], "x")).toBeUndefined();
  });

  it("is cut to a length that informs", () => {
    const id = encodeRequestId({ epoch: 1n, sequence: 1n });
    expect(encodeFailure([routingId, id], "x".repeat(5000))?.at(-1)).toHaveLength(1024);
  });
});

describe("requests of other clients", () => {
  it("of a REQ: the route is the routing id, and there is no key", () => {
    const request = decodeRequest([routingId, new Uint8Array(0), textFrame("hello")]);
    expect(request).toEqual({
      type: "request",
      route: [routingId],
      key: undefined,
      kind: REQUEST_KIND,
      body: [textFrame("hello")],
    });
  });

  it("a routing id that looks like a request id is still a routing id", () => {
    const id = encodeRequestId({ epoch: 1n, sequence: 1n });
    expect(decodeRequest([id, new Uint8Array(0), textFrame("x")])).toMatchObject({ key: undefined });
  });

  it("a body may hold empty frames and further delimiters", () => {
    const rest = [new Uint8Array(0), textFrame("a"), new Uint8Array(0)];
    expect(decodeRequest([routingId, new Uint8Array(0), ...rest])).toMatchObject({ body: rest });
  });
});

describe("malformed messages", () => {
  const id = encodeRequestId({ epoch: 1n, sequence: 1n });
  const otherKind = id.slice();
  otherKind[3] = 9;
  const empty = new Uint8Array(0);

  it.each([
    ["no frames", []],
    ["no request id", [empty, textFrame("x")]],
    ["an id of another length", [id.slice(1), empty, textFrame("x")]],
    ["an id without the magic", [new Uint8Array(20), empty, textFrame("x")]],
    ["no delimiter", [id, textFrame("x")]],
    ["no body", [id, empty]],
    ["an unknown kind", [otherKind, empty, textFrame("x")]],
  ])("a reply with %s", (_what, frames) => {
    expect(decodeReply(frames)).toMatchObject({ type: "malformed", reason: expect.any(String) });
  });

  it.each([
    ["no frames", []],
    ["only a routing id", [routingId]],
    ["no delimiter", [routingId, textFrame("x")]],
    ["no body", [routingId, empty]],
    ["an id of the failure kind", [routingId, otherKind, empty, textFrame("x")]],
    [
      "an endless envelope",
      [routingId, ...Array.from({ length: 100 }, () => textFrame("hop")), empty, textFrame("x")],
    ],
  ])("a request with %s", (_what, frames) => {
    expect(decodeRequest(frames)).toMatchObject({ type: "malformed", reason: expect.any(String) });
  });

  it("any bytes decode to a command or to a protocol error, never to a crash", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        expect(["reply", "failure", "malformed"]).toContain(decodeReply(frames).type);
        expect(["request", "malformed"]).toContain(decodeRequest(frames).type);
      }),
      { numRuns: 2000 },
    );
  });

  it("keys are bytes, not text", () => {
    const request = decodeRequest([
      routingId,
      ...encodeRequest(encodeRequestId({ epoch: 2n ** 63n, sequence: 255n }), [textFrame("x")]),
    ]);
    expect(request.type === "request" && request.key).toBe(
      frameKey(encodeRequestId({ epoch: 2n ** 63n, sequence: 255n }).subarray(4)),
    );
  });
});
