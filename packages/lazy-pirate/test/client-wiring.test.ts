import type { Scheduler, SocketHandlers, Transport } from "@seaworthy/core";
import { expect, it } from "vitest";
import { LazyPirateClientMachine, resolveClientOptions, wireClient } from "../src/machine.js";

/** A transport whose sockets do nothing by themselves. */
class Sockets implements Transport {
  readonly handlers: SocketHandlers[] = [];
  readonly wanted: ((() => boolean) | undefined)[] = [];
  fault: Error | undefined;
  isFull = false;

  open(_spec: unknown, handlers: SocketHandlers): ReturnType<Transport["open"]> {
    if (this.fault !== undefined) throw this.fault;
    this.handlers.push(handlers);
    return {
      bind: (endpoint) => endpoint,
      connect: () => {},
      disconnect: () => {},
      subscribe: () => {},
      send: (_frames, isWanted) => {
        this.wanted.push(isWanted);
        return !this.isFull;
      },
      close: async () => {},
    };
  }

  backlog(): boolean {
    return false;
  }
}

function wire() {
  const sockets = new Sockets();
  let wake: (() => void) | undefined;
  const time = { now: 0 };
  const scheduler: Scheduler = {
    now: () => time.now,
    schedule(at, then) {
      wake = () => {
        time.now = Math.max(time.now, at);
        then();
      };
      return () => {};
    },
  };
  const events: string[] = [];
  const options = resolveClientOptions({ backoff: { jitter: 0 } });
  const machine = new LazyPirateClientMachine(options, 1n, () => 0);
  const client = wireClient(machine, {
    transport: sockets,
    scheduler,
    socket: options.socket,
    owner: {
      answered: (call) => events.push(`answered ${call}`),
      failed: (call, { code }) => events.push(`failed ${call} ${code}`),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  return { sockets, client, events, wake: () => wake?.() };
}

it("a socket that cannot be opened is a failed connection, and is tried again", () => {
  const { sockets, client, events, wake } = wire();
  sockets.fault = new Error("Too many open files");
  client.feed({ type: "connect", endpoint: "tcp://a:1" });
  expect(events).toEqual(["connection-failed: Too many open files"]);
  sockets.fault = undefined;
  wake();
  sockets.handlers[0]?.connection?.({ type: "up", endpoint: "tcp://a:1" });
  expect(events.at(-1)).toBe("connection-opened");
});

it("fault: what waits in the socket's queue is not wanted once its caller was told of failure", () => {
  const { sockets, client, events } = wire();
  client.feed({ type: "connect", endpoint: "tcp://a:1" });
  sockets.handlers[0]?.connection?.({ type: "up", endpoint: "tcp://a:1" });
  client.feed({ type: "request", call: 1, body: [Uint8Array.of(1)], timeoutMs: 100, attempts: 1 });
  expect(sockets.wanted[0]?.()).toBe(true);
  client.feed({ type: "abort", call: 1 });
  expect(events).toContain("failed 1 ERR_ABORTED");
  expect(sockets.wanted[0]?.()).toBe(false);
});

it("a request that the full send queue does not take counts as not sent", () => {
  const { sockets, client, events } = wire();
  sockets.isFull = true;
  client.feed({ type: "connect", endpoint: "tcp://a:1" });
  sockets.handlers[0]?.connection?.({ type: "up", endpoint: "tcp://a:1" });
  client.feed({ type: "request", call: 1, body: [Uint8Array.of(1)], timeoutMs: 100, attempts: 1 });
  expect(events).toContain("send-refused");
  expect(sockets.wanted[0]?.()).toBe(false);
});
