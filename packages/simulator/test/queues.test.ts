import { textFrame } from "@seaworthy/core";
import { expect, test } from "vitest";
import { Simulation } from "../src/index.js";
import { appOf, binder, connecter, numbers, oneMs } from "./support.js";

const dealer = { type: "dealer" } as const;

test("a handshake takes a round trip, and half of one more at the binding end", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", dealer);
  simulation.runFor(10);
  expect(appOf(client).events).toEqual(["2 up"]);
  expect(appOf(server).events).toEqual(["3 up"]);
});

test("a connecting socket queues before its first connection", () => {
  const simulation = new Simulation({ network: oneMs });
  const client = connecter(simulation, "client", "server", dealer);
  simulation.runFor(1);
  for (const text of numbers(3)) appOf(client).sendText(text);
  simulation.runFor(500);
  expect(appOf(client).events.every((event) => event.endsWith("failed unknown host"))).toBe(true);
  const server = binder(simulation, "server", { type: "router" });
  simulation.runFor(1000);
  expect(appOf(server).messages).toEqual(["0", "1", "2"]);
});

test("a connecting socket keeps its queue across a reconnect", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", dealer);
  simulation.runFor(10);
  server.crash();
  simulation.runFor(10);
  for (const text of numbers(3)) appOf(client).sendText(text);
  server.start();
  simulation.runFor(1000);
  expect(appOf(client).events.map((event) => event.split(" ")[1])).toEqual(["up", "down", "up"]);
  expect(appOf(server).messages).toEqual(["0", "1", "2"]);
});

test("a binding socket loses its queue with the connection", () => {
  const simulation = new Simulation({ network: { ...oneMs, windowMessages: 1 } });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { ...dealer, routingId: "c" });
  simulation.runFor(10);
  client.pause();
  for (const text of numbers(5)) appOf(server).sendText("c", text);
  simulation.runFor(10);
  simulation.cut("client", "server");
  simulation.runFor(10);
  client.resume();
  simulation.runFor(1000);
  expect(appOf(server).refusals).toEqual([]);
  expect(appOf(client).events.map((event) => event.split(" ")[1])).toEqual(["up", "down", "up"]);
  expect(appOf(client).messages).toEqual([]);
});

test("an immediate socket drops its queue with the connection, but not what waits in front of it", () => {
  const simulation = new Simulation({ network: { ...oneMs, windowMessages: 1 } });
  const server = binder(simulation, "server", { type: "router" });
  const spec = { ...dealer, immediate: true, sendHighWaterMark: 2 };
  const client = connecter(simulation, "client", "server", spec);
  simulation.runFor(10);
  server.pause();
  // One in the kernels, two in the pipe, the rest in front.
  for (const text of numbers(6)) appOf(client).sendText(text);
  simulation.cut("client", "server");
  simulation.runFor(10);
  server.resume();
  simulation.runFor(1000);
  expect(appOf(server).messages).toEqual(["3", "4", "5"]);
});

test("an immediate socket that is not connected holds messages in front, up to maxQueued", () => {
  const simulation = new Simulation({ network: oneMs });
  const client = connecter(simulation, "client", "server", { ...dealer, immediate: true, maxQueued: 2 });
  simulation.runFor(1);
  // The driver has one more in hand.
  expect(numbers(4).map((text) => appOf(client).sendText(text))).toEqual([true, true, true, false]);
  const server = binder(simulation, "server", { type: "router" });
  simulation.runFor(1000);
  expect(appOf(server).messages).toEqual(["0", "1", "2"]);
});

test("a dealer at its high-water mark waits, and sends on when there is room", () => {
  const simulation = new Simulation({ network: { ...oneMs, windowMessages: 2 } });
  const server = binder(simulation, "server", { type: "router", receiveHighWaterMark: 1 });
  const spec = { ...dealer, sendHighWaterMark: 3, maxQueued: 100 };
  const client = connecter(simulation, "client", "server", spec);
  simulation.runFor(10);
  server.pause();
  const texts = numbers(20);
  expect(texts.every((text) => appOf(client).sendText(text))).toBe(true);
  simulation.runFor(100);
  expect(appOf(server).messages).toEqual([]);
  server.resume();
  simulation.runFor(100);
  expect(appOf(server).messages).toEqual(texts);
});

test("send returns false when maxQueued messages wait in front of a blocked dealer", () => {
  const simulation = new Simulation({ network: { ...oneMs, windowMessages: 2 } });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { ...dealer, sendHighWaterMark: 3, maxQueued: 4 });
  simulation.runFor(10);
  server.pause();
  let taken = 0;
  simulation.every(1, () => {
    client.call((recorder) => {
      if (recorder.sendText("x")) taken += 1;
    });
  });
  simulation.runFor(50);
  expect(taken).toBe(2 + 3 + 1 + 4);
});

test("send returns false after maxQueued messages in one turn, as the real driver does", () => {
  const simulation = new Simulation({ network: oneMs });
  binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { ...dealer, maxQueued: 4 });
  simulation.runFor(10);
  const taken: boolean[][] = [];
  client.call((recorder) => taken.push(numbers(6).map((text) => recorder.sendText(text))));
  client.call((recorder) => taken.push([recorder.sendText("next turn")]));
  simulation.runFor(1);
  expect(taken).toEqual([[true, true, true, true, true, false], [true]]);
});

test("a router refuses what is over the high-water mark of the peer", () => {
  const simulation = new Simulation({ network: { ...oneMs, windowMessages: 2 } });
  const server = binder(simulation, "server", { type: "router", sendHighWaterMark: 3 });
  const client = connecter(simulation, "client", "server", { ...dealer, routingId: "c" });
  simulation.runFor(10);
  client.pause();
  for (const text of numbers(8)) appOf(server).sendText("c", text);
  expect(appOf(server).refusals, "never from within a call to the socket").toEqual([]);
  simulation.runFor(1);
  expect(appOf(server).refusals).toEqual(["peer-full", "peer-full", "peer-full"]);
  client.resume();
  simulation.runFor(10);
  expect(appOf(client).messages).toEqual(numbers(5));
});

test("a receiver reads no further than its own high-water mark", () => {
  const simulation = new Simulation({ network: { ...oneMs, windowMessages: 2 } });
  const server = binder(simulation, "server", { type: "router", sendHighWaterMark: 1 });
  const spec = { ...dealer, routingId: "c", receiveHighWaterMark: 4 };
  const client = connecter(simulation, "client", "server", spec);
  simulation.runFor(10);
  client.slow(1000);
  let sent = 0;
  simulation.every(1, () => void server.call((recorder) => recorder.sendText("c", String(sent++))));
  simulation.runFor(100);
  // One handled, four read, two in the kernels, one in the pipe.
  expect(sent - appOf(server).refusals.length).toBe(1 + 4 + 2 + 1);
});

test("closing with linger lets queued messages leave; without, they are dropped", () => {
  for (const [lingerMs, expected] of [
    [1000, numbers(10)],
    [0, ["0", "1"]],
  ] as const) {
    const simulation = new Simulation({ network: { ...oneMs, windowMessages: 2 } });
    const server = binder(simulation, "server", { type: "router" });
    const client = connecter(simulation, "client", "server", { ...dealer, sendHighWaterMark: 4 });
    simulation.runFor(10);
    client.call((recorder) => {
      for (const text of numbers(10)) recorder.sendText(text);
      void recorder.socket.close(lingerMs);
      expect(recorder.sendText("late")).toBe(false);
    });
    simulation.runFor(2000);
    expect(appOf(server).messages).toEqual(expected);
    expect(appOf(server).events.at(-1)).toMatch(/down$/);
  }
});

test("reconnect pauses double up to the longest, and begin anew after a connection", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const spec = { ...dealer, reconnectIntervalMs: 100, reconnectMaxIntervalMs: 350 };
  const client = connecter(simulation, "client", "server", spec);
  server.crash();
  simulation.runFor(1300);
  server.start();
  simulation.runFor(200);
  server.crash();
  simulation.runFor(150);
  // Each attempt takes a round trip of 2 ms.
  expect(appOf(client).events).toEqual([
    "2 failed connection refused",
    "104 failed connection refused",
    "306 failed connection refused",
    "658 failed connection refused",
    "1010 failed connection refused",
    "1362 up",
    "1501 down",
    "1603 failed connection refused",
  ]);
});

test("a ROUTER asks whether a message is wanted when its owner knows what became of those before", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { ...dealer, routingId: "c" });
  simulation.runFor(10);
  const { socket, refusals } = appOf(server);
  const message = (id: string, text: string) => [textFrame(id), textFrame(text)];
  const known: number[] = [];
  socket.send(message("nobody", "lost"));
  socket.send(message("c", "not wanted"), () => {
    known.push(refusals.length);
    return false;
  });
  socket.send(message("nobody", "lost, too"));
  socket.send(message("c", "wanted"), () => {
    known.push(refusals.length);
    return socket.send(message("c", "sent while it is asked"));
  });
  socket.send(message("c", "last"));
  expect(known).toEqual([]);
  simulation.runFor(10);
  expect(known).toEqual([1, 2]);
  expect(appOf(client).messages).toEqual(["wanted", "last", "sent while it is asked"]);
});

test("what waits at a ROUTER to be asked for leaves within the linger time, or is dropped", () => {
  for (const [lingerMs, expected] of [
    [100, ["0", "1"]],
    [0, []],
  ] as const) {
    const simulation = new Simulation({ network: oneMs });
    const server = binder(simulation, "server", { type: "router" });
    const client = connecter(simulation, "client", "server", { ...dealer, routingId: "c" });
    simulation.runFor(10);
    const { socket } = appOf(server);
    for (const text of numbers(2)) socket.send([textFrame("c"), textFrame(text)], () => true);
    void socket.close(lingerMs);
    simulation.runFor(10);
    expect(appOf(client).messages).toEqual(expected);
  }
});
