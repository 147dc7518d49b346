import { Addresses, type Frames } from "@seaworthy/core";
import { REQUEST_ID_BYTES } from "@seaworthy/lazy-pirate/machine";
import * as paranoid from "@seaworthy/paranoid-pirate/machine";
import * as simple from "@seaworthy/simple-pirate/machine";
import { describe, expect, test } from "vitest";
import { bytesOf, inBrackets, pageSource, table } from "./tables.js";

const lazyPage = await pageSource("docs/patterns/lazy-pirate.md");
const simplePage = await pageSource("docs/patterns/simple-pirate.md");
const paranoidPage = await pageSource("docs/patterns/paranoid-pirate.md");

const addresses = new Addresses(new Uint8Array(8).fill(7));
const ADDRESS_LEAD =
  "Our queue's address is one frame of 16 bytes, in place of the client's envelope, which the queue keeps:";
const GREETING_LEAD = "The greeting tells how often its sender sends heartbeats:";

const greeting = paranoid.encodeHeartbeat({ intervalMs: 0x01020304 })[1] ?? new Uint8Array();

const layouts = [
  {
    what: "request id of Lazy Pirate",
    rows: table(lazyPage, "The request id is the same on every attempt:"),
    bytes: REQUEST_ID_BYTES,
  },
  {
    what: "address frame of Simple Pirate",
    rows: table(simplePage, ADDRESS_LEAD),
    bytes: addresses.encode(1).length,
  },
  {
    what: "address frame of Paranoid Pirate",
    rows: table(paranoidPage, ADDRESS_LEAD),
    bytes: addresses.encode(1).length,
  },
  {
    what: "greeting of Paranoid Pirate",
    rows: table(paranoidPage, GREETING_LEAD),
    bytes: greeting.length,
  },
];

test.each(layouts)("the layout of the $what covers its bytes without a gap", ({ rows, bytes }) => {
  expect(bytesOf(rows)).toEqual(Array.from({ length: bytes }, (_, index) => index));
});

test("the greeting is laid out as the page says", () => {
  expect([...greeting]).toEqual([...Buffer.from("SW"), 1, 0, 1, 2, 3, 4]);
});

test("the address is laid out as the pages say", () => {
  expect([...addresses.encode(0x010203)]).toEqual([7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 1, 2, 3]);
});

/** Frames as the pages write them, where `address` and `body` are one frame each. */
function written(frames: Frames): string {
  const words = frames.map((frame) => {
    if (frame.length === 1) return `0x0${frame[0]}`;
    const text = Buffer.from(frame).toString("latin1");
    return { address: "address…", body: "body…" }[text] ?? (frame === greeting ? "greeting" : text);
  });
  return inBrackets(words);
}

const ADDRESS = Buffer.from("address");
const BODY = [Buffer.from("body")];

describe("messages have the frames that the pages say", () => {
  const commands = [
    {
      pattern: "Simple Pirate",
      page: simplePage,
      frames: {
        READY: [simple.encodeReady()],
        // What the ROUTER takes away comes first.
        REQUEST: [simple.encodeRequest(ADDRESS, ADDRESS, BODY).slice(1)],
        REPLY: [simple.encodeReply([ADDRESS], BODY)],
      },
    },
    {
      pattern: "Paranoid Pirate",
      page: paranoidPage,
      frames: {
        READY: [paranoid.encodeReady()],
        HEARTBEAT: [paranoid.encodeHeartbeat({}), [paranoid.encodeHeartbeat({})[0] as Uint8Array, greeting]],
        LEAVE: [paranoid.encodeLeave()],
        REQUEST: [paranoid.encodeAddressed([ADDRESS], BODY)],
        REPLY: [paranoid.encodeAddressed([ADDRESS], BODY)],
      },
    },
  ];

  test.each(commands)("$pattern", ({ page, frames }) => {
    const stated = table(page, "## On the wire").map(([name, , layout]) => [name, layout]);
    const actual = Object.entries(frames).map(([name, forms]) => [name, forms.map(written).join(", or ")]);
    expect(stated).toEqual(actual);
  });

  test("routing ids of our workers begin as the page says", () => {
    const [, prefix = ""] = /begins with\s+`([^`]+)`/.exec(paranoidPage) ?? [];
    expect(paranoid.workerRoutingId("name", 1)).toBe(`${prefix}name-1`);
  });
});
