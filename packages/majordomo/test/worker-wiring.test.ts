import { DELIMITER, textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { encodeBrokerDisconnect, encodeBrokerHeartbeat, encodeToWorker } from "../src/broker-wire.js";
import { MajordomoWorkerMachine } from "../src/worker-machine.js";
import { type MajordomoWorkerOptions, resolveWorkerOptions } from "../src/worker-options.js";
import {
  encodeDisconnect,
  encodeFinal,
  encodeHeartbeat,
  encodePartial,
  encodeReady,
} from "../src/worker-wire.js";
import { wireWorker } from "../src/worker-wiring.js";

const address = new Uint8Array(16).fill(7);
const endpoint = "tcp://broker:1";
const service = textFrame("echo");
const text = (word: string): Uint8Array[] => [textFrame(word)];
const notice = (credit: number) => ({ heartbeatMs: 100, credit });
const greeting = { heartbeatMs: 100, askedMs: 0 };

function wire(more: MajordomoWorkerOptions = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const options = resolveWorkerOptions({
    heartbeatMs: 100,
    lingerMs: 70,
    reconnect: { jitter: 0 },
    ...more,
  });
  const machine = new MajordomoWorkerMachine(options, () => 0);
  const events: string[] = [];
  const worker = wireWorker(machine, {
    transport: sockets,
    scheduler: clock,
    socket: options.socket,
    service,
    lingerMs: options.lingerMs,
    owner: {
      run: (ticket, body) => events.push(`run ${ticket} ${Buffer.concat(body)}`),
      revoke: (ticket, reason) => events.push(`revoke ${ticket} ${reason?.name}`),
      passed: (part) => events.push(`passed ${part}`),
      closed: () => events.push("closed"),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  worker.feed({ type: "demand", count: 1 });
  return { sockets, clock, machine, worker, events };
}

function opened(more: MajordomoWorkerOptions = {}) {
  const wired = wire(more);
  wired.worker.feed({ type: "connect", endpoint });
  const socket = wired.sockets.at(0);
  socket.handlers.connection?.({ type: "up", endpoint });
  const hear = (frames: readonly Uint8Array[]): void => socket.handlers.message([...frames]);
  return { ...wired, socket, hear };
}

/** Of a broker of ours, with a request at hand. */
function busy(more: MajordomoWorkerOptions = {}) {
  const wired = opened(more);
  wired.hear(encodeBrokerHeartbeat("0.1", greeting));
  wired.hear(encodeToWorker("0.2", address, text("x")));
  wired.socket.sent.length = 0;
  wired.socket.wanted.length = 0;
  wired.events.length = 0;
  return wired;
}

it("each connection is a DEALER of its own that does not reconnect, and that the broker does not know", () => {
  const { sockets, clock, socket } = opened();
  expect(socket.spec).toMatchObject({ type: "dealer", reconnect: false });
  expect(socket.spec.routingId).toBeUndefined();
  socket.handlers.connection?.({ type: "down", endpoint });
  expect(socket.closedWith).toBe(0);
  clock.until(100);
  expect(sockets.opened).toHaveLength(2);
});

it("says what the machine says: READY, credit, heartbeat, parts, reply, DISCONNECT", () => {
  const { socket, hear, worker, clock, events } = opened();
  hear(encodeBrokerHeartbeat("0.1", greeting));
  worker.feed({ type: "demand", count: 1 });
  clock.until(100);
  hear(encodeToWorker("0.2", address, text("x")));
  worker.feed({ type: "partial", ticket: 1, part: 1, body: text("p") });
  worker.feed({ type: "reply", ticket: 1, body: text("y") });
  worker.feed({ type: "close" });
  expect(socket.closedWith).toBeUndefined();
  hear(encodeBrokerDisconnect("0.2"));
  expect(socket.sent).toEqual([
    encodeReady("0.1", service, notice(1)),
    encodeHeartbeat("0.2", notice(2)),
    encodeHeartbeat("0.2", undefined),
    encodePartial([address], text("p")),
    encodeFinal("0.2", [address], text("y")),
    encodeDisconnect("0.2"),
  ]);
  expect(events).toEqual([
    "session-opened",
    "broker-recognised",
    "run 1 x",
    "passed 1",
    "session-closed",
    "closed",
  ]);
  expect(socket.closedWith).toBe(0);
});

it("says what became of a request that has no reply", () => {
  const { socket, hear, worker, events } = busy();
  worker.feed({ type: "drop", ticket: 1, reason: "broken" });
  hear(encodeToWorker("0.2", address, text("again")));
  hear(encodeBrokerHeartbeat("0.2", address));
  expect(socket.sent).toEqual([
    encodeFinal("0.2", [address], text("broken"), "handler-failed"),
    encodeFinal("0.2", [address], [DELIMITER], "dropped"),
  ]);
  expect(events).toEqual(["handler-failed"]);
});

it("tells the owner why nobody waits any more: a client that gave up, or a lost session", () => {
  const { hear, socket, events } = busy();
  hear(encodeBrokerHeartbeat("0.2", address));
  expect(events).toEqual(["revoke 1 AbortError"]);
  const other = busy();
  other.hear(encodeBrokerDisconnect("0.2"));
  expect(other.events).toEqual(["session-lost", "revoke 1 undefined"]);
  expect([socket.closedWith, other.socket.closedWith]).toEqual([undefined, 0]);
});

it("garbage is counted and dropped", () => {
  const { hear, machine, events } = opened();
  hear(encodeReady("0.2", service, notice(1)));
  expect(events.at(-1)).toBe("message-dropped: unknown worker command 1");
  expect(machine.stats.malformed).toBe(1);
});

it("a part has passed when it has got to the front of the socket's queue", () => {
  const { socket, worker, events } = busy();
  worker.feed({ type: "partial", ticket: 1, part: 1, body: text("a") });
  worker.feed({ type: "partial", ticket: 1, part: 2, body: text("b") });
  expect(events).toEqual([]);
  expect(socket.wanted.map((isWanted) => isWanted?.())).toEqual([true, true]);
  expect(events).toEqual(["passed 1", "passed 2"]);
  expect(
    socket.wanted.map((isWanted) => isWanted?.()),
    "even if it is asked again",
  ).toEqual([true, true]);
  expect(events).toHaveLength(2);
});

it("parts that are kept have passed at once", () => {
  const { hear, worker, events } = opened();
  hear(encodeToWorker("0.1", address, text("x")));
  worker.feed({ type: "partial", ticket: 1, part: 5, body: text("abc") });
  expect(events.at(-1)).toBe("passed 5");
  expect(worker.keptBytes(1)).toBe(3);
});

it("parts that wait in a socket have passed when that is closed", () => {
  const { socket, worker, events } = busy();
  worker.feed({ type: "partial", ticket: 1, part: 1, body: text("a") });
  socket.handlers.connection?.({ type: "down", endpoint });
  expect(events).toEqual(["session-lost", "passed 1", "revoke 1 undefined"]);
  expect(socket.wanted.at(-1)?.()).toBe(true);
  expect(events).toHaveLength(3);
});

it("parts of one connection that is closed say nothing of those of another", () => {
  const { sockets, worker, events } = busy();
  worker.feed({ type: "demand", count: 1 });
  worker.feed({ type: "connect", endpoint: "tcp://broker:2" });
  sockets.at(1).handlers.connection?.({ type: "up", endpoint: "tcp://broker:2" });
  worker.feed({ type: "partial", ticket: 1, part: 1, body: text("a") });
  sockets.at(1).handlers.connection?.({ type: "down", endpoint: "tcp://broker:2" });
  expect(events).toEqual(["session-opened", "session-lost"]);
});

it("a part that the socket does not take ends the session, and has passed", () => {
  const { socket, worker, events } = busy();
  socket.isFull = true;
  worker.feed({ type: "partial", ticket: 1, part: 1, body: text("a") });
  expect(events).toEqual(["session-lost: the send queue is full", "passed 1", "revoke 1 undefined"]);
});

it("a socket that cannot be opened is a failed connection, and is tried again", () => {
  const { sockets, worker, clock, events } = wire();
  sockets.fault = new Error("Too many open files");
  worker.feed({ type: "connect", endpoint });
  expect(events).toEqual(["session-lost: Too many open files"]);
  sockets.fault = undefined;
  clock.until(100);
  sockets.at(0).handlers.connection?.({ type: "up", endpoint });
  expect(events.at(-1)).toBe("session-opened");
});

it("what leaves a broker that is come back to has time to do so, whatever the linger is", () => {
  const { socket, hear, worker, sockets } = opened({ lingerMs: 0 });
  hear(encodeToWorker("0.1", address, text("x")));
  worker.feed({ type: "drop", ticket: 1 });
  expect(socket.sent.at(-1)).toEqual(encodeDisconnect("0.1"));
  expect(socket.closedWith).toBe(1000);
  expect(sockets.opened).toHaveLength(2);
});

it("the wait for a broker's answer is part of the linger", async () => {
  const { socket, worker, clock } = busy({ peerHeartbeatMs: 60_000 });
  worker.feed({ type: "reply", ticket: 1, body: text("y") });
  worker.feed({ type: "close" });
  clock.until(30);
  expect(socket.closedWith).toBeUndefined();
  await worker.close();
  expect(socket.sent.at(-1)).toEqual(encodeDisconnect("0.2"));
  expect(socket.closedWith).toBe(40);
});

it.each([
  ["is silent", 300, 700],
  ["is silent for longer than a farewell may take", 1500, 0],
])("a broker that is left for good and %s is not waited for for ever", (_how, silentMs, lingerMs) => {
  const { socket, hear, worker, clock } = opened({ lingerMs: 0 });
  hear(encodeBrokerHeartbeat("0.1", { ...greeting, heartbeatMs: silentMs / 3 }));
  worker.feed({ type: "disconnect", endpoint });
  const said = socket.sent.length;
  clock.until(silentMs - 1);
  expect([socket.closedWith, socket.sent.length]).toEqual([undefined, said]);
  clock.until(silentMs);
  expect([socket.closedWith, socket.sent.length]).toEqual([lingerMs, said]);
});

it("a broker whose connection is lost when it has been told is not waited for", () => {
  const { socket, hear, worker, events } = opened();
  hear(encodeBrokerHeartbeat("0.1", greeting));
  worker.feed({ type: "close" });
  socket.handlers.connection?.({ type: "down", endpoint });
  expect(socket.closedWith).toBe(0);
  expect(events.slice(-2)).toEqual(["session-closed", "closed"]);
});

it("closing leaves what is still at hand to others, closes all sockets and stops the heartbeats", async () => {
  const { socket, worker, clock, machine } = busy();
  worker.feed({ type: "close" });
  await worker.close();
  expect(socket.sent).toEqual([encodeHeartbeat("0.2", notice(0)), encodeDisconnect("0.2")]);
  expect(socket.closedWith).toBe(70);
  expect(machine).toMatchObject({ sessions: 0, stats: { returned: 1 } });
  clock.until(1000);
  expect(socket.sent).toHaveLength(2);
});
