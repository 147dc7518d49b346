import {
  type Arbiter,
  BinaryStarMachine,
  encodeState,
  type PublishedState,
  resolveStarOptions,
} from "@seaworthy/binary-star/machine";
import { frameText, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { FakeSockets, HandClock } from "../../core/test/support/fake-sockets.js";
import { ServerMachine } from "../src/server-machine.js";
import { resolveServerOptions } from "../src/server-options.js";
import { wireServer } from "../src/server-wiring.js";
import { EMPTY, encodeCommand, encodeKeyValue, encodeSnapshotRequest } from "../src/wire.js";
import { ServerDriver, uuidOf } from "./server-driver.js";

const HEARTBEAT_MS = 100;
const DEAD_MS = 200;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The primary of a pair, with its sockets, to which its peer is heard. */
function primary(arbiter?: Arbiter) {
  const sockets = new FakeSockets();
  const clock = new HandClock();
  const options = resolveServerOptions("Server", { heartbeatMs: HEARTBEAT_MS }, { peerDeadMs: DEAD_MS });
  const machine = new ServerMachine(options);
  const star = new BinaryStarMachine(
    resolveStarOptions("Star", { role: "primary", heartbeatMs: HEARTBEAT_MS }),
    {
      asksForEpochs: arbiter !== undefined,
    },
  );
  const server = wireServer(machine, {
    ...{ transport: sockets, scheduler: clock, options, makeLife: () => "life", wallClock: () => 0 },
    pair: { machine: star, socket: {}, arbiter },
    owner: { status() {} },
  });
  server.connectPeer("tcp://peer:1", "tcp://peer:2");
  const [router, publisher] = [sockets.at(0), sockets.at(1)];
  const hear = (state: PublishedState, epoch = 0): void => {
    const record = { role: "backup", heartbeatMs: HEARTBEAT_MS, epoch } as const;
    sockets.at(4).handlers.message([...encodeState(state, record)]);
  };
  const say = (from: string, frames: readonly Uint8Array[]): void =>
    router.handlers.message([textFrame(from), ...frames]);
  const set = (key: string): void =>
    say("c", encodeKeyValue(textFrame(key), 0, uuidOf(1), EMPTY, textFrame("x")));
  /** Its follower has everything. */
  const follow = (): void => {
    say("peer", encodeSnapshotRequest(EMPTY, { credit: 100, packBytes: 0, follows: true }));
    say("peer", encodeCommand("GOTIT", 0));
  };
  /** Nothing that is sent to the follower reaches it. */
  const loseFollower = (): void => {
    const frames = router.sent.findLast(([to]) => frameText(to as Uint8Array) === "peer");
    router.handlers.refused?.(frames as Uint8Array[], "peer-unknown");
  };
  const published = (): string[] =>
    publisher.sent.map(([key]) => frameText(key as Uint8Array)).filter((key) => !key.includes("HUGZ"));
  return { sockets, clock, machine, star, hear, set, follow, loseFollower, published };
}

describe("an active server that has stood still, and finds its follower gone", () => {
  function stoodStill() {
    const server = primary();
    server.hear("backup");
    server.follow();
    server.set("a");
    expect(server.published()).toEqual([]);
    const { now } = server.clock;
    server.clock.now = () => now.call(server.clock) + DEAD_MS;
    server.loseFollower();
    return { ...server, wake: () => Object.assign(server.clock, { now }) };
  }

  it("publishes nothing that the follower does not have before it knows whether that has taken over", () => {
    const { machine, published, hear } = stoodStill();
    expect([machine.hasFollower, machine.uncommitted, published()]).toEqual([false, 1, []]);
    hear("active", 2);
    expect([machine.isServing, machine.uncommitted, published()]).toEqual([false, 0, []]);
  });

  it("goes on alone if it has not", () => {
    const { machine, published, clock, wake, hear } = stoodStill();
    wake();
    const sureAt = clock.now() + DEAD_MS;
    clock.until(sureAt);
    hear("passive", 1);
    clock.until(sureAt + HEARTBEAT_MS);
    expect([machine.isServing, published()]).toEqual([true, ["a"]]);
  });
});

describe("in doubt", () => {
  it("what has no follower to go to waits, until there has been no doubt for half a heartbeat", () => {
    const server = new ServerDriver({ heartbeatMs: 100 });
    server.machine.isSure = () => server.now >= 25;
    server.collect("a", "1", { ttlMs: 90 });
    expect(server.machine.deadline, "it asks again").toBe(10);
    server.run(69);
    expect(server.updates()).toEqual([]);
    server.run(1);
    expect(server.updates()).toEqual(["1 a=1"]);
    expect(server.machine.deadline).toBe(90);
  });

  it("so it does when the process has stood still, if there is a peer", () => {
    const stalled = { type: "stalled", ms: 150 } as const;
    const server = new ServerDriver({ heartbeatMs: 100 }, { peerDeadMs: 200 })
      .feed(stalled)
      .collect("a", "1");
    expect(server.run(49).updates()).toEqual([]);
    expect(server.run(1).updates()).toEqual(["1 a=1"]);
    expect(new ServerDriver().feed(stalled).collect("a", "1").updates()).toEqual(["1 a=1"]);
  });

  it("what the follower has is published", () => {
    const server = new ServerDriver({}, { peerDeadMs: 2000 }).follow("peer").command("peer", "GOTIT", 0);
    server.machine.isSure = () => false;
    server.collect("a", "1").command("peer", "GOTIT", 1);
    expect(server.updates()).toEqual(["1 a=1"]);
  });
});

it("a server whose lease is over follows the one that becomes active then", async () => {
  const lease = { epoch: 1, durationMs: 300 };
  const arbiter: Arbiter = {
    acquire: async () => lease,
    renew: async () => undefined,
    release: async () => {},
  };
  const { hear, star, clock, machine, sockets } = primary(arbiter);
  hear("backup");
  await settled();
  expect(machine.isServing).toBe(true);
  hear("passive");
  clock.until(290);
  await settled();
  expect([star.state, machine.isServing]).toEqual(["passive", false]);
  const before = sockets.opened.length;
  clock.until(290 + HEARTBEAT_MS / 2);
  hear("active", 2);
  expect([star.state, sockets.opened.length]).toEqual(["catching-up", before + 1]);
});

it("a server that is not active any more tells its follower, which would take itself for one that is waited for", () => {
  const server = new ServerDriver({}, { peerDeadMs: 2000 }).follow("peer").command("peer", "GOTIT", 0);
  server.take("peer");
  expect(server.feed({ type: "deactivate" }).heard("peer")).toEqual(["SORRY passive"]);
  expect(server.activate("next").command("peer", "GOTIT", 0).heard("peer"), "it is none any more").toEqual(
    [],
  );
});

describe("an update that was refused", () => {
  const twice = { uuid: uuidOf(1), ifSequence: 0 };

  it("is not ordered when a copy of it is read later, though nothing is in its way any more", () => {
    const server = new ServerDriver().set("a", "key", "1", { uuid: uuidOf(2) }).set("c", "key", "2", twice);
    expect(server.refusal("c")).toMatchObject({ reason: "conflict", number: 1 });
    server.set("a", "key", "").set("c", "key", "2", twice);
    expect(server.refusal("c")).toMatchObject({ reason: "conflict", number: 1 });
    expect(server.map).toEqual({});
    expect(server.set("c", "key", "2", { ...twice, uuid: uuidOf(3) }).map).toEqual({ key: "2" });
  });

  it("is another one where it has no UUID", () => {
    const server = new ServerDriver().set("a", "key", "1").set("c", "key", "2", { ifSequence: 0 });
    expect(server.refusal("c").reason).toBe("conflict");
    expect(server.set("a", "key", "").set("c", "key", "2", { ifSequence: 0 }).map).toEqual({ key: "2" });
  });

  it("is ordered by a server that only was passive", () => {
    const server = new ServerDriver({}, { serves: false }).set("c", "key", "1", twice);
    expect(server.refusal("c").reason).toBe("passive");
    expect(server.activate().set("c", "key", "1", twice).map).toEqual({ key: "1" });
  });

  it("is remembered as long as it is among the last", () => {
    const server = new ServerDriver({ maxKnown: 2 }).set("a", "key", "1");
    for (const n of [1, 2, 1, 3]) server.set("c", "key", "2", { uuid: uuidOf(n), ifSequence: 0 });
    server.set("a", "key", "");
    for (const n of [2, 3]) server.set("c", "key", "2", { uuid: uuidOf(n), ifSequence: 0 });
    expect(server.map).toEqual({});
    expect(server.set("c", "key", "2", twice).map).toEqual({ key: "2" });
  });
});
