import { textFrame } from "@seaworthy/core";
import {
  decodeFromBroker,
  encodeBrokerDisconnect,
  encodeBrokerHeartbeat,
  encodeDisconnect,
  encodeFinal,
  encodeReady,
  encodeToWorker,
} from "@seaworthy/majordomo/machine";
import { describe, expect, it } from "vitest";
import { type FakeSocket, FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { TitanicServerMachine } from "../src/server-machine.js";
import { resolveServerOptions, type TitanicServerOptions } from "../src/server-options.js";
import { wireServer } from "../src/server-wiring.js";
import { idOf, idTextOf } from "./server-driver.js";
import { ScriptedStore } from "./server-store.js";

const endpoint = "tcp://broker:1";
const NAMES = ["titanic.request", "titanic.submit", "titanic.reply", "titanic.close"];
const REQUEST = 0;
const SUBMIT = 1;
const REPLY = 2;
const CLOSE = 3;

const address = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const words = (frames: readonly Uint8Array[]): string =>
  frames.map((frame) => Buffer.from(frame).toString("latin1")).join("|");

/** A server whose sockets and store do as they are told; nothing of a broker is known yet. */
function wire(more: TitanicServerOptions = {}) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const options = resolveServerOptions({ heartbeatMs: 100, concurrency: 2, absence: { jitter: 0 }, ...more });
  let made = 0;
  const machine = new TitanicServerMachine(
    options,
    () => idOf(++made),
    () => 0,
    0,
  );
  const store = new ScriptedStore();
  const events: string[] = [];
  const outcomes: (() => void)[] = [];
  const server = wireServer(machine, {
    transport: sockets,
    scheduler: clock,
    options,
    epoch: 1n,
    random: () => 0,
    store(action, done, failed) {
      store.now = clock.now();
      outcomes.push(() => {
        if (action.method === "remove") failed("no room");
        else done(store.perform(action));
      });
    },
    owner: {
      idle: () => events.push("idle"),
      status: (event) => {
        const about = "service" in event ? ` ${event.service}` : "";
        events.push(`${event.type}${about}${"reason" in event ? `: ${event.reason}` : ""}`);
      },
    },
  });
  const settle = (): void => {
    for (let next = outcomes.shift(); next !== undefined; next = outcomes.shift()) next();
  };
  clock.until(0);
  settle();
  return { sockets, clock, machine, store, events, outcomes, settle, server };
}

/** Connected with a broker of ours, by the client's socket and those of four workers. */
function connected(more: TitanicServerOptions = {}) {
  const wired = wire(more);
  wired.server.connect(endpoint);
  const [, ...workers] = wired.sockets.opened as [FakeSocket, ...FakeSocket[]];
  for (const socket of wired.sockets.opened) socket.handlers.connection?.({ type: "up", endpoint });
  for (const { handlers, sent } of workers) {
    handlers.message([...encodeBrokerHeartbeat("0.1", { heartbeatMs: 60_000, askedMs: 0 })]);
    sent.length = 0;
  }
  const worker = (verb: number): FakeSocket => workers[verb] as FakeSocket;
  const ask = (verb: number, n: number, ...body: string[]): void =>
    worker(verb).handlers.message([...encodeToWorker("0.2", address(n), body.map(textFrame))]);
  const final = (n: number, ...body: string[]) => encodeFinal("0.2", [address(n)], body.map(textFrame));
  wired.events.length = 0;
  return { ...wired, workers, worker, ask, final };
}

it("offers four services, each over a socket of its own, and has one more for what it sends on", () => {
  const { sockets, server, events } = wire();
  server.connect(endpoint);
  expect(sockets.opened).toHaveLength(5);
  for (const { handlers } of sockets.opened) handlers.connection?.({ type: "up", endpoint });
  const readies = sockets.opened.slice(1).map(({ sent }) => sent);
  expect(readies).toEqual(
    NAMES.map((name) => [encodeReady("0.1", textFrame(name), { heartbeatMs: 100, credit: 2 })]),
  );
  expect(events).toEqual(["connection-opened", ...NAMES.map((name) => `service-offered ${name}`)]);
});

it("tells each request of each service apart, and answers every one where it came from", () => {
  const { ask, settle, worker, final } = connected();
  ask(REQUEST, 1, "echo", "x");
  ask(REQUEST, 2, "echo", "y");
  ask(SUBMIT, 3, "key", "echo", "z");
  ask(REPLY, 4, idTextOf(9));
  ask(CLOSE, 5, idTextOf(9));
  ask(REPLY, 6, "no id");
  settle();
  expect(worker(REQUEST).sent).toEqual([final(1, "200", idTextOf(1)), final(2, "200", idTextOf(2))]);
  expect(worker(SUBMIT).sent).toEqual([final(3, "200", idTextOf(3))]);
  expect(worker(REPLY).sent).toEqual([final(6, "400", "an id is 32 hexadecimal digits"), final(4, "400")]);
  expect(worker(CLOSE).sent).toEqual([final(5, "500", "the store does not answer")]);
});

it("asks for another request for each that is answered", () => {
  const { ask, settle, worker, machine } = connected();
  for (let n = 1; n <= 20; n++) {
    ask(REQUEST, n, "echo", "x");
    settle();
  }
  expect(worker(REQUEST).sent).toHaveLength(20);
  expect(machine.stats.accepted).toBe(20);
});

it("serves no more of a service at a time than concurrency says", () => {
  const { ask, outcomes } = connected();
  for (let n = 1; n <= 5; n++) ask(REQUEST, n, "echo", "x");
  expect(outcomes).toHaveLength(2);
});

it("sends requests on as a client of the broker, and stores what it answers", () => {
  const { ask, settle, sockets, store, clock } = connected({ asksForWorkers: false });
  const client = sockets.at(0);
  client.handlers.message(["", "MDPC01", "mmi.seaworthy", "501"].map(textFrame));
  client.sent.length = 0;
  ask(REQUEST, 1, "echo", "a", "b");
  settle();
  const [request] = client.sent;
  expect(words(request ?? [])).toBe("|MDPC01|echo|a|b");
  clock.until(50);
  client.handlers.message(["", "MDPC01", "echo", "c", "d"].map(textFrame));
  settle();
  expect(store.at(1)).toMatchObject({ state: "done" });
  expect(words(store.at(1)?.reply ?? [])).toBe("c|d");
});

it("gives up what is closed: nothing more is waited for", () => {
  const { ask, settle, sockets, machine, server } = connected({ asksForWorkers: false });
  sockets.at(0).handlers.message(["", "MDPC01", "mmi.seaworthy", "501"].map(textFrame));
  ask(REQUEST, 1, "echo", "a");
  settle();
  expect(machine.load.inFlight).toBe(1);
  server.feed({ type: "removed", id: idOf(1) });
  expect(machine.load.inFlight).toBe(0);
});

it("tells the machine how a request failed", () => {
  const { ask, settle, clock, machine, events } = connected({ asksForWorkers: false, timeoutMs: 200 });
  ask(REQUEST, 1, "echo", "a");
  settle();
  clock.until(200);
  settle();
  expect(machine.stats).toMatchObject({ attempts: 1, postponed: 0, failed: 1 });
  expect(events).toContain("attempt-failed echo");
});

it("a request that nobody could take is no attempt that failed", () => {
  const { ask, settle, clock, machine, sockets } = connected({ asksForWorkers: false, timeoutMs: 200 });
  sockets.fault = new Error("Too many open files");
  sockets.at(0).handlers.connection?.({ type: "down", endpoint });
  ask(REQUEST, 1, "echo", "a");
  settle();
  clock.until(200);
  settle();
  expect(machine.stats).toMatchObject({ attempts: 1, postponed: 1, failed: 0 });
});

it("tells of the services that brokers know, and of the connection that requests are sent on over", () => {
  const { worker, sockets, events } = connected();
  worker(CLOSE).handlers.connection?.({ type: "down", endpoint });
  sockets.at(0).handlers.connection?.({ type: "down", endpoint, reason: "gone" });
  sockets.fault = new Error("Too many open files");
  expect(events).toEqual(["service-withdrawn titanic.close", "connection-lost: gone"]);
});

it("a broker that cannot be reached is told once for the connection, and not for each service", () => {
  const { sockets, server, events } = wire();
  sockets.fault = new Error("Too many open files");
  server.connect(endpoint);
  expect(events).toEqual(["connection-failed: Too many open files"]);
});

it("leaves a broker with all its sockets", () => {
  const { server, workers, sockets } = connected();
  server.disconnect(endpoint);
  for (const { sent, handlers } of workers) {
    expect(sent).toEqual([encodeDisconnect("0.2")]);
    handlers.message([...encodeBrokerDisconnect("0.2")]);
  }
  expect(sockets.opened.map(({ closedWith }) => closedWith)).not.toContain(undefined);
});

describe("draining", () => {
  it("leaves the brokers first, answers what it has of them, and then is idle", () => {
    const { ask, settle, server, workers, worker, final, events } = connected();
    ask(REQUEST, 1, "echo", "x");
    server.drain();
    expect(workers.map(({ sent }) => sent.map((frames) => decodeFromBroker([...frames]).type))).toEqual(
      NAMES.map((_, verb) => (verb === REQUEST ? [expect.any(String)] : ["disconnect"])),
    );
    settle();
    expect(worker(REQUEST).sent.slice(1)).toEqual([final(1, "200", idTextOf(1)), encodeDisconnect("0.2")]);
    for (const { handlers } of workers.slice(1)) handlers.message([...encodeBrokerDisconnect("0.2")]);
    expect(events).not.toContain("idle");
    worker(REQUEST).handlers.message([...encodeBrokerDisconnect("0.2")]);
    expect(events.filter((event) => event === "idle")).toHaveLength(1);
  });

  it("is idle only when what is worked on is done as well", () => {
    const { ask, settle, server, workers, sockets, events } = connected({ asksForWorkers: false });
    const client = sockets.at(0);
    client.handlers.message(["", "MDPC01", "mmi.seaworthy", "501"].map(textFrame));
    ask(REQUEST, 1, "echo", "x");
    settle();
    server.drain();
    for (const { handlers } of workers) handlers.message([...encodeBrokerDisconnect("0.2")]);
    expect(events).not.toContain("idle");
    client.handlers.message(["", "MDPC01", "echo", "y"].map(textFrame));
    settle();
    expect(events.at(-1)).toBe("idle");
  });

  it("does not wait for a broker that does not take its leave when the time is up", () => {
    const { server, events } = connected();
    server.drain();
    expect(events).not.toContain("idle");
    server.giveBack();
    expect(events.filter((event) => event === "idle")).toHaveLength(1);
    server.giveBack();
    expect(events.filter((event) => event === "idle")).toHaveLength(1);
  });

  it("gives back what is worked on when the time is up, and is idle when the store has it", () => {
    const { ask, settle, server, workers, store, events } = connected({ asksForWorkers: false });
    ask(REQUEST, 1, "echo", "x");
    settle();
    server.drain();
    for (const { handlers } of workers) handlers.message([...encodeBrokerDisconnect("0.2")]);
    server.giveBack();
    expect(events).not.toContain("idle");
    settle();
    expect(events.at(-1)).toBe("idle");
    expect(store.at(1)).toMatchObject({ state: "pending", leaseUntil: 0, failures: 0 });
  });
});

it("closing closes all sockets, and what comes after that is nothing", async () => {
  const { ask, server, sockets, outcomes, events, machine, clock } = connected({ lingerMs: 70 });
  ask(REQUEST, 1, "echo", "x");
  server.drain();
  await server.close();
  expect(sockets.opened.map(({ closedWith }) => closedWith)).not.toContain(undefined);
  events.length = 0;
  for (const tell of outcomes.splice(0)) tell();
  clock.until(60_000);
  expect(events).toEqual([]);
  expect(machine.stats.accepted).toBe(0);
});
