import { Addresses, textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import {
  encodeAddressed,
  encodeHeartbeat,
  encodeLeave,
  encodeReady,
  ParanoidPirateWorkerMachine,
  resolveWorkerOptions,
  wireWorker,
} from "../src/machine.js";

const address = new Addresses(new Uint8Array(8)).encode(1);
const endpoint = "tcp://queue:1";

function wire() {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const options = resolveWorkerOptions({ heartbeatMs: 100, reconnect: { jitter: 0 } });
  const machine = new ParanoidPirateWorkerMachine(options, () => 0);
  const events: string[] = [];
  const worker = wireWorker(machine, {
    transport: sockets,
    scheduler: clock,
    socket: options.socket,
    name: "name",
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

function opened() {
  const wired = wire();
  wired.worker.feed({ type: "connect", endpoint });
  const socket = wired.sockets.at(0);
  socket.handlers.connection?.({ type: "up", endpoint });
  return { ...wired, socket };
}

it("each connection is a DEALER of its own, with a routing id of its own, that does not reconnect", () => {
  const { sockets, clock, socket } = opened();
  expect(socket.spec).toMatchObject({ type: "dealer", reconnect: false, routingId: "SWPP1-name-1" });
  socket.handlers.connection?.({ type: "down", endpoint });
  expect(socket.closedWith).toBe(0);
  clock.until(100);
  expect(sockets.at(1).spec.routingId).toBe("SWPP1-name-2");
});

it("says what the machine says: READY, greeting, reply, LEAVE", () => {
  const { socket, worker, events } = opened();
  socket.handlers.message([...encodeHeartbeat({ intervalMs: 50 })]);
  socket.handlers.message([...encodeAddressed([address], [textFrame("x")])]);
  worker.feed({ type: "reply", ticket: 1, body: [textFrame("y")] });
  worker.feed({ type: "close" });
  expect(socket.sent).toEqual([
    encodeReady(),
    encodeHeartbeat({ intervalMs: 100 }),
    encodeAddressed([address], [textFrame("y")]),
    encodeLeave(),
  ]);
  socket.handlers.message([...encodeLeave()]);
  expect(events).toEqual(["session-opened", "run 1 x", "session-closed", "closed"]);
  expect(socket.closedWith).toBe(70);
});

it("garbage is counted and dropped", () => {
  const { socket, machine, events } = opened();
  socket.handlers.message([...encodeReady()]);
  expect(events.at(-1)).toBe("message-dropped: READY from a queue");
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

it("a socket that takes no more is a lost connection", () => {
  const { socket, clock, events, sockets } = opened();
  socket.isFull = true;
  clock.until(100);
  expect(events.at(-1)).toBe("session-lost: the send queue is full");
  expect(socket.closedWith).toBe(0);
  clock.until(200);
  expect(sockets.opened).toHaveLength(2);
});

it("a reply that the socket does not take ends the session: the queue gives the request to another", () => {
  const { socket, worker, machine, events } = opened();
  socket.handlers.message([...encodeAddressed([address], [textFrame("x")])]);
  socket.isFull = true;
  worker.feed({ type: "reply", ticket: 1, body: [textFrame("y")] });
  expect(events.at(-1)).toBe("session-lost: the send queue is full");
  expect(machine.running).toBe(0);
});

it("a connection lost under a request is told to its owner", () => {
  const { socket, events } = opened();
  socket.handlers.message([...encodeAddressed([address], [textFrame("x")])]);
  socket.handlers.connection?.({ type: "down", endpoint });
  expect(events.slice(-2)).toEqual(["session-lost", "revoke 1"]);
});

it("closing closes all sockets at once and stops the heartbeats", async () => {
  const { socket, worker, clock } = opened();
  await worker.close();
  expect(socket.closedWith).toBe(0);
  clock.until(1000);
  expect(socket.sent).toEqual([encodeReady()]);
});
