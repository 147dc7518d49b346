import { describe, expect, it } from "vitest";
import { activeBackup, activePrimary, lone, passiveBackup, StarDriver } from "./star-driver.js";

describe("a process that stands still", () => {
  it("a process that was paused reads what its peer has said before it judges it dead", () => {
    const node = passiveBackup().standStill(10_000);
    expect(node.vote(), "a client's request is read first").toBe(false);
    node.hear("active", 1);
    node.wake(9000);
    expect(node.vote()).toBe(false);
    expect(node.machine).toMatchObject({ state: "passive", peerState: "active" });
    expect(node.machine.stats.peerExpired).toBe(0);
    expect(node.told("process-stalled")).toEqual([{ type: "process-stalled", at: 10_000, ms: 9000 }]);
  });

  it("and gives its peer one more heartbeat if there was nothing to read", () => {
    const node = passiveBackup().standStill(10_000).wake(9000);
    expect(node.until(10_999).vote()).toBe(false);
    expect(node.until(11_000).vote()).toBe(true);
  });

  // It has looked around less than two of its heartbeats ago, and is in no doubt: nothing but this keeps it from taking over.
  it.each([
    ["longer than a heartbeat, and less than two", { heartbeatMs: 1000, heardAt: 100, pauseMs: 1500 }],
    [
      "shorter than a heartbeat, and that of its peer is shorter still",
      { heartbeatMs: 200, heardAt: 1000, pauseMs: 500 },
    ],
  ])(
    "a process that was paused reads first, however short the pause was: %s",
    (_long, { heartbeatMs, heardAt, pauseMs }) => {
      const node = lone("backup")
        .until(heardAt)
        .hear("active", 1, heartbeatMs)
        .until(1100)
        .standStill(pauseMs);
      expect(node.vote(), "a client's request is read first").toBe(false);
      expect(node.machine.state).toBe("passive");
      node.hear("active", 1, heartbeatMs).wake(pauseMs);
      expect(node.vote()).toBe(false);
      expect([node.machine.state, node.machine.stats.peerExpired]).toEqual(["passive", 0]);
    },
  );

  it("a vote counts only when the peer was found dead, not when only time has passed", () => {
    const node = passiveBackup();
    node.now = 2500;
    expect(node.vote()).toBe(false);
    expect(node.until(2500).vote()).toBe(true);
  });

  it("an active node that was silent for as long as its peer waits answers nobody until it has read everything", () => {
    const node = activePrimary().standStill(1999);
    expect(node.isServing).toBe(true);
    node.standStill(1);
    expect(node.isServing).toBe(false);
    expect(node.vote()).toBe(false);
    node.wake(1000);
    expect(node.vote(), "nobody took over").toBe(true);
  });

  it("nor does it say so, and makes way if another took over", () => {
    const node = activePrimary().standStill(5000).hear("active", 2);
    expect(node.isServing).toBe(false);
    expect(node.machine.state).toBe("passive");
  });

  it("a peer that was found dead before, and has come back meanwhile, is read before votes count", () => {
    const node = passiveBackup().peerDies().standStill(3000);
    expect(node.vote(), "the primary may be active again").toBe(false);
    expect(node.machine.state).toBe("passive");
    node.hear("active", 3).wake(2000);
    expect(node.vote()).toBe(false);
  });

  it("what the peer said long ago makes nobody active: not that it waited, nor what it knew", () => {
    const passive = passiveBackup().standStill(5000).hear("primary", 1);
    expect(passive.machine.state).toBe("passive");
    expect(passive.hear("active", 3).wake(4000).machine.epoch).toBe(3);
    const waiting = lone("primary").standStill(5000).hear("backup", 0);
    expect(waiting.machine.state).toBe("primary");
    const active = activePrimary().standStill(5000).hear("passive", 2);
    expect(active.take().filter((words) => words.startsWith("activate"))).toEqual(["activate 1"]);
    expect(active.hear("active", 4).machine.state).toBe("passive");
    const said = passiveBackup().standStill(5000).hear("primary", 1).wake(4000).hear("primary", 1);
    expect(said.machine.state, "if the peer still waits, it says so again").toBe("active");
  });

  it("does not stay in doubt because of what else it has to say", () => {
    const node = activePrimary();
    for (let now = 100; now < 10_000; now += 900) {
      node.until(now).feed({ type: "peer-reads-records", reads: true }).hear("passive", 1);
      expect(node.isServing, `at ${now}`).toBe(true);
    }
  });

  it("nor with a liveness of 1", () => {
    const node = new StarDriver({ role: "primary", liveness: 1 }).start().hear("backup", 0);
    node.until(700).feed({ type: "peer-reads-records", reads: true });
    for (let now = 701; now < 5000; now += 150) expect(node.until(now).isServing, `at ${now}`).toBe(true);
  });
});

describe("time", () => {
  it("no wall clock: machines know no time but the one that they are given", () => {
    // The year 1 of some clock, and the year 3000: the same happens.
    const early = activeBackup();
    const late = new StarDriver({ role: "backup" });
    late.now = 1e14;
    late.start().hear("active", 1).peerDies().vote();
    expect(late.machine.epoch).toBe(early.machine.epoch);
    expect(late.events.map(({ type, at }) => [type, at - 1e14])).toEqual(
      early.events.map(({ type, at }) => [type, at]),
    );
  });

  it("no wall clock: a step of the system's clock kills no peer and ends no lease", () => {
    const real = Date.now;
    try {
      const node = activePrimary({ asks: true }).feed({ type: "granted", claim: 1, epoch: 1, leaseMs: 3000 });
      Date.now = () => real() + 1e9;
      expect(node.until(900).isServing).toBe(true);
      const backup = passiveBackup();
      Date.now = () => real() - 1e9;
      expect(backup.until(1999).machine.peerState).toBe("active");
    } finally {
      Date.now = real;
    }
  });

  it("the next time to look is that of the next heartbeat, the peer's death, or the claim's", () => {
    expect(lone("primary").machine.deadline).toBe(1000);
    const node = lone("primary").hear("backup", 0, 300);
    expect(node.machine.deadline).toBe(600);
    const claiming = new StarDriver({ role: "primary", claimTimeoutMs: 250 }, { asks: true }).start();
    expect(claiming.hear("backup", 0).machine.deadline).toBe(250);
  });
});
