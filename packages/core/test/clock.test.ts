import { systemScheduler } from "@seaworthy/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

describe("systemScheduler", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("wakes once, at its time and never before", () => {
    const wake = vi.fn();
    const start = systemScheduler.now();
    systemScheduler.schedule(start + 99.5, wake);
    vi.advanceTimersByTime(99);
    expect(wake).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(wake).toHaveBeenCalledTimes(1);
    expect(systemScheduler.now()).toBeGreaterThanOrEqual(start + 99.5);
    vi.advanceTimersByTime(1000);
    expect(wake).toHaveBeenCalledTimes(1);
  });

  it("wakes at once, but not within the call, for a time that is past", () => {
    const wake = vi.fn();
    systemScheduler.schedule(systemScheduler.now() - 500, wake);
    expect(wake).not.toHaveBeenCalled();
    vi.advanceTimersByTime(0);
    expect(wake).toHaveBeenCalledTimes(1);
  });

  it("lets a call be withdrawn, also when it has happened", () => {
    const wake = vi.fn();
    const cancel = systemScheduler.schedule(systemScheduler.now() + 10, wake);
    cancel();
    vi.advanceTimersByTime(20);
    expect(wake).not.toHaveBeenCalled();
    const late = systemScheduler.schedule(systemScheduler.now() + 1, wake);
    vi.advanceTimersByTime(1);
    late();
    expect(wake).toHaveBeenCalledTimes(1);
  });

  it.each([2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY])("does not wake at once for %d ms ahead", (delay) => {
    const wake = vi.fn();
    const cancel = systemScheduler.schedule(systemScheduler.now() + delay, wake);
    vi.advanceTimersByTime(24 * 3600 * 1000);
    expect(wake).not.toHaveBeenCalled();
    cancel();
  });
});

describe("systemScheduler on the real clock", () => {
  it("has reached the time when it wakes, and does not run backwards", async () => {
    const at = systemScheduler.now() + 3;
    await new Promise<void>((resolve) => systemScheduler.schedule(at, resolve));
    const woken = systemScheduler.now();
    expect(woken).toBeGreaterThanOrEqual(at - 1);
    expect(systemScheduler.now()).toBeGreaterThanOrEqual(woken);
  });
});
