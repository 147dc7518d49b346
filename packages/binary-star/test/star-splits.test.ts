import { describe, expect, it } from "vitest";
import { activeBackup, activePrimary, lone, passiveBackup, passivePrimary } from "./star-driver.js";

describe("two that are active", () => {
  it("two that are active resolve it, and neither ends", () => {
    const primary = activePrimary();
    const backup = activeBackup();
    primary.hear("active", backup.machine.epoch);
    backup.hear("active", 1);
    expect([primary.machine.state, backup.machine.state]).toEqual(["passive", "active"]);
    expect(primary.told("split-brain-resolved")).toMatchObject([{ stays: false, epoch: 1, peerEpoch: 2 }]);
    expect(backup.told("split-brain-resolved")).toMatchObject([{ stays: true, epoch: 2, peerEpoch: 1 }]);
    expect([primary.machine.stats.splitBrains, backup.machine.stats.splitBrains]).toEqual([1, 1]);
    expect(backup.vote()).toBe(true);
    expect(primary.vote()).toBe(false);
    primary.peerDies();
    expect(primary.vote(), "it takes over again, above both").toBe(true);
    expect(primary.machine.epoch).toBe(3);
  });

  it("the one that makes way has the other's state transferred, and is told why before", () => {
    const node = activePrimary();
    node.take();
    expect(node.hear("active", 2).take()).toEqual(["remember 2", "deactivate 1 yielded", "transfer 1"]);
    expect(node.told("stopped-serving")).toEqual([
      { type: "stopped-serving", at: 0, epoch: 1, reason: "yielded" },
    ]);
  });

  it("where epochs are not known the primary stays", () => {
    expect(activePrimary().hearForeign("active").machine.state).toBe("active");
    expect(activeBackup().hearForeign("active").machine.state).toBe("passive");
  });

  it("but a primary that stood still for as long as its peer waits makes way, since that took over from it", () => {
    const hesitant = activePrimary().standStill(1999).hearForeign("active");
    expect(hesitant.machine.state).toBe("active");
    const deposed = activePrimary().standStill(2000);
    deposed.take();
    expect(deposed.hearForeign("active").machine.state).toBe("passive");
    expect(deposed.published(), "a peer that heard it say active once more would end itself").toEqual([
      "published passive",
    ]);
  });

  it("in one epoch, which only an arbiter at fault can grant, the primary stays", () => {
    expect(activePrimary().hear("active", 1).machine.state).toBe("active");
    expect(activeBackup().hear("active", 2).machine.state).toBe("passive");
  });

  it("a state without its epoch, just after the two have found each other again, resolves nothing", () => {
    const backup = activeBackup().hearPlain("active");
    expect(backup.machine.state, "the primary may be active in epoch 1, and about to say so").toBe("active");
    expect(backup.hear("active", 1).machine.state).toBe("active");
    expect(backup.hearPlain("active").machine.state, "and so after each break").toBe("active");
    expect(backup.hear("active", 3).machine.state).toBe("passive");
  });
});

describe("overtaken", () => {
  it("an active node whose peer knows of a higher epoch becomes active anew above that", () => {
    const node = activePrimary();
    node.take();
    expect(node.hear("passive", 4).take()).toEqual([
      "remember 4",
      "deactivate 1 overtaken",
      "remember 5",
      "activate 5",
    ]);
    expect(node.machine).toMatchObject({ state: "active", epoch: 5 });
    expect(node.isServing).toBe(true);
    expect(node.told("became-active").at(-1)).toMatchObject({ because: "overtaken" });
    expect(activeBackup().hear("primary", 9).machine.epoch).toBe(10);
  });

  it("it does not serve until that is granted, and is passive if it is not", () => {
    const node = activePrimary({ asks: true }).feed({
      type: "granted",
      claim: 1,
      epoch: 1,
      leaseMs: undefined,
    });
    node.take();
    node.hear("passive", 4);
    expect(node.take()).toEqual(["remember 4", "deactivate 1 overtaken", "release 1", "claim 2 for 5"]);
    expect(node.isServing).toBe(false);
    expect(node.feed({ type: "denied", claim: 2, reason: "no" }).machine.state).toBe("passive");
  });

  it("an epoch that is lower or the same is none of its business", () => {
    expect(activeBackup().hear("passive", 2).machine.epoch).toBe(2);
    expect(activeBackup().hear("primary", 1).machine.epoch).toBe(2);
  });
});

describe("two that are passive", () => {
  it("the primary takes over, and tells it", () => {
    const primary = passivePrimary().hear("passive", 2);
    expect(primary.machine).toMatchObject({ state: "active", epoch: 3 });
    expect(primary.told("double-passive-resolved")).toHaveLength(1);
    expect(primary.machine.stats.doublePassives).toBe(1);
    expect(passiveBackup().hear("passive", 1).machine.state).toBe("passive");
  });

  it("of which the primary cannot become active, are the backup's to resolve", () => {
    const backup = passiveBackup();
    for (let now = 0; now < 2000; now += 500) backup.until(now).hear("passive", 1);
    expect(backup.machine.state, "the primary has its time").toBe("passive");
    expect(backup.until(2000).hear("passive", 1).told("became-active")).toMatchObject([
      { epoch: 2, because: "both-passive" },
    ]);
    const behind = passiveBackup({ transfers: false });
    for (let now = 0; now <= 4000; now += 500) behind.until(now).hear("passive", 1);
    expect(behind.machine.state, "what has not the state does not").toBe("catching-up");
  });

  it("a peer that is up again and waits is taken over from, by either", () => {
    expect(passivePrimary().hear("backup", 2).told("became-active")).toMatchObject([
      { because: "peer-waiting" },
    ]);
    expect(passiveBackup().hear("primary", 1).told("became-active")).toMatchObject([
      { because: "peer-waiting" },
    ]);
  });

  it("a peer that restarts so quickly that its silence is not noticed is taken over from, in a higher epoch", () => {
    const backup = passiveBackup().until(500).hear("primary", 0);
    expect(backup.machine).toMatchObject({ state: "active", epoch: 2 });
    expect(backup.machine.stats.peerExpired).toBe(0);
  });
});

describe("epochs", () => {
  it("the primary's are odd and the backup's even, above all that are known", () => {
    expect(activePrimary().machine.epoch).toBe(1);
    expect(activeBackup().machine.epoch).toBe(2);
    expect(lone("primary", { epoch: 7 }).hear("backup", 0).machine.epoch).toBe(9);
    expect(lone("primary", { epoch: 7 }).hear("backup", 12).machine.epoch).toBe(13);
  });

  it("a primary that begins anew waits to hear which epochs there were", () => {
    const reborn = lone("primary").hearPlain("backup");
    expect(reborn.machine.state, "the backup may be one of ours that has not said its epoch yet").toBe(
      "primary",
    );
    expect(reborn.hear("backup", 1).machine.epoch).toBe(3);
  });

  it("what is known is kept in mind before it is used", () => {
    const node = passiveBackup();
    expect(node.take()).toEqual(["remember 1", "transfer 1"]);
    expect(node.hear("active", 1).take(), "and once").toEqual([]);
    expect(node.feed({ type: "not-remembered", epoch: 1, reason: "full" }).told("epoch-not-kept")).toEqual([
      { type: "epoch-not-kept", at: 0, epoch: 1, reason: "full" },
    ]);
  });

  it("what could not be kept in mind is tried again with each heartbeat until it is, and told once", () => {
    const node = passiveBackup();
    const full = (epoch: number) => node.feed({ type: "not-remembered", epoch, reason: "full" });
    full(1).take();
    expect(node.until(999).hear("active", 1).take()).toEqual([]);
    expect(node.until(1000).take()).toEqual(["remember 1"]);
    expect(full(1).until(2000).hear("active", 1).take()).toEqual(["remember 1"]);
    expect(node.until(3000).take(), "it has been written down").toEqual([]);
    expect(node.told("epoch-not-kept")).toHaveLength(1);
    full(1);
    expect(node.hear("active", 3).take(), "of several, the highest").toEqual(["remember 3"]);
    expect(full(3).until(4000).take()).toEqual(["remember 3"]);
    expect(node.told("epoch-not-kept").map(({ epoch }) => epoch)).toEqual([1, 3]);
  });

  it("beyond 2^52 there are none: the claim is denied, where the peer could not read it", () => {
    const node = lone("primary").hear("backup", 2 ** 52);
    expect(node.machine.state).toBe("primary");
    expect(node.told("claim-denied")).toMatchObject([
      { reason: `the epoch granted is ${2 ** 52 + 1}, beyond 2^52` },
    ]);
  });
});
