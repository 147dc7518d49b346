import { describe, expect, it } from "vitest";
import { ServerDriver } from "./server-driver.js";

/** With one request at its service. */
function running(): ServerDriver {
  return new ServerDriver({ leaseMs: 3000 }).begun().offer("echo").submit("echo").clear();
}

const times = (driver: ServerDriver): number => driver.did("idle").length;

describe("a server that closes", () => {
  it("is idle at once when it has nothing, and says so once", () => {
    const driver = new ServerDriver().begun().feed({ type: "close" });
    expect(driver.deeds).toEqual(["idle"]);
    driver.feed({ type: "close" }).feed({ type: "time-is-up" }).until(60_000);
    expect(driver.deeds).toEqual(["idle"]);
  });

  it("lets what is worked on finish, and is idle when the store has it", () => {
    const driver = running().feed({ type: "close" }).hold("complete").until(1000);
    expect(times(driver)).toBe(0);
    driver.reply("echo");
    expect(times(driver)).toBe(0);
    driver.let("complete");
    expect(driver.deeds.at(-1)).toBe("idle");
    expect(driver.store.at(1)?.state).toBe("done");
  });

  it("renews leases until then", () => {
    const driver = running().feed({ type: "close" }).until(10_000);
    expect(driver.store.at(1)?.leaseUntil).toBe(13_000);
  });

  it("answers what was asked before", () => {
    const driver = running().hold("add", "find").submit("echo").fetch(1).feed({ type: "close" });
    expect(driver.machine.load.storing).toBe(2);
    driver.let("find").let("add").reply("echo");
    expect(driver.did("answer").map((answer) => answer.slice(0, 5))).toEqual(["3 300", "2 200"]);
    expect(driver.deeds.at(-1)).toBe("idle");
    expect(driver.store.at(2)?.leaseUntil, "for others, or for the next start").toBe(0);
  });

  it("begins nothing: no claim, no question for workers, no look", () => {
    const driver = new ServerDriver().begun().submit("missing").offer("echo").submit("echo", "a");
    driver.submit("echo", "b").feed({ type: "close" }).clear();
    driver.store.put("other", "x");
    driver
      .feed({ type: "work", service: Buffer.from("other") })
      .feed({ type: "look" })
      .until(7000);
    expect(new Set(driver.did("store"))).toEqual(new Set([]));
    expect(driver.did("call")).toEqual([]);
    driver.reply("echo").reply("echo");
    expect(driver.did("store")).toEqual(["complete", "complete"]);
    expect(times(driver)).toBe(1);
  });

  it("wants no time for services that wait", () => {
    const driver = new ServerDriver().begun().submit("missing").feed({ type: "close" });
    expect(driver.machine.deadline).toBeUndefined();
  });

  it("takes no notice of what the broker says of workers, or a look brings", () => {
    const driver = new ServerDriver({ lookMs: 1000 }).begun().hold("services").until(1000);
    driver.broker = "is silent";
    driver.submit("echo").feed({ type: "close" }).clear();
    driver.answer("mmi.service", [Buffer.from("200")]).let("services");
    expect(driver.deeds).toEqual(["store sweep", "idle"]);
  });

  it("does not sweep to the end", () => {
    const driver = new ServerDriver({ lookMs: 1000 }).begun().hold("sweep");
    driver.store.toSweep = 5000;
    driver.until(1000).feed({ type: "close" }).clear().let("sweep");
    expect(driver.deeds).toEqual(["idle"]);
  });

  it("gives back at once what a claim brings late, and that counts for nothing", () => {
    const driver = running()
      .hold("claim")
      .submit("echo", "late")
      .feed({ type: "close" })
      .clear()
      .let("claim");
    expect(driver.did("call")).toEqual([]);
    expect(driver.did("store")).toEqual(["release"]);
    expect(driver.store.at(2)).toMatchObject({ leaseUntil: 0, failures: 0 });
    expect(driver.machine.stats.attempts).toBe(1);
    driver.reply("echo");
    expect(driver.deeds.at(-1)).toBe("idle");
  });

  it("goes on with what it works on, though its own lease ended and the request is claimed again", () => {
    const driver = running();
    driver.store.steal(driver.store.at(1) as never, 0);
    driver.hold("claim").submit("echo", "late").feed({ type: "close" }).clear().let("claim");
    expect(driver.did("store")).toEqual(["release"]);
    expect(driver.running).toEqual(["echo x"]);
    driver.reply("echo");
    expect(driver.store.at(1)?.state).toBe("done");
    expect(driver.deeds.at(-1)).toBe("idle");
  });

  it("tries again to store an outcome", () => {
    const driver = running().feed({ type: "close" }).failStore("complete").reply("echo").until(500);
    expect(times(driver)).toBe(0);
    driver.failStore().until(1000);
    expect(times(driver)).toBe(1);
    expect(driver.store.at(1)?.state).toBe("done");
  });
});

describe("when it can wait no longer", () => {
  it("it gives back what is worked on, which counts for nothing", () => {
    const driver = running().feed({ type: "close" }).clear().feed({ type: "time-is-up" });
    expect(driver.deeds).toEqual(["abort", "store release", "idle"]);
    expect(driver.store.at(1)).toMatchObject({ leaseUntil: 0, dueAt: 0, failures: 0 });
    expect(driver.statuses).toEqual([]);
  });

  it("what the store does not take back at once is left to the end of its lease", () => {
    const driver = running().feed({ type: "close" }).failStore("release").feed({ type: "time-is-up" });
    expect(driver.deeds.at(-1)).toBe("idle");
    expect(driver.machine.load.inFlight).toBe(0);
    expect(driver.machine.deadline).toBeUndefined();
  });

  it("so is an outcome that the store does not take", () => {
    const driver = running().failStore("complete").reply("echo").feed({ type: "close" });
    expect(times(driver)).toBe(0);
    expect(times(driver.feed({ type: "time-is-up" }))).toBe(1);
    expect(driver.did("store")).toEqual(["complete"]);
  });

  it("an outcome that is on its way is waited for", () => {
    const driver = running()
      .hold("complete")
      .reply("echo")
      .feed({ type: "close" })
      .feed({ type: "time-is-up" });
    expect(times(driver)).toBe(0);
    expect(times(driver.let("complete"))).toBe(1);
  });
});
