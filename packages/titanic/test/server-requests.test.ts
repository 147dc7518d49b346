import { textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeAnswer, decodeCommand, TITANIC_VERBS } from "../src/wire.js";
import { idOf, idTextOf, ServerDriver } from "./server-driver.js";

describe("a request is taken in", () => {
  it("fault: 200 is said when the store has it, and not before; only then is it worked on", () => {
    const driver = new ServerDriver({ asksForWorkers: false }).begun().offer("echo").hold("add");
    driver.submit("echo", "hello");
    expect(driver.deeds).toEqual(["store add"]);
    driver.let("add");
    expect(driver.deeds).toEqual([
      "store add",
      "store claim",
      `answer 1 200|${idTextOf(1)}`,
      "call echo hello",
    ]);
    expect(driver.machine.stats).toMatchObject({ accepted: 1, attempts: 1 });
  });

  it("requests that are stored at the same time have ids of their own", () => {
    const driver = new ServerDriver().begun().hold("add");
    driver.submit("echo").submit("echo").let("add", 2);
    expect(driver.did("answer")).toEqual([`1 200|${idTextOf(1)}`, `2 200|${idTextOf(2)}`]);
  });

  it("under a key it is taken in once, and its id is said each time", () => {
    const driver = new ServerDriver().begun();
    driver.submit("echo", "x", "key").submit("echo", "x", "key");
    expect(driver.did("answer")).toEqual([`1 200|${idTextOf(1)}`, `2 200|${idTextOf(1)}`]);
    expect(driver.machine.stats).toMatchObject({ accepted: 1, known: 1 });
  });

  it("a key that belongs to another request is answered with 400", () => {
    const driver = new ServerDriver().begun();
    driver.submit("echo", "x", "key").clear().submit("echo", "y", "key");
    expect(driver.did("answer")).toEqual(["2 400|the key belongs to another request"]);
    expect(driver.statuses).toEqual(["request-refused:conflict"]);
    expect(driver.machine.stats).toMatchObject({ accepted: 1, refused: 1 });
  });

  it("a store that is full is answered with 500", () => {
    const driver = new ServerDriver().begun();
    driver.store.full = { type: "full", option: "maxRequests", limit: 5 };
    driver.submit("echo");
    expect(driver.did("answer")).toEqual(["1 500|limit maxRequests = 5 is reached"]);
    expect(driver.statuses).toEqual(["request-refused:limit"]);
  });

  it("a body that is too large is answered with 400, and the store not asked", () => {
    const driver = new ServerDriver({ maxBodyBytes: 3 }).begun();
    driver.submit("echo", "1234").submit("echo", "123");
    expect(driver.deeds.slice(0, 2)).toEqual(["answer 1 400|limit maxBodyBytes = 3 is reached", "store add"]);
  });

  it("what goes beyond maxStoringBytes is answered with 500, until the store has what is on its way", () => {
    const driver = new ServerDriver({ maxStoringBytes: 5 }).begun().hold("add");
    driver.submit("echo", "larger than that").submit("echo", "1");
    expect(driver.did("answer")).toEqual(["2 500|limit maxStoringBytes = 5 is reached"]);
    driver.let("add").submit("echo", "123").submit("echo", "45").submit("echo", "6");
    expect(driver.did("answer").at(-1)).toBe("5 500|limit maxStoringBytes = 5 is reached");
    driver.let("add", 2);
    expect(driver.machine.stats).toMatchObject({ accepted: 3, refused: 2 });
  });

  it("a service beyond maxServices is answered with 500, until another has no work any more", () => {
    const driver = new ServerDriver({ maxServices: 2 }).begun();
    driver.submit("a").submit("b").submit("c").submit("a");
    expect(driver.did("answer").map((answer) => answer.slice(0, 5))).toEqual([
      "1 200",
      "2 200",
      "3 500",
      "4 200",
    ]);
    expect(driver.did("answer")[2]).toBe("3 500|limit maxServices = 2 is reached");
    driver.closeRequest(2).until(10_000).clear().submit("c");
    expect(driver.did("answer")).toEqual([`6 200|${idTextOf(4)}`]);
  });

  it("services whose first request is on its way to the store have a place, however many come at once", () => {
    const driver = new ServerDriver({ maxServices: 2 }).begun().hold("add");
    driver.submit("a").submit("a").submit("b").submit("c");
    expect(driver.did("answer").map((answer) => answer.slice(0, 5))).toEqual(["4 500"]);
    expect(driver.machine.load.services).toBe(2);
    driver.let("add", 3);
    expect(driver.did("answer").map((answer) => answer.slice(0, 5))).toEqual([
      "4 500",
      "1 200",
      "2 200",
      "3 200",
    ]);
    expect(driver.machine.load.services).toBe(2);
  });

  it("a service whose only request the store did not take has no place any more", () => {
    const driver = new ServerDriver({ maxServices: 1 }).begun().failStore("add").submit("a");
    expect(driver.machine.load.services).toBe(0);
    driver.failStore().submit("b");
    expect(driver.did("answer").map((answer) => answer.slice(0, 5))).toEqual(["1 500", "2 200"]);
  });
});

describe("its reply", () => {
  it("is pending, and then there, until it is closed", () => {
    const driver = new ServerDriver().begun().offer("echo").submit("echo").clear();
    driver.fetch(1).reply("echo", "done").fetch(1).fetch(1).closeRequest(1).fetch(1);
    expect(driver.did("answer")).toEqual(["2 300", "3 200|done", "4 200|done", "5 200", "6 400"]);
    expect(driver.machine.stats).toMatchObject({
      pending: 1,
      completed: 1,
      fetched: 2,
      closed: 1,
      unknown: 1,
    });
  });

  it("may have any frames", () => {
    const driver = new ServerDriver().begun().offer("echo").submit("echo");
    driver.answer("echo", ["a", "", "b"].map(textFrame)).clear().fetch(1);
    expect(driver.did("answer")).toEqual(["2 200|a||b"]);
  });

  it("of a dead letter is 500, which says so", () => {
    const driver = new ServerDriver({ maxAttempts: 1 }).begun().submit("echo");
    driver.offer("echo", () => ({ fails: "ERR_HANDLER_FAILED" })).until(1000);
    driver.clear().fetch(1);
    expect(driver.did("answer")).toEqual(["2 500|dead: its handler failed: broken"]);
  });

  it("closing what is not there is answered with 200", () => {
    const driver = new ServerDriver().begun().closeRequest(7);
    expect(driver.did("answer")).toEqual(["1 200"]);
    expect(driver.machine.stats.closed).toBe(0);
  });
});

describe("what cannot be understood", () => {
  it("is answered with 400, and counted", () => {
    const driver = new ServerDriver().begun();
    driver.feed({ type: "malformed", ticket: 9, reason: "no id" });
    expect(driver.did("answer")).toEqual(["9 400|no id"]);
    expect(driver.machine.stats).toMatchObject({ malformed: 1, refused: 1 });
    expect(driver.events).toEqual([
      { type: "request-refused", reason: "malformed", message: "no id", at: 0 },
    ]);
  });

  it("any frames to any verb get one answer that a client can read", () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom("echo", "mmi.x", "", "../../etc/passwd", idTextOf(1)).map(textFrame),
    );
    const messages = fc.array(
      fc.tuple(fc.constantFrom(...TITANIC_VERBS), fc.array(frame, { maxLength: 5 })),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(messages, (messages) => {
        const driver = new ServerDriver({ maxServices: 5, maxBodyBytes: 60 }).begun();
        driver
          .offer("echo", (body) => body)
          .submit("echo")
          .clear();
        messages.forEach(([verb, frames], index) => {
          const command = decodeCommand(verb, frames);
          if (command.type === "malformed") driver.feed({ ...command, ticket: index });
          else driver.feed({ type: "asked", ticket: index, command });
        });
        driver.until(20_000);
        const answers = driver.outputs.flatMap((output) => (output.type === "answer" ? [output] : []));
        expect(answers.map(({ ticket }) => ticket)).toEqual(messages.map((_, index) => index));
        for (const { body } of answers) expect(decodeAnswer([...body]).type).not.toBe("malformed");
      }),
    );
  });
});

describe("a store that fails", () => {
  it.each([
    ["add", (driver: ServerDriver) => driver.submit("echo")],
    ["find", (driver: ServerDriver) => driver.fetch(1)],
    ["remove", (driver: ServerDriver) => driver.closeRequest(1)],
  ] as const)("at %s: 500, and the next is served when the cause is gone", (method, ask) => {
    const driver = new ServerDriver().begun().submit("echo").clear();
    ask(driver.failStore(method));
    expect(driver.did("answer")).toEqual(["2 500|the store does not answer"]);
    expect(driver.events).toContainEqual({
      type: "store-failed",
      method,
      message: `${method} fails`,
      at: 0,
    });
    ask(driver.failStore().clear());
    expect(driver.did("answer")[0]).toMatch(/^3 [23]00/);
    expect(driver.statuses).toEqual(["store-recovered"]);
    expect(driver.machine.stats.storeFailures).toBe(1);
    expect(driver.machine.load.storing).toBe(0);
  });

  it("at add: a request that was not taken in is refused, and tried again by nobody", () => {
    const driver = new ServerDriver().begun().offer("echo").failStore("add").submit("echo");
    expect(driver.statuses).toEqual(["store-failed", "request-refused:store"]);
    driver.failStore().until(60_000);
    expect(driver.did("call")).toEqual([]);
    expect(driver.machine.stats).toMatchObject({ accepted: 0, refused: 1 });
  });

  it("has recovered when what failed works, and not when something else does", () => {
    const driver = new ServerDriver({ lookMs: 3000 }).begun().failStore("add").submit("echo").clear();
    driver.fetch(1);
    expect(driver.statuses).toEqual([]);
    driver.until(2000).submit("echo").fetch(1).until(5000).submit("echo").fetch(1).until(8999);
    expect(driver.statuses).not.toContain("store-recovered");
    driver.clear().until(20_000);
    expect(driver.statuses, "nobody has asked for the failing thing for a whole look").toEqual([
      "store-recovered",
    ]);
  });

  it("at a look through it: it is looked through again", () => {
    const driver = new ServerDriver({ lookMs: 3000 }).failStore("services", "sweep").until(0);
    expect(driver.did("store")).toEqual(["services"]);
    driver.store.put("echo", "of others");
    driver.offer("echo").failStore("sweep").clear().until(3000);
    expect(driver.did("store")).toEqual(["services", "sweep", "claim"]);
    expect(driver.running).toEqual(["echo of others"]);
    expect(driver.statuses).toEqual(["store-recovered", "store-failed"]);
    driver.failStore().clear().until(6000);
    expect(driver.statuses).toEqual(["store-recovered"]);
  });

  it("at claim: it is asked again after a second, and other services go on", () => {
    const driver = new ServerDriver().begun().offer("echo").offer("other").failStore("claim").submit("echo");
    driver.failStore().submit("other");
    expect(driver.running).toEqual(["other x"]);
    driver.until(999);
    expect(driver.running).toHaveLength(1);
    driver.until(1000);
    expect(driver.running).toEqual(["other x", "echo x"]);
  });

  it.each([
    ["complete", (driver: ServerDriver) => driver.reply("echo"), "completed"],
    ["release", (driver: ServerDriver) => driver.fail("echo", "ERR_HANDLER_FAILED"), "failed"],
    ["bury", (driver: ServerDriver) => driver.fail("echo", "ERR_HANDLER_FAILED"), "buried"],
  ] as const)("at %s: the outcome is kept and stored later, with growing pauses", (method, end, counter) => {
    const driver = new ServerDriver({ maxAttempts: method === "bury" ? 1 : 5 })
      .begun()
      .offer("echo")
      .submit("echo");
    end(driver.clear().failStore(method));
    expect(driver.machine.load.inFlight).toBe(1);
    driver.until(20_000);
    const tries = driver.did("store").filter((name) => name === method).length;
    expect(tries, "100, 200, 400, … 5000 ms").toBe(9);
    driver.failStore().until(30_000);
    expect(driver.did("store").filter((name) => name === method)).toHaveLength(tries + 1);
    expect(driver.machine.stats[counter]).toBe(1);
    expect(driver.statuses).toContain("store-recovered");
    const kept = driver.store.at(1);
    expect(kept).toMatchObject(
      {
        complete: { state: "done" },
        release: { state: "pending", failures: 1 },
        bury: { state: "dead" },
      }[method],
    );
  });

  it("at renew: the lease is asked for again in time", () => {
    const driver = new ServerDriver({ leaseMs: 3000, lookMs: 60_000 }).begun().offer("echo").submit("echo");
    driver.failStore("renew").until(1500);
    expect(driver.statuses.at(-1)).toBe("store-failed");
    driver.failStore().until(2000);
    expect(driver.store.at(1)?.leaseUntil).toBe(5000);
  });
});

it("answers come when the store does, in whatever order that is", () => {
  const driver = new ServerDriver().begun().hold("find", "remove").submit("echo").clear();
  driver.fetch(1).closeRequest(1).let("remove").let("find");
  expect(driver.did("answer")).toEqual(["3 200", "2 300"]);
  expect(idOf(1)).toHaveLength(16);
});
