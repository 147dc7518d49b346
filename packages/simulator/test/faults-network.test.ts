import fc from "fast-check";
import { expect, test } from "vitest";
import { Simulation } from "../src/index.js";
import { appOf, binder, connecter, numbers, oneMs } from "./support.js";

const kinds = (events: readonly string[]): (string | undefined)[] =>
  events.map((event) => event.split(" ")[1]);

function pair(options: { pingIntervalMs?: number } = {}, seed = 0, network: object = oneMs) {
  const simulation = new Simulation({ network, seed });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", {
    type: "dealer",
    routingId: "c",
    reconnectIntervalMs: 1000,
    ...options,
  });
  simulation.runFor(50);
  return { simulation, server, client };
}

test("what is in flight when a connection breaks is lost, and both ends are told", () => {
  const { simulation, server, client } = pair();
  appOf(client).sendText("arrives");
  simulation.runFor(1);
  appOf(client).sendText("lost");
  appOf(server).sendText("c", "lost as well");
  simulation.runFor(0.5);
  simulation.cut("server", "client");
  simulation.runFor(0.9);
  expect(appOf(client).events).toEqual(["2 up"]);
  simulation.runFor(2000);
  expect(appOf(client).events).toEqual(["2 up", "52.5 down", "1054.5 up"]);
  expect(kinds(appOf(server).events)).toEqual(["up", "down", "up"]);
  expect(appOf(server).messages).toEqual(["arrives"]);
  expect(appOf(client).messages).toEqual([]);
});

test("what is sent on a broken connection before its end is told is lost too", () => {
  const { simulation, server, client } = pair();
  simulation.cut("server", "client");
  simulation.runFor(0.5);
  appOf(client).sendText("lost");
  simulation.runFor(1);
  appOf(client).sendText("kept");
  simulation.runFor(2000);
  expect(appOf(server).messages).toEqual(["kept"]);
});

test("order is kept within a connection, whatever the latencies", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 60 }),
      (seed, gaps) => {
        const network = { minLatencyMs: 0, medianLatencyMs: 5, maxLatencyMs: 500, windowMessages: 7 };
        const { simulation, server, client } = pair({}, seed, network);
        simulation.runFor(5000);
        let at = simulation.now();
        gaps.forEach((gap, index) => {
          at += gap;
          simulation.at(at, () => void client.call((recorder) => recorder.sendText(String(index))));
        });
        simulation.runFor(60_000);
        expect(appOf(server).messages).toEqual(numbers(gaps.length));
      },
    ),
    { numRuns: 50 },
  );
});

test("latencies stay within their bounds, and half of them below the median", () => {
  const network = { minLatencyMs: 1, medianLatencyMs: 3, maxLatencyMs: 20 };
  const { simulation, server, client } = pair({}, 1, network);
  const sentAt: number[] = [];
  simulation.every(50, () => {
    sentAt.push(simulation.now());
    client.call((recorder) => recorder.sendText("x"));
  });
  simulation.runFor(100_000);
  const latencies = appOf(server).arrivals.map((at, index) => at - (sentAt[index] as number));
  expect(Math.min(...latencies)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...latencies)).toBeLessThanOrEqual(20.001);
  const below = latencies.filter((latency) => latency < 3).length / latencies.length;
  expect(below).toBeGreaterThan(0.45);
  expect(below).toBeLessThan(0.55);
});

test("a partition holds messages of both directions, and lets them go when it ends", () => {
  const { simulation, server, client } = pair();
  const open = simulation.partition("client", "server");
  appOf(client).sendText("one");
  appOf(server).sendText("c", "two");
  simulation.runFor(5000);
  expect([appOf(server).messages, appOf(client).messages]).toEqual([[], []]);
  open();
  open();
  simulation.runFor(1);
  expect([appOf(server).messages, appOf(client).messages]).toEqual([["one"], ["two"]]);
  expect(appOf(client).events).toEqual(["2 up"]);
});

test("a one-way partition holds one direction only, and its acknowledgements", () => {
  const { simulation, server, client } = pair({}, 0, { ...oneMs, windowMessages: 3 });
  const open = simulation.partition("server", "client", true);
  appOf(server).sendText("c", "held");
  for (const text of numbers(10)) appOf(client).sendText(text);
  simulation.runFor(100);
  expect(appOf(client).messages).toEqual([]);
  expect(appOf(server).messages, "the window is full without acknowledgements").toEqual(numbers(3));
  open();
  simulation.runFor(100);
  expect(appOf(client).messages).toEqual(["held"]);
  expect(appOf(server).messages).toEqual(numbers(10));
});

test("overlapping partitions open only when all of them have ended", () => {
  const { simulation, server, client } = pair();
  const openFirst = simulation.partition("client", "server");
  const openSecond = simulation.partition("client", "server", true);
  appOf(client).sendText("x");
  openFirst();
  simulation.runFor(100);
  expect(appOf(server).messages).toEqual([]);
  openSecond();
  simulation.runFor(100);
  expect(appOf(server).messages).toEqual(["x"]);
});

test("new connections do not come up through a partition, and do when it ends", () => {
  const simulation = new Simulation({ network: oneMs });
  binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  const open = simulation.partition("server", "client", true);
  simulation.runFor(1000);
  expect(appOf(client).events).toEqual([]);
  open();
  simulation.runFor(10);
  expect(kinds(appOf(client).events)).toEqual(["up"]);
});

test("an attempt that gets no answer is given up after 30 s and made again", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  const open = simulation.partition("client", "server");
  simulation.runFor(30_050);
  expect(appOf(client).events).toEqual(["30000 failed handshake timeout"]);
  open();
  simulation.runFor(1000);
  expect(kinds(appOf(client).events)).toEqual(["failed", "up"]);
  expect(kinds(appOf(server).events)).toEqual(["up"]);
});

test("half open: an end that cannot hear of the break learns it when the partition ends", () => {
  const { simulation, server, client } = pair();
  const open = simulation.partition("server", "client", true);
  server.crash();
  server.start();
  appOf(client).sendText("lost");
  simulation.runFor(5000);
  expect(appOf(client).events).toEqual(["2 up"]);
  open();
  simulation.runFor(1);
  expect(kinds(appOf(client).events)).toEqual(["up", "down"]);
  simulation.runFor(2000);
  expect(kinds(appOf(client).events)).toEqual(["up", "down", "up"]);
  expect(appOf(server).messages).toEqual([]);
});

test("half open: with pings an end gives up on a silent peer after two intervals", () => {
  const { simulation, client } = pair({ pingIntervalMs: 100 });
  simulation.runFor(1000);
  expect(kinds(appOf(client).events), "an idle connection is kept").toEqual(["up"]);
  simulation.partition("server", "client");
  simulation.runFor(199);
  expect(kinds(appOf(client).events)).toEqual(["up"]);
  simulation.runFor(1);
  expect(kinds(appOf(client).events)).toEqual(["up", "down"]);
});

test("pings go unanswered while the peer's process stands still, since its I/O thread does", () => {
  const { simulation, server, client } = pair({ pingIntervalMs: 100 });
  server.pause();
  simulation.runFor(150);
  server.resume();
  simulation.runFor(1000);
  expect(kinds(appOf(client).events), "a short pause is survived").toEqual(["up"]);
  server.pause();
  simulation.runFor(250);
  expect(kinds(appOf(client).events)).toEqual(["up", "down"]);
});

test("a peer is told of a crash, and what the crashed process had sent still arrives", () => {
  const { simulation, server, client } = pair();
  appOf(server).sendText("c", "last words");
  server.crash();
  simulation.runFor(0.5);
  expect(kinds(appOf(client).events)).toEqual(["up"]);
  simulation.runFor(1);
  expect(kinds(appOf(client).events)).toEqual(["up", "down"]);
  expect(appOf(client).messages).toEqual(["last words"]);
});

test("a process that dies with unread messages resets its connections", () => {
  const { simulation, server, client } = pair();
  server.pause();
  appOf(client).sendText("unread");
  simulation.runFor(1);
  appOf(server).sendText("c", "lost words");
  server.crash();
  server.start();
  simulation.runFor(2000);
  expect(kinds(appOf(client).events)).toEqual(["up", "down", "up"]);
  expect([appOf(server).messages, appOf(client).messages]).toEqual([[], []]);
});

test("a delay adds to the latency of one direction", () => {
  const { simulation, server, client } = pair();
  simulation.inject({ at: 0, kind: "delay", from: "client", to: "server", extraMs: 40, forMs: 10 });
  simulation.runFor(1);
  appOf(client).sendText("slow");
  appOf(server).sendText("c", "quick");
  simulation.runFor(10);
  expect([appOf(client).messages, appOf(server).messages]).toEqual([["quick"], []]);
  simulation.runFor(31);
  expect(appOf(server).arrivals).toEqual([92]);
  appOf(client).sendText("quick again");
  simulation.runFor(1);
  expect(appOf(server).messages).toEqual(["slow", "quick again"]);
});

test("an immediate socket loses what it has not read with its connection; another one does not", () => {
  for (const [immediate, expected] of [
    [true, ["first"]],
    [false, ["first", "second", "third"]],
  ] as const) {
    const simulation = new Simulation({ network: oneMs });
    const server = binder(simulation, "server", { type: "router" });
    const client = connecter(simulation, "client", "server", { type: "dealer", routingId: "c", immediate });
    simulation.runFor(50);
    client.slow(100);
    for (const text of ["first", "second", "third"]) appOf(server).sendText("c", text);
    simulation.runFor(50);
    simulation.cut("server", "client");
    simulation.runFor(5000);
    expect(appOf(client).messages).toEqual(expected);
    expect(kinds(appOf(client).events).slice(0, 2)).toEqual(["up", "down"]);
  }
});
