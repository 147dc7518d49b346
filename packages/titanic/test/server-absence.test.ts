import { describe, expect, it } from "vitest";
import { ServerDriver } from "./server-driver.js";

const MINUTE = 60_000;

const questions = (driver: ServerDriver): number =>
  driver.did("call").filter((name) => name.startsWith("mmi.service")).length;

describe("a service without a worker", () => {
  it("is asked for before anything is sent to it, and then worked on", () => {
    const driver = new ServerDriver().begun().submit("echo");
    expect(driver.did("call")).toEqual(["mmi.service echo"]);
    expect(driver.statuses).toEqual(["service-missed"]);
    expect(driver.machine.load).toMatchObject({ services: 1, missed: 1 });
    driver.clear().offer("echo").until(100);
    expect(driver.did("call")).toEqual(["mmi.service echo", "echo x"]);
    expect(driver.events).toEqual([{ type: "service-found", service: "echo", at: 100 }]);
    expect(driver.machine.load.missed).toBe(0);
  });

  it("is asked for again after pauses that grow, and for all of its requests together", () => {
    const driver = new ServerDriver().begun();
    for (let n = 0; n < 50; n++) driver.submit("echo");
    expect(questions(driver)).toBe(1);
    const times: number[] = [];
    for (let now = 0; now <= 21_000; now += 50) {
      const before = questions(driver);
      if (questions(driver.until(now)) > before) times.push(now);
    }
    expect(times).toEqual([100, 300, 700, 1500, 3100, 6300, 11_300, 16_300]);
    expect(driver.statuses).toEqual(["service-missed"]);
  });

  it("costs nothing but its queue: no claim, no attempt, a question now and then", () => {
    const driver = new ServerDriver({ lookMs: 24 * 60 * MINUTE }).begun();
    for (let n = 0; n < 1000; n++) driver.submit("echo");
    driver.clear().until(10 * 60 * MINUTE);
    expect(new Set(driver.deeds)).toEqual(new Set(["call mmi.service echo"]));
    expect(driver.deeds.length).toBeLessThan((10 * 60 * MINUTE) / 5000 + 10);
    expect(driver.store.at(1)).toMatchObject({ failures: 0, state: "pending" });
    expect(driver.machine.stats).toMatchObject({ attempts: 0, postponed: 0 });
    driver.offer("echo", (body) => body).until(driver.now + 5000);
    expect(driver.machine.stats.completed).toBe(1000);
  });

  it("delays no other", () => {
    const driver = new ServerDriver().begun().submit("missing").offer("echo").submit("echo");
    expect(driver.running).toEqual(["echo x"]);
  });

  it("is forgotten when its requests are closed", () => {
    const driver = new ServerDriver().begun().submit("echo").closeRequest(1).until(5000);
    expect(driver.machine.load).toEqual({ inFlight: 0, services: 0, missed: 0, storing: 0 });
    expect(questions(driver.clear().until(MINUTE))).toBe(0);
  });

  it("whose requests are closed while the broker is asked is forgotten after that", () => {
    const driver = new ServerDriver({ lookMs: 1000 }).begun();
    driver.broker = "is silent";
    driver.submit("echo").closeRequest(1).until(1000);
    expect(driver.machine.load.services).toBe(1);
    driver.fail("mmi.service", "ERR_REQUEST_TIMEOUT");
    expect(driver.machine.load).toMatchObject({ services: 0, missed: 0 });
  });

  it("that a request comes for while the broker is asked is asked for once", () => {
    const driver = new ServerDriver().begun();
    driver.broker = "is silent";
    driver.submit("echo").submit("echo");
    expect(driver.running).toEqual(["mmi.service echo"]);
  });
});

describe("a service whose workers leave", () => {
  it("is asked for again; its requests wait, and none of it counts", () => {
    const driver = new ServerDriver({ maxAttempts: 1 }).begun().offer("echo");
    for (let n = 0; n < 20; n++) driver.submit("echo");
    driver.services.delete("echo");
    driver.clear();
    for (let n = 0; n < 20; n++) driver.fail("echo", "ERR_NO_SERVICE");
    expect(questions(driver)).toBe(1);
    expect(driver.statuses).toEqual(["service-missed"]);
    expect(driver.machine.stats).toMatchObject({ postponed: 20, failed: 0, buried: 0 });
    driver.until(MINUTE);
    expect(driver.did("call").filter((name) => name !== "mmi.service echo")).toEqual([]);
    driver.offer("echo", (body) => body).until(2 * MINUTE);
    expect(driver.machine.stats.completed).toBe(20);
  });

  it("and whose broker does not say so: what waits there has one attempt behind it, and no more until they are back", () => {
    const driver = new ServerDriver({ maxAttempts: 2 }).begun().offer("echo");
    for (let n = 0; n < 20; n++) driver.submit("echo");
    driver.services.delete("echo");
    driver.clear();
    for (let n = 0; n < 20; n++) driver.fail("echo", "ERR_REQUEST_TIMEOUT");
    expect(questions(driver)).toBe(1);
    expect(driver.statuses).toContain("service-missed");
    driver.clear().until(60 * MINUTE);
    expect(driver.machine.stats).toMatchObject({ attempts: 20, failed: 20, buried: 0 });
    expect(new Set(driver.did("call"))).toEqual(new Set(["mmi.service echo"]));
    driver.offer("echo", (body) => body).until(61 * MINUTE);
    expect(driver.machine.stats).toMatchObject({ completed: 20, buried: 0 });
  });

  it("and come back soon: what found none waits for the first pause only, however many they are", () => {
    const driver = new ServerDriver().begun().offer("echo");
    for (let n = 0; n < 100; n++) driver.submit("echo");
    for (let n = 0; n < 100; n++) driver.fail("echo", "ERR_NO_SERVICE");
    driver.until(100);
    expect(driver.running).toHaveLength(100);
  });

  it("and of which the broker says that they are there: requests wait longer and longer", () => {
    const driver = new ServerDriver().begun().offer("echo", () => ({ fails: "ERR_NO_SERVICE" }));
    driver.submit("echo").until(60 * MINUTE);
    const { attempts, postponed } = driver.machine.stats;
    expect(attempts).toBe(postponed);
    expect(attempts).toBeLessThan((60 * MINUTE) / 5000 + 20);
    expect(driver.machine.stats.buried).toBe(0);
    driver.offer("echo", (body) => body).until(61 * MINUTE);
    expect(driver.machine.stats.completed).toBe(1);
  });

  it("a reply begins the pauses anew", () => {
    const driver = new ServerDriver().begun().offer("echo", () => ({ fails: "ERR_BROKER_LIMIT" }));
    driver.submit("echo").until(30_000).offer("echo").until(40_000).reply("echo").submit("echo");
    driver.fail("echo", "ERR_BROKER_LIMIT").clear().until(40_100);
    expect(driver.running).toEqual(["echo x"]);
  });
});

describe("a broker", () => {
  it("that cannot be reached is asked again, and nothing is sent", () => {
    const driver = new ServerDriver().begun().offer("echo", (body) => body);
    driver.broker = "is out of reach";
    driver.submit("echo").until(MINUTE);
    expect(driver.machine.stats).toMatchObject({ attempts: 0, completed: 0 });
    expect(driver.statuses).toEqual(["service-missed"]);
    driver.broker = "tells";
    driver.until(MINUTE + 5000);
    expect(driver.machine.stats).toMatchObject({ attempts: 1, completed: 1 });
  });

  it("that is lost while requests run is asked again, and none of it counts", () => {
    const driver = new ServerDriver({ maxAttempts: 1 }).begun().offer("echo").submit("echo");
    driver.broker = "is out of reach";
    driver.fail("echo", "ERR_BROKER_UNREACHABLE").until(MINUTE);
    expect(driver.machine.stats).toMatchObject({ failed: 0, postponed: 1 });
    expect(driver.statuses).toEqual(["service-missed"]);
  });

  it("that is out of reach for one of many requests of a service is doubted once", () => {
    const driver = new ServerDriver()
      .begun()
      .offer("echo")
      .submit("echo")
      .submit("echo")
      .submit("echo")
      .clear();
    driver.broker = "is out of reach";
    driver.fail("echo", "ERR_BROKER_UNREACHABLE").fail("echo", "ERR_BROKER_UNREACHABLE");
    expect(driver.statuses).toEqual(["service-missed"]);
    driver.reply("echo");
    expect(driver.machine.stats.completed).toBe(1);
  });

  it.each([
    ["that does not tell (501)", {}, "does not tell"],
    ["that nobody is to ask", { asksForWorkers: false }, "tells"],
  ] as const)("%s is sent requests all the same", (_what, options, broker) => {
    const driver = new ServerDriver(options).begun();
    driver.broker = broker;
    driver.submit("echo").until(10);
    expect(driver.machine.stats).toMatchObject({ attempts: 1, postponed: 1 });
    expect(driver.statuses).toEqual([]);
    driver.offer("echo", (body) => body).until(1000);
    expect(driver.machine.stats.completed).toBe(1);
  });

  it("that says nothing to the question has no worker, and is asked again", () => {
    const driver = new ServerDriver({ lookMs: 600_000 }).begun().offer("echo");
    driver.broker = "is silent";
    driver.submit("echo").fail("mmi.service", "ERR_REQUEST_TIMEOUT").until(100);
    expect(driver.statuses).toEqual(["service-missed"]);
    expect(driver.running).toEqual(["mmi.service echo"]);
    expect(driver.machine.stats.attempts).toBe(0);
  });

  it("that answers with nothing does not tell either", () => {
    const driver = new ServerDriver().begun().offer("echo");
    driver.broker = "is silent";
    driver.submit("echo").answer("mmi.service", []);
    expect(driver.running).toEqual(["echo x"]);
  });
});
