import { Addresses, DELIMITER, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeFromQueue,
  decodeFromWorker,
  encodeAddressed,
  encodeHeartbeat,
  encodeLeave,
  encodeReady,
  workerProcess,
  workerRoutingId,
} from "../src/machine.js";

const addresses = new Addresses(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
const workerId = Uint8Array.of(0, 1, 2, 3, 4);
const empty = new Uint8Array(0);
const byte = (value: number) => Uint8Array.of(value);

const frame = fc.uint8Array({ maxLength: 40 });
const body = fc.array(frame, { minLength: 1, maxLength: 4 });
const envelope = fc.array(fc.uint8Array({ minLength: 1, maxLength: 19 }), { minLength: 1, maxLength: 4 });
const intervalMs = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });

const fromWorker = (frames: readonly Uint8Array[]) => decodeFromWorker([workerId, ...frames], addresses);
const fromQueue = (frames: readonly Uint8Array[]) => decodeFromQueue([...frames]);

describe("commands are laid out as in 6/PPP", () => {
  it("READY, HEARTBEAT, and ours: LEAVE and the greeting", () => {
    expect(encodeReady()).toEqual([byte(1)]);
    expect(encodeHeartbeat({})).toEqual([byte(2)]);
    expect(encodeLeave()).toEqual([byte(3)]);
    const [command, greeting] = encodeHeartbeat({ intervalMs: 0x01020304 }) as [Uint8Array, Uint8Array];
    expect(command).toEqual(byte(2));
    expect(Buffer.from(greeting).toString("hex")).toBe("5357010001020304");
  });

  it("REQUEST and REPLY: address, empty frame, body", () => {
    const [a, b, c] = ["a", "b", "c"].map(textFrame) as [Uint8Array, Uint8Array, Uint8Array];
    expect(encodeAddressed([a, b], [c, empty])).toEqual([a, b, DELIMITER, c, empty]);
  });
});

describe("what is encoded is decoded", () => {
  it("READY, LEAVE and a heartbeat without a greeting", () => {
    expect(fromWorker(encodeReady())).toEqual({ type: "ready" });
    expect(fromWorker(encodeLeave())).toEqual({ type: "leave" });
    expect(fromQueue(encodeLeave())).toEqual({ type: "leave" });
    expect(fromWorker(encodeHeartbeat({}))).toEqual({ type: "heartbeat" });
    expect(fromQueue(encodeHeartbeat({ intervalMs: undefined }))).toEqual({ type: "heartbeat" });
  });

  it("greetings, in both directions", () => {
    fc.assert(
      fc.property(intervalMs, (interval) => {
        const frames = encodeHeartbeat({ intervalMs: interval });
        expect(fromWorker(frames)).toEqual({ type: "heartbeat", intervalMs: interval });
        expect(fromQueue(frames)).toEqual({ type: "heartbeat", intervalMs: interval });
      }),
    );
  });

  it("an interval is never told shorter than it is, and not longer than fits", () => {
    expect(fromQueue(encodeHeartbeat({ intervalMs: 1.2 }))).toEqual({ type: "heartbeat", intervalMs: 2 });
    const longest = { type: "heartbeat", intervalMs: 2 ** 32 - 1 };
    expect(fromQueue(encodeHeartbeat({ intervalMs: 2 ** 33 }))).toEqual(longest);
  });

  it("a request at the worker, and its reply at the queue, whatever is in them", () => {
    fc.assert(
      fc.property(number, body, body, (n, question, answer) => {
        const request = fromQueue(encodeAddressed([addresses.encode(n)], question));
        if (request.type !== "request") throw new Error(request.type);
        expect(request.body).toEqual(question);
        const reply = fromWorker(encodeAddressed(request.address, answer));
        expect(reply).toEqual({ type: "reply", number: n, body: answer });
      }),
    );
  });

  it("a request of another queue, with the whole envelope for an address", () => {
    fc.assert(
      fc.property(envelope, body, (address, question) => {
        expect(fromQueue(encodeAddressed(address, question))).toEqual({
          type: "request",
          address,
          body: question,
        });
      }),
    );
  });

  it("a reply to an address that is not this queue's is known as such", () => {
    const other = new Addresses(new Uint8Array(8));
    fc.assert(
      fc.property(number, envelope, body, (n, address, answer) => {
        const unknown = { type: "reply", number: undefined, body: answer };
        expect(fromWorker(encodeAddressed([other.encode(n)], answer))).toEqual(unknown);
        expect(fromWorker(encodeAddressed([...address, addresses.encode(n)], answer))).toEqual(unknown);
      }),
    );
  });
});

describe("malformed messages", () => {
  const greeting = (encodeHeartbeat({ intervalMs: 1000 }) as [Uint8Array, Uint8Array])[1];
  const changed = (index: number, value: number) => greeting.with(index, value);
  const endless = [...Array.from({ length: 40 }, () => textFrame("hop")), empty, textFrame("x")];
  const inBoth: [string, Uint8Array[]][] = [
    ["nothing", []],
    ["an empty frame", [empty]],
    ["an unknown command", [byte(4)]],
    ["a command of two bytes", [Uint8Array.of(2, 2)]],
    ["LEAVE with a frame more", [byte(3), byte(3)]],
    ["a greeting of another kind", [byte(2), changed(0, 0)]],
    ["a greeting with a broken magic", [byte(2), changed(1, 0)]],
    ["a greeting of a later version", [byte(2), changed(2, 2)]],
    ["a greeting that is cut", [byte(2), greeting.subarray(0, 7)]],
    ["a greeting with an interval of 0", [byte(2), new Uint8Array([0x53, 0x57, 1, 0, 0, 0, 0, 0])]],
    ["no empty frame", [textFrame("a"), textFrame("b"), textFrame("c")]],
    ["no address", [empty, textFrame("b"), textFrame("c")]],
    ["no body", [textFrame("a"), textFrame("b"), empty]],
    ["an endless address", endless],
  ];

  it.each(inBoth)("%s, from a worker", (_what, frames) => {
    expect(fromWorker(frames)).toMatchObject({ type: "malformed", reason: expect.any(String) });
  });

  it.each([...inBoth, ["READY", [byte(1)]] as const])("%s, from a queue", (_what, frames) => {
    expect(fromQueue(frames)).toMatchObject({ type: "malformed", reason: expect.any(String) });
  });

  it("a later greeting may be longer, and lie anywhere in memory", () => {
    const memory = new Uint8Array(32);
    memory.set(greeting, 5);
    expect(fromQueue([byte(2), memory.subarray(5, 20)])).toEqual({ type: "heartbeat", intervalMs: 1000 });
  });

  it("any bytes decode to a command or to a protocol error, never to a crash", () => {
    const likely = fc.oneof(
      frame,
      fc.constantFrom(empty, byte(1), byte(2), byte(3), greeting),
      intervalMs.map((n) => changed(n % 8, n % 256)),
      number.map((n) => addresses.encode(n)),
    );
    fc.assert(
      fc.property(fc.array(likely, { maxLength: 8 }), (frames) => {
        expect(["ready", "heartbeat", "leave", "reply", "malformed"]).toContain(fromWorker(frames).type);
        expect(["heartbeat", "leave", "request", "malformed"]).toContain(fromQueue(frames).type);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("routing ids of our workers", () => {
  it("are known by how they begin, and others are not taken for them", () => {
    const process = (text: string): string | undefined => workerProcess(textFrame(text));
    expect(process(workerRoutingId("0123456789abcdef", 7))).toBe(
      process(workerRoutingId("0123456789abcdef", 8)),
    );
    expect(process(workerRoutingId("a", 1))).not.toBe(process(workerRoutingId("b", 1)));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (id) => workerProcess(id) === undefined));
    expect([process("SWPP1"), process("SWPP2-x-1")]).toEqual([undefined, undefined]);
  });
});
