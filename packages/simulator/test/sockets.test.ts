import { BindError, textFrame } from "@seaworthy/core";
import { expect, test } from "vitest";
import { Simulation } from "../src/index.js";
import { appOf, binder, connecter, numbers, oneMs, record } from "./support.js";

test("a dealer sends round-robin and receives from all", () => {
  const simulation = new Simulation({ network: oneMs });
  const servers = ["a", "b"].map((name) => {
    const server = binder(simulation, name, { type: "router" }, (frames) => {
      appOf(server).socket.send([frames[0] as Uint8Array, textFrame(`from ${name}`)]);
    });
    return server;
  });
  const client = simulation.node("client", (context) => {
    const recorder = record(context, { type: "dealer" });
    for (const name of ["a", "b"]) recorder.socket.connect(`tcp://${name}:5555`);
    return recorder;
  });
  simulation.runFor(10);
  for (const text of numbers(4)) appOf(client).sendText(text);
  simulation.runFor(10);
  expect(servers.map((server) => appOf(server).messages)).toEqual([
    ["0", "2"],
    ["1", "3"],
  ]);
  expect(appOf(client).messages).toEqual(["from a", "from b", "from a", "from b"]);
});

test("a socket reads its peers in turn", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const clients = ["a", "b"].map((name) => connecter(simulation, name, "server", { type: "dealer" }));
  simulation.runFor(10);
  server.slow(1);
  for (const client of clients)
    for (const text of numbers(3)) appOf(client).sendText(`${client.name}${text}`);
  simulation.runFor(20);
  expect(appOf(server).messages).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"]);
});

test("a router gives each connection a fresh id of five bytes that starts with zero", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.runFor(10);
  appOf(client).sendText("one");
  simulation.runFor(10);
  const first = appOf(server).lastId as Uint8Array;
  expect([first.length, first[0]]).toEqual([5, 0]);
  simulation.cut("client", "server");
  simulation.runFor(500);
  appOf(client).sendText("two");
  simulation.runFor(10);
  expect(appOf(server).lastId).not.toEqual(first);
  appOf(server).socket.send([first, textFrame("to nobody")]);
  simulation.runFor(10);
  expect(appOf(server).refusals).toEqual(["peer-unknown"]);
});

test("a router refuses an unknown peer", () => {
  const simulation = new Simulation();
  const server = binder(simulation, "server", { type: "router" });
  simulation.runFor(1);
  expect(appOf(server).sendText("nobody", "x")).toBe(true);
  expect(appOf(server).refusals).toEqual([]);
  simulation.runFor(1);
  expect(appOf(server).refusals).toEqual(["peer-unknown"]);
});

test.each([
  [false, "first"],
  [true, "second"],
])("of two peers with one routing id one is heard: with handover %s, the %s", (handover, heard) => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router", handover });
  const spec = { type: "dealer", routingId: "same" } as const;
  const first = connecter(simulation, "first", "server", spec);
  simulation.runFor(10);
  appOf(first).sendText("first, alone");
  simulation.runFor(10);
  const second = connecter(simulation, "second", "server", spec);
  simulation.runFor(10);
  for (const client of [first, second]) appOf(client).sendText(client.name);
  appOf(server).sendText("same", "reply");
  simulation.runFor(1000);
  expect(appOf(server).messages).toEqual(["first, alone", heard]);
  expect([first, second].map((client) => appOf(client).messages.length)).toEqual(handover ? [0, 1] : [1, 0]);
  expect(
    [first, second].map((client) => appOf(client).events.length),
    "both stay connected",
  ).toEqual([1, 1]);
});

test("a peer that loses its routing id loses what was not read yet", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router", handover: true });
  const spec = { type: "dealer", routingId: "same" } as const;
  const first = connecter(simulation, "first", "server", spec);
  const bystander = connecter(simulation, "bystander", "server", { type: "dealer" });
  simulation.runFor(10);
  const quicken = server.slow(100);
  for (const text of numbers(3)) appOf(first).sendText(text);
  simulation.runFor(0.5);
  appOf(bystander).sendText("heard");
  connecter(simulation, "second", "server", spec);
  simulation.runFor(50);
  quicken();
  simulation.runFor(500);
  expect(appOf(server).messages).toEqual(["0", "heard"]);
});

test("a subscriber gets what begins with its prefixes, once its subscription has arrived", () => {
  const simulation = new Simulation({ network: oneMs });
  const publisher = binder(simulation, "publisher", { type: "publisher" });
  const subscriber = connecter(simulation, "subscriber", "publisher", { type: "subscriber" });
  simulation.at(0, () => subscriber.call(({ socket }) => socket.subscribe(textFrame("a"))));
  let number = 0;
  const publish = (): void => {
    number += 1;
    publisher.call((recorder) => {
      recorder.sendText("apple", `a${number}`);
      recorder.sendText("banana", `b${number}`);
    });
  };
  // Message 1 is published at 1.5. The first subscription is known at 3, the second at 11.
  simulation.at(0.5, () => simulation.every(1, publish));
  simulation.at(10, () => subscriber.call(({ socket }) => socket.subscribe(textFrame("ban"))));
  simulation.runFor(14);
  expect(appOf(subscriber).messages).toEqual([
    ...["a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10", "a11"],
    ...["b11", "a12", "b12"],
  ]);
});

test("a publisher drops for the subscriber that is at its high-water mark, and for no other", () => {
  const simulation = new Simulation({ network: { ...oneMs, windowMessages: 2 } });
  const publisher = binder(simulation, "publisher", { type: "publisher", sendHighWaterMark: 3 });
  const [slow, quick] = ["slow", "quick"].map((name) =>
    simulation.node(name, (context) => {
      const recorder = record(context, { type: "subscriber" });
      recorder.socket.subscribe(new Uint8Array(0));
      recorder.socket.connect("tcp://publisher:5555");
      return recorder;
    }),
  ) as [ReturnType<typeof connecter>, ReturnType<typeof connecter>];
  simulation.runFor(10);
  slow.pause();
  let number = 0;
  simulation.every(3, () => void publisher.call((recorder) => recorder.sendText(String(number++))));
  simulation.runFor(31);
  slow.resume();
  simulation.runFor(0.5);
  expect(appOf(quick).messages).toEqual(numbers(10));
  expect(appOf(slow).messages).toEqual(numbers(2));
  simulation.runFor(2);
  expect(appOf(slow).messages.slice(0, 5)).toEqual(numbers(5));
  expect(appOf(slow).messages).not.toContain("7");
});

test("a publisher forgets what was published while the subscriber was away", () => {
  const simulation = new Simulation({ network: oneMs });
  const publisher = binder(simulation, "publisher", { type: "publisher" });
  const subscriber = connecter(simulation, "subscriber", "publisher", { type: "subscriber" });
  simulation.at(0, () => subscriber.call(({ socket }) => socket.subscribe(new Uint8Array(0))));
  simulation.runFor(10);
  simulation.cut("publisher", "subscriber");
  simulation.runFor(10);
  appOf(publisher).sendText("missed");
  simulation.runFor(500);
  appOf(publisher).sendText("heard");
  simulation.runFor(10);
  expect(appOf(subscriber).messages).toEqual(["heard"]);
});

test("binding: ports of the host's own, each once, loopback for itself alone", () => {
  const simulation = new Simulation({ network: oneMs });
  const bound: string[] = [];
  const faults: string[] = [];
  const host = simulation.node("host", (context) => {
    const recorder = record(context, { type: "router" });
    for (const endpoint of ["tcp://*:*", "tcp://host:*", "tcp://127.0.0.1:5555"]) {
      bound.push(recorder.socket.bind(endpoint));
    }
    for (const endpoint of ["tcp://*:5555", "tcp://other:1", "ipc://x"]) {
      try {
        recorder.socket.bind(endpoint);
      } catch (error) {
        faults.push((error as BindError).message);
        expect(error).toBeInstanceOf(BindError);
      }
    }
    return recorder;
  });
  const stranger = connecter(simulation, "stranger", "host", { type: "dealer" });
  const inside = simulation.node("unrelated", () => {});
  simulation.runFor(50);
  expect(inside.state).toBe("up");
  expect(bound).toEqual(["tcp://host:49152", "tcp://host:49153", "tcp://127.0.0.1:5555"]);
  expect(faults).toEqual([
    "cannot bind tcp://*:5555: address already in use",
    "cannot bind tcp://other:1: address not available",
    "cannot bind ipc://x: not of the form tcp://host:port",
  ]);
  expect(appOf(stranger).events).toEqual(["2 failed connection refused"]);
  host.call(({ socket }) => void socket.close(0));
  simulation.runFor(1);
  simulation.node("later", () => {});
  host.call(() => {});
  simulation.runFor(1);
  expect(appOf(host).events).toEqual([]);
});

test("a frame above maxFrameBytes costs the sender its connection", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router", maxFrameBytes: 4 });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.runFor(10);
  appOf(client).sendText("12345");
  simulation.runFor(10);
  expect(appOf(server).messages).toEqual([]);
  expect(appOf(client).events).toEqual(["2 up", "12 down"]);
});

test("a wrong socket option is named", () => {
  const simulation = new Simulation();
  simulation.node("n", ({ transport }) =>
    transport.open({ type: "dealer", sendHighWaterMark: 0 }, { message() {} }),
  );
  expect(() => simulation.runFor(1)).toThrow(/n: option "sendHighWaterMark" must be .* got 0/);
});

test("a message may come before the word that its connection is up, as with ZeroMQ's monitor", () => {
  const overtaken = Array.from({ length: 20 }, (_, seed) => {
    const simulation = new Simulation({ seed, network: { ...oneMs, maxNoticeMs: 3 } });
    const story: string[] = [];
    simulation.node("server", ({ transport }) => {
      const handlers = {
        message: () => void story.push("message"),
        connection: ({ type }: { type: string }) => void story.push(type),
      };
      transport.open({ type: "router" }, handlers).bind("tcp://*:5555");
    });
    const client = connecter(simulation, "client", "server", { type: "dealer" });
    // Up at the server at 3, told by 6; the message is there at 4.5.
    simulation.at(3.5, () => client.call((recorder) => recorder.sendText("x")));
    simulation.runFor(6);
    client.crash();
    simulation.runFor(10);
    expect(story.filter((word) => word !== "message")).toEqual(["up", "down"]);
    return story[0] === "message";
  });
  expect(new Set(overtaken)).toEqual(new Set([true, false]));
});
