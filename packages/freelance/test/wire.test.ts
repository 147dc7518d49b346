import { encodeRequestId, type Frames, type RequestId, textFrame, withKind } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeFailoverReply,
  decodeFlpRequest,
  decodePlainRequest,
  decodeShotgunReply,
  decodeTrackedReply,
  encodeFailoverRequest,
  encodeFlpFailure,
  encodeFlpReply,
  encodePing,
  encodePlainFailure,
  encodePlainReply,
  encodePong,
  encodeShotgunRequest,
  encodeTrackedRequest,
  SEQUENCED_KIND,
} from "../src/machine.js";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const requestId = fc.record({ epoch: uint64, sequence: uint64 });
const frame = fc.uint8Array({ maxLength: 40 });
const body = fc.array(frame, { minLength: 1, maxLength: 4 });
const routingId = Uint8Array.of(0, 1, 2, 3, 4);
const empty = new Uint8Array(0);
const anyId = fc
  .tuple(uint64, fc.integer({ min: 0, max: 255 }))
  .map(([n, kind]) => withKind(encodeRequestId({ epoch: n, sequence: n }), kind));
const anyFrames = fc.array(
  fc.oneof(frame, fc.constant(empty), anyId, fc.constantFrom("PING", "PONG", "0", "17").map(textFrame)),
  { maxLength: 8 },
);
const texts = (frames: Frames | undefined) => frames?.map((part) => Buffer.from(part).toString());

const PROTOCOLS = {
  tracked: {
    encode: encodeTrackedRequest,
    read: decodeFlpRequest,
    reply: encodeFlpReply,
    failure: encodeFlpFailure,
    decode: decodeTrackedReply,
  },
  failover: {
    encode: encodeFailoverRequest,
    read: decodePlainRequest,
    reply: encodePlainReply,
    failure: encodePlainFailure,
    decode: decodeFailoverReply,
  },
  shotgun: {
    encode: encodeShotgunRequest,
    read: decodePlainRequest,
    reply: encodePlainReply,
    failure: encodePlainFailure,
    decode: decodeShotgunReply,
  },
} as const;

describe.each(Object.entries(PROTOCOLS))("%s", (_name, { encode, read, reply, failure, decode }) => {
  const ask = (id: RequestId, question: Frames) => {
    const request = read([routingId, ...encode(id, question)]);
    if (request.type !== "request") throw new Error(request.type);
    return request;
  };

  it("a request and its reply survive the way there and back", () => {
    fc.assert(
      fc.property(requestId, body, body, (id, question, answer) => {
        const request = ask(id, question);
        expect(request.body).toEqual(question);
        expect(request.key).toHaveLength(16);
        const frames = reply(request.route, answer);
        expect(frames[0]).toEqual(routingId);
        expect(decode([...frames.slice(1)])).toEqual({ type: "reply", ...id, body: answer });
      }),
    );
  });

  it("a failed handler is reported under the request's id", () => {
    fc.assert(
      fc.property(requestId, fc.string({ maxLength: 200 }), (id, message) => {
        const { route } = ask(id, [textFrame("x")]);
        const frames = failure(route, message) as Frames;
        expect(decode([...frames.slice(1)])).toEqual({
          type: "failure",
          ...id,
          message: message.toWellFormed(),
        });
      }),
    );
  });

  it("any bytes decode to a command or to a protocol error, never to a crash", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        expect(["reply", "failure", "malformed", "pong"]).toContain(decode(frames).type);
        expect(["request", "malformed", "ping"]).toContain(read(frames).type);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("FLP", () => {
  const id = { epoch: 1n, sequence: 2n };

  it("PING and PONG are as in 10/FLP", () => {
    expect(texts(encodePing())).toEqual(["PING"]);
    expect(decodeFlpRequest([routingId, ...encodePing()])).toEqual({ type: "ping", route: [routingId] });
    expect(texts(encodePong([routingId]))?.slice(1)).toEqual(["PONG"]);
    expect(decodeTrackedReply([textFrame("PONG")])).toEqual({ type: "pong" });
  });

  it("with a body behind it PING is a control frame like any other, and PONG no sign of life", () => {
    const request = decodeFlpRequest([routingId, ...encodePing(), textFrame("x")]);
    if (request.type !== "request") throw new Error(request.type);
    expect(texts(request.body)).toEqual(["x"]);
    expect(texts(encodeFlpReply(request.route, [textFrame("OK")]))?.slice(1)).toEqual(["PING", "OK"]);
    expect(decodeTrackedReply([textFrame("PONG"), textFrame("x")]).type).toBe("malformed");
  });

  it("the control frame of a client of another make is sent back as it came", () => {
    const request = decodeFlpRequest([routingId, textFrame("17"), textFrame("x")]);
    if (request.type !== "request") throw new Error(request.type);
    expect(request).toMatchObject({ key: undefined, kind: 0 });
    expect(texts(encodeFlpReply(request.route, [textFrame("OK")]))?.slice(1)).toEqual(["17", "OK"]);
    expect(encodeFlpFailure(request.route, "no")).toBeUndefined();
  });

  it.each([
    ["no frames", []],
    ["a control frame that is no request id", [textFrame("17"), textFrame("OK")]],
    ["no body", [encodeRequestId(id)]],
    ["an unknown kind", [withKind(encodeRequestId(id), 9), textFrame("OK")]],
  ])("a reply with %s is malformed", (_what, frames) => {
    expect(decodeTrackedReply(frames)).toMatchObject({ type: "malformed", reason: expect.any(String) });
  });

  it.each([
    ["no frames", []],
    ["no control frame", [routingId]],
    ["no body", [routingId, textFrame("17")]],
    ["an id of the failure kind", [routingId, withKind(encodeRequestId(id), 1), textFrame("x")]],
  ])("a request with %s is malformed", (_what, frames) => {
    expect(decodeFlpRequest(frames)).toMatchObject({ type: "malformed", reason: expect.any(String) });
  });
});

describe("the sequence number of guide model 2", () => {
  const id = { epoch: 1n, sequence: 10n ** 10n };

  it("fault: request numbers beyond 10^9 are whole on the wire", () => {
    const frames = encodeShotgunRequest(id, [textFrame("random name")]);
    expect(frames[0]?.[3]).toBe(SEQUENCED_KIND);
    expect(texts(frames.slice(1))).toEqual(["", "10000000000", "random name"]);
    const last = encodeShotgunRequest({ epoch: 1n, sequence: 2n ** 64n - 1n }, [textFrame("x")]);
    expect(texts(last.slice(2))).toEqual(["18446744073709551615", "x"]);
  });

  it("is not asked of a server that only sends the envelope back", () => {
    const envelope = encodeShotgunRequest(id, [textFrame("x")]).slice(0, 2);
    const bodyOf = (...words: string[]) => {
      const reply = decodeShotgunReply([...envelope, ...words.map(textFrame)]);
      return reply.type === "reply" ? texts(reply.body) : reply.type;
    };
    expect(bodyOf("10000000000", "OK")).toEqual(["OK"]);
    expect(bodyOf("fine")).toEqual(["fine"]);
    expect(bodyOf("fine", "indeed")).toEqual(["fine", "indeed"]);
    expect(bodyOf("10000000000")).toEqual(["10000000000"]);
    expect(bodyOf()).toBe("malformed");
  });

  it("is taken out only for our own clients, and what they promise must be there", () => {
    const envelope = [routingId, ...encodeShotgunRequest(id, [textFrame("x")]).slice(0, 2)];
    const read = (...words: string[]) => decodePlainRequest([...envelope, ...words.map(textFrame)]).type;
    expect(read("10000000000", "x")).toBe("request");
    expect(read("7", "x")).toBe("malformed");
    expect(read("10000000000")).toBe("malformed");
    const guide = decodePlainRequest([routingId, empty, textFrame("7"), textFrame("x")]);
    expect(guide).toMatchObject({ key: undefined, body: [textFrame("7"), textFrame("x")] });
  });

  it("a routing id that looks like a request id is still a routing id", () => {
    const looks = withKind(encodeRequestId(id), SEQUENCED_KIND);
    expect(decodePlainRequest([looks, empty, textFrame("x")])).toMatchObject({ kind: 0, key: undefined });
    expect(texts(encodePlainReply([looks], [textFrame("OK")]))?.slice(1)).toEqual(["", "OK"]);
  });
});
