import { BindError, encodeRequestId, type RequestServerRun, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import {
  encodeFailoverRequest,
  encodeShotgunRequest,
  encodeTrackedRequest,
  FreelanceServerMachine,
  type FreelanceServerOptions,
  resolveServerOptions,
  wireServer,
} from "../src/machine.js";
import { type FakeSocket, FakeTransport, stillness, textsOf } from "./sockets.js";

const routingId = Uint8Array.of(0, 1, 2, 3, 4);
const empty = new Uint8Array(0);
const id = { epoch: 1n, sequence: 7n };

function serve(given: FreelanceServerOptions = {}) {
  const transport = new FakeTransport();
  const runs: RequestServerRun[] = [];
  const events: string[] = [];
  const { protocol, socket: settings, ...options } = resolveServerOptions(given);
  const machine = new FreelanceServerMachine({ ...options, socket: settings });
  const server = wireServer(machine, {
    transport,
    scheduler: stillness,
    protocol,
    socket: settings,
    random: () => 0,
    owner: {
      run: (run) => runs.push(run),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  server.feed({ type: "demand", count: 1000 });
  const socket = (index = 0) => transport.sockets[index] as FakeSocket;
  const say = (...frames: readonly Uint8Array[]) => socket().handlers.message([routingId, ...frames]);
  return { transport, machine, server, runs, events, socket, say };
}

describe("an FLP server", () => {
  it("has the endpoint that clients connect to as its routing id", () => {
    const { server, socket } = serve();
    expect(server.bind("tcp://*:5555", "tcp://localhost:5555")).toBe("tcp://localhost:5555");
    expect(server.bind("tcp://127.0.0.1:*")).toBe("tcp://127.0.0.1:49152");
    expect([socket(0), socket(1)].map(({ spec, calls }) => [spec.routingId, calls[0]])).toEqual([
      ["tcp://localhost:5555", "bind tcp://*:5555"],
      ["tcp://127.0.0.1:49152", "bind tcp://127.0.0.1:49152"],
    ]);
  });

  it("answers PINGs at once, whatever its handlers are busy with, and before what waits", () => {
    const { server, socket, say, machine, runs } = serve();
    server.bind("tcp://127.0.0.1:1");
    say(...encodeTrackedRequest(id, [textFrame("x")]));
    say(textFrame("PING"));
    expect(runs).toHaveLength(1);
    expect(machine).toMatchObject({ running: 1, stats: { pings: 1, requests: 1 } });
    expect(socket().sent.map(({ frames }) => textsOf(frames.slice(1)))).toEqual([["PONG"]]);
    server.feed({ type: "close" });
    say(textFrame("PING"));
    expect(socket().sent).toHaveLength(2);
  });

  it("answers and fails requests by the socket and the way that they came", () => {
    const { server, socket, runs, events } = serve();
    server.bind("tcp://127.0.0.1:1");
    server.bind("tcp://127.0.0.1:2");
    for (const index of [0, 1])
      socket(index).handlers.message([routingId, ...encodeTrackedRequest(id, [textFrame(`${index}`)])]);
    server.feed({ type: "reply", ticket: runs[1]?.ticket as number, body: [textFrame("OK")] });
    server.feed({ type: "fail", ticket: runs[0]?.ticket as number, message: "no" });
    const control = encodeRequestId(id);
    expect(socket(1).sent[0]?.frames).toEqual([routingId, control, textFrame("OK")]);
    expect(textsOf(socket(0).sent[0]?.frames.slice(2))).toEqual(["no"]);
    expect(socket(0).sent[0]?.frames[1]?.[3]).toBe(1);
    expect(events).toEqual(["handler-failed"]);
  });

  it("a failure that the client would not understand is not sent", () => {
    const { server, socket, say, runs } = serve();
    server.bind("tcp://127.0.0.1:1");
    say(textFrame("17"), textFrame("x"));
    server.feed({ type: "fail", ticket: runs[0]?.ticket as number, message: "no" });
    expect(socket().sent).toEqual([]);
  });

  it("runs a repeat once, and forgets its reply in time", () => {
    const { server, socket, say, runs, machine } = serve({ replyCache: { maxAgeMs: 100 } });
    server.bind("tcp://127.0.0.1:1");
    const question = encodeTrackedRequest(id, [textFrame("x")]);
    say(...question);
    server.feed({ type: "reply", ticket: runs[0]?.ticket as number, body: [textFrame("OK")] });
    say(...question);
    expect([runs.length, socket().sent.length, machine.cached]).toEqual([1, 2, 1]);
    expect(machine.deadline).toBe(100);
    machine.tick(100);
    expect(machine.cached).toBe(0);
  });

  it("counts what is no request, and what did not leave", () => {
    const { transport, server, socket, say, events, machine } = serve({ maxQueued: 1 });
    server.bind("tcp://127.0.0.1:1");
    say();
    transport.isFull = true;
    say(textFrame("PING"));
    socket().handlers.refused?.([], "peer-unknown");
    expect(events).toEqual([
      "message-dropped: message without a control frame",
      "reply-undeliverable: queue-full",
      "reply-undeliverable: peer-unknown",
    ]);
    expect(machine.stats).toMatchObject({ malformed: 1, undeliverable: 2 });
    expect(machine.queued).toBe(0);
  });

  it("gives up a socket that could not be bound, and closes all in the end", async () => {
    const { transport, server, socket } = serve();
    transport.bindFault = new BindError("tcp://127.0.0.1:1", { code: "EACCES" });
    expect(() => server.bind("tcp://127.0.0.1:1")).toThrow(BindError);
    expect(socket().calls).toEqual(["close"]);
    transport.bindFault = undefined;
    server.bind("tcp://127.0.0.1:1");
    await server.close(0);
    expect(socket(1).calls).toEqual(["bind tcp://127.0.0.1:1", "close"]);
    server.feed({ type: "ping", route: [empty, routingId] });
    expect(socket(1).sent).toEqual([]);
  });
});

describe("a plain server", () => {
  it("has no name, and answers each client in its own words", () => {
    const { server, socket, say, runs } = serve({ protocol: "plain" });
    expect(server.bind("tcp://*:5555", "tcp://localhost:5555")).toBe("tcp://*:5555");
    expect(socket().spec.routingId).toBeUndefined();
    say(...encodeFailoverRequest(id, [textFrame("x")]));
    say(...encodeShotgunRequest(id, [textFrame("x")]));
    say(empty, textFrame("x"));
    for (const { ticket, body } of runs) server.feed({ type: "reply", ticket, body });
    expect(socket().sent.map(({ frames }) => textsOf(frames.slice(-2)))).toEqual([
      ["", "x"],
      ["7", "x"],
      ["", "x"],
    ]);
    say(...encodeShotgunRequest(id, [textFrame("x")]));
    server.feed({ type: "fail", ticket: runs[3]?.ticket as number, message: "no" });
    expect(textsOf(socket().sent[3]?.frames.slice(-2))).toEqual(["", "no"]);
  });
});
