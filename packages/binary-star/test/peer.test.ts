import { describe, expect, it } from "vitest";
import { Peer } from "../src/peer.js";

const peer = (): Peer => new Peer(1000, 2, 0);

describe("a peer", () => {
  it("that was never heard is found dead in time, but did not fall silent", () => {
    const silent = peer();
    expect(silent).toMatchObject({ state: undefined, isDead: false, expiresAt: 2000 });
    expect(silent.judge(1999)).toBeUndefined();
    expect(silent.isDead).toBe(false);
    expect(silent.judge(2000), "there is no silence to tell of").toBeUndefined();
    expect(silent).toMatchObject({ isDead: true, expiresAt: Number.POSITIVE_INFINITY });
  });

  it("that was heard is found dead once, with how long it was silent", () => {
    const heard = peer();
    expect(heard.heard("active", 1000, 500)).toBeUndefined();
    expect(heard.heard("passive", 1000, 700)).toBe("active");
    expect(heard.judge(2700)).toBe(2000);
    expect(heard).toMatchObject({ isDead: true, state: undefined });
    expect(heard.judge(5000)).toBeUndefined();
    expect(heard.heard("primary", 1000, 6000), "it had been forgotten").toBeUndefined();
    expect(heard).toMatchObject({ isDead: false, state: "primary" });
  });

  it("is not dead by the time alone: somebody has to look", () => {
    const late = peer();
    late.heard("active", 1000, 0);
    expect(late.isDead).toBe(false);
    late.heard("active", 1000, 9000);
    expect(late.judge(9000)).toBeUndefined();
    expect(late.isDead).toBe(false);
  });

  it("has one more interval after a stall of this node", () => {
    const stalled = peer();
    stalled.heard("active", 3000, 0);
    stalled.stalled(50_000);
    expect(stalled.judge(52_999)).toBeUndefined();
    expect(stalled.judge(53_000)).toBe(53_000);
  });

  it("is judged by the interval that it says, or by this node's if it says none for the second time", () => {
    const one = peer();
    one.heard("active", 5000, 0);
    expect(one.expiresAt).toBe(10_000);
    one.heard("active", undefined, 0);
    expect([one.expiresAt, one.isUnclear]).toEqual([10_000, true]);
    one.heard("active", undefined, 0);
    expect([one.expiresAt, one.isUnclear]).toEqual([2000, false]);
    one.heard("active", undefined, 0);
    expect(one.isUnclear).toBe(false);
    one.heard("active", 300, 0);
    expect([one.expiresAt, one.isUnclear]).toEqual([600, false]);
  });

  it("is to be told something each interval of this node", () => {
    const told = peer();
    told.heard("active", 200, 0);
    expect(told.sendAt).toBe(1000);
    told.told(400);
    expect(told.sendAt).toBe(1400);
  });
});
