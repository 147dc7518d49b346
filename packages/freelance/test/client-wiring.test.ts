import { encodeRequestId, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import {
  FreelanceClientMachine,
  type FreelanceClientOptions,
  resolveClientOptions,
  wireClient,
} from "../src/machine.js";
import { type FakeSocket, FakeTransport, stillness, textsOf } from "./sockets.js";

function wire(given: FreelanceClientOptions) {
  const transport = new FakeTransport();
  const events: string[] = [];
  const options = resolveClientOptions({ backoff: { jitter: 0 }, ...given });
  const machine = new FreelanceClientMachine(options, 1n, () => 0);
  const client = wireClient(machine, {
    transport,
    scheduler: stillness,
    strategy: options.strategy,
    socket: options.socket,
    owner: {
      answered: (call, body) => events.push(`answered ${call} ${textsOf(body)}`),
      failed: (call, { code }) => events.push(`failed ${call} ${code}`),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  const socket = (index = 0) => transport.sockets[index] as FakeSocket;
  const request = (call: number) =>
    client.feed({ type: "request", call, body: [textFrame("x")], timeoutMs: 100, attempts: 1 });
  return { transport, client, machine, events, socket, request };
}

const A = "tcp://127.0.0.1:1";

describe("tracked", () => {
  function connected(endpoint = A) {
    const all = wire({});
    const { client, socket } = all;
    const name = textFrame(endpoint);
    client.feed({ type: "connect", endpoint });
    const up = () => socket().handlers.connection?.({ type: "up", endpoint });
    const say = (...frames: Uint8Array[]) => socket().handlers.message([name, ...frames]);
    return { ...all, up, say, name };
  }

  it("a ROUTER for each connection, which connects once, and addresses the server by its endpoint", () => {
    const { socket, up, say, request, events } = connected();
    expect(socket().spec).toMatchObject({ type: "router", reconnect: false });
    up();
    expect(textsOf(socket().sent[0]?.frames)).toEqual([A, "PING"]);
    say(textFrame("PONG"));
    request(1);
    const id = encodeRequestId({ epoch: 1n, sequence: 1n });
    expect(socket().sent[1]?.frames).toEqual([textFrame(A), id, textFrame("x")]);
    expect(socket().sent[1]?.isWanted?.()).toBe(true);
    say(id, textFrame("y"));
    expect(events.at(-1)).toBe("answered 1 y");
    expect(socket().sent[1]?.isWanted?.()).toBe(false);
  });

  it("fault: an unknown server id is counted and dropped", () => {
    const { socket, machine, events } = connected();
    socket().handlers.message([textFrame("tcp://nobody:9"), textFrame("PONG")]);
    socket().handlers.message([new Uint8Array(0)]);
    expect(machine.stats.dropped).toBe(2);
    expect(events.at(-1)).toBe("message-dropped: message of an unknown server");
  });

  it("malformed messages of a server are dropped", () => {
    const { say, events } = connected();
    say();
    expect(events.at(-1)).toBe("message-dropped: reply without a control frame");
  });

  it("refused messages are told apart: requests, PINGs, and those to servers that are gone", () => {
    const { socket, up, say, request, client, events, machine, name } = connected();
    const refuse = (frames: readonly Uint8Array[]) => socket().handlers.refused?.(frames, "peer-unknown");
    up();
    refuse([name, textFrame("PING")]);
    expect(machine.servers(0)[0]).toMatchObject({ state: "reachable" });
    say(textFrame("PONG"));
    request(1);
    refuse(socket().sent[1]?.frames ?? []);
    expect(events.slice(-2)).toEqual(["send-refused: peer-unknown", "server-gone: lost"]);
    expect(socket().calls).toEqual([`connect ${A}`, "close"]);
    client.feed({ type: "disconnect", endpoint: A });
    const count = events.length;
    refuse([name, textFrame("PING")]);
    expect(events).toHaveLength(count);
  });

  it("connections to the same port by several names are told apart", () => {
    const { up, client, machine, socket } = connected("tcp://localhost:1");
    client.feed({ type: "connect", endpoint: A });
    up();
    const states = () => machine.servers(0).map(({ state }) => state);
    expect(states()).toEqual(["reachable", "connecting"]);
    socket(1).handlers.connection?.({ type: "up", endpoint: A });
    socket().handlers.connection?.({ type: "down", endpoint: A });
    expect(states()).toEqual(["gone", "reachable"]);
  });

  it("a server that is taken out has its socket closed", async () => {
    const { socket, up, client } = connected();
    up();
    client.feed({ type: "disconnect", endpoint: A });
    expect(socket().calls).toEqual([`connect ${A}`, "close"]);
    await client.close();
  });

  it("a request that the full queue does not take counts as not sent", () => {
    const { transport, up, say, request, events, machine } = connected();
    up();
    say(textFrame("PONG"));
    transport.isFull = true;
    request(1);
    expect(events.at(-1)).toBe("send-refused: queue-full");
    expect(machine.servers(0)[0]).toMatchObject({ outstanding: 0, requests: 0 });
  });
});

describe.each(["failover", "shotgun"] as const)("%s", (strategy) => {
  it("a DEALER for each connection, which connects once", async () => {
    const { client, socket, request, events } = wire({ strategy });
    client.feed({ type: "connect", endpoint: A });
    expect(socket().spec).toMatchObject({ type: "dealer", reconnect: false });
    socket().handlers.connection?.({ type: "up", endpoint: A });
    request(1);
    const frames = socket().sent[0]?.frames ?? [];
    expect(textsOf(frames.slice(1))).toEqual(strategy === "shotgun" ? ["", "1", "x"] : ["", "x"]);
    socket().handlers.message([...frames]);
    expect(events.at(-1)).toBe("answered 1 x");
    expect(socket().sent[0]?.isWanted?.()).toBe(false);
    socket().handlers.message([]);
    expect(events.at(-1)).toMatch(/^message-dropped/);
    socket().handlers.connection?.({ type: "down", endpoint: A });
    expect(socket().calls.at(-1)).toBe("close");
    await client.close();
  });

  it("a socket that cannot be opened is a failed connection", () => {
    const { client, transport, events } = wire({ strategy });
    transport.fault = new Error("Too many open files");
    client.feed({ type: "connect", endpoint: A });
    expect(events).toEqual(["server-added", "connection-failed: Too many open files"]);
  });

  it("what is in flight when it is closed fails", async () => {
    const { client, request, events, socket } = wire({ strategy });
    client.feed({ type: "connect", endpoint: A });
    request(1);
    await client.close();
    expect(events.slice(-2)).toEqual(["failed 1 ERR_CLOSED", "request-failed"]);
    expect(socket().calls.at(-1)).toBe("close");
  });
});
