import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeAnswer,
  decodeCommand,
  encodeAccepted,
  encodeId,
  encodeReply,
  encodeSubmit,
  idText,
  isBrokersOwn,
  parseId,
  TITANIC_VERBS,
} from "../src/wire.js";

const frame = fc.uint8Array({ maxLength: 40 });
const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
const name = fc.uint8Array({ minLength: 1, maxLength: 255 }).filter((bytes) => !isBrokersOwn(bytes));
const key = fc.uint8Array({ minLength: 1, maxLength: 255 });
const body = fc.array(frame, { minLength: 1, maxLength: 5 });
/** What hostile peers may send: any frames, and some that are nearly right. */
const anything = fc.array(
  fc.oneof(
    frame,
    id.map((bytes) => Buffer.from(idText(bytes))),
    fc.constantFrom("200", "300", "400", "500", "mmi.x", "echo", "").map((text) => Buffer.from(text)),
    fc
      .string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF./\\%\0"), minLength: 32, maxLength: 32 })
      .map((text) => Buffer.from(text)),
  ),
  { maxLength: 6 },
);

describe("what is written is read as it was", () => {
  it("ids", () => {
    fc.assert(
      fc.property(id, (bytes) => {
        expect(idText(bytes)).toBe(Buffer.from(bytes).toString("hex").toUpperCase());
        expect(parseId(idText(bytes))).toEqual(bytes);
        expect(parseId(idText(bytes).toLowerCase())).toEqual(bytes);
        for (const verb of ["reply", "close"] as const) {
          expect(decodeCommand(verb, [...encodeId(bytes)])).toEqual({ type: verb, id: bytes });
        }
        expect(decodeAnswer([...encodeAccepted(bytes)])).toEqual({ type: "ok", frames: encodeId(bytes) });
      }),
    );
  });

  it("requests", () => {
    fc.assert(
      fc.property(fc.option(key, { nil: undefined }), name, body, (key, service, body) => {
        const verb = key === undefined ? "request" : "submit";
        const expected = { type: "submit", key, service, body };
        expect(decodeCommand(verb, [...encodeSubmit(key, service, body)])).toEqual(expected);
      }),
    );
  });

  it("replies", () => {
    fc.assert(
      fc.property(fc.array(frame), (reply) => {
        expect(decodeAnswer([...encodeReply(reply)])).toEqual({ type: "ok", frames: reply });
      }),
    );
  });
});

it("any frames are a command with an id of 16 bytes, a service and a body, or they are malformed", () => {
  fc.assert(
    fc.property(fc.constantFrom(...TITANIC_VERBS), anything, (verb, frames) => {
      const command = decodeCommand(verb, frames);
      switch (command.type) {
        case "malformed":
          expect(command.reason).not.toBe("");
          return;
        case "submit":
          expect(command.service.length).toBeGreaterThan(0);
          expect(command.service.length).toBeLessThanOrEqual(255);
          expect(isBrokersOwn(command.service)).toBe(false);
          expect(command.body.length).toBeGreaterThan(0);
          expect(command.key === undefined).toBe(verb === "request");
          expect(command.key?.length).not.toBe(0);
          return;
        default:
          expect(command.id).toHaveLength(16);
          expect(/^[0-9A-Fa-f]{32}$/.test(Buffer.concat(frames).toString("latin1"))).toBe(true);
      }
    }),
  );
});

it("any frames are an answer or malformed", () => {
  fc.assert(
    fc.property(anything, (frames) => {
      expect(["ok", "pending", "unknown", "dead", "failed", "malformed"]).toContain(
        decodeAnswer(frames).type,
      );
    }),
  );
});
