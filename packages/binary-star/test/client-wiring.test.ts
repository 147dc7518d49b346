import { type Scheduler, type SocketHandlers, type Transport, textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { BinaryStarClientMachine } from "../src/client-machine.js";
import { resolveClientOptions } from "../src/client-options.js";
import { wireClient } from "../src/client-wiring.js";
import { decodeRequest, encodeRefusal, encodeReply } from "../src/wire.js";

interface Sent {
  readonly frames: Uint8Array[];
  readonly isWanted: (() => boolean) | undefined;
}

/** A transport whose sockets do nothing by themselves. */
class Sockets implements Transport {
  readonly handlers: SocketHandlers[] = [];
  readonly specs: object[] = [];
  readonly sent: Sent[] = [];
  readonly lingers: number[] = [];
  fault: Error | undefined;
  isFull = false;

  open(spec: object, handlers: SocketHandlers): ReturnType<Transport["open"]> {
    if (this.fault !== undefined) throw this.fault;
    this.specs.push(spec);
    this.handlers.push(handlers);
    return {
      bind: (endpoint) => endpoint,
      connect: () => {},
      disconnect: () => {},
      subscribe: () => {},
      send: (frames, isWanted) => {
        this.sent.push({ frames: frames as Uint8Array[], isWanted });
        return !this.isFull;
      },
      close: async (lingerMs) => {
        this.lingers.push(lingerMs);
      },
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
  const machine = new BinaryStarClientMachine(options, 1n, () => 0);
  const client = wireClient(machine, {
    transport: sockets,
    scheduler,
    socket: options.socket,
    owner: {
      answered: (call, body) => events.push(`answered ${call} ${Buffer.concat(body)}`),
      failed: (call, { code }) => events.push(`failed ${call} ${code}`),
      status: (event) => events.push("reason" in event ? `${event.type}: ${event.reason}` : event.type),
    },
  });
  const ask = () =>
    client.feed({ type: "request", call: 1, body: [textFrame("?")], timeoutMs: 100, attempts: 2 });
  const connect = () => {
    client.feed({ type: "connect", endpoint: "tcp://a:1" });
    sockets.handlers[0]?.connection?.({ type: "up", endpoint: "tcp://a:1" });
  };
  return { sockets, client, events, connect, ask, wake: () => wake?.() };
}

it("a socket is connected once, and discarded with nothing of its queue sent any more", () => {
  const { sockets, client, connect } = wire();
  connect();
  expect(sockets.specs).toEqual([expect.objectContaining({ type: "dealer", reconnect: false })]);
  client.feed({ type: "disconnect", endpoint: "tcp://a:1" });
  expect(sockets.lingers).toEqual([0]);
});

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

it("replies and refusals of a server's making are understood, and whatever else comes is dropped", () => {
  const { sockets, events, connect, ask, wake } = wire();
  connect();
  ask();
  const answer = (frames: Uint8Array[]) => sockets.handlers[0]?.message(frames);
  answer([textFrame("what?")]);
  expect(events.at(-1)).toMatch(/^message-dropped: /);
  const request = decodeRequest([textFrame("route"), ...(sockets.sent[0]?.frames ?? [])]);
  if (request.type === "malformed") throw new Error(request.reason);
  answer((encodeRefusal(request, "passive", 20) as Uint8Array[]).slice(1));
  expect(events.at(-1)).toBe("request-retried: refused");
  wake();
  expect(sockets.sent).toHaveLength(2);
  answer((encodeReply(request.route, [textFrame("!")]) as Uint8Array[]).slice(1));
  expect(events.at(-1)).toBe("answered 1 !");
});

it("fault: what waits in the socket's queue is not wanted once its caller was told of failure", () => {
  const { sockets, client, events, connect, ask } = wire();
  connect();
  ask();
  expect(sockets.sent[0]?.isWanted?.()).toBe(true);
  client.feed({ type: "abort", call: 1 });
  expect(events).toContain("failed 1 ERR_ABORTED");
  expect(sockets.sent[0]?.isWanted?.()).toBe(false);
});

it("a request that the full send queue does not take counts as not sent", () => {
  const { sockets, events, connect, ask } = wire();
  sockets.isFull = true;
  connect();
  ask();
  expect(events).toContain("send-refused");
  expect(sockets.sent[0]?.isWanted?.()).toBe(false);
});

it("closing ends what is in flight and all sockets", async () => {
  const { sockets, client, events, connect, ask } = wire();
  connect();
  ask();
  await client.close();
  expect(events).toContain("failed 1 ERR_CLOSED");
  expect(sockets.lingers).toEqual([0]);
});
