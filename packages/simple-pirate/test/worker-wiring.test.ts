import { textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import {
  encodeReady,
  encodeReply,
  resolveWorkerOptions,
  SimplePirateWorkerMachine,
  type SimplePirateWorkerOptions,
  wireWorker,
} from "../src/machine.js";

const endpoint = "tcp://queue:1";
const empty = new Uint8Array(0);
const [client, x, y] = ["client", "x", "y"].map(textFrame) as [Uint8Array, Uint8Array, Uint8Array];

function wire(options: SimplePirateWorkerOptions = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const { socket, ...resolved } = resolveWorkerOptions(options);
  const machine = new SimplePirateWorkerMachine({ ...resolved, socket }, () => 0);
  const events: string[] = [];
  const worker = wireWorker(machine, {
    transport: sockets,
    scheduler: clock,
    socket,
    lingerMs: 70,
    owner: {
      run: (ticket, body) => events.push(`run ${ticket} ${Buffer.concat(body)}`),
      revoke: (ticket) => events.push(`revoke ${ticket}`),
      closed: () => events.push("closed"),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  worker.feed({ type: "demand", count: 1 });
  return { sockets, clock, machine, worker, events };
}

function opened(options: SimplePirateWorkerOptions = {}) {
  const wired = wire(options);
  wired.worker.feed({ type: "connect", endpoint });
  const socket = wired.sockets.at(0);
  socket.handlers.connection?.({ type: "up", endpoint });
  return { ...wired, socket, asked: () => socket.handlers.message([empty, client, empty, x]) };
}

it("each connection is a DEALER of its own, that does not reconnect", () => {
  const { sockets, clock, socket } = opened({ socket: { receiveHighWaterMark: 7 } });
  expect(socket.spec).toMatchObject({ type: "dealer", reconnect: false, receiveHighWaterMark: 7 });
  expect(socket.spec.routingId).toBeUndefined();
  socket.handlers.connection?.({ type: "down", endpoint });
  expect(socket.closedWith).toBe(0);
  clock.until(100);
  sockets.at(1).handlers.connection?.({ type: "up", endpoint });
  expect(sockets.at(1).sent).toEqual([encodeReady()]);
});

it("says what a REQ would say: READY, and a reply that repeats the address", () => {
  const { socket, worker, events, asked } = opened();
  asked();
  worker.feed({ type: "reply", ticket: 1, body: [y] });
  worker.feed({ type: "close" });
  expect(socket.sent).toEqual([encodeReady(), encodeReply([client], [y])]);
  expect(events).toEqual(["session-opened", "run 1 x", "closed"]);
});

it("a session that leaves lingers, so that its last reply does", () => {
  const { socket, worker, events, asked } = opened();
  asked();
  worker.feed({ type: "close" });
  expect(socket.closedWith).toBeUndefined();
  worker.feed({ type: "reply", ticket: 1, body: [y] });
  expect(socket.sent.at(-1)).toEqual(encodeReply([client], [y]));
  expect(socket.closedWith).toBe(70);
  expect(events.at(-1)).toBe("closed");
});

it("garbage is counted and dropped", () => {
  const { socket, machine, events } = opened();
  socket.handlers.message([x]);
  expect(events.at(-1)).toBe("message-dropped: request without an empty frame in front");
  expect(machine.stats.malformed).toBe(1);
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

it("a failed connection is told with its reason", () => {
  const { sockets, worker, events } = wire();
  worker.feed({ type: "connect", endpoint });
  sockets.at(0).handlers.connection?.({ type: "failed", endpoint, reason: "refused" });
  expect(events).toEqual(["session-lost: refused"]);
});

it("a reply that the socket does not take ends the session: unheard, the queue would wait for ever", () => {
  const { socket, sockets, worker, machine, clock, events, asked } = opened();
  asked();
  socket.isFull = true;
  worker.feed({ type: "reply", ticket: 1, body: [y] });
  expect(events.at(-1)).toBe("session-lost: the send queue is full");
  expect(machine).toMatchObject({ running: 0, ready: 0 });
  clock.until(100);
  expect(sockets.opened).toHaveLength(2);
});

it("a connection lost under a request is told to its owner", () => {
  const { socket, events, asked } = opened();
  asked();
  socket.handlers.connection?.({ type: "down", endpoint });
  expect(events.slice(-2)).toEqual(["session-lost", "revoke 1"]);
});

it("closing closes all sockets, and opens none any more", async () => {
  const { socket, sockets, worker, clock } = opened();
  socket.handlers.connection?.({ type: "down", endpoint });
  await worker.close();
  clock.until(1000);
  expect(sockets.opened).toHaveLength(1);
  const other = opened();
  await other.worker.close();
  expect(other.socket.closedWith).toBe(0);
});
