import { Addresses, textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import {
  encodeHeartbeat,
  encodeLeave,
  encodeReady,
  ParanoidPirateQueueMachine,
  type ParanoidPirateQueueOptions,
  resolveQueueOptions,
  wireQueue,
  workerRoutingId,
} from "../src/machine.js";

const addresses = new Addresses(new Uint8Array(8));
const empty = new Uint8Array(0);

function wire(options: ParanoidPirateQueueOptions = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const resolved = resolveQueueOptions({ heartbeatMs: 100, ...options });
  const machine = new ParanoidPirateQueueMachine(resolved);
  const events: string[] = [];
  const queue = wireQueue(machine, {
    transport: sockets,
    scheduler: clock,
    addresses,
    ...resolved,
    owner: {
      idle: () => events.push("idle"),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  const [frontend, backend] = [sockets.at(0), sockets.at(1)];
  return {
    ...{ queue, machine, frontend, backend, clock, events },
    asks: (client: string, text = "x") =>
      frontend.handlers.message([client, "", text].map((frame) => textFrame(frame))),
    says: (worker: string, ...frames: Uint8Array[]) =>
      backend.handlers.message([textFrame(worker), ...frames]),
  };
}

it("both sockets are ROUTERs with settings of their own; workers may come back under their id", () => {
  const { frontend, backend, queue } = wire({
    detectDepartures: false,
    backend: { receiveHighWaterMark: 7 },
  });
  expect(frontend.spec).toMatchObject({ type: "router", departures: false, sendHighWaterMark: 20_000 });
  expect(frontend.spec.handover).toBeUndefined();
  expect(backend.spec).toMatchObject({
    type: "router",
    departures: false,
    handover: true,
    receiveHighWaterMark: 7,
  });
  expect(queue.bindFrontend("tcp://*:1")).toBe("tcp://*:1 as bound");
  expect(queue.bindBackend("tcp://*:2")).toBe("tcp://*:2 as bound");
});

it("a request goes to a worker under one opaque address, and the reply to its client", () => {
  const { asks, says, frontend, backend } = wire();
  says("w", ...encodeReady());
  asks("client");
  expect(backend.sent).toEqual([[textFrame("w"), addresses.encode(1), empty, textFrame("x")]]);
  says("w", addresses.encode(1), empty, textFrame("y"));
  expect(frontend.sent).toEqual([[textFrame("client"), empty, textFrame("y")]]);
});

it("a worker of ours is greeted, and let go", () => {
  const { says, backend } = wire();
  const name = workerRoutingId("w", 1);
  says(name, ...encodeReady());
  says(name, ...encodeLeave());
  expect(backend.sent).toEqual([
    [textFrame(name), ...encodeHeartbeat({ intervalMs: 100 })],
    [textFrame(name), ...encodeLeave()],
  ]);
});

it("garbage on either side is counted and dropped", () => {
  const { says, frontend, events, machine } = wire();
  says("w", Uint8Array.of(9));
  frontend.handlers.message([textFrame("client"), textFrame("no envelope")]);
  expect(events).toEqual([
    "message-dropped: unknown command 9",
    "message-dropped: request without an empty frame after its envelope",
  ]);
  expect(machine.stats).toMatchObject({ malformed: 2, requests: 0 });
});

it("departures are told to the machine: of clients that wait, and of workers", () => {
  const { asks, says, frontend, backend, events } = wire();
  asks("\0anonymous");
  frontend.handlers.departed?.(textFrame("\0anonymous"));
  says("w", ...encodeReady());
  backend.handlers.departed?.(textFrame("w"));
  expect(events).toEqual(["request-dropped: client-gone", "worker-joined", "worker-gone: departed"]);
});

it("a client with a routing id of its own may come back under it: its requests still wait", () => {
  const { asks, frontend, machine } = wire();
  asks("name");
  frontend.handlers.departed?.(textFrame("name"));
  expect(machine.waiting).toBe(1);
});

it("a request that a worker's socket refuses goes to another, and does not count as given", () => {
  const { asks, says, backend, events, machine } = wire({ maxDeliveries: 1 });
  says("a", ...encodeReady());
  says("b", ...encodeReady());
  asks("client");
  backend.handlers.refused?.(backend.sent[0] ?? [], "peer-full");
  expect(backend.sent.map(([id]) => String.fromCharCode(...(id ?? [])))).toEqual(["a", "b"]);
  expect(events.slice(2)).toEqual(["worker-gone: peer-full", "request-redelivered"]);
  expect(machine.stats).toMatchObject({ givenUp: 0, delivered: 2 });
});

it("a worker to which a heartbeat cannot be sent is gone", () => {
  const { says, backend, clock, events } = wire();
  says("a", ...encodeReady());
  clock.until(100);
  backend.handlers.refused?.(backend.sent[0] ?? [], "peer-unknown");
  expect(events.at(-1)).toBe("worker-gone: peer-unknown");
});

it("a request that the full send queue does not take waits for another worker", () => {
  const { asks, says, backend, events, machine } = wire({ maxDeliveries: 1 });
  says("a", ...encodeReady());
  backend.isFull = true;
  asks("client");
  expect(events.at(-1)).toBe("request-redelivered");
  expect(events).toContain("worker-gone: queue-full");
  expect(machine).toMatchObject({ waiting: 1, running: 0, workers: 0 });
  backend.isFull = false;
  says("b", ...encodeReady());
  expect(backend.sent).toHaveLength(1);
});

it("replies that cannot be sent are counted: refused, or not even queued", () => {
  const { asks, says, frontend, events, machine } = wire();
  says("a", ...encodeReady());
  asks("client");
  says("a", addresses.encode(1), empty, textFrame("y"));
  frontend.handlers.refused?.(frontend.sent[0] ?? [], "peer-unknown");
  frontend.isFull = true;
  asks("client");
  says("a", addresses.encode(2), empty, textFrame("y"));
  expect(events.slice(1)).toEqual(["reply-undeliverable: peer-unknown", "reply-undeliverable: queue-full"]);
  expect(machine.stats.undeliverable).toBe(2);
});

it("the end of the last request at hand is told when it is closing, also if only time brings it about", () => {
  const { asks, says, queue, clock, events } = wire();
  says("a", ...encodeReady());
  asks("client");
  queue.feed({ type: "close" });
  expect(events).not.toContain("idle");
  clock.until(300);
  expect(events.filter((event) => event === "idle")).toHaveLength(1);
});

it("closing closes both sockets within the linger, and stops the heartbeats", async () => {
  const { says, queue, frontend, backend, clock } = wire();
  says("a", ...encodeReady());
  await queue.close(70);
  expect([frontend.closedWith, backend.closedWith]).toEqual([70, 70]);
  clock.until(1000);
  expect(backend.sent).toEqual([]);
});
