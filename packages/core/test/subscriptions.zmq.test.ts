import type { ConnectionEvent, SocketHandlers } from "@seaworthy/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Subscriber, XPublisher } from "zeromq";
import { BarePeer } from "./support/bare-peer.js";
import { closing } from "./support/queue-peers.js";
import { bytes, type Opened, open, openWith } from "./support/sockets.js";

const watchful = { type: "publisher", subscriptions: true } as const;

function publisher(spec = {}): Opened & { endpoint: string } {
  const opened = open({ ...watchful, ...spec });
  return { ...opened, endpoint: opened.socket.bind("tcp://127.0.0.1:*") };
}

function subscriber(endpoint: string, ...prefixes: string[]): Opened {
  const opened = open({ type: "subscriber", reconnectIntervalMs: 10 });
  for (const prefix of prefixes) opened.socket.subscribe(bytes(prefix));
  opened.socket.connect(endpoint);
  return opened;
}

async function barePeer(endpoint: string, minorVersion: 0 | 1): Promise<BarePeer> {
  const peer = closing(new BarePeer(endpoint));
  await peer.open(minorVersion);
  return peer;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a publisher that asks for subscriptions", () => {
  it("reaches each subscriber with what it sends as soon as it is told of it", async () => {
    const server = open(watchful);
    const { subscribed } = server.seen;
    server.seen.subscribed = (prefix) => {
      server.socket.send([prefix, bytes("welcome")]);
      subscribed(prefix);
    };
    const endpoint = server.socket.bind("tcp://127.0.0.1:*");
    for (let round = 0; round < 100; round++) {
      const name = `subscriber ${round}.`;
      const { socket, seen } = subscriber(endpoint, name);
      await seen.until(({ messages }) => messages.length > 0);
      expect(seen.texts).toEqual([[name, "welcome"]]);
      await socket.close(0);
    }
    await server.seen.until(({ subscriptions }) => subscriptions.length === 200);
    expect(server.seen.messages).toEqual([]);
  });

  it("is told of each peer, but of the end of the last one only", async () => {
    const { seen, endpoint } = publisher();
    const peers: Opened[] = [];
    for (const count of [1, 2, 3]) {
      peers.push(subscriber(endpoint, "x"));
      await seen.until(({ subscriptions }) => subscriptions.length === count);
    }
    for (const { socket } of peers) await socket.close(0);
    await seen.until(({ subscriptions }) => subscriptions.includes("-x"));
    expect(seen.subscriptions).toEqual(["+x", "+x", "+x", "-x"]);
  });

  it("is told of all of them, however many: before a subscriber connects and afterwards", async () => {
    const { seen, endpoint } = publisher();
    const prefixes = Array.from({ length: 5000 }, (_, index) => `topic ${index}.`);
    const { socket } = subscriber(endpoint, ...prefixes);
    await seen.until(({ subscriptions }) => subscriptions.length === prefixes.length);
    for (const prefix of prefixes) socket.subscribe(bytes(`more ${prefix}`));
    await seen.until(({ subscriptions }) => subscriptions.length === 2 * prefixes.length);
    expect(new Set(seen.subscriptions).size).toBe(2 * prefixes.length);
  });

  it("is told of prefixes of any length and any bytes", async () => {
    const { seen, endpoint } = publisher();
    const prefixes = ["", "\0", "\x01", "x".repeat(128), "x".repeat(1000)];
    const peer = subscriber(endpoint, ...prefixes);
    await seen.until(({ subscriptions }) => subscriptions.length === prefixes.length);
    expect(seen.subscriptions.toSorted()).toEqual(prefixes.map((prefix) => `+${prefix}`).toSorted());
    await peer.socket.close(0);
    await seen.until(({ subscriptions }) => subscriptions.length === 2 * prefixes.length);
    expect(seen.subscriptions.slice(5).sort()).toEqual(prefixes.map((prefix) => `-${prefix}`).toSorted());
  });

  it("drops for a subscriber that does not read, and waits for none", async () => {
    const { seen, socket, transport, endpoint } = publisher({ sendHighWaterMark: 5 });
    const stuck = closing(new Subscriber({ linger: 0, receiveHighWaterMark: 1 }));
    stuck.subscribe("x");
    stuck.connect(endpoint);
    await seen.until(({ subscriptions }) => subscriptions.length === 1);
    const big = [bytes("x"), Buffer.alloc(100_000)];
    for (let index = 0; index < 2000; index++) socket.send(big);
    const reader = subscriber(endpoint, "last");
    await seen.until(({ subscriptions }) => subscriptions.length === 2);
    socket.send([bytes("last")]);
    await reader.seen.until(({ messages }) => messages.length === 1);
    expect(transport.stats()).toMatchObject({ sent: 2001, queued: 0, overflowed: 0, refused: 0 });
  });

  it("hears the connection, with the methods of a class too, and needs no handler for the rest", async () => {
    class Owner implements SocketHandlers {
      readonly log: string[] = [];
      message(): void {
        this.log.push("message");
      }
      connection({ type }: ConnectionEvent): void {
        this.log.push(type);
        if (type === "down") done();
      }
    }
    class Listener extends Owner {
      subscribed(prefix: Uint8Array): void {
        this.log.push(`+${Buffer.from(prefix)}`);
      }
      unsubscribed(prefix: Uint8Array): void {
        this.log.push(`-${Buffer.from(prefix)}`);
      }
    }
    let done = (): void => {};
    for (const [owner, log] of [
      [new Owner(), ["down", "up"]],
      [new Listener(), ["+x", "-x", "down", "up"]],
    ] as const) {
      const ended = new Promise<void>((resolve) => {
        done = resolve;
      });
      const server = openWith(watchful, owner);
      const peer = subscriber(server.socket.bind("tcp://127.0.0.1:*"), "x");
      // ZeroMQ's own words for what the publisher reads.
      while (server.transport.stats().received === 0) await new Promise(setImmediate);
      await peer.seen.until((seen) => seen.count("up") === 1);
      await peer.socket.close(0);
      await ended;
      while (server.transport.stats().received < 2) await new Promise(setImmediate);
      expect(owner.log.toSorted()).toEqual(log);
    }
  });

  it("surfaces nothing when it closes while peers come and go", async () => {
    for (let round = 0; round < 20; round++) {
      const server = publisher();
      const peers = ["x", "y"].map((prefix) => subscriber(server.endpoint, prefix));
      await server.seen.until(({ subscriptions }) => subscriptions.length > 0);
      await Promise.all([server, ...peers].map(({ socket }) => socket.close(0)));
      expect(server.seen.subscriptions.every((word) => word.startsWith("+"))).toBe(true);
    }
  });
});

describe("what peers send up to a publisher", () => {
  it.each([0, 1] as const)(
    "are subscriptions where they begin like them, in ZMTP 3.%s",
    async (minorVersion) => {
      const { seen, transport, endpoint } = publisher();
      const peer = await barePeer(endpoint, minorVersion);
      peer.send("hello");
      peer.send("");
      peer.send("\x02x");
      peer.send("hello", "\x01a");
      peer.send("\x01b", "hello");
      peer.send("hello", "\x01c", "hello");
      peer.command("SUBSCRIBE", bytes("d") as Buffer);
      peer.command("CANCEL", bytes("d") as Buffer);
      peer.send("\x01last");
      await seen.until(({ subscriptions }) => subscriptions.includes("+last"));
      expect(seen.subscriptions).toEqual(["+a", "+b", "+c", "+d", "-d", "+last"]);
      expect(seen.messages).toEqual([]);
      // What ends with a subscription is read as one message.
      expect(transport.stats().received).toBe(11);
    },
  );

  it("is believed: what a peer takes back that only others have is told, and changes nothing for them", async () => {
    const { seen, socket, endpoint } = publisher();
    const honest = subscriber(endpoint, "x");
    await seen.until(({ subscriptions }) => subscriptions.length === 1);
    const liar = await barePeer(endpoint, 1);
    liar.send("\0x");
    liar.send("\0nobody's");
    await seen.until(({ subscriptions }) => subscriptions.length === 3);
    expect(seen.subscriptions.slice(1)).toEqual(["-x", "-nobody's"]);
    socket.send([bytes("x")]);
    await honest.seen.until(({ messages }) => messages.length === 1);
  });

  it("cannot hide the subscription of another, in front of which a stray frame may stand", async () => {
    const { receive } = XPublisher.prototype;
    const stray = bytes("stray") as Buffer;
    const script = [
      [stray, Buffer.from("\x01a")],
      [stray, stray, Buffer.from("\0a")],
      [stray, stray],
    ];
    vi.spyOn(XPublisher.prototype, "receive").mockImplementation(function (this: XPublisher) {
      const next = script.shift();
      return next === undefined ? receive.call(this) : Promise.resolve(next);
    });
    const { seen, endpoint } = publisher();
    subscriber(endpoint, "b");
    await seen.until(({ subscriptions }) => subscriptions.includes("+b"));
    expect(seen.subscriptions).toEqual(["+a", "-a", "+b"]);
  });

  it("does hold a stray frame back for the next message, which is the reason", async () => {
    const server = closing(new XPublisher({ linger: 0, receiveTimeout: 10_000, verbosity: "allSubs" }));
    server.bindSync("tcp://127.0.0.1:*");
    const [first, second] = [
      await barePeer(server.lastEndpoint as string, 1),
      await barePeer(server.lastEndpoint as string, 1),
    ];
    for (const peer of [first, second]) peer.send("\x01x");
    for (let told = 0; told < 2; told++) await server.receive();
    // Its end is not told, since another still has the prefix, and leaves the frame before it alone.
    first.send("stray", "\0x", "\x01theirs");
    expect((await server.receive()).map(String)).toEqual(["stray", "\x01theirs"]);
  });

  it("is not read where nobody asks for subscriptions", async () => {
    const { seen, socket, transport } = open({ type: "publisher" });
    const endpoint = socket.bind("tcp://127.0.0.1:*");
    const peer = await barePeer(endpoint, 1);
    peer.send("hello");
    peer.send("\x01x");
    const reader = subscriber(endpoint, "x");
    let greeting = setImmediate(function greet() {
      socket.send([bytes("x")]);
      greeting = setImmediate(greet);
    });
    await reader.seen.until(({ messages }) => messages.length > 0);
    clearImmediate(greeting);
    expect([seen.messages, seen.subscriptions, transport.stats().received]).toEqual([[], [], 0]);
  });
});
