import { encodeRequest, encodeRequestId, frameText, textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { LazyPirateClientMachine, resolveClientOptions, wireClient } from "../src/machine.js";

/** Longer than the first pause before a connection is tried again. */
const RECONNECT_MS = 200;

function wire() {
  const [sockets, clock] = [new FakeSockets(), new HandClock()];
  const events: string[] = [];
  const options = resolveClientOptions({ backoff: { jitter: 0 } });
  const machine = new LazyPirateClientMachine(options, 1n, () => 0);
  const client = wireClient(machine, {
    transport: sockets,
    scheduler: clock,
    socket: options.socket,
    owner: {
      answered: (call, body) => events.push(`answered ${call} ${body.map(frameText)}`),
      failed: (call, { code, sent }) => events.push(`failed ${call} ${code}, sent ${sent}`),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  const up = () => sockets.at(0).handlers.connection?.({ type: "up", endpoint: "tcp://a:1" });
  const connect = () => {
    client.feed({ type: "connect", endpoint: "tcp://a:1" });
    up();
  };
  const ask = () =>
    client.feed({ type: "request", call: 1, body: [textFrame("?")], timeoutMs: 100, attempts: 1 });
  return { sockets, clock, client, events, connect, up, ask };
}

it("a socket that cannot be opened is a failed connection, and is tried again", () => {
  const { sockets, clock, client, events, up } = wire();
  sockets.fault = new Error("Too many open files");
  client.feed({ type: "connect", endpoint: "tcp://a:1" });
  expect(events).toEqual(["connection-failed: Too many open files"]);
  sockets.fault = undefined;
  clock.until(RECONNECT_MS);
  up();
  expect(events.at(-1)).toBe("connection-opened");
});

it("replies are understood, and whatever else comes is dropped", () => {
  const { sockets, events, connect, ask } = wire();
  connect();
  ask();
  const { message } = sockets.at(0).handlers;
  message([textFrame("what?")]);
  expect(events.at(-1)).toMatch(/^message-dropped: /);
  message([...encodeRequest(encodeRequestId({ epoch: 1n, sequence: 1n }), [textFrame("!")])]);
  expect(events.at(-1)).toBe("answered 1 !");
});

it("fault: what waits in the socket's queue is not wanted once its caller was told of failure", () => {
  const { sockets, client, events, connect, ask } = wire();
  connect();
  ask();
  const [isWanted] = sockets.at(0).wanted;
  expect(isWanted?.()).toBe(true);
  client.feed({ type: "abort", call: 1 });
  expect(events).toContain("failed 1 ERR_ABORTED, sent 1");
  expect(isWanted?.()).toBe(false);
});

it("a request that the full send queue does not take counts as not sent", () => {
  const { sockets, client, events, connect, ask } = wire();
  connect();
  sockets.at(0).isFull = true;
  ask();
  expect(events).toContain("send-refused");
  client.feed({ type: "abort", call: 1 });
  expect(events).toContain("failed 1 ERR_ABORTED, sent 0");
});
