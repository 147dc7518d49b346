import { Addresses, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeAtBroker,
  encodeBrokerDisconnect,
  encodeBrokerHeartbeat,
  encodeToClient,
  encodeToWorker,
} from "../src/broker-wire.js";
import { decodeReply, encodeRequest } from "../src/client-wire.js";
import { decodeBrokerNotice, decodeNotice, encodeBrokerNotice, encodeNotice } from "../src/notice.js";
import {
  answerHeader,
  decodeRequestHeader,
  encodeRequestHeader,
  type HeaderKind,
  headerKey,
  headerKind,
  headerTtlMs,
} from "../src/request-header.js";
import {
  decodeFromBroker,
  encodeDisconnect,
  encodeFinal,
  encodeHeartbeat,
  encodePartial,
  encodeReady,
} from "../src/worker-wire.js";

const KINDS: HeaderKind[] = [
  "message",
  "cancel",
  "handler-failed",
  "no-worker",
  "too-old",
  "given-up",
  "limit",
  "closing",
  "dropped",
];

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const frame = fc.uint8Array({ maxLength: 40 });
const body = fc.array(frame, { minLength: 1, maxLength: 4 });
const service = fc.uint8Array({ minLength: 1, maxLength: 255 });
const version = fc.constantFrom("0.1" as const, "0.2" as const);
const heartbeatMs = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const notice = fc.record({ heartbeatMs, credit: uint32 });
const brokersNotice = fc.record({ heartbeatMs, askedMs: uint32 });
const header = fc.record({
  kind: fc.constantFrom(...KINDS),
  epoch: uint64,
  sequence: uint64,
  first: uint32,
  second: uint32,
});
const number = fc.maxSafeNat();
const routingId = fc.uint8Array({ minLength: 1, maxLength: 20 });

/** The epoch of a broker's life, which begins as a notice does. */
const EPOCH = Uint8Array.of(0x53, 0x57, 1, 0, 5, 6, 7, 8);
const addresses = new Addresses(EPOCH);

/** As a ROUTER receives what a DEALER sent. */
const through = (id: Uint8Array, frames: readonly Uint8Array[]): Uint8Array[] => [id, ...frames];

describe("frames of our own", () => {
  it("a notice is read as it was written", () => {
    fc.assert(
      fc.property(notice, brokersNotice, (said, answered) => {
        expect(decodeNotice(encodeNotice(said))).toEqual(said);
        expect(decodeBrokerNotice(encodeBrokerNotice(answered))).toEqual(answered);
      }),
    );
  });

  it("a request header is read as it was written", () => {
    fc.assert(
      fc.property(header, (said) => {
        const written = encodeRequestHeader(said);
        expect(decodeRequestHeader(written)).toEqual(said);
        expect(headerKind(written)).toBe(said.kind);
        expect(headerTtlMs(written)).toBe(said.first);
      }),
    );
  });

  it("an answer keeps the request's key, whatever it says; other requests have other keys", () => {
    fc.assert(
      fc.property(header, header, uint32, uint32, (a, b, part, delivery) => {
        const request = encodeRequestHeader(a);
        const answer = answerHeader(request, b.kind, part, delivery);
        expect(decodeRequestHeader(answer)).toEqual({ ...a, kind: b.kind, first: part, second: delivery });
        expect(headerKey(answer)).toBe(headerKey(request));
        const isSame = a.epoch === b.epoch && a.sequence === b.sequence;
        expect(headerKey(encodeRequestHeader(b)) === headerKey(request)).toBe(isSame);
      }),
    );
  });

  it("keys of requests that differ in one bit differ", () => {
    fc.assert(
      fc.property(header, fc.nat({ max: 127 }), (said, bit) => {
        const frame = encodeRequestHeader(said);
        const other = frame.slice();
        const at = 4 + (bit >> 3);
        other[at] = (other[at] as number) ^ (1 << (bit & 7));
        expect(headerKey(other)).not.toBe(headerKey(frame));
      }),
    );
  });
});

describe("client and broker", () => {
  it("a request reaches the broker as it was asked, and its reply the client, with a header or without", () => {
    fc.assert(
      fc.property(
        version,
        service,
        fc.option(header),
        body,
        body,
        routingId,
        fc.boolean(),
        (spoken, name, said, question, answer, id, isFinal) => {
          const given = said === null ? undefined : { ...said, kind: "message" as const };
          const written = given && encodeRequestHeader(given);
          const request = decodeAtBroker(
            through(id, encodeRequest(spoken, name, written, question)),
            addresses,
          );
          if (request.type !== "request") throw new Error(request.type);
          expect(request).toMatchObject({ version: spoken, service: name, body: question });
          expect(request.key).toBe(written && headerKey(written));
          expect(request.ttlMs).toBe(given === undefined ? 0 : given.first);
          const reply = encodeToClient(spoken, request.route, name, answer, isFinal);
          expect(reply[0]).toEqual(id);
          expect(decodeReply([...reply.slice(1)])).toEqual({
            type: "reply",
            header: given,
            service: name,
            isFinal: isFinal || spoken === "0.1",
            body: answer,
          });
        },
      ),
    );
  });

  it("a cancelled request is told from all others by its key", () => {
    fc.assert(
      fc.property(version, service, header, routingId, (spoken, name, said, id) => {
        const written = encodeRequestHeader({ ...said, kind: "cancel" });
        expect(decodeAtBroker(through(id, encodeRequest(spoken, name, written, [])), addresses)).toEqual({
          type: "cancel",
          key: headerKey(written),
        });
      }),
    );
  });
});

describe("worker and broker", () => {
  const atBroker = (id: Uint8Array, frames: readonly Uint8Array[]) =>
    decodeAtBroker(through(id, frames), addresses);

  it("what a worker says of itself reaches the broker", () => {
    fc.assert(
      fc.property(version, service, notice, routingId, (spoken, name, said, worker) => {
        const heard = { type: "said", worker, version: spoken };
        expect(atBroker(worker, encodeReady(spoken, name, said))).toEqual({
          ...heard,
          command: { type: "ready", service: name, notice: said },
        });
        expect(atBroker(worker, encodeHeartbeat(spoken, said))).toEqual({
          ...heard,
          command: { type: "heartbeat", notice: said },
        });
        expect(atBroker(worker, encodeHeartbeat(spoken, undefined))).toEqual({
          ...heard,
          command: { type: "heartbeat", notice: undefined },
        });
        expect(atBroker(worker, encodeDisconnect(spoken))).toEqual({
          ...heard,
          command: { type: "disconnect" },
        });
      }),
    );
  });

  it("a request reaches the worker, and its parts, its reply or its outcome the broker, under its number", () => {
    const outcome = fc.constantFrom("final" as const, "handler-failed" as const, "dropped" as const);
    fc.assert(
      fc.property(
        version,
        number,
        body,
        body,
        outcome,
        routingId,
        (spoken, given, question, answer, end, worker) => {
          const request = decodeFromBroker([...encodeToWorker(spoken, addresses.encode(given), question)]);
          if (request.type !== "request") throw new Error(request.type);
          expect(request.body).toEqual(question);
          const heard = { type: "said", worker, version: spoken };
          expect(atBroker(worker, encodeFinal(spoken, request.address, answer, end))).toEqual({
            ...heard,
            command: { type: "part", kind: end, number: given, body: answer },
          });
          expect(atBroker(worker, encodePartial(request.address, answer))).toEqual({
            ...heard,
            version: "0.2",
            command: { type: "part", kind: "partial", number: given, body: answer },
          });
        },
      ),
    );
  });

  it("what a broker says reaches the worker", () => {
    fc.assert(
      fc.property(version, brokersNotice, number, (spoken, said, given) => {
        const address = addresses.encode(given);
        expect(decodeFromBroker([...encodeBrokerHeartbeat(spoken, undefined)])).toEqual({
          type: "heartbeat",
        });
        expect(decodeFromBroker([...encodeBrokerHeartbeat(spoken, said)])).toEqual({
          type: "heartbeat",
          notice: said,
        });
        expect(decodeFromBroker([...encodeBrokerHeartbeat(spoken, address)])).toEqual({
          type: "heartbeat",
          cancelled: address,
        });
        expect(decodeFromBroker([...encodeBrokerDisconnect(spoken)])).toEqual({ type: "disconnect" });
      }),
    );
  });
});

describe("any bytes", () => {
  const ingredient = fc.oneof(
    frame,
    fc.constant(new Uint8Array(0)),
    fc.constantFrom("MDPC01", "MDPC02", "MDPW01", "MDPW02").map(textFrame),
    fc.nat({ max: 8 }).map((byte) => Uint8Array.of(byte)),
    header.map(encodeRequestHeader),
    notice.map(encodeNotice),
    number.map((given) => addresses.encode(given)),
    fc
      .tuple(number, fc.nat({ max: 3 }))
      .map(([given, mark]) => Uint8Array.of(...addresses.encode(given), mark)),
  );
  const anyFrames = fc.array(ingredient, { maxLength: 9 });

  it("are a command or a protocol error to each side, never a crash", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        expect(["reply", "malformed"]).toContain(decodeReply([...frames]).type);
        expect(["request", "heartbeat", "disconnect", "malformed"]).toContain(
          decodeFromBroker([...frames]).type,
        );
        expect(["request", "cancel", "said", "malformed"]).toContain(
          decodeAtBroker([...frames], addresses).type,
        );
      }),
      { numRuns: 5000 },
    );
  });

  it("are changed by none of them", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        const copy = frames.map((one) => one.slice());
        decodeReply(frames);
        decodeFromBroker(frames);
        decodeAtBroker(frames, addresses);
        expect(frames).toEqual(copy);
      }),
    );
  });
});
