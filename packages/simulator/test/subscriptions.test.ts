import { textFrame } from "@seaworthy/core";
import { expect, test } from "vitest";
import { type SimulatedNode, Simulation } from "../src/index.js";
import { appOf, binder, oneMs, type Recorder, record } from "./support.js";

const watchful = { type: "publisher", subscriptions: true } as const;

/** A node with a subscriber that is connected to the publisher. */
function subscriber(
  simulation: Simulation,
  name: string,
  prefixes: readonly string[],
): SimulatedNode<Recorder> {
  return simulation.node(name, (context) => {
    const recorder = record(context, { type: "subscriber" });
    for (const prefix of prefixes) recorder.socket.subscribe(textFrame(prefix));
    recorder.socket.connect("tcp://publisher:5555");
    return recorder;
  });
}

test("a publisher is told of each subscription when it arrives, and then sends what it asks for", () => {
  const simulation = new Simulation({ network: oneMs });
  const publisher = simulation.node("publisher", (context) => {
    const recorder = record(context, watchful, undefined, undefined, (prefix) =>
      recorder.socket.send([prefix, textFrame(`welcome to ${recorder.subscriptions.length}`)]),
    );
    recorder.socket.bind("tcp://*:5555");
    return recorder;
  });
  const peer = subscriber(simulation, "a", ["x", "y"]);
  simulation.runFor(10);
  peer.call(({ socket }) => socket.subscribe(textFrame("z")));
  simulation.runFor(10);
  expect(appOf(publisher).subscriptions).toEqual(["3 +x", "3 +y", "11 +z"]);
  expect(appOf(publisher).messages).toEqual([]);
  expect(appOf(peer).messages).toEqual(["welcome to 1", "welcome to 2", "welcome to 3"]);
});

test("it is told of each peer that comes for a prefix, but only when the last one goes", () => {
  const simulation = new Simulation({ network: oneMs });
  const publisher = binder(simulation, "publisher", watchful);
  const [first, second] = [subscriber(simulation, "a", ["x"]), subscriber(simulation, "b", ["x", "y"])];
  simulation.runFor(10);
  first.crash();
  simulation.runFor(10);
  expect(appOf(publisher).subscriptions).toEqual(["3 +x", "3 +x", "3 +y"]);
  second.crash();
  simulation.runFor(10);
  expect(appOf(publisher).subscriptions.slice(3)).toEqual(["21 -x", "21 -y"]);
});

test("a peer that comes back subscribes anew, once to each prefix", () => {
  const simulation = new Simulation({ network: oneMs });
  const publisher = binder(simulation, "publisher", watchful);
  const peer = subscriber(simulation, "a", ["x"]);
  simulation.runFor(10);
  peer.call(({ socket }) => socket.subscribe(textFrame("x")));
  simulation.runFor(10);
  expect(appOf(publisher).subscriptions).toEqual(["3 +x", "11 +x"]);
  simulation.cut("publisher", "a");
  simulation.runFor(500);
  expect(appOf(publisher).subscriptions.slice(2)).toEqual(["21 -x", "124 +x"]);
});

test("of a peer that is back before its end was noticed no end is told: the last word is the true one", () => {
  const stories = Array.from({ length: 200 }, (_, seed) => {
    const simulation = new Simulation({ seed });
    const publisher = binder(simulation, "publisher", watchful);
    const peer = subscriber(simulation, "a", ["x"]);
    simulation.runFor(100);
    peer.crash();
    peer.start();
    simulation.runFor(100);
    return appOf(publisher)
      .subscriptions.map((word) => word.split(" ")[1])
      .join(" ");
  });
  expect(new Set(stories)).toEqual(new Set(["+x -x +x", "+x +x"]));
});

test("a process that is paused is told nothing, and everything in order when it goes on", () => {
  const simulation = new Simulation({ network: oneMs });
  const publisher = binder(simulation, "publisher", watchful);
  simulation.runFor(1);
  const early = subscriber(simulation, "early", ["x"]);
  simulation.runFor(10);
  publisher.pause();
  early.call(({ socket }) => socket.subscribe(textFrame("y")));
  simulation.runFor(10);
  early.crash();
  simulation.runFor(79);
  expect(appOf(publisher).subscriptions).toEqual(["4 +x"]);
  publisher.resume();
  simulation.runFor(10);
  expect(appOf(publisher).subscriptions).toEqual(["4 +x", "100 +y", "100 -x", "100 -y"]);
});

test("a peer whose main thread is busy comes back unsubscribed, until that gets to it", () => {
  const simulation = new Simulation({ network: oneMs });
  const publisher = binder(simulation, "publisher", watchful);
  const peer = subscriber(simulation, "a", ["x"]);
  simulation.runFor(10);
  peer.slow(1000);
  peer.call(() => {});
  simulation.cut("publisher", "a");
  simulation.runFor(500);
  expect(appOf(publisher).events.map((event) => event.split(" ")[1])).toEqual(["up", "down", "up"]);
  expect(appOf(publisher).subscriptions.map((word) => word.slice(-2))).toEqual(["+x", "-x"]);
  // It is told of the end of the connection first, which takes it another second.
  simulation.runFor(2000);
  expect(appOf(publisher).subscriptions.at(-1)).toBe("2011 +x");
});

test.each([
  [false, ["8 +x", "13 +y", "18 +z"], [true, true, false]],
  [true, ["8 +x", "13 +y"], [true, true]],
])(
  "each is something that waits to be handed over, unless the socket closes: %s",
  (closes, story, backlog) => {
    const simulation = new Simulation({ network: oneMs });
    const waiting: boolean[] = [];
    const publisher = simulation.node("publisher", (context) => {
      const recorder = record(context, watchful, undefined, undefined, () => {
        waiting.push(context.transport.backlog());
        if (closes && waiting.length === 2) void recorder.socket.close(1000);
      });
      recorder.socket.bind("tcp://*:5555");
      return recorder;
    });
    subscriber(simulation, "a", ["x", "y", "z"]);
    simulation.runFor(1);
    publisher.slow(5);
    simulation.runFor(100);
    expect(appOf(publisher).subscriptions).toEqual(story);
    expect(waiting).toEqual(backlog);
  },
);

test("a publisher that lingers is told nothing of peers that go", () => {
  const simulation = new Simulation({ network: { ...oneMs, windowMessages: 1 } });
  const publisher = binder(simulation, "publisher", watchful);
  const [stuck, other] = [subscriber(simulation, "a", [""]), subscriber(simulation, "b", ["x"])];
  simulation.runFor(10);
  stuck.pause();
  for (const text of ["1", "2", "3"]) appOf(publisher).sendText(text);
  publisher.call(({ socket }) => void socket.close(1000));
  simulation.runFor(10);
  other.crash();
  simulation.runFor(500);
  expect(appOf(publisher).subscriptions).toEqual(["3 +", "3 +x"]);
});

test.each([
  [false, ["+x", "+x"]],
  [true, ["+x", "-x", "+x"]],
])(
  "what a publisher itself has connected to stays while its connection is lost, if it is not immediate; immediate: %s",
  (immediate, story) => {
    const simulation = new Simulation({ network: oneMs });
    const peer = simulation.node("peer", (context) => {
      const recorder = record(context, { type: "subscriber" });
      recorder.socket.subscribe(textFrame("x"));
      recorder.socket.bind("tcp://*:5555");
      return recorder;
    });
    const publisher = simulation.node("publisher", (context) => {
      const recorder = record(context, { ...watchful, immediate });
      recorder.socket.connect("tcp://peer:5555");
      return recorder;
    });
    simulation.runFor(10);
    simulation.cut("peer", "publisher");
    simulation.runFor(500);
    const { subscriptions } = appOf(publisher);
    expect(subscriptions.map((word) => word.slice(-2))).toEqual(story);
    appOf(publisher).sendText("x");
    simulation.runFor(10);
    expect(appOf(peer).messages).toEqual(["x"]);
  },
);

test("a publisher that does not ask is told nothing, and works all the same", () => {
  const simulation = new Simulation({ network: oneMs, log: "full" });
  const publisher = binder(simulation, "publisher", { type: "publisher" });
  const peer = subscriber(simulation, "a", ["x"]);
  simulation.runFor(10);
  appOf(publisher).sendText("x");
  simulation.runFor(10);
  peer.crash();
  simulation.runFor(10);
  expect(appOf(publisher).subscriptions).toEqual([]);
  expect(simulation.log.join()).not.toContain("subscribe");
});

test("the log and its digest tell what was seen", () => {
  const run = (prefixes: readonly string[]): Simulation => {
    const simulation = new Simulation({ network: oneMs, log: "full" });
    binder(simulation, "publisher", watchful);
    const peer = subscriber(simulation, "a", prefixes);
    simulation.runFor(10);
    peer.crash();
    simulation.runFor(10);
    return simulation;
  };
  const simulation = run(["x"]);
  const seen = simulation.log.filter((line) => line.includes(" sees "));
  expect(seen).toEqual(['3.000 publisher sees subscribe ["x"]', '11.000 publisher sees unsubscribe ["x"]']);
  expect(run(["x"]).digest).toBe(simulation.digest);
  expect(run(["y"]).digest).not.toBe(simulation.digest);
});
