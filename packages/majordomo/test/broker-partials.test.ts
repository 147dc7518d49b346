import { describe, expect, it } from "vitest";
import type { PartOf } from "../src/broker-messages.js";
import { BrokerDriver } from "./broker-driver.js";

const worker = { version: "0.2" } as const;
const ours = { ...worker, credit: 1 };
const client02 = { version: "0.2" } as const;

const lost = { type: "undeliverable", peer: "client", reason: "peer-unknown", isForWorker: false } as const;

/** A broker that has just sent the first part of a reply, and what that is a part of. */
function torn(): { broker: BrokerDriver; partOf: PartOf | undefined } {
  const broker = new BrokerDriver()
    .join("w", ours)
    .ask("q", { ...client02, sequence: 1 })
    .part("w", "q", "1");
  const answer = broker.outputs.find(({ type }) => type === "answer");
  return { broker, partOf: answer?.type === "answer" ? answer.partOf : undefined };
}

describe("PARTIALs", () => {
  it("reach clients of 0.2 as they come", () => {
    const broker = new BrokerDriver().join("w", worker).ask("q", client02).part("w", "q", "1");
    expect(broker.answers).toEqual(["client: 1…"]);
    expect(broker.part("w", "q", "2").reply("w", "q", "3").answers).toEqual([
      "client: 1…",
      "client: 2…",
      "client: 3",
    ]);
    expect(broker.machine.stats.answered).toBe(1);
  });

  it("reach clients of 0.1 in one REPLY, with the end", () => {
    const broker = new BrokerDriver().join("w", worker).ask("q").part("w", "q", "1").part("w", "q", "2");
    expect(broker.answers).toEqual([]);
    expect(broker.reply("w", "q", "3").answers).toEqual(["client: 1|2|3"]);
  });

  it("one that does not leave ends the reply: a client must not take the rest for the whole", () => {
    const { broker, partOf } = torn();
    const refused = { ...lost, reason: "peer-full" } as const;
    broker.clear().feed({ ...refused, partOf });
    expect(broker.told).toEqual(["1 limit 0/1: sendHighWaterMark"]);
    expect(broker.said).toEqual(["cancel q > w"]);
    broker
      .part("w", "q", "2")
      .reply("w", "q", "", "dropped")
      .feed({ ...refused, partOf });
    expect(broker.told).toHaveLength(1);
    expect(broker.machine).toMatchObject({ running: 0, stats: { undeliverable: 2, answered: 0 } });
  });

  it("one that finds nobody ends the request: its client is gone, and the worker is told", () => {
    const { broker, partOf } = torn();
    broker.clear().feed({ ...lost, partOf });
    expect(broker.fates).toEqual(["reply-undeliverable:peer-unknown", "request-dropped:client-gone"]);
    expect(broker.said).toEqual(["cancel q > w"]);
    expect(broker.told).toEqual([]);
    expect(broker.machine).toMatchObject({ running: 0, stats: { undeliverable: 1, dropped: 1 } });
  });

  it("one that finds nobody, of a client that has come back meanwhile, ends the reply: that is told", () => {
    const { broker, partOf } = torn();
    broker.ask("q", { ...client02, sequence: 1, attempt: 2, client: "again" });
    broker.clear().feed({ ...lost, partOf });
    expect(broker.told).toEqual(["1 limit 0/1: sendHighWaterMark"]);
    expect(broker.said).toEqual(["cancel q > w"]);
  });

  it("that are kept for clients of 0.1 count as held; without room the request ends, and its worker is told", () => {
    const broker = new BrokerDriver().join("w", ours).ask("q", { sequence: 1, client: "c" });
    const { heldBytes } = broker.machine;
    const small = new BrokerDriver({ maxHeldBytes: heldBytes + 3 }).join("w", ours);
    small.ask("q", { sequence: 1, client: "c" }).part("w", "q", "123");
    expect(small.machine.heldBytes).toBe(heldBytes + 3);
    small.part("w", "q", "4");
    expect(small.told).toEqual(["1 limit 0/1: maxHeldBytes"]);
    expect(small.fates).toEqual(["reply-dropped:no-room", "request-dropped:limit"]);
    expect(small.outputs.map(({ type }) => type)).toContain("cancel");
    expect(small.machine.heldBytes).toBe(0);
  });

  it("are numbered for our clients, and so is the run that they are of", () => {
    const broker = new BrokerDriver().join("w", worker).ask("q", { ...client02, sequence: 1 });
    broker.part("w", "q", "a").part("w", "q", "b").reply("w", "q", "c");
    expect(broker.told).toEqual(["1 message 0/1: a…", "1 message 1/1: b…", "1 message 2/1: c"]);
    broker.clear().ask("p", { sequence: 2 }).part("w", "p", "a").reply("w", "p", "b");
    expect(broker.told).toEqual(["2 message 0/1: a|b"]);
  });

  it("do not end the worker's work: it is given no more than its credit", () => {
    const broker = new BrokerDriver().join("w", worker).ask("q").ask("next").part("w", "q", "1");
    expect(broker.deliveries).toEqual(["q > w"]);
    expect(broker.reply("w", "q").deliveries).toEqual(["q > w", "next > w"]);
  });

  it("are signs of life", () => {
    const broker = new BrokerDriver().join("w", worker).ask("q");
    for (let now = 250; now <= 1000; now += 250) broker.until(now).part("w", "q", "x");
    expect(broker.statuses).not.toContain("worker-expired w");
  });

  it("that nobody waits for any more are dropped", () => {
    const broker = new BrokerDriver().join("w", worker).ask("q", { client: "\0x" }).departed("\0x");
    expect(broker.part("w", "q", "1").reply("w", "q").fates.slice(1)).toEqual([
      "reply-dropped:late",
      "reply-dropped:late",
    ]);
  });
});

describe("a worker that is lost between PARTIALs", () => {
  it("the parts of the next run begin anew, under another number, for our clients", () => {
    const broker = new BrokerDriver()
      .join("v", worker)
      .join("w", worker)
      .ask("q", { ...client02, sequence: 1 });
    broker.part("v", "q", "old").departed("v").part("w", "q", "new").reply("w", "q", "end");
    expect(broker.told).toEqual(["1 message 0/1: old…", "1 message 0/2: new…", "1 message 1/2: end"]);
  });

  it("clients of 0.1 get the parts of one run only", () => {
    const broker = new BrokerDriver()
      .join("v", worker)
      .join("w", worker)
      .ask("q")
      .part("v", "q", "old")
      .departed("v");
    expect(broker.part("w", "q", "new").reply("w", "q", "end").answers).toEqual(["client: new|end"]);
  });

  it("a foreign client of 0.2 could not tell the runs apart: what it has parts of is not run again", () => {
    const broker = new BrokerDriver()
      .join("v", worker)
      .join("w", worker)
      .ask("torn", client02)
      .ask("whole", client02);
    broker.part("v", "torn", "part").departed("v").departed("w");
    expect(broker.fates).toEqual(["request-dropped:given-up", "request-redelivered"]);
    expect(broker.answers).toEqual(["client: part…"]);
    expect(broker.ready("x").deliveries.at(-1)).toBe("whole > x");
  });

  it("the end of a reply whose parts were lost does not count, and the other worker's does", () => {
    const broker = new BrokerDriver()
      .join("v", worker)
      .join("w", worker)
      .ask("q")
      .part("v", "q", "1")
      .alive(300, "w");
    broker.reply("v", "q", "late end").reply("w", "q", "whole");
    expect(broker.answers).toEqual(["client: whole"]);
    expect(broker.fates).toEqual(["request-redelivered", "reply-dropped:late"]);
  });

  it("nor does a whole reply once the client has parts of another run", () => {
    const broker = new BrokerDriver().ready("v").join("w", worker).ask("q", client02).alive(300, "w");
    broker.part("w", "q", "1").reply("v", "q", "whole").reply("w", "q", "2");
    expect(broker.answers).toEqual(["client: 1…", "client: 2"]);
  });

  it("what a worker of ours had begun to answer counts as given when it takes its leave", () => {
    const ours = { ...worker, credit: 1 };
    const broker = new BrokerDriver()
      .join("v", ours)
      .join("w", ours)
      .ask("q", { ...client02, sequence: 1 });
    broker.part("v", "q", "old").disconnect("v").part("w", "q", "new").reply("w", "q", "end");
    expect(broker.told).toEqual(["1 message 0/1: old…", "1 message 0/2: new…", "1 message 1/2: end"]);
  });
});

describe("bounds of a reply in parts", () => {
  it("all parts that are kept for a client of 0.1 are one body: more than `maxBodyBytes` ends the request", () => {
    const broker = new BrokerDriver({ maxBodyBytes: 10 }).join("w", { ...worker, credit: 1 });
    broker.ask("q", { sequence: 1 }).part("w", "q", "sixsix").clear().part("w", "q", "fives");
    expect(broker.told).toEqual(["1 limit 0/1: maxBodyBytes"]);
    expect(broker.said).toEqual(["cancel q > w"]);
    expect(broker.fates).toEqual(["reply-dropped:body-too-large", "request-dropped:limit"]);
    expect(broker.machine).toMatchObject({ running: 0, heldBytes: 0 });
  });

  it("so does an end that is too much", () => {
    const broker = new BrokerDriver({ maxBodyBytes: 10 }).join("w", worker).ask("q", { sequence: 1 });
    broker.part("w", "q", "sixsix").reply("w", "q", "fives");
    expect(broker.told).toEqual(["1 limit 0/1: maxBodyBytes"]);
    expect(broker.ask("next").deliveries.at(-1)).toBe("next > w");
  });

  it("those of 0.2 are bounded one by one", () => {
    const broker = new BrokerDriver({ maxBodyBytes: 10 }).join("w", worker).ask("q", client02);
    for (let count = 0; count < 5; count++) broker.part("w", "q", "ten bytes!");
    expect(broker.answers).toHaveLength(5);
    expect(broker.part("w", "q", "eleven byte").fates).toEqual([
      "reply-dropped:body-too-large",
      "request-dropped:limit",
    ]);
  });

  it("empty parts are not free: they are bounded for a client of 0.1, too", () => {
    const broker = new BrokerDriver({ maxBodyBytes: 100_000 }).join("w", worker).ask("q");
    for (let count = 0; count < 1000; count++) broker.part("w", "q", "");
    expect(broker.fates.slice(0, 2)).toEqual(["reply-dropped:body-too-large", "request-dropped:limit"]);
  });

  it("a part of very many frames is kept like any other", () => {
    const broker = new BrokerDriver({ maxBodyBytes: 512 * 1024 * 1024 }).join("w", worker).ask("q");
    const body = Array.from({ length: 300_000 }, () => new Uint8Array(0));
    broker.says("w", { type: "part", kind: "partial", number: broker.numberOf("w", "q"), body });
    broker.reply("w", "q", "end");
    const answer = broker.outputs.find(({ type }) => type === "answer");
    expect(answer !== undefined && "body" in answer && answer.body).toHaveLength(300_001);
  });
});
