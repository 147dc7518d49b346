import { Addresses, type Frames, textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import {
  encodeReady,
  encodeReply,
  encodeRequest,
  resolveQueueOptions,
  SimplePirateQueueMachine,
  type SimplePirateQueueOptions,
  wireQueue,
} from "../src/machine.js";

const addresses = new Addresses(new Uint8Array(8));
const empty = new Uint8Array(0);

function wire(options: SimplePirateQueueOptions = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const resolved = resolveQueueOptions(options);
  const machine = new SimplePirateQueueMachine(resolved);
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
    says: (worker: string, frames: Frames) => backend.handlers.message([textFrame(worker), ...frames]),
    /** A worker's reply to the request with this number. */
    reply: (number: number, text = "y") => encodeReply([addresses.encode(number)], [textFrame(text)]),
    /** Whom the messages at the backend went to. */
    receivers: () => backend.sent.map(([id]) => Buffer.from(id as Uint8Array).toString()),
  };
}

it("both sockets are ROUTERs with settings of their own; workers may come back under their id", () => {
  const { frontend, backend, queue } = wire({ backend: { receiveHighWaterMark: 7 } });
  expect(frontend.spec).toMatchObject({ type: "router", departures: true, sendHighWaterMark: 20_000 });
  expect(frontend.spec.handover).toBeUndefined();
  expect(backend.spec).toMatchObject({ type: "router", handover: true, receiveHighWaterMark: 7 });
  expect(queue.bindFrontend("tcp://*:1")).toBe("tcp://*:1 as bound");
  expect(queue.bindBackend("tcp://*:2")).toBe("tcp://*:2 as bound");
});

it("a request goes to a worker under one opaque address, and the reply to its client", () => {
  const { asks, says, reply, frontend, backend } = wire();
  says("w", encodeReady());
  asks("client");
  expect(backend.sent).toEqual([encodeRequest(textFrame("w"), addresses.encode(1), [textFrame("x")])]);
  says("w", reply(1));
  expect(frontend.sent).toEqual([[textFrame("client"), empty, textFrame("y")]]);
});

it("a reply under an address with more frames than ours is not taken for the one that is waited for", () => {
  const { asks, says, frontend, events } = wire();
  says("w", encodeReady());
  asks("client");
  says("w", encodeReply([addresses.encode(1), textFrame("more")], [textFrame("y")]));
  expect(frontend.sent).toEqual([]);
  expect(events.at(-1)).toBe("reply-dropped: unknown");
});

it("garbage on either side is counted and dropped", () => {
  const { says, frontend, events, machine } = wire();
  says("w", [Uint8Array.of(1)]);
  frontend.handlers.message([textFrame("client"), textFrame("no envelope")]);
  expect(events).toEqual([
    "message-dropped: message of a worker without an empty frame in front",
    "message-dropped: request without an empty frame after its envelope",
  ]);
  expect(machine).toMatchObject({ workers: 0, stats: { malformed: 2, requests: 0 } });
});

it("departures of clients are told to the machine, but one with an id of its own may come back under it", () => {
  const { asks, frontend, events, machine } = wire();
  for (const client of ["\0anonymous", "name"]) {
    asks(client);
    frontend.handlers.departed?.(textFrame(client));
  }
  expect(events).toEqual(["request-dropped: client-gone"]);
  expect(machine.waiting).toBe(1);
});

it("departures of workers are told to the machine, but one with an id of its own may come back under it", () => {
  const { says, backend, events, machine } = wire();
  for (const worker of ["\0anonymous", "name"]) {
    says(worker, encodeReady());
    backend.handlers.departed?.(textFrame(worker));
  }
  expect(events.filter((event) => event.startsWith("worker-gone"))).toEqual(["worker-gone: departed"]);
  expect(machine.workers).toBe(1);
});

it("a request that ZeroMQ refuses for one worker goes to the next", () => {
  const { asks, says, reply, backend, frontend, receivers, events } = wire();
  says("a", encodeReady());
  says("b", encodeReady());
  asks("client");
  backend.handlers.refused?.(backend.sent[0] as Frames, "peer-unknown");
  expect(receivers()).toEqual(["a", "b"]);
  expect(events.at(-1)).toBe("worker-gone: peer-unknown");
  says("b", reply(1));
  expect(frontend.sent).toHaveLength(1);
});

it("a request that the full send queue does not take waits for another worker", () => {
  const { asks, says, backend, receivers, events, machine } = wire();
  says("a", encodeReady());
  backend.isFull = true;
  asks("client");
  expect(events.at(-1)).toBe("worker-gone: queue-full");
  expect(machine).toMatchObject({ waiting: 1, busy: 0, workers: 0 });
  backend.isFull = false;
  says("b", encodeReady());
  expect(receivers()).toEqual(["b"]);
});

it("replies that cannot be sent are counted: refused, or not even queued", () => {
  const { asks, says, reply, frontend, events, machine } = wire();
  says("a", encodeReady());
  asks("client");
  says("a", reply(1));
  frontend.handlers.refused?.(frontend.sent[0] as Frames, "peer-unknown");
  frontend.isFull = true;
  asks("client");
  says("a", reply(2));
  expect(events.slice(1)).toEqual(["reply-undeliverable: peer-unknown", "reply-undeliverable: queue-full"]);
  expect(machine).toMatchObject({ ready: 1, stats: { undeliverable: 2 } });
});

it("the age limit needs no message to be noticed", () => {
  const { asks, clock, events } = wire({ maxWaitingMs: 70 });
  asks("client");
  clock.until(69);
  expect(events).toEqual([]);
  clock.until(70);
  expect(events).toEqual(["request-dropped: too-old"]);
});

it("closing tells when the last request is done, and closes both sockets within the linger", async () => {
  const { asks, says, reply, queue, frontend, backend, events } = wire();
  says("a", encodeReady());
  asks("client");
  queue.feed({ type: "close" });
  expect(events).not.toContain("idle");
  says("a", reply(1));
  expect(events.at(-1)).toBe("idle");
  await queue.close(70);
  expect([frontend.closedWith, backend.closedWith]).toEqual([70, 70]);
  asks("client");
  expect(events.at(-1)).toBe("idle");
});
