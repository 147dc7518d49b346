import {
  frameText,
  type RefusalReason,
  type SocketSpec,
  type Transport,
  type TransportSocket,
  textFrame,
} from "@seaworthy/core";
import { ZmqTransport } from "@seaworthy/core/node";
import { afterEach, describe, expect, test } from "vitest";
import { Simulation } from "../src/index.js";

interface Peer {
  readonly socket: TransportSocket;
  readonly messages: string[];
  readonly ids: Uint8Array[];
  readonly events: string[];
  readonly refusals: RefusalReason[];
}

/** One side of the comparison: opens sockets, and waits for what happens. */
interface Lab {
  open(spec: SocketSpec, echo?: boolean): Peer;
  /** Waits until the condition holds; it is looked at in every turn of the event loop. */
  until(condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

function openPeer(transport: Transport, spec: SocketSpec, echo: boolean): Peer {
  const peer: Peer = {
    messages: [],
    ids: [],
    events: [],
    refusals: [],
    socket: transport.open(spec, {
      message(frames) {
        peer.messages.push(frameText(frames.at(-1) as Uint8Array));
        peer.ids.push(frames[0] as Uint8Array);
        if (echo) peer.socket.send(frames);
      },
      connection({ type }) {
        // How often an attempt fails depends on the clock.
        if (type !== "failed") peer.events.push(type);
      },
      refused(_frames, reason) {
        peer.refusals.push(reason);
      },
    }),
  };
  return peer;
}

function realLab(): Lab {
  const transport = new ZmqTransport("lab");
  const peers: Peer[] = [];
  return {
    open(spec, echo = false) {
      const peer = openPeer(transport, spec, echo);
      peers.push(peer);
      return peer;
    },
    async until(condition) {
      while (!condition()) await new Promise(setImmediate);
    },
    async close() {
      await Promise.all(peers.map(({ socket }) => socket.close(0)));
    },
  };
}

function simulatedLab(): Lab {
  const simulation = new Simulation({ seed: 1 });
  const node = simulation.node("lab", ({ transport }) => transport);
  simulation.runFor(1);
  return {
    open: (spec, echo = false) => openPeer(node.app as Transport, spec, echo),
    async until(condition) {
      simulation.runFor(0);
      if (!condition() && !simulation.runUntil(condition, 60_000)) throw new Error("it never happened");
    },
    async close() {
      node.crash();
    },
  };
}

const router = { type: "router" } as const;
const dealer = { type: "dealer", reconnectIntervalMs: 10 } as const;

describe.each([
  ["zeromq", realLab],
  ["the simulator", simulatedLab],
])("%s", (_name, makeLab) => {
  let lab: Lab = { open: () => expect.unreachable(), until: async () => {}, close: async () => {} };
  afterEach(() => lab.close());

  const texts = (peer: Peer, ...all: string[]): boolean[] =>
    all.map((text) => peer.socket.send([textFrame(text)]));

  test("echoes, in order, under a routing id of five bytes that starts with zero", async () => {
    lab = makeLab();
    const server = lab.open(router, true);
    const client = lab.open(dealer);
    client.socket.connect(server.socket.bind("tcp://127.0.0.1:*"));
    texts(client, "one", "two", "three");
    await lab.until(() => [client.messages, client.events, server.events].every((list) => list.length >= 1));
    await lab.until(() => client.messages.length === 3);
    expect(client.messages).toEqual(["one", "two", "three"]);
    expect([server.ids[0]?.length, server.ids[0]?.[0]]).toEqual([5, 0]);
    expect([client.events, server.events]).toEqual([["up"], ["up"]]);
  });

  test("a router refuses an unknown peer, and not from within send", async () => {
    lab = makeLab();
    const server = lab.open(router);
    server.socket.bind("tcp://127.0.0.1:*");
    expect(server.socket.send([textFrame("nobody"), textFrame("x")])).toBe(true);
    expect(server.refusals).toEqual([]);
    await lab.until(() => server.refusals.length > 0);
    expect(server.refusals).toEqual(["peer-unknown"]);
  });

  test("an immediate socket without a connection queues in front of ZeroMQ alone", async () => {
    lab = makeLab();
    const first = lab.open(router);
    const endpoint = first.socket.bind("tcp://127.0.0.1:*");
    await first.socket.close(0);
    const client = lab.open({ ...dealer, immediate: true, maxQueued: 2 });
    client.socket.connect(endpoint);
    expect(texts(client, "one", "two", "three", "four")).toEqual([true, true, true, false]);
    const second = lab.open(router);
    second.socket.bind(endpoint);
    await lab.until(() => second.messages.length === 3);
    expect(second.messages).toEqual(["one", "two", "three"]);
  });

  test("a connecting socket keeps its queue while the server restarts", async () => {
    lab = makeLab();
    const first = lab.open(router, true);
    const endpoint = first.socket.bind("tcp://127.0.0.1:*");
    // Room for more than the queue in front holds: they do wait in the pipe.
    const client = lab.open({ ...dealer, maxQueued: 1 });
    client.socket.connect(endpoint);
    texts(client, "before");
    await lab.until(() => client.messages.length === 1);
    await first.socket.close(0);
    await lab.until(() => client.events.at(-1) === "down");
    for (const text of ["one", "two", "three"]) {
      texts(client, text);
      // The driver sends on when the turn is over.
      await lab.until(() => true);
    }
    const second = lab.open(router);
    second.socket.bind(endpoint);
    await lab.until(() => second.messages.length === 3 && client.events.length === 3);
    expect(second.messages).toEqual(["one", "two", "three"]);
    expect(client.events).toEqual(["up", "down", "up"]);
  });

  test("the end of a connection is told after everything that came over it", async () => {
    lab = makeLab();
    const server = lab.open(router);
    const client = lab.open({ ...dealer, reconnect: false });
    client.socket.connect(server.socket.bind("tcp://127.0.0.1:*"));
    texts(client, "ask");
    await lab.until(() => server.messages.length === 1);
    const answers = Array.from({ length: 200 }, (_, index) => String(index));
    for (const answer of answers) server.socket.send([server.ids[0] as Uint8Array, textFrame(answer)]);
    void server.socket.close(10_000);
    let whenTold: readonly string[] | undefined;
    await lab.until(() => {
      if (client.events.includes("down")) whenTold ??= [...client.messages];
      return whenTold !== undefined;
    });
    expect(whenTold).toEqual(answers);
  });

  test("with `reconnect: false` a lost connection is not made again, and what it had queued is never sent", async () => {
    lab = makeLab();
    const first = lab.open(router, true);
    const endpoint = first.socket.bind("tcp://127.0.0.1:*");
    const once = lab.open({ ...dealer, reconnect: false });
    const again = lab.open(dealer);
    for (const peer of [once, again]) peer.socket.connect(endpoint);
    texts(once, "once");
    texts(again, "again");
    await lab.until(() => once.messages.length === 1 && again.messages.length === 1);
    await first.socket.close(0);
    await lab.until(() => once.events.at(-1) === "down" && again.events.at(-1) === "down");
    texts(once, "stale");
    const second = lab.open(router);
    second.socket.bind(endpoint);
    texts(again, "fresh");
    await lab.until(() => again.events.at(-1) === "up" && second.messages.length > 0);
    expect(second.messages).toEqual(["fresh"]);
    expect(once.events).toEqual(["up", "down"]);
  });

  test("a second peer with a routing id in use is ignored", async () => {
    lab = makeLab();
    const server = lab.open(router, true);
    const endpoint = server.socket.bind("tcp://127.0.0.1:*");
    const [first, second] = [
      lab.open({ ...dealer, routingId: "x" }),
      lab.open({ ...dealer, routingId: "x" }),
    ];
    first.socket.connect(endpoint);
    await lab.until(() => first.events.length === 1);
    texts(first, "first");
    await lab.until(() => first.messages.length === 1);
    second.socket.connect(endpoint);
    await lab.until(() => second.events.length === 1 && server.events.length === 2);
    texts(second, "second");
    texts(first, "again");
    await lab.until(() => first.messages.length === 2);
    expect(server.messages).toEqual(["first", "again"]);
    expect(second.messages).toEqual([]);
  });

  test("with handover it takes the routing id over, and the first stays connected to nobody", async () => {
    lab = makeLab();
    const server = lab.open({ ...router, handover: true }, true);
    const endpoint = server.socket.bind("tcp://127.0.0.1:*");
    const [first, second] = [
      lab.open({ ...dealer, routingId: "x" }),
      lab.open({ ...dealer, routingId: "x" }),
    ];
    first.socket.connect(endpoint);
    texts(first, "first");
    await lab.until(() => first.messages.length === 1);
    second.socket.connect(endpoint);
    texts(second, "second");
    await lab.until(() => second.messages.length === 1);
    texts(first, "unheard");
    texts(second, "again");
    await lab.until(() => second.messages.length === 2 && first.events.length > 0);
    expect(server.messages).toEqual(["first", "second", "again"]);
    expect(first.events).toEqual(["up"]);
  });

  test("a subscriber gets what begins with its prefixes", async () => {
    lab = makeLab();
    const publisher = lab.open({ type: "publisher" });
    const subscriber = lab.open({ type: "subscriber" });
    subscriber.socket.subscribe(textFrame("app"));
    subscriber.socket.connect(publisher.socket.bind("tcp://127.0.0.1:*"));
    // The subscription follows the handshake, so publish until it has taken effect.
    await lab.until(() => {
      texts(publisher, "banana", "apple");
      return subscriber.messages.length > 0;
    });
    texts(publisher, "app", "ap", "application");
    await lab.until(() => subscriber.messages.includes("application"));
    expect(new Set(subscriber.messages)).toEqual(new Set(["apple", "app", "application"]));
  });

  test("an endpoint in use cannot be bound", () => {
    lab = makeLab();
    const [first, second] = [lab.open(router), lab.open(router)];
    const endpoint = first.socket.bind("tcp://127.0.0.1:*");
    expect(endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    expect(() => second.socket.bind(endpoint)).toThrow(`cannot bind ${endpoint}: `);
  });
});
