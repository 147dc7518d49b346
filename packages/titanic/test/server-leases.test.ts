import { describe, expect, it } from "vitest";
import { idTextOf, ServerDriver } from "./server-driver.js";

/** With one request at its service. */
function running(leaseMs = 3000): ServerDriver {
  return new ServerDriver({ leaseMs, lookMs: 600_000 }).begun().offer("echo").submit("echo").clear();
}

describe("leases", () => {
  it("are renewed in time, for as long as the request is worked on, and not longer", () => {
    const driver = running().until(60_000);
    expect(driver.did("store").filter((name) => name === "renew")).toHaveLength(60);
    expect(driver.store.at(1)?.leaseUntil).toBe(63_000);
    expect(driver.did("call")).toEqual([]);
    driver.reply("echo").clear().until(120_000);
    expect(driver.did("store")).not.toContain("renew");
  });

  it("do not have the store asked in vain each time that one of them would have ended", () => {
    const driver = running().until(100).reply("echo").until(200).submit("echo").reply("echo").clear();
    expect(driver.until(3199).did("store")).toEqual([]);
    expect(driver.until(600_000 - 1).did("store")).toEqual(["claim"]);
  });

  it("of what came later are renewed with the others, before they end", () => {
    const driver = running().until(999).submit("echo", "later").until(1000);
    expect(driver.store.at(2)?.leaseUntil).toBe(4000);
  });

  it("of outcomes that the store does not take are renewed, too", () => {
    const driver = running().failStore("complete").reply("echo").until(20_000);
    expect(driver.store.at(1)?.leaseUntil).toBe(23_000);
  });

  it("are renewed a thousand at a time", () => {
    const driver = new ServerDriver({ leaseMs: 3000, maxInFlight: 5000 }).begun();
    for (let n = 0; n < 2500; n++) driver.submit("echo");
    driver.offer("echo").until(1100);
    const sizes = driver.store.seen.get("renew")?.map(([leases]) => (leases as readonly unknown[]).length);
    expect(sizes).toEqual([1000, 1000, 500]);
  });

  it("that are lost to another server: the request is given up here, and the loss told", () => {
    const driver = running();
    driver.store.steal(driver.store.at(1) as never);
    driver.until(1000);
    expect(driver.did("abort")).toHaveLength(1);
    expect(driver.running).toEqual([]);
    expect(driver.events).toEqual([{ type: "lease-lost", id: idTextOf(1), service: "echo", at: 1000 }]);
    expect(driver.machine).toMatchObject({ stats: { leasesLost: 1 } });
    expect(driver.machine.load.inFlight).toBe(0);
  });

  it.each([
    ["a failure", 5],
    ["the last failure", 1],
  ])("that are lost: %s is not counted, since another works on the request", (_what, maxAttempts) => {
    const driver = new ServerDriver({ maxAttempts }).begun().offer("echo").submit("echo").clear();
    driver.store.steal(driver.store.at(1) as never);
    driver.fail("echo", "ERR_HANDLER_FAILED");
    expect(driver.store.at(1)).toMatchObject({ state: "pending", failures: 0 });
    expect(driver.machine.stats).toMatchObject({ leasesLost: 1, buried: 0 });
    expect(driver.statuses).toContain("lease-lost");
  });

  it("that are lost: a reply is stored all the same, if it is the first", () => {
    const driver = running();
    driver.store.steal(driver.store.at(1) as never);
    driver.reply("echo", "first").fetch(1);
    expect(driver.did("answer")).toEqual(["2 200|first"]);
  });

  it("that are lost: a reply that comes second is dropped, and so it is told", () => {
    const driver = running();
    Object.assign(driver.store.at(1) ?? {}, { state: "done", reply: [Buffer.from("first")] });
    driver.reply("echo", "second").fetch(1);
    expect(driver.did("answer")).toEqual(["2 200|first"]);
    expect(driver.statuses).toEqual(["reply-dropped"]);
    expect(driver.machine.stats).toMatchObject({ completed: 0, repliesDropped: 1 });
  });

  it("a loss that is told when the reply has come is no matter", () => {
    const driver = running().hold("renew");
    driver.store.steal(driver.store.at(1) as never);
    driver.until(1000).reply("echo").clear().let("renew");
    expect(driver.outputs).toEqual([]);
  });
});

describe("a server that stood still", () => {
  it("renews its leases at once", () => {
    const driver = running().until(500).feed({ type: "stalled", ms: 400 }).until(500);
    expect(driver.store.at(1)?.leaseUntil).toBe(3500);
    expect(driver.events).toEqual([{ type: "process-stalled", ms: 400, at: 500 }]);
  });

  it("has nothing to renew when nothing is worked on", () => {
    const driver = new ServerDriver().begun().feed({ type: "stalled", ms: 400 }).until(0);
    expect(driver.did("store")).toEqual([]);
  });

  it("until its own lease ended, and claims the request again, goes on with the one run of it", () => {
    const driver = running();
    driver.now = 10_000;
    driver.feed({ type: "work", service: Buffer.from("echo") });
    expect(driver.store.at(1)?.leaseUntil).toBe(13_000);
    expect(driver.did("call")).toEqual([]);
    driver.feed({ type: "stalled", ms: 9000 }).until(10_000);
    expect(driver.statuses).toEqual(["process-stalled"]);
    driver.fail("echo", "ERR_HANDLER_FAILED");
    expect(driver.store.at(1)?.failures).toBe(1);
    expect(driver.machine.stats).toMatchObject({ attempts: 1, leasesLost: 0 });
  });

  it("and learns late of a loss that it has made good itself takes no notice", () => {
    const driver = running().hold("renew");
    driver.store.steal(driver.store.at(1) as never, 500);
    driver
      .until(1000)
      .feed({ type: "work", service: Buffer.from("echo") })
      .let("renew");
    expect(driver.running).toEqual(["echo x"]);
    expect(driver.statuses).toEqual([]);
  });

  it("and whose outcome goes with the old lease stores it with the new one", () => {
    const driver = running().hold("release");
    const kept = driver.store.at(1);
    driver.store.steal(kept as never, 0);
    driver.fail("echo", "ERR_HANDLER_FAILED");
    driver
      .feed({ type: "work", service: Buffer.from("echo") })
      .hold()
      .let("release");
    expect(kept?.failures).toBe(1);
    expect(driver.machine.stats).toMatchObject({ leasesLost: 0, failed: 1 });
    expect(driver.machine.load.inFlight).toBe(0);
  });
});

describe("work of others", () => {
  it("of a server that died is taken over when its lease has ended", () => {
    const driver = new ServerDriver().offer("echo");
    driver.store.steal(driver.store.put("echo", "orphan"), 12_345);
    driver.until(12_344);
    expect(driver.running).toEqual([]);
    driver.until(12_345);
    expect(driver.running).toEqual(["echo orphan"]);
  });

  it("of before the server was started is found at once", () => {
    const driver = new ServerDriver().offer("echo");
    driver.store.put("echo", "old");
    expect(driver.until(0).running).toEqual(["echo old"]);
  });

  it("that another server has taken in is begun when that is told, or found at the next look", () => {
    const driver = new ServerDriver({ lookMs: 5000 }).begun().offer("a").offer("b");
    driver.store.put("a", "told");
    driver.store.put("b", "not told");
    driver.feed({ type: "work", service: Buffer.from("a") });
    expect(driver.running).toEqual(["a told"]);
    driver.until(5000);
    expect(driver.running).toEqual(["a told", "b not told"]);
  });

  it("for more services than maxServices waits until there is room for it", () => {
    const driver = new ServerDriver({ maxServices: 2, lookMs: 1000 }).offer("a").offer("b").offer("c");
    for (const service of ["a", "b", "c"]) driver.store.put(service, "x");
    driver.until(1000);
    expect(driver.running).toEqual(["a x", "b x"]);
    driver.reply("a").until(3000);
    expect(driver.running).toEqual(["b x", "c x"]);
  });
});

describe("the look through the store", () => {
  it("comes every lookMs, and never twice at a time", () => {
    const driver = new ServerDriver({ lookMs: 1000 }).until(3500);
    expect(driver.did("store")).toEqual(Array.from({ length: 4 }, () => ["services", "sweep"]).flat());
    driver.hold("services").clear().until(9000);
    expect(driver.did("store")).toEqual(["services"]);
    driver.hold().let("services").clear().until(10_000);
    expect(driver.did("store")).toEqual(["services", "sweep"]);
  });

  it("sweeps in batches until nothing is left", () => {
    const driver = new ServerDriver();
    driver.store.toSweep = 2345;
    driver.until(0);
    expect(driver.did("store")).toEqual(["services", "sweep", "sweep", "sweep"]);
    expect(driver.store.toSweep).toBe(0);
  });

  it("forgets no service that was heard of while the store was looking", () => {
    const driver = new ServerDriver({ lookMs: 1000 }).begun().hold("services").until(1000);
    driver.submit("echo").let("services").clear().offer("echo").until(1100);
    expect(driver.running).toEqual(["echo x"]);
  });

  it("forgets services that have no work any more", () => {
    const driver = new ServerDriver({ lookMs: 1000 }).begun().submit("echo").closeRequest(1);
    expect(driver.machine.load.services).toBe(1);
    driver.until(1000);
    expect(driver.machine.load.services).toBe(0);
    expect(driver.machine.load.missed).toBe(0);
    expect(driver.machine.deadline, "only the next look").toBe(2000);
  });
});
