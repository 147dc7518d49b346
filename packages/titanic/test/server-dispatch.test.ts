import { frameKey } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { idOf, idTextOf, ServerDriver } from "./server-driver.js";

const nothing = { inFlight: 0, services: 0, missed: 0, storing: 0 };

function submitted(driver: ServerDriver, service: string, count: number): ServerDriver {
  for (let n = 1; n <= count; n++) driver.submit(service, `${service}${n}`);
  return driver;
}

describe("requests are worked on", () => {
  it("all of a service at a time, as far as maxInFlight goes, the oldest first", () => {
    const driver = submitted(new ServerDriver({ maxInFlight: 3 }).begun().offer("a"), "a", 5);
    expect(driver.running).toEqual(["a a1", "a a2", "a a3"]);
    driver.reply("a").reply("a");
    expect(driver.running).toEqual(["a a3", "a a4", "a a5"]);
    driver.reply("a").reply("a").reply("a");
    expect(driver.machine.stats).toMatchObject({ completed: 5, attempts: 5 });
    expect(driver.until(10_000).machine.load).toEqual(nothing);
  });

  it("with the time that an attempt has", () => {
    const driver = new ServerDriver({ timeoutMs: 1234 }).begun().offer("a").submit("a");
    expect(driver.outputs.findLast(({ type }) => type === "call")).toMatchObject({ timeoutMs: 1234 });
  });

  it("fault: each service is worked for at its own pace: one that never answers delays nobody", () => {
    const driver = new ServerDriver({ maxInFlight: 2 })
      .begun()
      .offer("slow")
      .offer("quick", (body) => body);
    submitted(submitted(driver, "slow", 10), "quick", 10);
    expect(driver.running).toEqual(["slow slow1", "slow slow2"]);
    expect(driver.machine.stats.completed).toBe(10);
    submitted(driver.until(3000), "quick", 10);
    expect(driver.machine.stats.completed).toBe(20);
  });

  it("fault: a service that never answers delays nobody even when it has used up the limit over all services", () => {
    const driver = new ServerDriver({ maxInFlightTotal: 4 }).begun().offer("slow");
    submitted(driver, "slow", 10);
    expect(driver.running).toHaveLength(4);
    driver.offer("quick", (body) => body);
    submitted(driver, "quick", 5);
    expect(driver.running).toHaveLength(4);
    expect(driver.machine.stats.completed).toBe(5);
  });

  it("a service that has one beyond the limit gets no second before there is room", () => {
    const driver = new ServerDriver({ maxInFlightTotal: 4 }).begun().offer("slow").offer("late");
    submitted(submitted(driver, "slow", 10), "late", 3);
    expect(driver.running.filter((name) => name.startsWith("late"))).toEqual(["late late1"]);
    driver.reply("late");
    expect(driver.running.filter((name) => name.startsWith("late"))).toEqual(["late late2"]);
    driver.reply("slow").reply("slow").reply("slow");
    expect(driver.running.filter((name) => name.startsWith("late"))).toEqual(["late late2", "late late3"]);
  });

  it("where there is room again, those that had none are served in turn", () => {
    const driver = new ServerDriver({ maxInFlightTotal: 6 }).begun().offer("a").offer("b").offer("c");
    for (let n = 0; n < 20; n++) driver.submit("a", "x").submit("b", "x").submit("c", "x");
    for (let n = 0; n < 30; n++) driver.reply(["a", "b", "c"][n % 3] as string);
    const count = (service: string): number =>
      driver.did("call").filter((name) => name === `${service} x`).length;
    for (const service of ["a", "b", "c"]) expect(count(service)).toBeGreaterThanOrEqual(10);
    expect(driver.running).toHaveLength(6);
  });

  it("many are claimed at once, and no more than 100 or 4 MiB", () => {
    const driver = new ServerDriver({ maxInFlight: 1000 }).begun();
    const kept = submitted(driver, "a", 250).store;
    driver.offer("a").until(4999);
    const [first, ...more] = (kept.seen.get("claim") ?? []).map(([, limit, , bytes]) => [limit, bytes]);
    expect(first).toEqual([100, 4 * 1024 * 1024]);
    expect(more).toHaveLength(2);
    expect(driver.running).toHaveLength(250);
  });

  it("bodies of no more than maxInFlightBytes, but one of each service at least", () => {
    const driver = new ServerDriver({ maxInFlightBytes: 10 }).begun().offer("a").offer("b");
    for (const body of ["12345", "67890", "x"]) driver.submit("a", body);
    expect(driver.running).toEqual(["a 12345", "a 67890"]);
    driver.submit("b", "large".repeat(10)).submit("b", "y");
    expect(driver.running).toEqual(["a 12345", "a 67890", `b ${"large".repeat(10)}`]);
    driver.reply("a").reply("a");
    expect(driver.running).toEqual([`b ${"large".repeat(10)}`, "a x"]);
    driver.reply("b");
    expect(driver.running).toEqual(["a x", "b y"]);
  });

  it("what is being claimed counts, in number and in size", () => {
    const driver = new ServerDriver({ maxInFlightTotal: 150, maxInFlightBytes: 6 * 1024 * 1024 }).begun();
    for (const service of ["a", "b", "c"]) driver.offer(service).submit(service);
    driver.hold("claim");
    for (const service of ["a", "b", "c"]) driver.submit(service);
    const claims = (driver.store.seen.get("claim") ?? []).slice(3);
    expect(claims.map(([, limit, , bytes]) => [limit, bytes])).toEqual([
      [99, 4 * 1024 * 1024],
      [48, 2 * 1024 * 1024 - 3],
    ]);
    driver.hold().let("claim", 2);
    expect(driver.running.filter((name) => name.startsWith("c"))).toHaveLength(2);
  });

  it("one claim of a service is under way at a time; what came meanwhile is claimed with the next", () => {
    const driver = new ServerDriver().begun().offer("a").submit("a").hold("claim");
    submitted(driver.clear(), "a", 3);
    expect(driver.did("store")).toEqual(["add", "claim", "add", "add"]);
    driver.let("claim");
    expect(driver.did("store").slice(4)).toEqual(["claim"]);
    driver.let("claim");
    expect(driver.running).toHaveLength(4);
  });
});

describe("a request that is closed", () => {
  it("fault: a request that is closed while it is worked on is given up, and leaves no reply behind", () => {
    const driver = new ServerDriver().begun().offer("a").submit("a").clear().closeRequest(1);
    expect(driver.deeds).toEqual(["store remove", "abort", "answer 2 200"]);
    expect(driver.store.kept.size).toBe(0);
    expect(driver.until(10_000).machine.load).toEqual(nothing);
    driver.clear().feed({ type: "answered", call: 2, body: [Buffer.from("stray")] });
    driver.feed({
      type: "failed",
      call: 2,
      failure: { code: "ERR_ABORTED", attempts: 1, sent: 1, endpoints: [] },
    });
    expect(driver.outputs).toEqual([]);
  });

  it("fault: a request that is closed while its reply is on its way to the store leaves none behind either", () => {
    const driver = new ServerDriver().begun().offer("a").submit("a").hold("remove");
    driver.closeRequest(1).clear().reply("a").hold().let("remove");
    expect(driver.store.kept.size).toBe(0);
    expect(driver.machine.stats).toMatchObject({ completed: 0, repliesDropped: 1, closed: 1 });
    expect(driver.events).toEqual([{ type: "reply-dropped", id: idTextOf(1), service: "a", at: 0 }]);
  });

  it("while the store fails to take its reply: that is not tried any more", () => {
    const driver = new ServerDriver().begun().offer("a").submit("a").failStore("complete").reply("a");
    driver.clear().closeRequest(1);
    expect(driver.machine.load.inFlight).toBe(0);
    driver.failStore().until(20_000);
    expect(driver.did("store")).not.toContain("complete");
  });

  it("while its failure is on its way: nothing is said of a lost lease", () => {
    const driver = new ServerDriver().begun().offer("a").submit("a").hold("remove", "release");
    driver.closeRequest(1).fail("a", "ERR_HANDLER_FAILED").clear().let("remove").let("release");
    expect(driver.statuses).toEqual([]);
    expect(driver.machine).toMatchObject({ stats: { leasesLost: 0 }, load: { inFlight: 0 } });
  });

  it("fault: a request that is closed while the store is giving it out never runs", () => {
    const driver = new ServerDriver()
      .begun()
      .offer("a")
      .offer("b")
      .submit("a")
      .submit("b")
      .reply("a")
      .reply("b");
    driver.hold("claim").submit("a").submit("b").closeRequest(3).clear().let("claim").let("claim");
    expect(driver.running).toEqual(["b x"]);
    driver.hold().submit("a", "next");
    expect(driver.running).toEqual(["b x", "a next"]);
    expect(driver.machine.stats.attempts).toBe(4);
  });

  it("by an operator is given up as well", () => {
    const driver = new ServerDriver().begun().offer("a").submit("a").clear();
    const kept = driver.store.at(1);
    driver.store.kept.clear();
    driver.feed({ type: "removed", id: kept?.id as Uint8Array });
    expect(driver.deeds).toEqual(["abort"]);
    driver.feed({ type: "removed", id: kept?.id as Uint8Array });
    expect(driver.deeds).toHaveLength(1);
  });

  it("fault: at another server, is given up when that is told, and not when the lease is renewed", () => {
    const driver = new ServerDriver().begun().offer("a").submit("a").submit("a", "y").clear();
    driver.store.kept.delete(frameKey(idOf(1)));
    driver.feed({ type: "removed", id: idOf(1) });
    expect(driver.deeds).toEqual(["abort"]);
    expect(driver.running).toEqual(["a y"]);
    expect(driver.machine).toMatchObject({ stats: { leasesLost: 0 }, load: { inFlight: 1 } });
  });

  it("fault: at another server, while the store is giving it out to this one, never runs", () => {
    const driver = new ServerDriver().begun().offer("a").hold("claim").submit("a");
    driver.store.kept.delete(frameKey(idOf(1)));
    driver.feed({ type: "removed", id: idOf(1) }).let("claim");
    expect(driver.did("call")).toEqual(["mmi.service a"]);
    expect(driver.machine).toMatchObject({ stats: { attempts: 0 }, load: { inFlight: 0 } });
  });

  it("at another server, of which nothing is heard, is given up when its lease is renewed", () => {
    const driver = new ServerDriver({ leaseMs: 3000 }).begun().offer("a").submit("a").clear();
    driver.store.kept.delete(frameKey(idOf(1)));
    expect(driver.until(999).did("abort")).toEqual([]);
    expect(driver.until(1000).did("abort")).toHaveLength(1);
    expect(driver.machine.load).toMatchObject({ inFlight: 0 });
  });
});

it("does not grow: 100,000 services are invented one after another, and their requests closed", {
  timeout: 60_000,
}, () => {
  const driver = new ServerDriver({ lookMs: 50 }).begun();
  let most = 0;
  for (let n = 1; n <= 100_000; n++) {
    driver.submit(`service-${n}`).closeRequest(n);
    most = Math.max(most, driver.machine.load.services);
    if (n % 500 === 0) driver.until(n / 10).clear();
  }
  expect(driver.machine.stats).toMatchObject({ accepted: 100_000, closed: 100_000, refused: 0 });
  expect(most).toBeLessThanOrEqual(1000);
  driver.until(driver.now + 100);
  expect(driver.machine.load).toEqual(nothing);
});
