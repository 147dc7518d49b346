import { describe, expect, it } from "vitest";
import {
  activeBackup,
  activePrimary,
  lone,
  passiveBackup,
  passivePrimary,
  StarDriver,
} from "./star-driver.js";

const slow = { transfers: false } as const;

describe("the active peer's state", () => {
  it("is transferred before the node can take over", () => {
    const node = passiveBackup(slow);
    expect(node.take()).toEqual(["remember 1", "transfer 1"]);
    node.peerDies();
    expect(node.vote(), "what the dead peer knew would be lost").toBe(false);
    node.feed({ type: "caught-up", transfer: 1 });
    expect(node.vote()).toBe(true);
  });

  it("is told when it is there", () => {
    const node = passiveBackup(slow);
    expect(node.told("became-passive")).toEqual([]);
    node.until(500).feed({ type: "caught-up", transfer: 1 });
    expect(node.told("became-passive")).toEqual([{ type: "became-passive", at: 500 }]);
  });

  it("is not asked for again while it is on its way", () => {
    const node = passiveBackup(slow).hear("active", 1);
    expect(node.take()).toEqual(["remember 1", "transfer 1"]);
  });

  it("is asked for again with the next heartbeat of the active node if it did not come", () => {
    const node = passiveBackup(slow).feed({ type: "transfer-failed", transfer: 1, reason: "reset" });
    expect(node.told("transfer-failed")).toEqual([{ type: "transfer-failed", at: 0, reason: "reset" }]);
    node.take();
    expect(node.hear("active", 1).take()).toEqual(["transfer 2"]);
    node
      .feed({ type: "caught-up", transfer: 1 })
      .feed({ type: "transfer-failed", transfer: 1, reason: "late" });
    expect(node.machine.state, "what is said of the first does not count for the second").toBe("catching-up");
    expect(node.feed({ type: "caught-up", transfer: 2 }).machine.state).toBe("passive");
    expect(node.feed({ type: "caught-up", transfer: 2 }).machine.state, "once").toBe("passive");
  });

  it.each([
    ["backup", "a peer that restarted", () => passiveBackup(slow).hear("primary", 0), "backup"],
    ["primary", "a peer that restarted", () => passivePrimary(slow).hear("backup", 0), "primary"],
    ["primary", "a peer that is passive", () => passivePrimary(slow).hear("passive", 2), "primary"],
  ] as const)("nobody has it any more: a %s with %s begins anew", (_role, _what, make, state) => {
    const node = make();
    expect(node.machine.state).toBe(state);
    expect(node.take().at(-1)).toBe("stop-transfer 1");
    expect(node.feed({ type: "caught-up", transfer: 1 }).machine.state).toBe(state);
  });

  describe("where the application follows the active peer on a way of its own", () => {
    it("a lost way is no harm if the peer is dead: the node takes over with all that it had", () => {
      const node = passiveBackup().feed({ type: "source-lost" }).peerDies();
      expect(node.vote()).toBe(true);
    });

    it("a lost way means falling behind if the peer is heard: it is transferred anew before the node can take over", () => {
      const node = passiveBackup();
      node.take();
      node.feed({ type: "source-lost" });
      expect(node.machine.state, "nothing is known of the peer yet").toBe("passive");
      expect(node.until(499).hear("active", 1).take(), "this may have been said before").toEqual([]);
      node.until(500);
      expect(node.hear("active", 1).take(), "and caught up at once, here").toEqual(["transfer 2"]);
      expect(node.machine.state).toBe("passive");
      expect(node.hear("active", 1).take(), "once").toEqual([]);
    });

    it("a way on which nothing has come for long was lost as long ago", () => {
      const node = passiveBackup(slow).feed({ type: "caught-up", transfer: 1 }).until(700);
      node.take();
      expect(node.feed({ type: "source-lost", since: 200 }).hear("active", 1).take()).toEqual(["transfer 2"]);
    });

    it("a peer that is active in a higher epoch has said so since then", () => {
      const node = passiveBackup(slow).feed({ type: "caught-up", transfer: 1 }).feed({ type: "source-lost" });
      node.take();
      expect(node.hear("active", 1).take()).toEqual([]);
      expect(node.hear("active", 3).take()).toEqual(["remember 3", "transfer 2"]);
    });

    it("a peer that has died may be heard once more, by what it said last, and is no less dead for it", () => {
      const node = passiveBackup().feed({ type: "source-lost" }).until(10).hear("active", 1);
      expect(node.hear("primary", 0).machine.state, "it has begun anew, and has nothing").toBe("active");
    });

    it("a node that may have missed something does not take over, though its peer is dead", () => {
      const node = passiveBackup(slow).feed({ type: "caught-up", transfer: 1 }).feed({ type: "fell-behind" });
      expect(node.machine.state).toBe("catching-up");
      node.peerDies();
      expect(node.vote()).toBe(false);
      expect(node.hear("active", 1).take(/^(?!transfer)/)).toEqual(["transfer 1", "transfer 2"]);
    });

    it.each([
      ["active", () => activePrimary()],
      ["beginning", () => lone("backup")],
    ] as const)("one that is %s has nobody to fall behind of", (_what, make) => {
      const node = make();
      const { state } = node.machine;
      expect(node.feed({ type: "fell-behind" }).machine.state).toBe(state);
    });
  });

  it("a transfer that never ends keeps nobody from serving once both begin anew", () => {
    const primary = passivePrimary(slow);
    const backup = passiveBackup(slow);
    // Both were deposed at once, by whatever it was: each says what it is, in turn, until somebody serves.
    for (let round = 0; round < 3; round++) {
      backup.hear(primary.machine.published, 2);
      primary.hear(backup.machine.published, 1);
    }
    expect([primary.machine.state, backup.machine.state]).toEqual(["active", "catching-up"]);
    expect(primary.isServing).toBe(true);
  });

  it("a passive primary beside a backup that catches up takes over", () => {
    const backup = passiveBackup(slow).hear("passive", 1);
    expect(backup.machine.state).toBe("catching-up");
    expect(passivePrimary().hear(backup.machine.published, 1).machine.state).toBe("active");
  });
});

describe("leaving", () => {
  it("an active node hands over: its last word is that it waits", () => {
    const node = activePrimary().feed({ type: "peer-reads-records", reads: true });
    node.take();
    node.feed({ type: "close" });
    expect(node.take(/^status/)).toEqual(["deactivate 1 closed", "published primary 1"]);
    expect(node.told("stopped-serving")).toMatchObject([{ epoch: 1, reason: "closed" }]);
    expect(node.told("state-changed").at(-1)).toMatchObject({ from: "active", to: "primary" });
    expect(node.machine).toMatchObject({ state: "left", published: "primary", deadline: undefined });
    expect(node.isServing).toBe(false);
    const peer = passiveBackup().hear("primary", 1);
    expect(peer.machine).toMatchObject({ state: "active", epoch: 2 });
  });

  it("a backup hands over in the same way", () => {
    const node = activeBackup();
    node.take();
    expect(node.feed({ type: "close" }).take(/^status/)).toEqual(["deactivate 2 closed", "published backup"]);
    expect(passivePrimary().hear("backup", 2).machine.epoch).toBe(3);
  });

  it("gives back what it has claimed and what it was granted", () => {
    const claiming = activePrimary({ asks: true });
    claiming.take();
    expect(claiming.feed({ type: "close" }).take()).toEqual(["release 1"]);
    const holding = activePrimary({ asks: true }).feed({ type: "granted", claim: 1, epoch: 1, leaseMs: 500 });
    holding.take();
    expect(holding.feed({ type: "close" }).take()).toEqual(["deactivate 1 closed", "release 1"]);
  });

  it("ends a transfer", () => {
    const node = passiveBackup(slow);
    node.take();
    expect(node.feed({ type: "close" }).take()).toEqual(["stop-transfer 1"]);
  });

  it("is the end: nothing is heard or said any more", () => {
    const node = lone("primary").feed({ type: "close" });
    node.take();
    node.hear("backup", 0).feed({ type: "vote" }).feed({ type: "close" }).until(10_000);
    expect(node.take(/^$/)).toEqual([]);
  });

  it("before it has begun says nothing", () => {
    expect(new StarDriver({ role: "backup" }).feed({ type: "close" }).take()).toEqual([]);
  });
});
