import { Addresses, type Frames } from "@seaworthy/core";
import * as majordomo from "@seaworthy/majordomo/machine";
import { describe, expect, test } from "vitest";
import { bytesOf, inBrackets, pageSource, table, tableWithHead, textAfter } from "./tables.js";

const page = await pageSource("docs/patterns/majordomo.md");

const addresses = new Addresses(new Uint8Array(8).fill(7));
const address = addresses.encode(0x010203);
const notice = majordomo.encodeNotice({ heartbeatMs: 0x01020304, credit: 0x05060708 });
const header = majordomo.encodeRequestHeader({
  kind: "message",
  epoch: 0x0101010101010101n,
  sequence: 0x0202020202020202n,
  first: 0x03030303,
  second: 0x04040404,
});

const ADDRESS_LEAD = "The address is one frame of 16 bytes, which workers only have to send back:";
const NOTICE_LEAD = "The notice is how our programs introduce themselves:";
const HEADER_LEAD =
  "The request header comes back with the reply, changed in its kind and its last two numbers:";

test.each([
  ["address", ADDRESS_LEAD, address],
  ["notice", NOTICE_LEAD, notice],
  ["request header", HEADER_LEAD, header],
])("the layout of the %s covers its bytes without a gap", (_what, lead, frame) => {
  expect(bytesOf(table(page, lead))).toEqual(Array.from(frame, (_, index) => index));
});

test("the frames are laid out as the page says", () => {
  const bytes = (length: number, value: number): number[] => Array.from({ length }, () => value);
  expect([...address]).toEqual([...bytes(8, 7), 0, 0, 0, 0, 0, 1, 2, 3]);
  expect([...notice]).toEqual([...Buffer.from("SW"), 1, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
  const numbers = [...bytes(8, 1), ...bytes(8, 2), ...bytes(4, 3), ...bytes(4, 4)];
  expect([...header]).toEqual([...Buffer.from("SW"), 1, 0, ...numbers]);
});

test("every kind of a request header is on the page, by its number", () => {
  // The compiler demands each kind here.
  const kinds: Record<majordomo.HeaderKind, true> = {
    message: true,
    cancel: true,
    "handler-failed": true,
    "no-worker": true,
    "too-old": true,
    "given-up": true,
    limit: true,
    closing: true,
    dropped: true,
  };
  const rows = tableWithHead(textAfter(page, HEADER_LEAD), "| Kind ");
  const actual = (Object.keys(kinds) as majordomo.HeaderKind[]).map((kind) => {
    const frame = majordomo.encodeRequestHeader({ kind, epoch: 0n, sequence: 0n, first: 0, second: 0 });
    return [String(frame[3]), `\`${kind}\``];
  });
  expect(rows.map(([number, name]) => [number, name])).toEqual(actual);
});

const ROUTING_ID = Buffer.from("routing id");
const SERVICE = Buffer.from("service");
const BODY = [Buffer.from("body")];
const MESSAGE = [Buffer.from("message")];
const NONE = [new Uint8Array()];
const OURS = majordomo.decodeNotice(notice) as majordomo.Notice;
const BROKERS = majordomo.decodeBrokerNotice(notice) as majordomo.BrokerNotice;
const seaworthy = Buffer.from("mmi.seaworthy");

/** Frames as the page writes them. */
function written(frames: Frames): string {
  const words = frames.map((frame) => {
    if (frame.length === 1) return `0x0${frame[0]}`;
    const isMarkedAddress = frame.length === 17 && address.every((byte, index) => frame[index] === byte);
    if (isMarkedAddress) return `address 0x0${frame[16]}`;
    for (const [name, known] of Object.entries({ address, notice, header })) {
      if (Buffer.compare(frame, known) === 0) return name;
    }
    const text = Buffer.from(frame).toString("latin1");
    return text === "body" ? "body…" : text;
  });
  return inBrackets(words);
}

/** A command in both versions, or none in the first. */
type Forms = readonly [string, string];

const both = (encode: (version: majordomo.MdpVersion) => Frames): Forms => [
  written(encode("0.1")),
  written(encode("0.2")),
];
const only02 = (frames: Frames): Forms => ["none", written(frames)];

/** What a broker of ours sends to a client, from behind the routing id on. */
const toClient = (version: majordomo.MdpVersion, isFinal: boolean): Frames => {
  const route = version === "0.1" ? [ROUTING_ID, new Uint8Array()] : [ROUTING_ID];
  return majordomo.encodeToClient(version, route, SERVICE, BODY, isFinal).slice(1);
};

describe("messages have the frames that the page says", () => {
  const stated = (lead: string): Record<string, Forms> =>
    Object.fromEntries(
      table(page, lead).map(([name = "", , first = "", second = ""]) => [name, [first, second]]),
    );

  test("between clients and broker", () => {
    expect(stated("Between clients and broker:")).toEqual({
      REQUEST: both((version) => majordomo.encodeRequest(version, SERVICE, undefined, BODY)),
      PARTIAL: only02(toClient("0.2", false)),
      "REPLY, FINAL": both((version) => toClient(version, true)),
    });
  });

  test("between broker and workers", () => {
    expect(stated("Between broker and workers:")).toEqual({
      // What is ours comes last.
      READY: both((version) => majordomo.encodeReady(version, SERVICE, OURS).slice(0, -1)),
      REQUEST: both((version) => majordomo.encodeToWorker(version, address, BODY)),
      PARTIAL: only02(majordomo.encodePartial([address], BODY)),
      "REPLY, FINAL": both((version) => majordomo.encodeFinal(version, [address], BODY)),
      HEARTBEAT: both((version) => majordomo.encodeHeartbeat(version, undefined)),
      DISCONNECT: both((version) => majordomo.encodeDisconnect(version)),
    });
  });

  test("broker and worker say alike what both say", () => {
    for (const version of ["0.1", "0.2"] as const) {
      expect(majordomo.encodeBrokerHeartbeat(version, undefined)).toEqual(
        majordomo.encodeHeartbeat(version, undefined),
      );
      expect(majordomo.encodeBrokerDisconnect(version)).toEqual(majordomo.encodeDisconnect(version));
    }
  });

  test("what is ours", () => {
    const route = [ROUTING_ID, header, new Uint8Array()];
    const answer = [Buffer.from("200"), notice];
    const actual = [
      majordomo.encodeRequest("0.1", seaworthy, undefined, [notice]),
      majordomo.encodeToClient("0.1", [ROUTING_ID, new Uint8Array()], seaworthy, answer, true).slice(1),
      majordomo.encodeRequest("0.2", SERVICE, header, BODY),
      majordomo.encodeToClient("0.2", route, SERVICE, BODY, true).slice(1),
      majordomo.encodeRequest("0.2", SERVICE, header, []),
      majordomo.encodeReady("0.1", SERVICE, OURS),
      majordomo.encodeBrokerHeartbeat("0.1", BROKERS),
      majordomo.encodeHeartbeat("0.2", OURS),
      majordomo.encodeBrokerDisconnect("0.2"),
      majordomo.encodeBrokerHeartbeat("0.2", address),
      majordomo.encodeFinal("0.2", [address], MESSAGE, "handler-failed"),
      majordomo.encodeFinal("0.2", [address], NONE, "dropped"),
      majordomo.encodeFinal("0.2", [address], NONE, "returned"),
    ];
    expect(table(page, "### What is ours").map(([, , frames]) => frames)).toEqual(actual.map(written));
  });
});
