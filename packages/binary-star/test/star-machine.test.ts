import { describe, expect, it } from "vitest";
import type { PublishedState, StarRole } from "../src/wire.js";
import {
  activeBackup,
  activePrimary,
  lone,
  passiveBackup,
  passivePrimary,
  StarDriver,
} from "./star-driver.js";

const passiveOf = (role: StarRole): StarDriver => (role === "primary" ? passivePrimary() : passiveBackup());

/** Nodes of each role in each state, beside a peer of the guide's. */
const guides: Record<string, () => StarDriver> = {
  "primary primary": () => lone("primary"),
  "primary active": () => lone("primary").hearForeign("backup"),
  "primary passive": () => lone("primary").hearForeign("active"),
  "backup backup": () => lone("backup"),
  "backup passive": () => lone("backup").hearForeign("active"),
  "backup active": () => {
    const node = lone("backup").hearForeign("active").peerDies();
    node.vote();
    return node;
  },
};

describe("the guide's transitions", () => {
  // Where the guide's programs abort, because both are active or both are passive, ours resolve it.
  it.each<[StarRole, PublishedState, PublishedState, PublishedState]>([
    ["primary", "primary", "backup", "active"],
    ["primary", "primary", "active", "passive"],
    ["primary", "primary", "passive", "primary"],
    ["primary", "active", "backup", "active"],
    ["primary", "active", "active", "active"],
    ["primary", "active", "passive", "active"],
    ["primary", "passive", "backup", "active"],
    ["primary", "passive", "active", "passive"],
    ["primary", "passive", "passive", "active"],
    ["backup", "backup", "primary", "backup"],
    ["backup", "backup", "active", "passive"],
    ["backup", "backup", "passive", "backup"],
    ["backup", "active", "primary", "active"],
    ["backup", "active", "active", "passive"],
    ["backup", "active", "passive", "active"],
    ["backup", "passive", "primary", "active"],
    ["backup", "passive", "active", "passive"],
    ["backup", "passive", "passive", "passive"],
  ])("a %s that is %s and hears %s is %s", (role, before, said, after) => {
    const node = (guides[`${role} ${before}`] as () => StarDriver)();
    expect(node.machine.published).toBe(before);
    expect(node.hearForeign(said).machine.published).toBe(after);
  });

  it.each<[StarRole, PublishedState, boolean, PublishedState]>([
    ["primary", "primary", true, "active"],
    ["primary", "primary", false, "primary"],
    ["primary", "active", true, "active"],
    ["primary", "active", false, "active"],
    ["primary", "passive", true, "active"],
    ["primary", "passive", false, "passive"],
    ["backup", "backup", true, "backup"],
    ["backup", "backup", false, "backup"],
    ["backup", "active", true, "active"],
    ["backup", "active", false, "active"],
    ["backup", "passive", true, "active"],
    ["backup", "passive", false, "passive"],
  ])("a client's vote: a %s that is %s, with its peer dead: %s, is %s", (role, before, isDead, after) => {
    const node = (guides[`${role} ${before}`] as () => StarDriver)();
    if (isDead) node.peerDies();
    expect(node.vote()).toBe(after === "active");
    expect(node.machine.published).toBe(after);
  });

  it("a lone backup never serves, however long clients ask it", () => {
    const node = lone("backup");
    for (let now = 0; now < 100_000; now += 500) expect(node.until(now).vote()).toBe(false);
    expect(node.machine.retryAfterMs(node.now)).toBeUndefined();
  });
});

describe("what a node says", () => {
  it("nothing before it has its peer's address, and nothing moves it", () => {
    const node = new StarDriver({ role: "primary" });
    node.hearForeign("backup").feed({ type: "peer-reads-records", reads: true });
    node.feed({ type: "stalled", ms: 500 });
    node.machine.tick(5000);
    expect(node.vote()).toBe(false);
    expect(node.machine.deadline).toBeUndefined();
    expect(node.machine.retryAfterMs(0)).toBeUndefined();
    expect(node.take(/^status/)).toEqual([]);
    expect(node.start().take(/^status/)).toEqual(["published primary 0"]);
    expect(node.start().take(), "it begins once").toEqual([]);
  });

  it("its state each heartbeat, and when it changes", () => {
    const node = lone("primary").until(1000).until(1400).hear("backup", 0).until(2399);
    expect(node.published()).toEqual(["published primary", "published primary", "published active"]);
    expect(node.until(2400).published()).toEqual(["published active"]);
  });

  it("with a record only to a peer that reads records", () => {
    const node = activePrimary();
    node.take();
    node.feed({ type: "peer-reads-records", reads: true });
    expect(node.published(), "at once, and not only with the next heartbeat").toEqual(["published active 1"]);
    expect(node.until(1000).published()).toEqual(["published active 1"]);
    node.feed({ type: "peer-reads-records", reads: false });
    expect(node.until(2000).published()).toEqual(["published active"]);
  });

  it("of a passive one the record has the highest epoch that it knows", () => {
    const node = passiveBackup().feed({ type: "peer-reads-records", reads: true });
    expect(node.published().at(-1)).toBe("published passive 1");
    node.hear("active", 3).until(1000);
    expect(node.published().at(-1)).toBe("published passive 3");
  });

  it("starting and promoting are published as what they come from", () => {
    const starting = activePrimary({ asks: true });
    expect([starting.machine.state, starting.machine.published]).toEqual(["starting", "primary"]);
    const promoting = activeBackup({ asks: true });
    expect([promoting.machine.state, promoting.machine.published]).toEqual(["promoting", "passive"]);
    const catchingUp = passiveBackup({ transfers: false });
    expect([catchingUp.machine.state, catchingUp.machine.published]).toEqual(["catching-up", "passive"]);
  });
});

describe("what a node tells its owner", () => {
  it("of a failover", () => {
    const node = lone("backup").until(100).hear("primary", 0).until(200).hear("active", 1);
    node.until(2200);
    node.vote();
    expect(node.events).toEqual([
      { type: "peer-heard", at: 100, state: "primary" },
      { type: "peer-changed", at: 200, from: "primary", to: "active" },
      { type: "state-changed", at: 200, from: "backup", to: "passive" },
      { type: "became-passive", at: 200 },
      { type: "peer-expired", at: 2200, silentMs: 2000 },
      { type: "became-active", at: 2200, epoch: 2, because: "peer-dead" },
      { type: "state-changed", at: 2200, from: "passive", to: "active" },
    ]);
    expect(node.machine.stats).toMatchObject({ activations: 1, peerExpired: 1, heard: 2, accepted: 1 });
  });

  it("a rejected request is counted and told", () => {
    const node = passiveBackup().until(300);
    node.vote();
    node.vote();
    expect(node.told("request-rejected")).toEqual([
      { type: "request-rejected", at: 300, state: "passive" },
      { type: "request-rejected", at: 300, state: "passive" },
    ]);
    expect(node.machine.stats).toMatchObject({ accepted: 0, rejected: 2 });
  });

  it("the request that makes a node active is not counted as rejected", () => {
    const node = activeBackup();
    expect(node.machine.stats).toMatchObject({ accepted: 1, rejected: 0 });
    expect(node.told("request-rejected")).toEqual([]);
  });

  it("a request that comes before the application is ready is rejected, and told with the node's state", () => {
    const node = activeBackup({ activates: false });
    expect(node.told("request-rejected")).toMatchObject([{ state: "active" }]);
    node.feed({ type: "activated", epoch: 2 });
    expect(node.vote()).toBe(true);
    expect(node.machine.stats).toMatchObject({ accepted: 1, rejected: 1 });
  });

  it("a message that is no state is counted, and is no sign of life", () => {
    const node = passiveBackup().until(1900).feed({ type: "malformed", reason: "garbage" });
    expect(node.told("message-dropped")).toEqual([{ type: "message-dropped", at: 1900, reason: "garbage" }]);
    expect(node.machine.stats.malformed).toBe(1);
    expect(node.until(2000).machine.peerState).toBeUndefined();
  });

  it("a peer with the same role is told and passed over", () => {
    const node = lone("primary").hearForeign("primary");
    node.feed({ type: "peer-state", state: "active", record: { role: "primary", heartbeatMs: 1, epoch: 9 } });
    expect(node.told("roles-clashed")).toHaveLength(3);
    expect(node.machine.stats).toMatchObject({ malformed: 3, heard: 0 });
    expect(node.machine).toMatchObject({ state: "primary", epoch: 0, peerState: undefined });
  });

  it("two of the same role hear each other, and no vote makes either active in the epoch of the other", () => {
    for (const role of ["primary", "backup"] as const) {
      const node = lone(role).peerDies();
      expect(node.machine.retryAfterMs(node.now)).toBe(role === "primary" ? 0 : undefined);
      for (let beat = 0; beat < 5; beat++) {
        node.until(node.now + 1000).hearForeign(role);
        expect(node.vote()).toBe(false);
      }
      const follower = passiveOf(role).until(1000);
      for (let beat = 0; beat < 5; beat++) {
        follower.until(follower.now + 1000).hearForeign(role);
        expect(follower.vote(), "what is heard is not the one that it followed").toBe(false);
      }
      expect(follower.peerDies().vote(), "once nobody is in its place it is dead").toBe(true);
    }
  });

  it("one of the same role that speaks more seldom is waited for by its own interval", () => {
    const record = { role: "primary", heartbeatMs: 3000, epoch: 1 } as const;
    const node = lone("primary").feed({ type: "peer-state", state: "active", record });
    expect(node.until(5999).vote()).toBe(false);
    expect(node.until(6000).vote()).toBe(true);
  });

  it("one that is active goes on beside one of the same role", () => {
    const node = activePrimary();
    for (let beat = 0; beat < 5; beat++) node.until(node.now + 1000).hearForeign("primary");
    expect(node.vote()).toBe(true);
  });

  it("what it knows of its peer, until that is silent for too long", () => {
    const node = passiveBackup();
    expect(node.machine.peerState).toBe("active");
    expect(node.until(1999).machine.peerState).toBe("active");
    expect(node.until(2000).machine.peerState).toBeUndefined();
    expect(node.hear("primary", 1).machine.peerState).toBe("primary");
  });
});

describe("after how long a request can make it active", () => {
  it("when the peer has been silent for too long", () => {
    const node = passiveBackup().until(1499);
    expect(
      node.machine.retryAfterMs(1499),
      "as long as it lives, a client had better ask there",
    ).toBeUndefined();
    expect(node.until(1500).machine.retryAfterMs(1500)).toBe(500);
    expect(node.machine.retryAfterMs(2100), "not a negative time, where the peer is still to be judged").toBe(
      0,
    );
    expect(node.until(2000).machine.retryAfterMs(2000)).toBe(0);
    expect(lone("primary").machine.retryAfterMs(700)).toBe(1300);
  });

  it("at once where it is on its way, never where it must not be", () => {
    expect(activePrimary({ activates: false }).machine.retryAfterMs(0)).toBe(0);
    expect(activeBackup({ asks: true }).machine.retryAfterMs(0)).toBe(0);
    expect(activePrimary({ asks: true }).machine.retryAfterMs(0)).toBe(0);
    expect(lone("backup").machine.retryAfterMs(0)).toBeUndefined();
    expect(passivePrimary({ transfers: false }).machine.retryAfterMs(0)).toBeUndefined();
  });
});

describe("heartbeats that differ", () => {
  it("a peer of ours is judged by its own, in both directions", () => {
    const quick = new StarDriver({ role: "backup", heartbeatMs: 100 }).start().hear("active", 1, 10_000);
    expect(quick.until(19_999).machine.peerState).toBe("active");
    expect(quick.until(20_000).machine.peerState).toBeUndefined();
    const slow = new StarDriver({ role: "backup", heartbeatMs: 10_000 }).start().hear("active", 1, 100);
    expect(slow.until(200).machine.peerState).toBeUndefined();
  });

  it("any other by this node's, also if it came in the place of one of ours", () => {
    const node = new StarDriver({ role: "backup", heartbeatMs: 100 }).start().hear("active", 1, 10_000);
    node.hearForeign("active");
    expect(node.until(199).machine.peerState).toBe("active");
    expect(node.until(200).machine.peerState).toBeUndefined();
  });

  it("liveness is counted in missed heartbeats", () => {
    const node = new StarDriver({ role: "backup", liveness: 5 }).start().hear("active", 1);
    expect(node.until(4999).machine.peerState).toBe("active");
    expect(node.until(5000).machine.peerState).toBeUndefined();
  });
});
