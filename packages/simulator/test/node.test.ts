import { type Machine, MachineHost, type Scheduler, type Stalled } from "@seaworthy/core";
import { expect, test } from "vitest";
import { Simulation } from "../src/index.js";
import { appOf, binder, connecter, oneMs, record } from "./support.js";

test("timers fire in the order of their times, then of their setting; withdrawn ones do not", () => {
  const simulation = new Simulation();
  const fired: string[] = [];
  simulation.node("n", ({ scheduler, now }) => {
    const set = (name: string, at: number): (() => void) =>
      scheduler.schedule(at, () => fired.push(`${name} ${now()}`));
    set("c", 20);
    set("a", 10);
    set("b", 10);
    set("past", -5);
    set("never", Number.POSITIVE_INFINITY);
    const withdraw = set("withdrawn", 15);
    scheduler.schedule(12, withdraw);
    scheduler.schedule(1 / 3, () => fired.push(`third ${now() >= 1 / 3}`));
  });
  simulation.runFor(100);
  expect(fired).toEqual(["past 0", "third true", "a 10", "b 10", "c 20"]);
});

test("a time that is no number is refused", () => {
  const simulation = new Simulation();
  simulation.node("n", ({ scheduler }) => scheduler.schedule(Number.NaN, () => {}));
  expect(() => simulation.runFor(1)).toThrow(/NaN/);
});

test("a paused process: timers fire late and in order, messages are read after, then time goes on", () => {
  const simulation = new Simulation({ network: oneMs });
  const seen: string[] = [];
  const server = simulation.node("server", (context) => {
    const recorder = record(context, { type: "router" }, () => seen.push(`message ${context.now()}`));
    recorder.socket.bind("tcp://*:5555");
    for (const at of [100, 200, 2000]) {
      context.scheduler.schedule(at, () => seen.push(`timer ${at} at ${context.now()}`));
    }
    return recorder;
  });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.runFor(50);
  server.pause();
  expect(server.state).toBe("paused");
  appOf(client).sendText("x");
  simulation.runFor(950);
  expect(seen).toEqual([]);
  server.resume();
  simulation.runFor(2000);
  expect(seen).toEqual(["timer 100 at 1000", "timer 200 at 1000", "message 1000", "timer 2000 at 2000"]);
});

test("a paused process accepts connections by its kernel, but the handshake waits for it", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  simulation.runFor(1);
  server.pause();
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.runFor(1000);
  expect(appOf(client).events).toEqual([]);
  server.resume();
  simulation.runFor(10);
  expect(appOf(client).events).toEqual(["1002 up"]);
});

test("pauses that overlap add up, and a pause does not outlive its process", () => {
  const simulation = new Simulation();
  const node = simulation.node("n", () => {});
  simulation.inject(
    { at: 10, kind: "pause", node: "n", forMs: 100 },
    { at: 20, kind: "pause", node: "n", forMs: 20 },
  );
  simulation.runFor(50);
  expect(node.state).toBe("paused");
  simulation.runFor(70);
  expect(node.state).toBe("up");
  simulation.inject(
    { at: 10, kind: "pause", node: "n", forMs: 100 },
    { at: 20, kind: "crash", node: "n", forMs: 10 },
    { at: 50, kind: "pause", node: "n", forMs: 100 },
  );
  simulation.runFor(120);
  expect(node.state, "the end of the first life's pause is not the end of the second's").toBe("paused");
  simulation.runFor(31);
  expect(node.state).toBe("up");
});

/** Expects word from a peer every 50 ms, and writes down what it is told in which order. */
class Listener implements Machine<{ type: "heard" }, never> {
  readonly story: string[] = [];
  deadline: number | undefined = 150;
  handle(input: { type: "heard" } | Stalled, now: number): void {
    this.story.push(input.type === "stalled" ? `stalled ${input.ms}` : "heard");
    if (this.deadline !== undefined) this.deadline = now + 150;
  }
  tick(now: number): void {
    if (this.deadline === undefined || this.deadline > now) return;
    this.story.push("expired");
    this.deadline = undefined;
  }
  take(): undefined {
    return undefined;
  }
}

test("a machine that stood still gets what has arrived first, then is told of the stall", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = simulation.node("server", (context) => {
    const machine = new Listener();
    const { transport, scheduler } = context;
    const host = new MachineHost(machine, { scheduler, perform() {}, backlog: () => transport.backlog() });
    const recorder = record(context, { type: "router" }, () => host.feed({ type: "heard" }));
    recorder.socket.bind("tcp://*:5555");
    return machine;
  });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.every(50, () => void client.call((recorder) => recorder.sendText("alive")));
  simulation.runFor(130);
  server.pause();
  simulation.runFor(1000);
  const { story } = appOf(server);
  story.length = 0;
  server.resume();
  simulation.runFor(0.5);
  expect(story).toEqual(Array.from({ length: 20 }, () => "heard"));
  simulation.runFor(500);
  expect(story.filter((word) => word.startsWith("stalled"))).toHaveLength(1);
  expect(story).not.toContain("expired");
});

test("backlog tells of messages that wait for a busy main thread", () => {
  const simulation = new Simulation({ network: oneMs });
  const backlogs: boolean[] = [];
  const server = simulation.node("server", (context) => {
    const recorder = record(context, { type: "router" }, () => backlogs.push(context.transport.backlog()));
    recorder.socket.bind("tcp://*:5555");
  });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.runFor(50);
  server.slow(10);
  for (const text of ["1", "2", "3"]) appOf(client).sendText(text);
  simulation.runFor(100);
  expect(backlogs).toEqual([false, true, false]);
});

test("a slow node handles one thing after another, each in its service time", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.runFor(50);
  const quicken = server.slow(10);
  const quickenMore = server.slow(30);
  for (const text of ["1", "2", "3"]) appOf(client).sendText(text);
  simulation.runFor(100);
  expect(appOf(server).arrivals).toEqual([51, 81, 111]);
  quickenMore();
  for (const text of ["4", "5"]) appOf(client).sendText(text);
  simulation.runFor(100);
  expect(appOf(server).arrivals.slice(3)).toEqual([151, 161]);
  quicken();
  quicken();
  for (const text of ["6", "7"]) appOf(client).sendText(text);
  simulation.runFor(100);
  expect(appOf(server).arrivals.slice(5)).toEqual([251, 251]);
});

test("a crash loses memory and keeps the disk; what is on disk is a copy", () => {
  const simulation = new Simulation();
  const written = { list: [1] };
  const node = simulation.node("n", ({ disk, life }) => {
    const memory = { life, found: disk.get<{ list: number[] }>("state") };
    disk.set("state", written);
    written.list.push(2);
    return memory;
  });
  simulation.runFor(1);
  expect(appOf(node)).toEqual({ life: 0, found: undefined });
  node.crash();
  expect([node.state, node.app, node.call(() => {})]).toEqual(["down", undefined, false]);
  node.start();
  simulation.runFor(1);
  expect(appOf(node)).toEqual({ life: 1, found: { list: [1] } });
  expect(node.lives).toBe(2);
  expect(node.disk.keys()).toEqual(["state"]);
  expect([node.disk.has("state"), node.disk.delete("state"), node.disk.has("state")]).toEqual([
    true,
    true,
    false,
  ]);
});

test("nothing of an old life ever runs: timers, messages, calls, sockets", () => {
  const simulation = new Simulation({ network: oneMs });
  const calls: string[] = [];
  let oldScheduler: Scheduler | undefined;
  const server = simulation.node("server", (context) => {
    const say = (what: string) => () => calls.push(`life ${context.life} ${what}`);
    const { socket } = record(context, { type: "router" }, say("message"));
    socket.bind("tcp://*:5555");
    context.scheduler.schedule(context.now() + 100, say("timer"));
    oldScheduler ??= context.scheduler;
    return { socket, context };
  });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.runFor(50);
  const old = appOf(server);
  appOf(client).sendText("in flight");
  server.call(() => calls.push("call"));
  server.crash();
  oldScheduler?.schedule(60, () => calls.push("old timer"));
  expect(old.socket.send([new Uint8Array(1)])).toBe(false);
  const zombie = record(old.context, { type: "dealer" });
  zombie.socket.connect("tcp://server:5555");
  expect(zombie.sendText("from the grave")).toBe(false);
  expect(() => zombie.socket.bind("tcp://*:1")).toThrow(/the socket is closed/);
  server.start();
  simulation.runFor(500);
  expect(calls).toEqual(["life 1 timer"]);
  expect(zombie.events).toEqual([]);
});

test("a call to a paused node waits until it runs again", () => {
  const simulation = new Simulation();
  const node = simulation.node("n", () => "app");
  simulation.runFor(1);
  node.pause();
  const calls: string[] = [];
  expect(node.call((app) => calls.push(app))).toBe(true);
  simulation.runFor(100);
  expect(calls).toEqual([]);
  node.resume();
  simulation.runFor(1);
  expect(calls).toEqual(["app"]);
});

test("names of nodes are checked", () => {
  const simulation = new Simulation();
  simulation.node("n", () => {});
  expect(() => simulation.node("n", () => {})).toThrow('there is a node "n" already');
  expect(() => simulation.node("a b", () => {})).toThrow('"a b" is no name for a node');
  expect(() => simulation.cut("n", "m")).toThrow('there is no node "m"');
});

test("heal ends every fault, present and to come", () => {
  const simulation = new Simulation({ network: oneMs });
  const server = binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { type: "dealer" });
  simulation.inject(
    { at: 10, kind: "crash", node: "server" },
    { at: 10, kind: "pause", node: "client" },
    { at: 10, kind: "slow", node: "client", serviceMs: 1000 },
    { at: 10, kind: "partition", from: ["server"], to: ["client"] },
    { at: 10, kind: "delay", from: "client", to: "server", extraMs: 5000 },
    { at: 100, kind: "crash", node: "client" },
  );
  simulation.runFor(50);
  expect([server.state, client.state]).toEqual(["down", "paused"]);
  simulation.heal();
  simulation.runFor(500);
  expect([server.state, client.state, client.lives]).toEqual(["up", "up", 1]);
  appOf(client).sendText("1");
  appOf(client).sendText("2");
  simulation.runFor(1);
  expect(appOf(server).messages).toEqual(["1", "2"]);
});
