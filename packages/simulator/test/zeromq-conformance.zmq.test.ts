import { textFrame } from "@seaworthy/core";
import { describe, expect, test } from "vitest";
import { bothLabs, openLab, texts } from "./labs.js";

const router = { type: "router" } as const;
const dealer = { type: "dealer", reconnectIntervalMs: 10 } as const;

describe.each(bothLabs)("%s", (_name, makeLab) => {
  test("echoes, in order, under a routing id of five bytes that starts with zero", async () => {
    const lab = openLab(makeLab);
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
    const lab = openLab(makeLab);
    const server = lab.open(router);
    server.socket.bind("tcp://127.0.0.1:*");
    expect(server.socket.send([textFrame("nobody"), textFrame("x")])).toBe(true);
    expect(server.refusals).toEqual([]);
    await lab.until(() => server.refusals.length > 0);
    expect(server.refusals).toEqual(["peer-unknown"]);
  });

  test("an immediate socket without a connection queues in front of ZeroMQ alone", async () => {
    const lab = openLab(makeLab);
    const first = lab.open(router);
    const endpoint = first.socket.bind("tcp://127.0.0.1:*");
    await first.socket.close(0);
    const client = lab.open({ ...dealer, immediate: true, maxQueued: 2 });
    client.socket.connect(endpoint);
    texts(client, "one");
    // The first goes on to ZeroMQ at the end of the turn, and waits there for a connection.
    let turns = 0;
    await lab.until(() => ++turns > 1);
    expect(texts(client, "two", "three", "four")).toEqual([true, true, false]);
    const second = lab.open(router);
    second.socket.bind(endpoint);
    await lab.until(() => second.messages.length === 3);
    expect(second.messages).toEqual(["one", "two", "three"]);
  });

  test("a connecting socket keeps its queue while the server restarts", async () => {
    const lab = openLab(makeLab);
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
      // The driver takes the next one as soon as the one in hand has left.
      await lab.until(() => texts(client, text)[0] === true);
    }
    const second = lab.open(router);
    second.socket.bind(endpoint);
    await lab.until(() => second.messages.length === 3 && client.events.length === 3);
    expect(second.messages).toEqual(["one", "two", "three"]);
    expect(client.events).toEqual(["up", "down", "up"]);
  });

  test("the end of a connection is told after everything that came over it", async () => {
    const lab = openLab(makeLab);
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
    const lab = openLab(makeLab);
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
    const lab = openLab(makeLab);
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
    const lab = openLab(makeLab);
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
    const lab = openLab(makeLab);
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
    const lab = openLab(makeLab);
    const [first, second] = [lab.open(router), lab.open(router)];
    const endpoint = first.socket.bind("tcp://127.0.0.1:*");
    expect(endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    expect(() => second.socket.bind(endpoint)).toThrow(`cannot bind ${endpoint}: `);
  });
});
