import { type Frames, textFrame } from "@seaworthy/core";
import * as snapshot from "@seaworthy/pubsub-snapshot/machine";
import { expect, test } from "vitest";
import { named, pageSource, tableWithHead, textAfter } from "./tables.js";

const page = await pageSource("docs/patterns/pubsub-snapshot.md");
const wire = textAfter(page, "## On the wire");

/** The table behind a head. */
const behind = (head: string): string[][] => tableWithHead(wire, head);

const text = (frame: Uint8Array | undefined): string => Buffer.from(frame ?? []).toString("latin1");
const subtree = textFrame("/client/");
const uuid = new Uint8Array(16).fill(7);

/** Names of the lines that a properties frame has. */
const names = (frames: Frames, index = 3): string[] =>
  text(frames[index])
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("=")[0] ?? "");

test("the ports follow from the first as the page says", () => {
  expect(snapshot.threeEndpoints("test", "tcp://host:5556", "connect")).toEqual({
    snapshot: "tcp://host:5556",
    publisher: "tcp://host:5557",
    collector: "tcp://host:5558",
  });
  expect(behind("| Port ").map(([port]) => port)).toEqual(["P, 5556", "P + 1", "P + 2"]);
});

test("the request has the frames that the page says", () => {
  expect(wire).toContain("`[ICANHAZ?][subtree]`, and between ours `[ICANHAZ?][subtree][terms]`");
  expect(snapshot.encodeSnapshotRequest(subtree).map(text)).toEqual(["ICANHAZ?", "/client/"]);
  const terms = { credit: 400, packBytes: 16_384, follows: true };
  expect(snapshot.encodeSnapshotRequest(subtree, terms)).toHaveLength(3);
});

test("a message has the frames that the page says", () => {
  const rows = behind("| Frame ");
  const update = snapshot.encodeKeyValue(subtree, 0x0102, uuid, textFrame("a=b\n"), textFrame("value"));
  const command = snapshot.encodeCommand("OKTHX", 0x0102, uuid);
  expect(named(rows)).toEqual(update.map((_, index) => `${index}`));
  expect(command).toHaveLength(update.length);
  expect([...(update[1] as Uint8Array)]).toEqual([0, 0, 0, 0, 0, 0, 1, 2]);
  expect([text(command[0]), text(command[4])]).toEqual(["", "OKTHX"]);
  expect(rows[0]?.[1]).toBe(`key, 1 to ${snapshot.MAX_KEY_BYTES} bytes`);
});

test("every command is on the page, and no other", () => {
  // The compiler demands each here.
  const commands: Record<snapshot.CommandName, true> = {
    MOAR: true,
    KTHXBAI: true,
    OKTHX: true,
    SORRY: true,
    ITEMS: true,
    KNOWN: true,
    INSYNC: true,
    GOTIT: true,
    PING: true,
    PONG: true,
  };
  expect([...new Set(named(behind("| Command ")))].sort()).toEqual(Object.keys(commands).sort());
});

test("ITEMS are laid out as the page says", () => {
  const rows = behind("| Byte ");
  expect(rows.map(([at]) => at)).toEqual(["0", "1", "2–9", "10–13", "14–17", "18…"]);
  const [key, properties, value] = ["key", "a=b\n", "value"].map(textFrame) as Frames as [
    never,
    never,
    never,
  ];
  const item = { key, sequence: 0x0102, uuid, properties, value };
  const [, , , frame] = snapshot.encodeItems([item, { ...item, uuid: new Uint8Array(0) }]);
  const lengths = [0, 0, 0, 4, 0, 0, 0, 5];
  const number = [0, 0, 0, 0, 0, 0, 1, 2];
  expect([...(frame as Uint8Array)]).toEqual([
    ...[3, 16, ...number, ...lengths, ...textFrame("key"), ...uuid, ...textFrame("a=b\nvalue")],
    ...[3, 0, ...number, ...lengths, ...textFrame("key"), ...textFrame("a=b\nvalue")],
  ]);
});

test("a portion is as large as the page says", () => {
  expect(snapshot.PORTION_BYTES).toBe(16_384);
  expect(behind("| Command ").find(([name]) => name === "`MOAR`")?.[3]).toContain("up to 16,384 bytes");
});

test("KNOWN is laid out as the page says", () => {
  const [, , , known] = snapshot.encodeKnown([[uuid, 0x0102]]);
  expect([...(known as Uint8Array)]).toEqual([...uuid, 0, 0, 0, 0, 0, 0, 1, 2]);
});

test("every property is on the page, and no other", () => {
  const beat = { life: "1", isActive: true, heartbeatMs: 1, sequence: 1, count: 1 };
  const full = { reason: "full", option: "maxKeys", limit: 1, retryAfterMs: 1 } as const;
  const written = [
    ...names([snapshot.encodeUpdateTerms([], 1, 1)], 0),
    ...names(snapshot.encodeSnapshotRequest(subtree, { credit: 1, packBytes: 1, follows: true }), 2),
    ...names(snapshot.encodeRefusal(full)),
    ...names(snapshot.encodeBeat(snapshot.HUGZ, beat)),
    snapshot.subtreeCounts([[1, 1]])[0],
    snapshot.timeLeft(1)[0],
    snapshot.UPDATE[0],
  ];
  expect(named(behind("| Property ")).sort()).toEqual(written.sort());
  expect(written.filter((name) => !snapshot.isReserved(name))).toEqual([]);
});

test("counts of subtrees are written as the page says", () => {
  expect(
    snapshot.subtreeCounts([
      [8, 3],
      [12, 1],
    ]),
  ).toEqual(["sw-under", "8:3,12:1"]);
});

test("the topic of a heartbeat is laid out as the page says", () => {
  const topic = snapshot.beatTopic(subtree);
  expect(named(behind("| Bytes "))).toEqual(["0–4", "5–6", "7…"]);
  expect([...topic]).toEqual([...Buffer.from("\0HUGZ"), 0, subtree.length, ...subtree]);
  expect(text(snapshot.HUGZ)).toBe("HUGZ");
});
