import { Heartbeat } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("Heartbeat", () => {
  it("sends each second and expires a peer after three silent ones by default", () => {
    const heartbeat = new Heartbeat({}, 100);
    expect([heartbeat.intervalMs, heartbeat.peerIntervalMs, heartbeat.liveness]).toEqual([1000, 1000, 3]);
    expect([heartbeat.sendAt, heartbeat.expiresAt, heartbeat.deadline]).toEqual([1100, 3100, 1100]);
    expect([heartbeat.isDue(1099.9), heartbeat.isDue(1100)]).toEqual([false, true]);
    expect([heartbeat.isExpired(3099.9), heartbeat.isExpired(3100)]).toEqual([false, true]);
  });

  it("keeps the directions apart: sending is no sign of the peer's life, nor hearing of ours", () => {
    const heartbeat = new Heartbeat({ intervalMs: 100 }, 0);
    heartbeat.sent(250);
    expect([heartbeat.sendAt, heartbeat.expiresAt, heartbeat.heardAt]).toEqual([350, 300, 0]);
    heartbeat.heard(290);
    expect([heartbeat.sendAt, heartbeat.expiresAt, heartbeat.heardAt]).toEqual([350, 590, 290]);
    expect(heartbeat.deadline).toBe(350);
  });

  it("judges a peer by the peer's own interval", () => {
    const heartbeat = new Heartbeat({ intervalMs: 100, peerIntervalMs: 1000, liveness: 2 }, 0);
    expect([heartbeat.sendAt, heartbeat.expiresAt]).toEqual([100, 2000]);
    const same = new Heartbeat({ intervalMs: 100, peerIntervalMs: undefined }, 0);
    expect(same.peerIntervalMs).toBe(100);
  });

  it("lets two sides with different intervals live for ever, each heard in time", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 4 }),
        (ours, theirs, liveness) => {
          const a = new Heartbeat({ intervalMs: ours, peerIntervalMs: theirs, liveness }, 0);
          const b = new Heartbeat({ intervalMs: theirs, peerIntervalMs: ours, liveness }, 0);
          // Of two deadlines at one time, speaking comes first.
          for (let step = 0; step < 50; step++) {
            const now = Math.min(a.sendAt, b.sendAt);
            for (const [from, to] of [
              [a, b],
              [b, a],
            ] as const) {
              if (!from.isDue(now)) continue;
              from.sent(now);
              to.heard(now);
            }
            expect(a.isExpired(now) || b.isExpired(now)).toBe(false);
          }
        },
      ),
    );
  });

  it("keeps another interval from the moment on that the peer was told so", () => {
    const heartbeat = new Heartbeat({ intervalMs: 100 }, 0);
    heartbeat.announced(400, 0, 50);
    expect([heartbeat.intervalMs, heartbeat.sendAt, heartbeat.expiresAt]).toEqual([400, 450, 300]);
    heartbeat.announced(400, 0.5, 60);
    expect(heartbeat.sendAt, "nothing is new").toBe(460);
    heartbeat.announced(100, 0.5, 70);
    expect([heartbeat.intervalMs, heartbeat.sendAt]).toEqual([100, 170]);
    expect(() => heartbeat.announced(0, 0, 70)).toThrow('Heartbeat: option "intervalMs"');
  });

  it("is due for the first time between the old interval and the new one, so that many are not at once", () => {
    const first = [0, 0.25, 1].map((spread) => {
      const heartbeat = new Heartbeat({ intervalMs: 100 }, 0);
      heartbeat.announced(500, spread, 1000);
      const { sendAt } = heartbeat;
      heartbeat.sent(sendAt);
      expect(heartbeat.sendAt - sendAt).toBe(500);
      return sendAt;
    });
    expect(first).toEqual([1500, 1400, 1100]);
  });

  it("takes over the interval that the peer announces", () => {
    const heartbeat = new Heartbeat({ intervalMs: 100 }, 0);
    heartbeat.expectInterval(2500);
    expect([heartbeat.peerIntervalMs, heartbeat.expiresAt, heartbeat.sendAt]).toEqual([2500, 7500, 100]);
    expect(() => heartbeat.expectInterval(0)).toThrow(RangeError);
    expect(() => heartbeat.expectInterval("1" as unknown as number)).toThrow(
      /^Heartbeat: option "peerIntervalMs"/,
    );
    expect(heartbeat.peerIntervalMs).toBe(2500);
  });

  it("gives a peer one more interval after our own stall, and no more", () => {
    const heartbeat = new Heartbeat({ intervalMs: 100, peerIntervalMs: 200 }, 0);
    expect(heartbeat.isExpired(9000)).toBe(true);
    heartbeat.stalled(9000);
    expect([heartbeat.isExpired(9000), heartbeat.expiresAt]).toEqual([false, 9200]);
    expect(heartbeat.isExpired(9200)).toBe(true);
    heartbeat.heard(9100);
    expect(heartbeat.expiresAt).toBe(9700);
  });

  it("does not shorten a peer's time by a stall", () => {
    const heartbeat = new Heartbeat({ intervalMs: 100, liveness: 10 }, 0);
    heartbeat.stalled(50);
    expect(heartbeat.expiresAt).toBe(1000);
  });

  it("names its owner and the option at fault", () => {
    expect(() => new Heartbeat({ intervalMs: 0 }, 0, "Worker: heartbeat")).toThrow(
      /^Worker: heartbeat: option "intervalMs" must be a number of milliseconds from 1 to \d+, got 0$/,
    );
    expect(() => new Heartbeat({ liveness: 1.5 }, 0)).toThrow(RangeError);
  });
});
