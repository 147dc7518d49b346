import { describe, expect, it } from "vitest";
import { BrokerDriver } from "./broker-driver.js";

describe("a request that its worker gives back", () => {
  it("goes to another at once, and that delivery does not count", () => {
    const broker = new BrokerDriver({ maxDeliveries: 1 }).join("a", { credit: 1 }).ready("b").ask("q");
    expect(broker.reply("a", "q", "", "returned").deliveries).toEqual(["q > a", "q > b"]);
    expect(broker.machine.workers(0)).toMatchObject([{ running: 0 }, { running: 1 }]);
    expect(broker.machine.stats).toMatchObject({ redelivered: 1, dropped: 0, expelled: 0 });
  });

  it("counts after as many times as `maxDeliveries`: nothing goes round for ever", () => {
    const broker = new BrokerDriver({ maxDeliveries: 2 }).join("w", { credit: 1 }).ask("q", { sequence: 1 });
    for (let count = 0; count < 3; count++) broker.reply("w", "q", "", "returned");
    expect(broker.told).toEqual([]);
    expect(broker.reply("w", "q", "", "returned").told).toEqual([
      "1 given-up 0/2: 2 workers were lost with it",
    ]);
    expect(broker.deliveries).toHaveLength(4);
  });

  it("by one that was taken for dead stays with whom it was given to", () => {
    const broker = new BrokerDriver().join("w", { credit: 1 }).ask("q").until(300).ready("v").clear();
    broker.reply("w", "q", "", "returned");
    expect(broker.outputs.filter(({ type }) => type !== "status")).toEqual([]);
    expect(broker.reply("v", "q").answers).toEqual(["client: re q"]);
  });
});

describe("workers whose connections end together", () => {
  it("do not use up the deliveries of a request, one after the other", () => {
    const broker = new BrokerDriver({ maxDeliveries: 2 }).ready("a", "b", "c", "alive").ask("q");
    expect(broker.departed("a", "b", "c").deliveries).toEqual(["q > a", "q > alive"]);
    expect(broker.machine.stats).toMatchObject({ delivered: 2, redelivered: 1, dropped: 0 });
  });

  it("do no harm by the number of requests that they had", () => {
    const requests = 200_000;
    const names = Array.from({ length: requests / 1000 }, (_, index) => `w${index}`);
    const broker = new BrokerDriver();
    for (const name of names) broker.join(name, { credit: 1000 });
    for (let count = 0; count < requests; count++) broker.ask(`${count}`).clear();
    expect(broker.machine.running).toBe(requests);
    expect(broker.departed(...names).machine).toMatchObject({ running: 0, waiting: requests });
  });

  it("a request that is given up meanwhile is not given on, and its lost worker is told nothing", () => {
    const broker = new BrokerDriver().join("a", { credit: 1 }).ask("q", { client: "\0x" }).ready("b").clear();
    broker.feed({ type: "departed", peer: "a", isAnonymous: false }).departed("\0x");
    expect(broker.outputs.map(({ type }) => type)).toEqual(["status", "status"]);
    expect(broker.machine).toMatchObject({ running: 0, waiting: 0 });
  });

  it("are waited for no longer than a moment, however many end in it", () => {
    const broker = new BrokerDriver().ready("a", "b", "c").ask("1").ask("2").clear();
    broker.feed({ type: "departed", peer: "a", isAnonymous: false }).until(19);
    broker.feed({ type: "departed", peer: "b", isAnonymous: false });
    expect(broker.machine.deadline).toBe(20);
    expect(broker.until(20).deliveries).toEqual(["1 > c"]);
  });
});

describe("a worker that is lost", () => {
  it("a worker that dies in the middle of a job is noticed, and its request goes to another", () => {
    const broker = new BrokerDriver().ready("dies", "other").ask("q").alive(299, "other");
    expect(broker.deliveries).toEqual(["q > dies"]);
    broker.alive(300, "other");
    expect(broker.statuses.slice(-2)).toEqual(["worker-expired dies", "request-redelivered"]);
    expect(broker.deliveries).toEqual(["q > dies", "q > other"]);
    expect(broker.reply("other", "q").answers).toEqual(["client: re q"]);
  });

  it("at once where ends of connections are known; its requests are in front of all that wait", () => {
    const broker = new BrokerDriver().ready("a").ask("1").ask("2").departed("a").ready("b", "c");
    expect(broker.deliveries).toEqual(["1 > a", "1 > b", "2 > c"]);
    expect(broker.statuses.slice(2)).toEqual([
      "worker-gone:departed a",
      "request-redelivered",
      "worker-joined b",
      "worker-joined c",
    ]);
  });

  it("all that it had goes to others, in order", () => {
    const broker = new BrokerDriver().join("many", { credit: 3 }).ask("1").ask("2").ask("3").ready("a", "b");
    expect(broker.departed("many").deliveries.slice(3)).toEqual(["1 > a", "2 > b"]);
    expect(broker.machine).toMatchObject({ waiting: 1, running: 2, stats: { redelivered: 3 } });
  });

  it("counts, up to `maxDeliveries`: then the request is given up, and our client is told", () => {
    const broker = new BrokerDriver({ maxDeliveries: 2 }).ready("a", "b", "c").ask("q", { sequence: 1 });
    broker.departed("a").departed("b");
    expect(broker.deliveries).toEqual(["q > a", "q > b"]);
    expect(broker.told).toEqual(["1 given-up 0/2: 2 workers were lost with it"]);
    expect(broker.fates).toEqual(["request-redelivered", "request-dropped:given-up"]);
    expect(broker.machine).toMatchObject({ running: 0, waiting: 0, heldBytes: 0 });
  });

  it("does not count if the request never got there", () => {
    const broker = new BrokerDriver({ maxDeliveries: 1 }).ready("a", "b").ask("q");
    broker.unreachable("a", broker.numberOf("a", "q"));
    expect(broker.statuses).toContain("worker-gone:peer-unknown a");
    expect(broker.deliveries).toEqual(["q > a", "q > b"]);
  });

  it("nor do the others count that it was given together with that, and that never got there either", () => {
    const broker = new BrokerDriver({ maxDeliveries: 1 }).join("a", { credit: 3 });
    broker.ask("sent").ask("1").ask("2").join("b", { credit: 3 });
    const numbers = ["1", "2"].map((text) => broker.numberOf("a", text));
    for (const number of numbers) broker.undelivered("a", number);
    expect(broker.settle().deliveries.slice(3)).toEqual(["1 > b", "2 > b"]);
    expect(broker.fates).toEqual(["request-dropped:given-up", "request-redelivered", "request-redelivered"]);
  });

  it("counts if something else did not get there", () => {
    const broker = new BrokerDriver({ maxDeliveries: 1 })
      .ready("a", "b")
      .ask("q", { sequence: 1 })
      .unreachable("a");
    expect(broker.deliveries).toEqual(["q > a"]);
    expect(broker.told).toEqual(["1 given-up 0/1: 1 worker was lost with it"]);
  });

  it("is not counted as lost with what it gave back: DISCONNECT from a worker of ours", () => {
    const broker = new BrokerDriver({ maxDeliveries: 1 })
      .join("a", { credit: 2 })
      .ask("1")
      .ask("2")
      .disconnect("a");
    expect(broker.ready("b", "c").deliveries.slice(2)).toEqual(["1 > b", "2 > c"]);
    expect(broker.statuses).toContain("worker-gone:disconnected a");
  });

  it("but a foreign one does not say what it has done: its DISCONNECT counts", () => {
    const broker = new BrokerDriver({ maxDeliveries: 1 }).ready("a", "b").ask("q").disconnect("a");
    expect(broker.deliveries).toEqual(["q > a"]);
    expect(broker.fates).toEqual(["request-dropped:given-up"]);
  });

  it("one of ours that leaves is told so: DISCONNECT is the last that it hears, known or missing", () => {
    const broker = new BrokerDriver()
      .join("a", { credit: 1 })
      .join("b", { credit: 1 })
      .alive(300, "a")
      .clear();
    broker.disconnect("a").disconnect("b").ask("q").until(700);
    expect(broker.said).toEqual(["disconnect a", "disconnect b"]);
    expect(broker.deliveries).toEqual([]);
    expect(broker.machine.stats.expelled).toBe(0);
  });

  it("a foreign one gets no answer to its DISCONNECT, nor anything after it", () => {
    const broker = new BrokerDriver().ready("a").clear().disconnect("a").ask("q").until(400);
    expect(broker.said).toEqual([]);
    expect(broker.deliveries).toEqual([]);
  });
});

describe("a worker that was taken for dead", () => {
  it("its reply is as good as any, if it is the first and whole", () => {
    const broker = new BrokerDriver().ready("late", "other").ask("q").alive(300, "other");
    broker.reply("late", "q", "first").reply("other", "q", "second");
    expect(broker.answers).toEqual(["client: first"]);
    expect(broker.fates).toEqual(["request-redelivered", "reply-dropped:late"]);
    expect(broker.statuses).toContain("worker-returned late");
    expect(broker.machine.services()).toMatchObject([{ free: 2, running: 0, waiting: 0 }]);
  });

  it("its reply counts also while its request waits for another", () => {
    const broker = new BrokerDriver().ready("late").ask("q", { sequence: 1 }).until(300).reply("late", "q");
    expect(broker.told).toEqual(["1 message 0/1: re q"]);
    expect(broker.machine).toMatchObject({ waiting: 0, running: 0, heldBytes: 0 });
    expect(broker.ask("next").deliveries).toEqual(["q > late", "next > late"]);
  });

  it("its reply is dropped if it is not the first", () => {
    const broker = new BrokerDriver().ready("late", "other").ask("q").alive(300, "other").reply("other", "q");
    broker.reply("late", "q").ask("1").ask("2");
    expect(broker.answers).toEqual(["client: re q"]);
    expect(broker.fates.at(-1)).toBe("reply-dropped:late");
    expect(broker.deliveries.slice(2)).toEqual(["1 > other", "2 > late"]);
  });

  it("its reply is dropped if the request was given up meanwhile", () => {
    const broker = new BrokerDriver({ maxDeliveries: 1 }).ready("w").ask("q").until(300).reply("w", "q");
    expect(broker.answers).toEqual([]);
    expect(broker.statuses.slice(-3)).toEqual([
      "request-dropped:given-up",
      "reply-dropped:late",
      "worker-returned w",
    ]);
  });

  it("what else it says of the request does not count: another has it", () => {
    for (const kind of ["handler-failed", "dropped"] as const) {
      const broker = new BrokerDriver()
        .join("late", { credit: 1 })
        .ready("other")
        .ask("q")
        .alive(300, "other");
      broker.reply("late", "q", "", kind).reply("other", "q");
      expect(broker.answers).toEqual(["client: re q"]);
      expect(broker.fates).toEqual(["request-redelivered", "reply-dropped:late"]);
    }
  });

  it("is heard again and goes on with what it has, if nobody else was given it: it is not run twice", () => {
    const broker = new BrokerDriver().join("w", { credit: 3 }).ask("1").ask("2").until(300).heartbeat("w");
    expect(broker.machine).toMatchObject({ running: 2, waiting: 0 });
    broker.ask("3").ask("4");
    expect(broker.deliveries).toEqual(["1 > w", "2 > w", "3 > w"]);
    for (const text of ["2", "1", "3"]) broker.reply("w", text);
    expect(broker.answers).toEqual(["client: re 2", "client: re 1", "client: re 3"]);
    expect(broker.machine).toMatchObject({ running: 1, waiting: 0, stats: { expelled: 0, delivered: 4 } });
  });

  it("goes on with what it has while another runs the rest", () => {
    const broker = new BrokerDriver().join("w", { credit: 2 }).ready("other").ask("1").ask("0").ask("2");
    broker.alive(300, "other").reply("other", "0").heartbeat("w");
    expect(broker.deliveries).toEqual(["1 > w", "0 > other", "2 > w", "1 > other"]);
    broker.reply("w", "2").reply("w", "1").reply("other", "1");
    expect(broker.answers).toEqual(["client: re 0", "client: re 2", "client: re 1"]);
    expect(broker.machine).toMatchObject({ running: 0, waiting: 0, stats: { repliesDropped: 1 } });
  });

  it("runs it anew if it had sent parts that are lost, and its two runs are not confused", () => {
    const ours = { version: "0.2", credit: 2 } as const;
    const broker = new BrokerDriver()
      .join("w", ours)
      .ask("q", { sequence: 1 })
      .part("w", "q", "a")
      .until(300);
    expect(broker.heartbeat("w").deliveries).toEqual(["q > w", "q > w"]);
    const old = broker.numberOf("w", "q", 2);
    expect(broker.numberOf("w", "q")).not.toBe(old);
    broker.says("w", { type: "part", kind: "final", number: old, body: [new Uint8Array(1)] });
    expect(broker.answers).toEqual([]);
    broker.part("w", "q", "b").reply("w", "q", "c");
    expect(broker.told).toEqual(["1 message 0/2: b|c"]);
    expect(broker.machine.stats.expelled).toBe(0);
  });

  it("runs it anew if another had it meanwhile: the parts of an earlier run do not follow those of a later one", () => {
    const ours = { version: "0.2", credit: 2 } as const;
    const broker = new BrokerDriver()
      .join("v", ours)
      .join("w", ours)
      .ask("q", { version: "0.2", sequence: 1 });
    broker.alive(300, "w").part("w", "q", "of w").departed("w").heartbeat("v").part("v", "q", "of v");
    expect(broker.deliveries).toEqual(["q > v", "q > w", "q > v"]);
    expect(broker.told).toEqual(["1 message 0/2: of w…", "1 message 0/3: of v…"]);
  });

  it("is gone if it stays silent, or if its connection ends, and has nothing to give on any more", () => {
    const broker = new BrokerDriver().ready("w").ask("q").until(600);
    expect(broker.statuses.at(-1)).toBe("worker-gone:silent w");
    const other = new BrokerDriver().ready("w").ask("q").until(300).departed("w");
    expect(other.statuses.at(-1)).toBe("worker-gone:departed w");
    const leaving = new BrokerDriver().join("w", { credit: 1 }).ask("q").until(300).disconnect("w");
    expect(leaving.statuses.at(-1)).toBe("worker-gone:disconnected w");
    for (const each of [broker, other, leaving]) {
      expect(each.fates).toEqual(["request-redelivered"]);
      expect(each.ready("v").deliveries).toEqual(["q > w", "q > v"]);
    }
  });

  it("a request that was answered meanwhile is not given on when the second worker is lost, too", () => {
    const broker = new BrokerDriver().ready("late", "other").ask("q").alive(300, "other").reply("late", "q");
    broker.clear().departed("other");
    expect(broker.statuses).toEqual(["worker-gone:departed other"]);
    expect(broker.machine).toMatchObject({ running: 0, waiting: 0 });
  });

  it("what never got to it was given to another all the same, and that counts", () => {
    const broker = new BrokerDriver({ maxDeliveries: 2 }).ready("a", "b", "c").ask("q", { sequence: 1 });
    broker.alive(300, "b", "c").unreachable("a", broker.numberOf("a", "q")).departed("b");
    expect(broker.deliveries).toEqual(["q > a", "q > b"]);
    expect(broker.told).toEqual(["1 given-up 0/2: 2 workers were lost with it"]);
  });

  it("a request that did not get to the second worker is not taken from a third", () => {
    const broker = new BrokerDriver({ maxDeliveries: 2 })
      .ready("a", "b")
      .ask("q")
      .alive(300, "b")
      .reply("a", "q");
    broker.unreachable("b", broker.numberOf("b", "q"));
    expect(broker.statuses.at(-1)).toBe("worker-gone:peer-unknown b");
    expect(broker.machine).toMatchObject({ running: 0, waiting: 0, workerCount: 1 });
  });
});
