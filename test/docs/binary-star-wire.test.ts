import * as binaryStar from "@seaworthy/binary-star/machine";
import type { Frames } from "@seaworthy/core";
import { expect, test } from "vitest";
import { bytesOf, inBrackets, pageSource, tableWithHead, textAfter } from "./tables.js";

const page = await pageSource("docs/patterns/binary-star.md");
const wire = textAfter(page, "## On the wire");

/** The table behind a head. */
const behind = (head: string): string[][] => tableWithHead(wire, head);

const record = { role: "backup", heartbeatMs: 0x01020304, epoch: 0x05060708090a } as const;
const frame = binaryStar.encodeState("active", record)[1] ?? new Uint8Array();

test("states are the digits that the page says", () => {
  const states: Record<binaryStar.PublishedState, true> = {
    primary: true,
    backup: true,
    active: true,
    passive: true,
  };
  const actual = (Object.keys(states) as binaryStar.PublishedState[]).map((state) => {
    const frames = binaryStar.encodeState(state);
    expect(frames).toHaveLength(1);
    return [`\`${Buffer.from(frames[0] ?? []).toString()}\``, `\`${state}\``];
  });
  const stated = behind("| Digit ").map(([digit, state]) => [digit, state?.split(":")[0]]);
  expect(stated).toEqual(actual);
});

test("the topic that asks for records is as the page says", () => {
  expect(wire).toContain(`Ours subscribes to \`${Buffer.from(binaryStar.RECORD_TOPIC).toString()}\` besides`);
});

test("the layout of the record covers its bytes without a gap, and is as the page says", () => {
  expect(bytesOf(behind("| Bytes "))).toEqual(Array.from(frame, (_, index) => index));
  expect([...frame]).toEqual([...Buffer.from("SW"), 1, 2, 1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 9, 10]);
});

const id = { epoch: 1n, sequence: 2n };
const BODY = [Buffer.from("body")];

/** Frames as the page writes them. */
function written(frames: Frames): string {
  const words = frames.map((bytes, index) => {
    if (index === 0) return `request id, kind ${bytes[3]}`;
    const text = Buffer.from(bytes).toString("latin1");
    return { body: "body…", "4": "state", "250": "wait" }[text] ?? text;
  });
  return inBrackets(words);
}

test("messages between clients and servers have the frames that the page says", () => {
  const request = binaryStar.encodeRequest(binaryStar.encodeRequestId(id), BODY);
  const received = binaryStar.decodeRequest([Buffer.from("client"), ...request] as Uint8Array[]);
  if (received.type !== "request") throw new Error(received.reason);
  // From behind the routing id on.
  const answers = {
    reply: binaryStar.encodeReply(received.route, BODY),
    failure: binaryStar.encodeFailure(received.route, "message"),
    refusal: binaryStar.encodeRefusal(received, "passive", 250),
  };
  const actual = Object.entries(answers).map(([name, frames = []]) => [name, written(frames.slice(1))]);
  expect(behind("| Message ")).toEqual([["request", written(request)], ...actual]);
});

test("a wait is up to an hour, and empty where the server must not be active", () => {
  const request = binaryStar.encodeRequest(binaryStar.encodeRequestId(id), BODY);
  const received = binaryStar.decodeRequest([Buffer.from("client"), ...request] as Uint8Array[]);
  if (received.type !== "request") throw new Error(received.reason);
  const wait = (ms: number | undefined): string =>
    Buffer.from(binaryStar.encodeRefusal(received, "passive", ms)?.at(-1) ?? []).toString();
  expect([1e9, 0, undefined].map(wait)).toEqual(["3600000", "0", ""]);
});
