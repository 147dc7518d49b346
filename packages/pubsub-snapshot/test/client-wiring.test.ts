import { frameText, textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { beatTopic, encodeBeat } from "../src/beat.js";
import { SnapshotClientMachine } from "../src/client-machine.js";
import type { ClientInput } from "../src/client-messages.js";
import { resolveSnapshotClientOptions, type SnapshotClientOptions } from "../src/client-options.js";
import { wireSnapshotClient } from "../src/client-wiring.js";
import { threeEndpoints } from "../src/endpoints.js";
import { decodeServerMessage, EMPTY, encodeCommand, encodeForeignEnd, encodeKeyValue } from "../src/wire.js";
import { uuid } from "./client-driver.js";

const ENDPOINT = "tcp://a:1";

function wire(given: SnapshotClientOptions = {}) {
  const [sockets, clock] = [new FakeSockets(), new HandClock()];
  const events: string[] = [];
  const options = resolveSnapshotClientOptions({ backoff: { jitter: 0 }, ...given });
  let uuids = 0;
  const machine = new SnapshotClientMachine(
    options,
    () => 0,
    () => uuid(++uuids),
  );
  const client = wireSnapshotClient(machine, {
    transport: sockets,
    scheduler: clock,
    socket: options.socket,
    owner: {
      ready: () => events.push("ready"),
      ordered: (call, sequence) => events.push(`ordered ${call} ${sequence}`),
      failed: (call, { code }) => events.push(`failed ${call} ${code}`),
      changed: ({ name }) => events.push(`changed ${name}`),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  /** The sockets of a join: updates, then snapshots; then the collector. */
  const up = (join: number) => {
    for (const index of [2 * join - 2, 2 * join - 1])
      sockets.at(index).handlers.connection?.({ type: "up", endpoint: "" });
  };
  const connect = () =>
    client.feed({ type: "connect", endpoints: threeEndpoints("test", ENDPOINT, "connect") });
  const hear = (frames: readonly Uint8Array[]) => sockets.at(0).handlers.message([...frames]);
  const get = (frames: readonly Uint8Array[]) => sockets.at(1).handlers.message([...frames]);
  return { sockets, clock, machine, client, events, up, connect, hear, get };
}

const set = (call: number, more: object = {}): ClientInput & { type: "set" } => ({
  type: "set",
  call,
  update: {
    key: textFrame("a"),
    value: textFrame("1"),
    properties: [["p", "q"]],
    ttlMs: 1500,
    expected: 0,
    timeoutMs: 500,
    ...more,
  },
});

const beat = (sequence: number) =>
  encodeBeat(beatTopic(EMPTY), { life: "1", isActive: true, heartbeatMs: 1000, sequence, count: sequence });
const hugz = (sequence: number) => encodeKeyValue(textFrame("HUGZ"), sequence, EMPTY, EMPTY, EMPTY);

it("asks a server of ours with terms, gives it credit, and sends it updates with all that they say", () => {
  const { sockets, client, events, up, connect, hear, get } = wire({ credit: 2 });
  connect();
  expect(sockets.opened.map(({ spec: { type, reconnect } }) => [type, reconnect])).toEqual([
    ["subscriber", false],
    ["dealer", false],
  ]);
  up(1);
  hear(beat(1));
  get(encodeKeyValue(textFrame("k"), 1, EMPTY, EMPTY, textFrame("v")));
  get(encodeCommand("KTHXBAI", 1));
  client.feed(set(1));
  const { sent, wanted } = sockets.at(1);
  expect(sent.map((frames) => decodeServerMessage([...frames]))).toEqual([
    { type: "snapshot-request", subtree: EMPTY, terms: { credit: 2, packBytes: 16_384, follows: false } },
    { type: "command", name: "MOAR", number: 1, uuid: EMPTY, properties: EMPTY },
    {
      type: "key-value",
      key: textFrame("a"),
      sequence: 0,
      uuid: uuid(1),
      properties: textFrame("p=q\nttl=2\nsw-ttl=1500\nsw-if=0\n"),
      value: textFrame("1"),
    },
  ]);
  expect(wanted.at(-1)?.()).toBe(true);
  get(encodeCommand("OKTHX", 2, uuid(1)));
  hear(encodeKeyValue(textFrame("a"), 2, uuid(1), EMPTY, textFrame("1")));
  expect(wanted.at(-1)?.()).toBe(false);
  expect(events).toEqual(["join-began", "joined", "ready", "ordered 1 2"]);
});

it("asks a server of others as RFC 12 has it, and publishes to its collector when that has subscribed", () => {
  const { sockets, client, events, up, connect, hear, get } = wire();
  connect();
  up(1);
  hear(hugz(1));
  get(encodeForeignEnd(1, EMPTY));
  client.feed(set(1, { expected: undefined }));
  expect(sockets.at(1).sent.map((frames) => frames.map(frameText))).toEqual([["ICANHAZ?", ""]]);
  const collector = sockets.at(2);
  expect(collector.spec).toMatchObject({ type: "publisher", subscriptions: true, immediate: true });
  const { subscribed, unsubscribed, connection, message } = collector.handlers;
  message([]);
  connection?.({ type: "failed", endpoint: "", reason: "refused" });
  connection?.({ type: "up", endpoint: "" });
  expect(collector.sent).toEqual([]);
  subscribed?.(EMPTY);
  subscribed?.(EMPTY);
  subscribed?.(textFrame("b"));
  expect(collector.sent.map(([, , , properties]) => frameText(properties as Uint8Array))).toEqual([
    "p=q\nttl=2\n",
  ]);
  unsubscribed?.(EMPTY);
  unsubscribed?.(EMPTY);
  client.feed(set(2, { expected: undefined }));
  expect(collector.sent).toHaveLength(2);
  unsubscribed?.(textFrame("b"));
  client.feed(set(3, { expected: undefined }));
  expect(collector.sent).toHaveLength(2);
  subscribed?.(EMPTY);
  expect(collector.sent.map(([, , id]) => id?.[0])).toEqual([1, 2, 1, 2, 3]);
  hear(encodeKeyValue(textFrame("a"), 2, uuid(1), EMPTY, textFrame("1")));
  expect(events.filter((event) => !event.startsWith("set-"))).toEqual([
    "join-began",
    "joined",
    "ready",
    "collector-failed: refused",
    "ordered 1 2",
  ]);
});

it("a collector that cannot be connected to keeps nobody from reading", () => {
  const { sockets, client, events, up, connect, hear, get } = wire();
  connect();
  up(1);
  hear(hugz(1));
  get(encodeForeignEnd(1, EMPTY));
  sockets.fault = new Error("Too many open files");
  client.feed(set(1, { expected: undefined }));
  expect(events.at(-1)).toBe("collector-failed: Too many open files");
  client.feed({ type: "abort", call: 1 });
  expect(events).toContain("failed 1 ERR_ABORTED");
});

it("sockets that cannot be opened are connections that failed, and are tried again", () => {
  const { sockets, clock, events, up, connect } = wire();
  sockets.fault = new Error("Too many open files");
  connect();
  expect(events).toContain("server-left: failed");
  sockets.fault = undefined;
  clock.until(100);
  up(1);
  expect(events.filter((event) => event === "join-began")).toHaveLength(2);
  expect(sockets.opened).toHaveLength(2);
});

it("what is malformed is dropped on either connection, and a lost one ends the join", async () => {
  const { sockets, client, events, up, connect, hear, get } = wire();
  connect();
  up(1);
  hear([EMPTY]);
  get([EMPTY]);
  expect(events.slice(1)).toEqual([
    "message-dropped: message of 1 frames",
    "message-dropped: message of 1 frames",
  ]);
  hear(beat(1));
  sockets.at(0).handlers.connection?.({ type: "down", endpoint: "" });
  expect(events).toContain("server-left: lost");
  expect(sockets.at(0).closedWith).toBe(0);
  expect(sockets.at(1).closedWith).toBe(100);
  expect(frameText(sockets.at(1).sent.at(-1)?.at(-1) as Uint8Array)).toBe("KTHXBAI");
  await client.close();
  expect(sockets.opened.every(({ closedWith }) => closedWith !== undefined)).toBe(true);
});

it("a socket whose queue is full has sent nothing", () => {
  const { sockets, machine, client, up, connect, hear, get } = wire();
  connect();
  up(1);
  hear(beat(1));
  get(encodeCommand("KTHXBAI", 1));
  sockets.at(1).isFull = true;
  client.feed(set(1));
  expect(machine.stats.sendsRefused).toBe(1);
});

it("tells whoever waits of a change", () => {
  const { machine, events, up, connect, hear, get } = wire();
  connect();
  up(1);
  hear(beat(1));
  get(encodeCommand("KTHXBAI", 1));
  const watcher = machine.watch("a", 5);
  watcher.isAwaited = true;
  hear(encodeKeyValue(textFrame("a"), 2, EMPTY, EMPTY, textFrame("1")));
  expect(events.at(-1)).toBe("changed a");
});
