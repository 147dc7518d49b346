import { frameText, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import type { Arbiter } from "../src/arbiter.js";
import { BinaryStarMachine } from "../src/star-machine.js";
import { resolveStarOptions, type StarOptions } from "../src/star-options.js";
import { wireStar } from "../src/star-wiring.js";
import { encodeState, type PublishedState, RECORD_TOPIC } from "../src/wire.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function wire(options: StarOptions, arbiter?: Arbiter) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const events: string[] = [];
  const resolved = resolveStarOptions("Star", options);
  const machine = new BinaryStarMachine(resolved, { asksForEpochs: arbiter !== undefined });
  const star = wireStar(machine, {
    transport: sockets,
    scheduler: clock,
    socket: resolved.peerSocket,
    arbiter,
    owner: {
      activate(epoch) {
        events.push(`activate ${epoch}`);
        star.feed({ type: "activated", epoch });
      },
      deactivate: (epoch, reason) => events.push(`deactivate ${epoch} ${reason}`),
      transfer: (transfer) => events.push(`transfer ${transfer}`),
      stopTransfer: (transfer) => events.push(`stop-transfer ${transfer}`),
      status: (event) => events.push(event.type),
    },
  });
  const [publisher, subscriber] = [sockets.at(0), sockets.at(1)];
  return {
    sockets,
    clock,
    machine,
    star,
    events,
    publisher,
    subscriber,
    hear: (state: PublishedState, epoch: number) =>
      subscriber.handlers.message([
        ...encodeState(state, {
          role: options.role === "primary" ? "backup" : "primary",
          heartbeatMs: 1000,
          epoch,
        }),
      ]),
    /** What was published, as digits; with `+` where a record came with it. */
    said: () =>
      publisher.sent
        .splice(0)
        .map(([digit, record]) => `${frameText(digit as Uint8Array)}${record ? "+" : ""}`),
  };
}

describe("the sockets of a node", () => {
  it("are a publisher that hears subscriptions, and a subscriber, with the settings of the peer's socket", () => {
    const { publisher, subscriber } = wire({ role: "primary", peerSocket: { maxQueued: 7 } });
    expect(publisher.spec).toMatchObject({ type: "publisher", subscriptions: true, maxQueued: 7 });
    expect(subscriber.spec).toMatchObject({ type: "subscriber", maxQueued: 7 });
  });

  it("bind and connect; the node speaks when it is connected, and not before", () => {
    const { star, clock, said } = wire({ role: "primary" });
    expect(star.bind("tcp://*:5003")).toBe("tcp://*:5003 as bound");
    clock.until(5000);
    expect(said()).toEqual([]);
    star.connect("tcp://backup:5004");
    expect(said()).toEqual(["1"]);
    clock.until(6000);
    expect(said()).toEqual(["1"]);
    expect(star.now()).toBe(6000);
  });

  it("records go to those that subscribed to the record's topic, and to nobody else", () => {
    const { star, publisher, clock, said } = wire({ role: "backup" });
    star.connect("tcp://primary:5003");
    publisher.handlers.subscribed?.(new Uint8Array(0));
    publisher.handlers.subscribed?.(textFrame("SW-BSTAR-2"));
    publisher.handlers.subscribed?.(textFrame("SW-BSTAR-11"));
    expect(said()).toEqual(["2"]);
    publisher.handlers.subscribed?.(RECORD_TOPIC);
    expect(said()).toEqual(["2+"]);
    publisher.handlers.unsubscribed?.(new Uint8Array(0));
    clock.until(1000);
    expect(said()).toEqual(["2+"]);
    publisher.handlers.unsubscribed?.(RECORD_TOPIC);
    clock.until(2000);
    expect(said()).toEqual(["2"]);
  });

  it("what a publisher is sent is nothing", () => {
    const { star, publisher, events } = wire({ role: "backup" });
    star.connect("tcp://primary:5003");
    publisher.handlers.message([textFrame("3")]);
    expect(events).toEqual([]);
  });

  it("garbage is told and dropped", () => {
    const { star, subscriber, events, machine } = wire({ role: "backup" });
    star.connect("tcp://primary:5003");
    subscriber.handlers.message([textFrame("9")]);
    subscriber.handlers.message([]);
    expect(events).toEqual(["message-dropped", "message-dropped"]);
    expect(machine.stats.malformed).toBe(2);
  });
});

describe("the owner", () => {
  it("is told what to do and what happened", () => {
    const { star, events, hear } = wire({ role: "backup" });
    star.connect("tcp://primary:5003");
    hear("active", 1);
    hear("primary", 1);
    expect(events).toEqual([
      "peer-heard",
      "state-changed",
      "transfer 1",
      "peer-changed",
      "stop-transfer 1",
      "state-changed",
    ]);
  });

  it("a vote that makes the node active is accepted, and counted so", () => {
    const { star, clock, events, machine } = wire({ role: "primary" });
    star.connect("tcp://backup:5004");
    expect(star.vote()).toBe(false);
    clock.until(2000);
    expect(star.vote()).toBe(true);
    expect(events).toEqual(
      ["request-rejected", "became-active", "state-changed", "activate 1"].sort(
        (a, b) => events.indexOf(a) - events.indexOf(b),
      ),
    );
    expect(machine.stats).toMatchObject({ accepted: 1, rejected: 1 });
  });

  it("whose application takes no requests turns clients away, and they make nobody active", () => {
    const { star, clock, events, machine } = wire({ role: "primary" });
    star.connect("tcp://backup:5004");
    clock.until(2000);
    expect(star.vote(false)).toBe(false);
    expect(machine.state).toBe("primary");
    star.vote();
    expect(star.vote(false)).toBe(false);
    expect(events.filter((type) => type === "request-rejected")).toHaveLength(2);
  });
});

describe("leaving", () => {
  it("gives the last word its time, and the node hears nothing any more", async () => {
    const { star, publisher, subscriber, hear, said, events } = wire({ role: "primary" });
    star.connect("tcp://backup:5004");
    hear("backup", 0);
    said();
    const closed = star.close(700);
    expect(said()).toEqual(["1"]);
    expect([publisher.closedWith, subscriber.closedWith]).toEqual([700, 0]);
    await closed;
    const before = events.length;
    hear("active", 9);
    star.feed({ type: "malformed", reason: "x" });
    expect(events.length).toBe(before);
  });

  it("waits for the lease to be given back, but no longer than it may", async () => {
    let released = (): void => {};
    const arbiter: Arbiter = {
      acquire: async ({ minEpoch }) => ({ epoch: minEpoch, durationMs: 5000 }),
      renew: async (lease) => lease,
      release: () =>
        new Promise((resolve) => {
          released = resolve;
        }),
    };
    const leave = async () => {
      const wired = wire({ role: "primary" }, arbiter);
      wired.star.connect("tcp://backup:5004");
      wired.hear("backup", 0);
      await turn();
      expect(wired.events).toContain("activate 1");
      let isClosed = false;
      const closed = wired.star.close(700).then(() => {
        isClosed = true;
      });
      await turn();
      expect(isClosed).toBe(false);
      return { closed, clock: wired.clock };
    };
    const quick = await leave();
    released();
    await quick.closed;
    const stuck = await leave();
    stuck.clock.until(700);
    await stuck.closed;
  });
});
