import { frameKey, textFrame } from "@seaworthy/core";
import { expect, test } from "vitest";
import { type Fault, type SimulatedNode, Simulation } from "../src/index.js";
import { appOf, connecter, numbers, oneMs, type Recorder, record } from "./support.js";

interface Server extends Recorder {
  /** What was handed over, in order: `<id>: <text>`, or `<id> departs`. */
  readonly story: string[];
}

/** A routing id as it is written in a story; those that the router made up are all the same here. */
const show = (id: Uint8Array): string => (id[0] === 0 ? "?" : frameKey(id));

function watcher(simulation: Simulation, spec: object = {}): SimulatedNode<Server> {
  return simulation.node("server", (context) => {
    const story: string[] = [];
    const recorder = record(
      context,
      { type: "router", departures: true, ...spec },
      (frames) => void story.push(`${show(frames[0] as Uint8Array)}: ${recorder.messages.at(-1)}`),
      (id) => void story.push(`${show(id)} departs`),
    );
    recorder.socket.bind("tcp://*:5555");
    return Object.assign(recorder, { story });
  });
}

/** A client under a routing id of its own. */
const named = (simulation: Simulation, name: string, routingId = name): SimulatedNode<Recorder> =>
  connecter(simulation, name, "server", { type: "dealer", routingId });

test("a departure waits behind what its peer sent, while others have their turns", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = watcher(simulation);
  const clients = ["a", "b"].map((name) => named(simulation, name));
  simulation.runFor(10);
  const quicken = server.slow(100);
  for (const client of clients) for (const text of numbers(3)) appOf(client).sendText(text);
  simulation.runFor(5);
  clients[0]?.crash();
  simulation.runFor(50);
  quicken();
  simulation.runFor(1000);
  expect(appOf(server).story).toEqual(["a: 0", "b: 0", "a: 1", "b: 1", "a: 2", "b: 2", "a departs"]);
});

test("a peer is not sent anything any more when its departure is told", () => {
  const simulation = new Simulation({ network: oneMs });
  const refusals: string[] = [];
  simulation.node("server", ({ transport }) => {
    const socket = transport.open(
      { type: "router", departures: true },
      {
        message() {},
        departed: (id) => void socket.send([id, textFrame("farewell")]),
        refused: (_frames, reason) => void refusals.push(reason),
      },
    );
    socket.bind("tcp://*:5555");
  });
  const client = named(simulation, "a");
  simulation.runFor(10);
  client.crash();
  simulation.runFor(10);
  expect(refusals).toEqual(["peer-unknown"]);
});

test("a router that hears of no departures may still ask for them", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = simulation.node("server", ({ transport }) => {
    transport.open({ type: "router", departures: true }, { message() {} }).bind("tcp://*:5555");
    return transport;
  });
  const client = named(simulation, "a");
  simulation.runFor(10);
  client.crash();
  simulation.runFor(10);
  expect(server.app?.backlog()).toBe(false);
  expect(simulation.log.at(-2)).toBe('11.000 server sees depart ["a"]');
});

test.each<[string, Fault[], string]>([
  ["a cut", [{ at: 0, kind: "cut", nodes: ["a", "server"] }], "11"],
  ["a crash", [{ at: 0, kind: "crash", node: "a" }], "11"],
  [
    "a partition, found by pings",
    [{ at: 0, kind: "partition", from: ["a"], to: ["server"], oneWay: false }],
    "30",
  ],
])("%s is a departure", (_name, faults, at) => {
  const simulation = new Simulation({ network: oneMs });
  const server = watcher(simulation, { pingIntervalMs: 10 });
  named(simulation, "a");
  simulation.runFor(10);
  simulation.inject(...faults);
  simulation.runFor(40);
  expect(appOf(server).story).toEqual(["a departs"]);
  expect(simulation.log.filter((line) => line.includes(" sees depart "))).toEqual([
    `${at}.000 server sees depart ["a"]`,
  ]);
});

test("a process that is paused is told when it goes on, in order", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = watcher(simulation);
  const client = named(simulation, "a");
  simulation.runFor(10);
  server.pause();
  for (const text of numbers(3)) appOf(client).sendText(text);
  simulation.runFor(5);
  client.crash();
  simulation.runFor(100);
  expect(appOf(server).story).toEqual([]);
  server.resume();
  simulation.runFor(1);
  expect(appOf(server).story).toEqual(["a: 0", "a: 1", "a: 2", "a departs"]);
});

test("a socket that closes, with or without linger, is told nothing more", () => {
  for (const lingerMs of [0, 1000]) {
    const simulation = new Simulation({ network: { ...oneMs, windowMessages: 1 } });
    const server = watcher(simulation);
    const client = named(simulation, "a");
    simulation.runFor(10);
    client.pause();
    // With the client paused some of these cannot leave, so the linger time runs.
    for (const text of numbers(5)) appOf(server).sendText("a", text);
    simulation.runFor(1);
    server.call(({ socket }) => void socket.close(lingerMs));
    simulation.runFor(1);
    client.crash();
    simulation.runFor(2000);
    expect(appOf(server).story).toEqual([]);
  }
});

test("without handover a routing id stays in use until its holder's last message is read", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = watcher(simulation);
  const first = named(simulation, "first", "x");
  simulation.runFor(10);
  const quicken = server.slow(100);
  for (const text of numbers(3)) appOf(first).sendText(text);
  simulation.runFor(5);
  first.crash();
  const ignored = named(simulation, "ignored", "x");
  simulation.runFor(10);
  expect(appOf(ignored).events).toHaveLength(1);
  appOf(ignored).sendText("unheard");
  appOf(server).sendText("x", "to nobody");
  quicken();
  simulation.runFor(1000);
  const third = named(simulation, "third", "x");
  simulation.runFor(10);
  appOf(third).sendText("hello");
  simulation.runFor(10);
  expect(appOf(server).story).toEqual(["x: 0", "x: 1", "x: 2", "x departs", "x: hello"]);
  expect(appOf(server).refusals).toEqual(["peer-unknown"]);
});

test("with handover what is left of the one that went is read, and departs, under a made-up id", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = watcher(simulation, { handover: true });
  const first = named(simulation, "first", "x");
  simulation.runFor(10);
  const quicken = server.slow(100);
  for (const text of numbers(3)) appOf(first).sendText(text);
  simulation.runFor(5);
  first.crash();
  const second = named(simulation, "second", "x");
  simulation.runFor(10);
  appOf(second).sendText("hello");
  simulation.runFor(10);
  quicken();
  simulation.runFor(1000);
  expect(appOf(server).story).toEqual(["x: 0", "?: 1", "x: hello", "?: 2", "? departs"]);
  appOf(server).sendText("x", "welcome");
  appOf(server).socket.send([appOf(server).departedIds[0] as Uint8Array, textFrame("to nobody")]);
  simulation.runFor(10);
  expect(appOf(second).messages).toEqual(["welcome"]);
  expect(appOf(server).refusals).toEqual(["peer-unknown"]);
  second.crash();
  simulation.runFor(10);
  expect(appOf(server).story.at(-1)).toBe("x departs");
});

test("a seed repeats them, and they count in the digest", () => {
  const run = (seed: number, departures: boolean): Simulation => {
    const simulation = new Simulation({ seed });
    watcher(simulation, { departures });
    for (const name of ["a", "b", "c"]) {
      const client = named(simulation, name);
      simulation.every(7, () => void client.app?.sendText("x"));
    }
    simulation.run({
      safetyMs: 1000,
      livenessMs: 1000,
      faults: { crash: { everyMs: 50, forMs: 20 }, cut: { everyMs: 50 } },
      converged: () => true,
    });
    return simulation;
  };
  const [once, again, without] = [run(7, true), run(7, true), run(7, false)];
  expect(once.log.some((line) => line.includes(" sees depart "))).toBe(true);
  expect(again.digest).toBe(once.digest);
  expect(without.log.some((line) => line.includes(" sees depart "))).toBe(false);
  expect(without.digest).not.toBe(once.digest);
});

test("a socket that closes with a departure unread has no backlog", () => {
  const simulation = new Simulation({ network: oneMs });
  const story: string[] = [];
  const server = simulation.node("server", ({ transport }) => {
    const socket = transport.open(
      { type: "router", departures: true },
      { message: () => void story.push("message"), departed: () => void story.push("departs") },
    );
    socket.bind("tcp://*:5555");
    return { socket, transport };
  });
  const client = named(simulation, "a");
  simulation.runFor(10);
  server.slow(100);
  for (const text of numbers(2)) appOf(client).sendText(text);
  simulation.runFor(5);
  client.crash();
  simulation.runFor(5);
  expect([story, appOf(server).transport.backlog()]).toEqual([["message"], true]);
  void appOf(server).socket.close(0);
  expect(appOf(server).transport.backlog()).toBe(false);
  simulation.runFor(1000);
  expect(story).toEqual(["message"]);
});
