import { describe, expect, it } from "vitest";
import {
  activeBackup,
  activePrimary,
  lone,
  passiveBackup,
  passivePrimary,
  type StarDriver,
} from "./star-driver.js";

const asks = { asks: true } as const;
const granted = (claim: number, epoch: number, leaseMs: number | undefined = undefined) =>
  ({ type: "granted", claim, epoch, leaseMs }) as const;

/** A primary that is active in epoch 1, with a lease of 3000 ms that was asked for at 0 and granted at 100. */
function leaseholder(): StarDriver {
  const node = activePrimary(asks)
    .until(100)
    .feed(granted(1, 1, 3000));
  node.take();
  return node;
}

describe("a claim", () => {
  it("is asked for, and serves when it was granted", () => {
    const node = activePrimary(asks);
    expect(node.take()).toEqual(["claim 1 for 1"]);
    expect(node.vote()).toBe(false);
    node.feed(granted(1, 1));
    expect(node.take()).toEqual(["remember 1", "activate 1"]);
    expect(node.vote()).toBe(true);
  });

  it("whoever grants may know of higher epochs", () => {
    const node = activePrimary(asks).feed(granted(1, 12));
    expect(node.machine.epoch).toBe(12);
    expect(node.isServing).toBe(true);
  });

  it("an epoch that was granted below what is known is given back", () => {
    const node = activeBackup(asks);
    node.take();
    node.feed(granted(1, 1));
    expect(node.take()).toEqual(["release 1"]);
    expect(node.told("claim-denied")).toMatchObject([{ reason: "the epoch granted is 1, which is below 2" }]);
    expect(node.machine.state).toBe("passive");
  });

  it.each([
    ["a starting primary", () => lone("primary", asks).peerDies(), 1, "backup", 8, 9],
    ["a promoting primary", () => passivePrimary(asks).peerDies(), 3, "passive", 8, 9],
    ["a promoting backup", () => passiveBackup(asks).peerDies(), 2, "passive", 7, 8],
  ] as const)(
    "is given back and made anew where the peer has told of higher epochs meanwhile: %s",
    (_who, make, first, state, heard, claimed) => {
      const node = make();
      node.vote();
      const { state: before } = node.machine;
      expect(node.take().at(-1)).toBe(`claim 1 for ${first}`);
      node.until(2100).hear(state, heard);
      expect(node.take()).toEqual([`remember ${heard}`]);
      expect(node.feed(granted(1, first)).take()).toEqual(["release 1", `claim 2 for ${claimed}`]);
      expect(node.machine.state).toBe(before);
      expect(node.isServing).toBe(false);
      expect(node.feed(granted(1, 99)).take(), "the first is over").toEqual([]);
      expect(node.feed(granted(2, claimed)).take()).toEqual([`remember ${claimed}`, `activate ${claimed}`]);
      expect(node.isServing).toBe(true);
      expect(node.told("claim-denied")).toEqual([]);
    },
  );

  it("that was denied leaves the node as it was, and is tried again when there is reason", () => {
    const primary = activePrimary(asks).feed({ type: "denied", claim: 1, reason: "another holds the lease" });
    expect(primary.machine).toMatchObject({ state: "primary", stats: { claimsDenied: 1 } });
    expect(primary.told("claim-denied")).toMatchObject([{ reason: "another holds the lease" }]);
    primary.take();
    expect(primary.until(999).hear("backup", 0).take(), "not before a heartbeat has passed").toEqual([]);
    expect(primary.until(1000).hear("backup", 0).take()).toEqual(["claim 2 for 1"]);
    const backup = activeBackup(asks).feed({ type: "denied", claim: 1, reason: "x" });
    expect(backup.machine.state).toBe("passive");
  });

  it("that nobody answers is given up, and given back", () => {
    const node = activePrimary(asks);
    node.take();
    expect(node.until(1999).take()).toEqual([]);
    expect(node.until(2000).take()).toEqual(["release 1"]);
    expect(node.told("claim-denied")).toMatchObject([{ at: 2000, reason: "no answer in time" }]);
    expect(node.feed(granted(1, 1)).machine.state, "an answer that comes too late is none").toBe("primary");
    node.feed({ type: "denied", claim: 1, reason: "x" });
    expect(node.machine.stats.claimsDenied).toBe(1);
  });

  it.each([
    ["a starting primary", () => activePrimary(asks), 2],
    ["a promoting primary", () => passivePrimary(asks).hear("passive", 2), 4],
    ["a promoting backup", () => activeBackup(asks), 3],
  ])("is given back where the peer is active after all: %s", (_who, make, epoch) => {
    const node = make();
    node.take();
    expect(node.hear("active", epoch).take()).toEqual([
      `remember ${epoch}`,
      "release 1",
      `transfer ${epoch === 2 ? 1 : 2}`,
    ]);
    expect(node.feed(granted(1, 9)).machine.state).toBe("passive");
  });

  it("votes during a claim are rejected, and make no second one", () => {
    const node = activeBackup(asks);
    node.take();
    expect([node.vote(), node.vote()]).toEqual([false, false]);
    expect(node.hear("passive", 1).hear("primary", 1).take()).toEqual([]);
    expect(node.told("request-rejected")).toHaveLength(3);
    const starting = activePrimary(asks);
    starting.take();
    starting.vote();
    expect(starting.hear("passive", 0).hear("backup", 0).take()).toEqual([]);
  });

  it("answers are taken once, and only those to the claim at hand", () => {
    const node = leaseholder();
    node.feed(granted(1, 5, 1)).feed({ type: "denied", claim: 1, reason: "late" });
    node.feed({ type: "lease-lost", claim: 7 }).feed({ type: "renewed", claim: 7, leaseMs: 1 });
    node.feed({ type: "activated", epoch: 7 }).feed({ type: "activation-failed", epoch: 7, reason: "x" });
    expect(node.machine).toMatchObject({ state: "active", epoch: 1 });
    expect(node.isServing).toBe(true);
    const asked = activePrimary(asks).feed({ type: "lease-lost", claim: 1 });
    expect(asked.machine.state).toBe("starting");
  });
});

describe("a lease", () => {
  it("is counted from when it was asked for, not from the answer", () => {
    const node = leaseholder();
    node.now = 2999;
    // Its own heartbeats are not what this is about.
    expect(node.machine.isServing(1999)).toBe(true);
    const kept = leaseholder().until(2999);
    expect(kept.isServing).toBe(true);
    expect(kept.machine.isServing(3000)).toBe(false);
  });

  it("is renewed when a third of it is over, from when that was asked for", () => {
    const node = leaseholder();
    expect(node.until(999).take()).toEqual([]);
    expect(node.until(1000).take()).toEqual(["renew 1"]);
    node.until(1500).feed({ type: "renewed", claim: 1, leaseMs: 3000 });
    expect(node.until(1999).take()).toEqual([]);
    expect(node.until(2000).take()).toEqual(["renew 1"]);
    expect(node.until(3999).isServing).toBe(true);
    expect(node.until(4000).isServing).toBe(false);
  });

  it("that is over unseats the node, which is passive then and gives it back", () => {
    const node = leaseholder().until(2999);
    node.take();
    expect(node.until(3000).take()).toEqual(["deactivate 1 lease-lost", "release 1"]);
    expect(node.machine.state).toBe("passive");
    expect(node.told("stopped-serving")).toEqual([
      { type: "stopped-serving", at: 3000, epoch: 1, reason: "lease-lost" },
    ]);
  });

  it("no reply after it: the time alone ends it, also if nobody woke the node", () => {
    const node = leaseholder();
    node.now = 1500;
    expect(node.isServing).toBe(true);
    const short = activePrimary(asks)
      .feed(granted(1, 1, 700))
      .standStill(700);
    expect(short.isServing).toBe(false);
    expect(short.vote()).toBe(false);
  });

  it("that another has got is over at once", () => {
    const node = leaseholder().until(1000).feed({ type: "lease-lost", claim: 1 });
    expect(node.machine.state).toBe("passive");
    expect(node.told("stopped-serving")).toMatchObject([{ at: 1000, reason: "lease-lost" }]);
  });

  it("that could not be renewed is tried again, until it is over", () => {
    const node = leaseholder().until(1000);
    node.take();
    node.until(1200).feed({ type: "renewal-failed", claim: 1, reason: "not reached" });
    expect(node.told("renewal-failed")).toEqual([
      { type: "renewal-failed", at: 1200, reason: "not reached" },
    ]);
    expect(node.until(1699).take()).toEqual([]);
    expect(node.until(1700).take()).toEqual(["renew 1"]);
    node.until(2900).feed({ type: "renewal-failed", claim: 1, reason: "not reached" });
    expect(node.until(2999).isServing).toBe(true);
    expect(node.until(3000).take()).toEqual(["deactivate 1 lease-lost", "release 1"]);
  });

  it("a grant that comes when the lease is over already serves nobody", () => {
    const node = activePrimary(asks)
      .until(1500)
      .feed(granted(1, 1, 1000));
    expect(node.isServing).toBe(false);
    expect(node.vote()).toBe(false);
    expect(node.until(1500).machine.state).toBe("passive");
  });

  it("without end is never renewed", () => {
    const node = activePrimary(asks).feed(granted(1, 1));
    node.take();
    expect(node.until(1e6).take()).toEqual([]);
    expect(node.isServing).toBe(true);
  });
});

describe("the application", () => {
  it("serves only when it is active, in that epoch", () => {
    const node = activePrimary({ activates: false });
    expect(node.isServing).toBe(false);
    expect(node.feed({ type: "activated", epoch: 3 }).isServing).toBe(false);
    expect(node.feed({ type: "activated", epoch: 1 }).isServing).toBe(true);
  });

  it("what it says of an epoch that is over does not count for the next one", () => {
    const node = activePrimary({ activates: false }).hear("passive", 2);
    expect(node.feed({ type: "activated", epoch: 1 }).isServing).toBe(false);
    node.feed({ type: "activation-failed", epoch: 1, reason: "deposed" });
    expect(node.machine).toMatchObject({ state: "active", epoch: 3 });
    expect(node.feed({ type: "activated", epoch: 3 }).isServing).toBe(true);
  });

  it("that could not become active leaves the node passive, and gives the claim back", () => {
    const node = activePrimary({ asks: true, activates: false }).feed(granted(1, 1));
    node.take();
    expect(node.feed({ type: "activation-failed", epoch: 1, reason: "no disk" }).take()).toEqual([
      "deactivate 1 activation-failed",
      "release 1",
    ]);
    expect(node.told("activation-failed")).toEqual([
      { type: "activation-failed", at: 0, epoch: 1, reason: "no disk" },
    ]);
    expect(node.machine.state).toBe("passive");
  });

  it("that could not become active is asked again after a heartbeat, however many clients ask", () => {
    const node = activeBackup({ activates: false });
    node.feed({ type: "activation-failed", epoch: 2, reason: "no disk" });
    node.take();
    for (const now of [2001, 2500, 2999]) expect(node.until(now).vote()).toBe(false);
    expect(node.take()).toEqual([]);
    node.until(3000).vote();
    expect(node.take()).toEqual(["remember 4", "activate 4"]);
  });
});

describe("a peer that is active, not heard before", () => {
  it("a waiting node follows, whichever epoch is higher", () => {
    expect(lone("primary", { epoch: 9 }).hear("active", 2).machine.state).toBe("passive");
    expect(passiveBackup().hear("active", 3).machine.state).toBe("passive");
    expect(lone("backup", { epoch: 9 }).hear("active", 1).machine.state).toBe("passive");
  });
});
