import { describe, expect, it } from "vitest";
import type { TitanicServerOptions } from "../src/server-options.js";
import { idTextOf, ServerDriver } from "./server-driver.js";

function running(options: TitanicServerOptions = {}): ServerDriver {
  return new ServerDriver(options).begun().offer("echo").submit("echo").clear();
}

describe("an attempt that fails", () => {
  it.each([
    ["ERR_REQUEST_TIMEOUT", "no reply came in time"],
    ["ERR_WORKERS_FAILED", "all workers that had it were lost"],
    ["ERR_HANDLER_FAILED", "its handler failed: broken"],
    ["ERR_STREAM_INTERRUPTED", "ERR_STREAM_INTERRUPTED"],
    ["ERR_LIMIT_REACHED", "limit maxBodyBytes = 10 is reached"],
  ] as const)("of %s counts, and its reason is kept", (code, failure) => {
    const driver = running({ maxAttempts: 1 }).fail("echo", code);
    expect(driver.store.at(1)).toMatchObject({ state: "dead", failure });
    expect(driver.events).toEqual([
      { type: "request-buried", id: idTextOf(1), service: "echo", failure, at: 0 },
    ]);
    expect(driver.machine.stats).toMatchObject({ failed: 1, buried: 1, postponed: 0 });
  });

  it.each([
    "ERR_BROKER_LIMIT",
    "ERR_ABORTED",
    "ERR_CLOSED",
    "ERR_NO_SERVICE",
    "ERR_BROKER_UNREACHABLE",
  ] as const)("of %s does not", (code) => {
    const driver = running({ maxAttempts: 1 }).fail("echo", code);
    expect(driver.store.at(1)).toMatchObject({ state: "pending", failures: 0 });
    expect(driver.machine.stats).toMatchObject({ failed: 0, postponed: 1 });
    driver.until(100).reply("echo").fetch(1);
    expect(driver.did("answer")).toEqual(["2 200|done"]);
  });

  it("whose time was over before any connection took it does not count either", () => {
    const driver = running({ maxAttempts: 1 }).fail("echo", "ERR_REQUEST_TIMEOUT", 0);
    expect(driver.machine.stats).toMatchObject({ failed: 0, postponed: 1 });
  });

  it("that only waited in the broker's line, as the broker says, does not count either", () => {
    const driver = running({ maxAttempts: 1 }).fail("echo", "ERR_REQUEST_TIMEOUT", 1, { wasGiven: false });
    expect(driver.machine.stats).toMatchObject({ failed: 0, postponed: 1 });
  });

  it("is told with the pause before the next, which doubles", () => {
    const driver = running({ backoff: { initialMs: 1000, maxMs: 3000, jitter: 0 } });
    for (const ms of [1000, 2000, 3000, 3000]) {
      driver.clear().fail("echo", "ERR_HANDLER_FAILED");
      expect(driver.events[0]).toMatchObject({
        type: "attempt-failed",
        failure: "its handler failed: broken",
        pauseMs: ms,
      });
      driver.until(driver.now + ms - 1);
      expect(driver.running).toEqual([]);
      driver.until(driver.now + 1);
      expect(driver.running).toEqual(["echo x"]);
    }
    expect(driver.events.find(({ type }) => type === "attempt-failed")).toMatchObject({ failures: 4 });
  });

  it("delays no other request of its service", () => {
    const driver = running().fail("echo", "ERR_HANDLER_FAILED").submit("echo", "other");
    expect(driver.running).toEqual(["echo other"]);
  });

  it("is tried again in time, though the store was being asked for work when it failed", () => {
    const driver = running({ lookMs: 60_000 }).hold("claim").submit("echo", "other");
    driver.hold().fail("echo", "ERR_HANDLER_FAILED").let("claim").until(1000);
    expect(driver.running).toEqual(["echo other", "echo x"]);
  });

  it("has a reason of a length that clients read", () => {
    const long = "é".repeat(100_000);
    const driver = running({ maxAttempts: 1 });
    driver.feed({
      type: "failed",
      call: 2,
      failure: { code: "ERR_HANDLER_FAILED", message: long, attempts: 1, sent: 1, endpoints: [] },
    });
    expect(driver.store.at(1)?.failure).toBe(`its handler failed: ${long.slice(0, 1024)}`);
  });
});

describe("a dead letter", () => {
  it("fault: a request of which maxAttempts have failed is a dead letter, and is not tried again", () => {
    const driver = new ServerDriver({ maxAttempts: 4, leaseMs: 1000 }).begun();
    driver
      .offer("echo", () => ({ fails: "ERR_HANDLER_FAILED" }))
      .submit("echo")
      .until(3_600_000);
    expect(driver.machine.stats).toMatchObject({ attempts: 4, failed: 4, buried: 1 });
    expect(driver.statuses).toEqual(["attempt-failed", "attempt-failed", "attempt-failed", "request-buried"]);
    expect(driver.machine.load).toMatchObject({ services: 0, inFlight: 0 });
  });

  it("counts the attempts of earlier servers", () => {
    const driver = new ServerDriver({ maxAttempts: 3 }).begun().offer("echo");
    driver.store.put("echo", "x").failures = 2;
    driver.until(5000).fail("echo", "ERR_HANDLER_FAILED");
    expect(driver.machine.stats.buried).toBe(1);
  });

  it("that is requeued is tried at once, as if it were new", () => {
    const driver = running({ maxAttempts: 1 }).fail("echo", "ERR_HANDLER_FAILED").until(7000).clear();
    const kept = driver.store.at(1);
    Object.assign(kept ?? {}, { state: "pending", failures: 0 });
    driver.feed({ type: "look" }).until(7000);
    expect(driver.running).toEqual(["echo x"]);
    driver.reply("echo").fetch(1);
    expect(driver.did("answer")).toEqual(["2 200|done"]);
  });

  it("that is requeued while the store is being looked through is tried at once, too", () => {
    const driver = running({ maxAttempts: 1 }).fail("echo", "ERR_HANDLER_FAILED").until(100);
    driver.hold("services").until(5000);
    Object.assign(driver.store.at(1) ?? {}, { state: "pending", failures: 0 });
    driver.feed({ type: "look" }).hold().let("services").until(5000);
    expect(driver.running).toEqual(["echo x"]);
    expect(driver.clear().until(9999).did("store"), "and then as usual").not.toContain("services");
  });
});
