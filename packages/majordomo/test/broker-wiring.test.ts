import { Addresses, type Frames, textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import {
  encodeBrokerDisconnect,
  encodeBrokerHeartbeat,
  encodeDisconnect,
  encodeFinal,
  encodeHeartbeat,
  encodePartial,
  encodeReady,
  encodeRequest,
  encodeRequestHeader,
  encodeToWorker,
  type HeaderKind,
  MajordomoBrokerMachine,
  type MajordomoBrokerOptions,
  type MdpVersion,
  resolveBrokerOptions,
  wireBroker,
} from "../src/machine.js";

const addresses = new Addresses(new Uint8Array(8));
const empty = new Uint8Array(0);
const echo = textFrame("echo");
const ourNotice = { heartbeatMs: 100, credit: 5 };

function wire(options: MajordomoBrokerOptions = {}, clock = new HandClock()) {
  const sockets = new FakeSockets();
  const resolved = resolveBrokerOptions({ heartbeatMs: 100, ...options });
  const machine = new MajordomoBrokerMachine(resolved);
  const events: string[] = [];
  const broker = wireBroker(machine, {
    transport: sockets,
    scheduler: clock,
    addresses,
    ...resolved,
    owner: {
      idle: () => events.push("idle"),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  const socket = sockets.at(0);
  const says = (peer: string, frames: Frames): void => socket.handlers.message([textFrame(peer), ...frames]);
  return {
    ...{ broker, machine, socket, clock, events, says },
    /** Registers a worker that says nothing of itself. */
    ready: (worker: string, version: MdpVersion = "0.1") =>
      says(worker, encodeReady(version, echo, ourNotice).slice(0, -1)),
    asks: (client: string, text = "x", header?: Uint8Array) =>
      says(client, encodeRequest("0.1", echo, header, [textFrame(text)])),
  };
}

const header = (kind: HeaderKind, sequence = 1n): Uint8Array =>
  encodeRequestHeader({ kind, epoch: 1n, sequence, first: 0, second: 0 });

it("one ROUTER with the settings of the role, on which peers may come back under their id", () => {
  const { socket, broker } = wire({ detectDepartures: false, socket: { receiveHighWaterMark: 7 } });
  expect(socket.spec).toMatchObject({
    ...{ type: "router", departures: false, handover: true },
    ...{ sendHighWaterMark: 20_000, receiveHighWaterMark: 7 },
  });
  expect(wire().socket.spec.departures).toBe(true);
  expect(broker.bind("tcp://*:1")).toBe("tcp://*:1 as bound");
});

describe.each(["0.1", "0.2"] as const)("with a worker of %s", (version) => {
  it("a request goes to it under one opaque address, and the reply to its client", () => {
    const { ready, asks, says, socket } = wire();
    ready("w", version);
    asks("client");
    expect(socket.sent).toEqual([
      [textFrame("w"), ...encodeToWorker(version, addresses.encode(1), [textFrame("x")])],
    ]);
    says("w", encodeFinal(version, [addresses.encode(1)], [textFrame("y")]));
    expect(socket.sent[1]).toEqual(["client", "", "MDPC01", "echo", "y"].map(textFrame));
  });

  it("heartbeats, the call back of a request, and the last word are laid out in its version", async () => {
    const { says, asks, socket, clock, broker } = wire();
    const w = textFrame("w");
    says("w", encodeReady(version, echo, ourNotice));
    asks("client", "x", header("message"));
    asks("client", "x", header("cancel"));
    clock.until(100);
    const heartbeat = [w, ...encodeBrokerHeartbeat(version, { heartbeatMs: 100, askedMs: 0 })];
    expect(socket.sent).toEqual([
      heartbeat,
      [w, ...encodeToWorker(version, addresses.encode(1), [textFrame("x")])],
      [w, ...encodeBrokerHeartbeat(version, addresses.encode(1))],
      heartbeat,
    ]);
    await broker.close(70);
    expect(socket.sent.at(-1)).toEqual([w, ...encodeBrokerDisconnect(version)]);
  });

  it("its heartbeats and its leave are understood", () => {
    const { says, machine, events } = wire();
    says("w", encodeReady(version, echo, ourNotice));
    says("w", encodeHeartbeat(version, { heartbeatMs: 100, credit: 2 }));
    expect(machine.workers(0)).toMatchObject([{ credit: 2, protocol: version, isOurs: true }]);
    says("w", encodeDisconnect(version));
    expect(events).toContain("worker-gone: disconnected");
  });
});

it("PARTIALs go to a client of 0.2 as they come, under the header of its request", () => {
  const { ready, says, socket } = wire();
  ready("w", "0.2");
  says("client", encodeRequest("0.2", echo, header("message"), [textFrame("x")]));
  says("w", encodePartial([addresses.encode(1)], [textFrame("a")]));
  says("w", encodeFinal("0.2", [addresses.encode(1)], [textFrame("b")]));
  const parts = socket.sent
    .slice(1)
    .map((frames) => frames.map((frame) => Buffer.from(frame).toString("latin1")));
  expect(parts.map((frames) => frames.slice(2))).toEqual([
    ["", "MDPC02", "\x02", "echo", "a"],
    ["", "MDPC02", "\x03", "echo", "b"],
  ]);
  expect(parts.map(([client]) => client)).toEqual(["client", "client"]);
});

it("garbage is counted and dropped", () => {
  const { says, events, machine } = wire();
  says("w", [empty, textFrame("MDPW01"), Uint8Array.of(9)]);
  says("c", [textFrame("MDPC02"), Uint8Array.of(2), echo, echo]);
  says("n", []);
  expect(events).toEqual([
    "message-dropped: unknown worker command 9",
    "message-dropped: unexpected client command 2",
    "message-dropped: a message without content",
  ]);
  expect(machine.stats).toMatchObject({ malformed: 3, requests: 0 });
});

describe("departures are told to the machine", () => {
  it("of clients that cannot come back, and of workers", () => {
    const { asks, ready, socket, clock, events } = wire();
    asks("\0anonymous");
    asks("named");
    socket.handlers.departed?.(textFrame("\0anonymous"));
    socket.handlers.departed?.(textFrame("named"));
    ready("w");
    socket.handlers.departed?.(textFrame("w"));
    clock.until(20);
    expect(events).toEqual([
      ...["request-dropped: client-gone", "service-added", "worker-joined"],
      ...["worker-gone: departed", "request-redelivered"],
    ]);
  });
});

describe("what cannot be sent", () => {
  it("a request that a worker's connection refuses goes to another, and does not count as given", () => {
    for (const version of ["0.1", "0.2"] as const) {
      const { asks, ready, socket, clock, events } = wire({ maxDeliveries: 1 });
      ready("a", version);
      ready("b", version);
      asks("client");
      socket.handlers.refused?.(socket.sent[0] ?? [], "peer-full");
      clock.until(20);
      expect(socket.sent.map(([id]) => Buffer.from(id ?? []).toString())).toEqual(["a", "b"]);
      expect(events.slice(3)).toEqual(["worker-gone: peer-full", "request-redelivered"]);
    }
  });

  it("a worker to which a heartbeat cannot be sent is gone", () => {
    const { ready, socket, clock, events } = wire();
    ready("a");
    clock.until(100);
    socket.handlers.refused?.(socket.sent[0] ?? [], "peer-unknown");
    expect(events).toContain("worker-gone: peer-unknown");
  });

  it("a request that the full send queue does not take waits for another worker", () => {
    const { asks, ready, socket, clock, events, machine } = wire({ maxDeliveries: 1 });
    ready("a");
    socket.isFull = true;
    asks("client");
    expect(events).toContain("worker-gone: queue-full");
    clock.until(20);
    expect(machine).toMatchObject({ waiting: 1, running: 0, workerCount: 0 });
    socket.isFull = false;
    ready("b");
    expect(socket.sent).toHaveLength(1);
  });

  it("replies are counted: refused, or not even queued", () => {
    const { asks, ready, says, socket, events, machine } = wire();
    ready("a");
    asks("client");
    says("a", encodeFinal("0.1", [addresses.encode(1)], [textFrame("y")]));
    socket.handlers.refused?.(socket.sent[1] ?? [], "peer-unknown");
    asks("client");
    socket.isFull = true;
    says("a", encodeFinal("0.1", [addresses.encode(2)], [textFrame("y")]));
    expect(events.slice(2)).toEqual(["reply-undeliverable: peer-unknown", "reply-undeliverable: queue-full"]);
    expect(machine.stats.undeliverable).toBe(2);
  });

  it("what else was on its way to a lost worker is not taken for replies", () => {
    for (const version of ["0.1", "0.2"] as const) {
      const { asks, says, socket, clock, machine } = wire();
      says("w", encodeReady(version, echo, ourNotice));
      for (const text of ["1", "2"]) asks("client", text);
      says("stranger", encodeHeartbeat(version, undefined));
      expect(socket.sent).toHaveLength(4);
      for (const frames of [...socket.sent]) socket.handlers.refused?.(frames, "peer-unknown");
      clock.until(20);
      expect(machine).toMatchObject({ waiting: 2, workerCount: 0, stats: { undeliverable: 0 } });
    }
  });
});

it("the end of the last request at hand is told when it is closing, also if only time brings it about", () => {
  const { asks, ready, broker, clock, events } = wire({ peerHeartbeatMs: 100 });
  ready("a");
  asks("client");
  broker.feed({ type: "close" });
  expect(events).not.toContain("idle");
  clock.until(300);
  expect(events.filter((event) => event === "idle")).toHaveLength(1);
});

it("closing tells the workers, closes the socket within the linger, and stops the heartbeats", async () => {
  const { ready, says, broker, socket, clock, events } = wire();
  ready("a");
  await broker.close(70);
  expect(socket.sent).toEqual([[textFrame("a"), ...encodeBrokerDisconnect("0.1")]]);
  expect(socket.closedWith).toBe(70);
  clock.until(1000);
  says("b", encodeHeartbeat("0.1", undefined));
  expect(socket.sent).toHaveLength(1);
  expect(events).toEqual(["service-added", "worker-joined"]);
});

it("when the process stood still, what came meanwhile is read before anyone is judged", () => {
  /** Its timers fire late, the first time. */
  class LateClock extends HandClock {
    lateMs = 20_000;
    override schedule(at: number, then: () => void): () => void {
      const { lateMs } = this;
      this.lateMs = 0;
      return super.schedule(at + lateMs, then);
    }
  }
  const { ready, says, events, machine, clock } = wire({ peerHeartbeatMs: 100 }, new LateClock());
  ready("silent");
  ready("alive");
  clock.until(20_100);
  says("alive", encodeHeartbeat("0.1", undefined));
  clock.until(20_125);
  expect(events.slice(3)).toEqual(["process-stalled"]);
  expect(machine.workers(20_125)).toMatchObject([{ isMissing: false }, { isMissing: false }]);
  clock.until(20_220);
  expect(events.slice(3)).toEqual(["process-stalled", "worker-expired"]);
});

describe("whatever comes", () => {
  const words = ["", "MDPC01", "MDPC02", "MDPW01", "MDPW02", "echo", "mmi.service", "mmi.workers", "x"];
  const frame = fc.oneof(
    fc.constantFrom(...words.map(textFrame)),
    fc.integer({ min: 0, max: 7 }).map((byte) => Uint8Array.of(byte)),
    fc.integer({ min: 0, max: 6 }).map((number) => addresses.encode(number)),
    fc.constantFrom<HeaderKind>("message", "cancel", "closing").map((kind) => header(kind)),
    fc.uint8Array({ maxLength: 30 }),
  );
  const frames = fc.array(frame, { maxLength: 8 });
  /** The beginning of something sensible, however short. */
  const notice = fc.constantFrom(ourNotice, { heartbeatMs: 1, credit: 0 });
  const version = fc.constantFrom<MdpVersion>("0.1", "0.2");
  const outcome = fc.constantFrom("final", "handler-failed", "dropped");
  const address = fc.integer({ min: 1, max: 4 }).map((number) => [addresses.encode(number)]);
  const sensible = fc.oneof(
    fc.tuple(version, notice).map(([v, said]) => encodeReady(v, echo, said)),
    fc.tuple(version, notice).map(([v, said]) => encodeHeartbeat(v, said)),
    fc.tuple(version, address, frames, outcome).map(([v, to, body, end]) => encodeFinal(v, to, body, end)),
    fc.tuple(address, frames).map(([to, body]) => encodePartial(to, body)),
    fc.tuple(version, frames).map(([v, body]) => encodeRequest(v, echo, header("message"), body)),
    version.map((v) => encodeDisconnect(v)),
  );
  const cut = fc.tuple(sensible, fc.nat({ max: 9 })).map(([whole, length]) => whole.slice(0, length));
  const message = fc.tuple(fc.constantFrom("a", "b", "\0c"), fc.oneof(frames, cut, sensible));

  it("short frames never crash the broker: any frames are answered, counted or dropped", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        const { says, machine, clock, socket } = wire({ peerHeartbeatMs: 100 });
        for (const [index, [peer, said]] of messages.entries()) {
          says(peer, said);
          if (index % 5 === 4) clock.until(clock.now() + 70);
        }
        for (const peer of ["a", "b", "\0c"]) socket.handlers.departed?.(textFrame(peer));
        for (const sent of [...socket.sent]) socket.handlers.refused?.(sent, "peer-unknown");
        clock.until(clock.now() + 70_000);
        expect(machine).toMatchObject({
          waiting: 0,
          running: 0,
          heldBytes: 0,
          workerCount: 0,
          serviceCount: 0,
        });
      }),
      { numRuns: 500 },
    );
  });
});
