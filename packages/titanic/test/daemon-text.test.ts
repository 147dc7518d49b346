import { textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { detailsFromJson, detailsToJson, requestFromJson, requestToJson } from "../src/daemon-json.js";
import { detailsText, requestTable } from "../src/daemon-text.js";
import type { RequestDetails, RequestInfo } from "../src/store.js";

const ID = "00112233445566778899AABBCCDDEEFF";
const request: RequestDetails = {
  id: Uint8Array.from(Buffer.from(ID, "hex")),
  service: textFrame("echo"),
  state: "dead",
  key: textFrame("order-7"),
  failures: 3,
  failure: "no answer",
  acceptedAt: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  at: Date.UTC(2026, 0, 2, 4),
  body: [textFrame("hello"), Uint8Array.of(0, 1, 255)],
  reply: undefined,
};

describe("requests in JSON", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: "binary", maxLength: 100 }).map(textFrame),
    fc.constant(textFrame("\uFEFFmark")),
  );
  const details: fc.Arbitrary<RequestDetails> = fc.record({
    id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    service: bytes,
    state: fc.constantFrom("pending", "done", "dead"),
    key: fc.option(bytes, { nil: undefined }),
    failures: fc.nat(),
    failure: fc.option(fc.string(), { nil: undefined }),
    acceptedAt: fc.nat({ max: 4e12 }),
    at: fc.nat({ max: 4e12 }),
    body: fc.array(bytes, { maxLength: 4 }),
    reply: fc.option(fc.array(bytes, { maxLength: 4 }), { nil: undefined }),
  });

  it("lose nothing, text or not", () => {
    fc.assert(
      fc.property(details, (given) => {
        expect(detailsFromJson(JSON.parse(JSON.stringify(detailsToJson(given))))).toEqual(given);
        const { body: _body, reply: _reply, ...info } = given;
        expect(requestFromJson(JSON.parse(JSON.stringify(requestToJson(given))))).toEqual(info);
      }),
    );
  });

  it("have text as it is, other bytes in Base64, and times that people can read", () => {
    expect(detailsToJson(request)).toEqual({
      ...{ id: ID, service: "echo", state: "dead", key: "order-7", failures: 3, failure: "no answer" },
      ...{ acceptedAt: "2026-01-02T03:04:05.006Z", at: "2026-01-02T04:00:00.000Z" },
      ...{ body: ["hello", { base64: "AAH/" }], reply: null },
    });
  });
});

describe("requests as text", () => {
  it("a line each, below headings", () => {
    const pending: RequestInfo = { ...request, state: "pending", failures: 0, failure: undefined };
    expect(requestTable([request, pending], true)).toBe(
      [
        "ID                                STATE    FAILURES  ACCEPTED                  SERVICE  FAILURE",
        `${ID}  dead     3         2026-01-02T03:04:05.006Z  echo     no answer`,
        `${ID}  pending  0         2026-01-02T03:04:05.006Z  echo`,
        "",
      ].join("\n"),
    );
    expect(requestTable([pending], false).split("\n")).toHaveLength(2);
  });

  it("with their bodies, text in quotes and the rest in hexadecimal", () => {
    expect(detailsText({ ...request, reply: [textFrame("é\n")] })).toBe(
      [
        `id        ${ID}`,
        "service   echo",
        "state     dead",
        'key       "order-7"',
        "accepted  2026-01-02T03:04:05.006Z",
        "dead      2026-01-02T04:00:00.000Z",
        "failures  3",
        "failure   no answer",
        "body      2 frames, 8 bytes",
        '  "hello"',
        "  0x0001ff",
        "reply     1 frame, 3 bytes",
        '  "é\\n"',
        "",
      ].join("\n"),
    );
  });

  it("cut to a length that can be read", () => {
    const body = [textFrame("x".repeat(5000)), new Uint8Array(100_000), ...Array(50).fill(textFrame("y"))];
    const text = detailsText({ ...request, body });
    expect(text.length).toBeLessThan(3000);
    expect(text).toContain("body      52 frames, 105050 bytes");
    expect(text).toContain('x" … 4000 characters more\n');
    expect(text).toContain("00 … 99744 bytes more\n");
    expect(text).toContain("  … 32 more\n");
  });

  it("cannot steer the terminal", () => {
    const evil = "\u001b[2J\u009b31m\u202e\nroot";
    const shown = detailsText({
      ...request,
      service: textFrame(evil),
      failure: evil,
      body: [textFrame(evil)],
    });
    const listed = requestTable([{ ...request, service: textFrame(evil), failure: evil }], false);
    for (const text of [shown, listed]) expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(listed.split("\n")).toHaveLength(2);
    expect(listed).toContain("\\u{1b}[2J\\u{9b}31m\\u{202e}\\u{a}root");
  });
});
