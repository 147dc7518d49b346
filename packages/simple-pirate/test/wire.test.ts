import { Addresses, MAX_ENVELOPE_FRAMES, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeFromWorker,
  decodeRequest,
  encodeReady,
  encodeReply,
  encodeRequest,
  type WorkerRequest,
} from "../src/machine.js";

const addresses = new Addresses(Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1));
const empty = new Uint8Array(0);
const texts = (...frames: string[]) => frames.map((text) => textFrame(text));

const frame = fc.uint8Array({ maxLength: 40 });
const body = fc.array(frame, { minLength: 1, maxLength: 4 });
const routingId = fc.uint8Array({ minLength: 1, maxLength: 255 });
const hop = fc.uint8Array({ minLength: 1, maxLength: 19 });
const envelope = fc.array(hop, { minLength: 1, maxLength: MAX_ENVELOPE_FRAMES, size: "max" });
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });

/** As the worker's DEALER receives it: the queue's ROUTER takes off whom it is for. */
const atWorker = ([, ...frames]: readonly Uint8Array[]) => decodeRequest(frames);
/** As the queue's ROUTER receives it: with the sender in front. */
const atQueue = (worker: Uint8Array, frames: readonly Uint8Array[]) =>
  decodeFromWorker([worker, ...frames], addresses);

function accepted(message: ReturnType<typeof decodeRequest>): WorkerRequest {
  if (message.type === "malformed") throw new Error(message.reason);
  return message;
}

describe("messages are laid out as in the guide", () => {
  const [worker, address, question, answer] = texts("w", "a", "q", "r") as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];

  it("READY: an empty frame, which a REQ adds, and one byte", () => {
    expect(encodeReady()).toEqual([empty, Uint8Array.of(1)]);
  });

  it("REQUEST and REPLY: an empty frame, address, empty frame, body", () => {
    expect(encodeRequest(worker, address, [question, empty])).toEqual([
      ...[worker, empty, address],
      ...[empty, question, empty],
    ]);
    expect(encodeReply([address, worker], [answer])).toEqual([empty, address, worker, empty, answer]);
  });
});

describe("what is encoded is decoded", () => {
  it("READY, of any worker", () => {
    fc.assert(
      fc.property(routingId, (worker) => {
        expect(atQueue(worker, encodeReady())).toEqual({ type: "ready", worker });
      }),
    );
  });

  it("a request at the worker, and its reply at the queue, whatever is in them", () => {
    fc.assert(
      fc.property(routingId, number, body, body, (worker, n, question, answer) => {
        const request = accepted(atWorker(encodeRequest(worker, addresses.encode(n), question)));
        expect(request).toEqual({ type: "request", address: [addresses.encode(n)], body: question });
        const reply = encodeReply(request.address, answer);
        expect(atQueue(worker, reply)).toEqual({ type: "reply", worker, number: n, body: answer });
      }),
    );
  });

  it("a request of the guide's queue, with the client's whole envelope for an address", () => {
    fc.assert(
      fc.property(envelope, body, (address, question) => {
        const request = accepted(decodeRequest([empty, ...address, empty, ...question]));
        expect(request).toEqual({ type: "request", address, body: question });
        expect(encodeReply(request.address, question)).toEqual([empty, ...address, empty, ...question]);
      }),
    );
  });

  it("a body of one byte 0x01 is a reply and not READY", () => {
    const reply = atQueue(empty, encodeReply([addresses.encode(5)], [Uint8Array.of(1)]));
    expect(reply).toMatchObject({ type: "reply", number: 5, body: [Uint8Array.of(1)] });
  });

  it("a reply to an address that is not this queue's is known as such", () => {
    const other = new Addresses(new Uint8Array(8));
    fc.assert(
      fc.property(number, hop, body, (n, more, answer) => {
        const unknown = { type: "reply", worker: empty, number: undefined, body: answer };
        expect(atQueue(empty, encodeReply([other.encode(n)], answer))).toEqual(unknown);
        expect(atQueue(empty, encodeReply([more, addresses.encode(n)], answer))).toEqual(unknown);
        expect(atQueue(empty, encodeReply([addresses.encode(n), more], answer))).toEqual(unknown);
      }),
    );
  });
});

describe("malformed messages", () => {
  const endless = [empty, ...Array.from({ length: MAX_ENVELOPE_FRAMES + 1 }, () => textFrame("hop"))];
  const inBoth: [what: string, frames: Uint8Array[], fault: string][] = [
    ["nothing", [], "without an empty frame in front"],
    ["no empty frame in front", [...texts("a"), empty, ...texts("x")], "without an empty frame in front"],
    ["an empty frame alone", [empty], "without an empty frame after its address"],
    ["one empty frame", [empty, ...texts("a", "x")], "without an empty frame after its address"],
    ["an endless address", [...endless, empty, ...texts("x")], "without an empty frame after its address"],
    ["no address", [empty, empty, ...texts("x")], "without an address"],
    ["no body", [empty, ...texts("a"), empty], "without a body"],
  ];

  it.each(inBoth)("%s, from a worker", (_what, frames, fault) => {
    const reason = `message of a worker ${fault}`;
    expect(atQueue(textFrame("w"), frames)).toEqual({ type: "malformed", reason });
  });

  it.each(inBoth)("%s, from a queue", (_what, frames, fault) => {
    expect(decodeRequest(frames)).toEqual({ type: "malformed", reason: `request ${fault}` });
  });

  it.each([
    ["READY without its empty frame", [Uint8Array.of(1)]],
    ["READY behind a frame that is not empty", [Uint8Array.of(0), Uint8Array.of(1)]],
    ["READY with a frame more", [empty, Uint8Array.of(1), Uint8Array.of(1)]],
    ["another byte than READY's", [empty, Uint8Array.of(2)]],
    ["READY and a byte more", [empty, Uint8Array.of(1, 1)]],
  ])("%s", (_what, frames) => {
    expect(atQueue(textFrame("w"), frames)).toMatchObject({ type: "malformed" });
  });

  it("any frames decode to a message or to a protocol error, never to a crash", () => {
    const likely = fc.oneof(
      frame,
      fc.constantFrom(empty, Uint8Array.of(1)),
      number.map((n) => addresses.encode(n)),
    );
    fc.assert(
      fc.property(fc.array(likely, { maxLength: 40, size: "max" }), (frames) => {
        const fromWorker = atQueue(textFrame("w"), frames);
        expect(["ready", "reply", "malformed"]).toContain(fromWorker.type);
        const request = decodeRequest(frames);
        if (request.type === "malformed") return;
        // Nothing is taken away and nothing is added: a reply finds the whole way back.
        expect(encodeReply(request.address, request.body)).toEqual(frames);
        expect(request.body.length).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });
});
