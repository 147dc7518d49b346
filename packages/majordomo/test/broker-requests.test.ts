import { textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { BrokerDriver } from "./broker-driver.js";

describe("requests", () => {
  it("go to the worker of their service that was used least recently", () => {
    const broker = new BrokerDriver().ready("a", "b").join("other", { service: "other" });
    broker.ask("1").ask("2").ask("3");
    expect(broker.deliveries).toEqual(["1 > a", "2 > b"]);
    expect(broker.machine).toMatchObject({ waiting: 1, running: 2, workerCount: 3, serviceCount: 2 });
    broker.reply("b", "2").reply("a", "1").ask("4").ask("5", { service: "other" });
    expect(broker.deliveries.slice(2)).toEqual(["3 > b", "4 > a", "5 > other"]);
  });

  it("go to the one used least recently among those with credit, and credit is never exceeded", () => {
    const broker = new BrokerDriver().join("three", { credit: 3 }).join("two", { credit: 2 }).ready("plain");
    for (const text of ["1", "2", "3", "4", "5", "6", "7"]) broker.ask(text);
    expect(broker.deliveries).toEqual([
      "1 > three",
      "2 > two",
      "3 > plain",
      "4 > three",
      "5 > two",
      "6 > three",
    ]);
    expect(broker.machine.workers(0).map(({ credit, running }) => `${running}/${credit}`)).toEqual([
      "3/3",
      "2/2",
      "1/1",
    ]);
    expect(broker.reply("two", "2").deliveries.at(-1)).toBe("7 > two");
    expect(broker.machine.services()).toEqual([
      { name: "echo", workers: 3, free: 0, waiting: 0, running: 6 },
    ]);
  });

  it("a worker that had credit all the time keeps its place when it replies", () => {
    const broker = new BrokerDriver().join("a", { credit: 5 }).join("b", { credit: 5 });
    broker.ask("1").ask("2").reply("a", "1").ask("3").ask("4");
    expect(broker.deliveries).toEqual(["1 > a", "2 > b", "3 > a", "4 > b"]);
  });

  it("wait for a worker, and clients take turns: one that asks much does not keep others waiting", () => {
    const broker = new BrokerDriver().ready("w").ask("first");
    for (const text of ["x1", "x2", "x3"]) broker.ask(text, { client: "x" });
    broker.ask("y1", { client: "y" }).reply("w", "first").reply("w", "x1").reply("w", "y1").reply("w", "x2");
    expect(broker.deliveries).toEqual(["first > w", "x1 > w", "y1 > w", "x2 > w", "x3 > w"]);
  });

  it("are answered by the way they came: the envelope of a client is kept, and no worker sees it", () => {
    const broker = new BrokerDriver()
      .ready("w")
      .ask("q", { envelope: ["id 1", "id 2"] })
      .reply("w", "q");
    const deliver = broker.outputs.find(({ type }) => type === "deliver");
    expect(deliver).toMatchObject({ body: [textFrame("q")], version: "0.1" });
    const answer = broker.outputs.find(({ type }) => type === "answer");
    const route = ["client", "id 1", "id 2", ""].map(textFrame);
    expect(answer).toMatchObject({ route, isFinal: true, service: textFrame("echo"), version: "0.1" });
    expect(broker.answers).toEqual(["client: re q"]);
  });

  it("both versions at once, clients and workers in all four combinations: each is spoken to in its own", () => {
    for (const client of ["0.1", "0.2"] as const) {
      for (const worker of ["0.1", "0.2"] as const) {
        const broker = new BrokerDriver().join("w", { version: worker }).ask("q", { version: client });
        broker.reply("w", "q").until(100).feed({ type: "dismiss" });
        const spoken = broker.outputs.flatMap((output) =>
          "version" in output ? [`${output.type} ${output.version}`] : [],
        );
        expect(spoken).toEqual([
          `deliver ${worker}`,
          `answer ${client}`,
          `heartbeat ${worker}`,
          `disconnect ${worker}`,
        ]);
        expect(broker.answers).toEqual(["client: re q"]);
      }
    }
  });

  it("several of one client may be in flight, and replies come in any order", () => {
    const broker = new BrokerDriver()
      .ready("a", "b")
      .ask("1", { envelope: ["1"] })
      .ask("2", { envelope: ["2"] });
    expect(broker.reply("b", "2").reply("a", "1").answers).toEqual(["client: re 2", "client: re 1"]);
    expect(broker.machine.stats).toMatchObject({ requests: 2, delivered: 2, answered: 2, redelivered: 0 });
    expect(broker.machine).toMatchObject({ running: 0, waiting: 0, heldBytes: 0 });
  });
});

describe("the time that requests may wait", () => {
  it("is `requestTtlMs`; then they are dropped, and what comes back to a foreign client is nothing", () => {
    const broker = new BrokerDriver({ requestTtlMs: 500 }).ask("old").until(300).ask("new").until(499);
    expect(broker.fates).toEqual([]);
    expect(broker.until(500).fates).toEqual(["request-dropped:no-worker"]);
    expect(broker.answers).toEqual([]);
    expect(broker.ready("w").deliveries).toEqual(["new > w"]);
  });

  it("a request whose client has given up in time is not run: clients may ask for less, not for more", () => {
    const broker = new BrokerDriver({ requestTtlMs: 500 });
    broker.ask("less", { sequence: 1, ttlMs: 200 }).ask("more", { sequence: 2, ttlMs: 9000 });
    broker.ask("as long as it may", { sequence: 3, ttlMs: 0 }).until(200);
    expect(broker.told).toEqual(["1 no-worker 0/0: "]);
    expect(broker.until(500).told.slice(1)).toEqual(["2 no-worker 0/0: ", "3 no-worker 0/0: "]);
    expect(broker.ready("w").deliveries).toEqual([]);
    expect(broker.machine.stats.dropped).toBe(3);
  });

  it("is over with another word if workers offer the service, and none is free", () => {
    const broker = new BrokerDriver({ requestTtlMs: 200 })
      .ready("w")
      .ask("runs")
      .ask("waits", { sequence: 1 });
    broker.alive(250, "w");
    expect(broker.told).toEqual(["1 too-old 0/0: "]);
    expect(broker.fates).toEqual(["request-dropped:too-old"]);
  });

  it("does not matter once a worker has them, and begins anew when that is lost", () => {
    const broker = new BrokerDriver({ requestTtlMs: 200 }).ready("w").ask("q", { sequence: 1 });
    broker.alive(1000, "w").departed("w").until(1219);
    expect(broker.told).toEqual([]);
    expect(broker.until(1220).told).toEqual(["1 no-worker 0/1: "]);
  });

  it("does not run while the broker itself stands still, unless its client is known to have given up", () => {
    const broker = new BrokerDriver({ requestTtlMs: 1000 }).ask("foreign").until(100);
    broker.ask("ours", { sequence: 1, ttlMs: 60_000 }).ask("given up", { sequence: 2, ttlMs: 5000 });
    broker.now = 20_000;
    broker.ask("late", { sequence: 3, ttlMs: 60_000 }).feed({ type: "stalled", ms: 19_500 }).tick();
    expect(broker.told).toEqual(["2 no-worker 0/0: "]);
    expect(broker.until(20_499).fates).toEqual(["request-dropped:no-worker"]);
    // The first two have waited for 500 and 400 ms when it stood still, the last one not at all.
    expect(broker.until(20_500).machine.waiting).toBe(2);
    expect(broker.until(20_600).told.slice(1)).toEqual(["1 no-worker 0/0: "]);
    expect(broker.until(21_000).told.slice(2)).toEqual(["3 no-worker 0/0: "]);
  });

  it("says how long a request had been here", () => {
    const broker = new BrokerDriver({ requestTtlMs: 200 }).until(50).ask("q").until(250);
    expect(broker.outputs.at(-1)).toMatchObject({
      event: { type: "request-dropped", service: "echo", reason: "no-worker", waitedMs: 200, at: 250 },
    });
  });
});

it("a request whose client is gone, or has given up, is not run", () => {
  const broker = new BrokerDriver().ask("gone", { client: "\0x" }).ask("given up", { sequence: 1 });
  broker.ask("too late", { sequence: 2, ttlMs: 50 }).ask("wanted").departed("\0x").cancel(1).until(50);
  expect(broker.ready("a", "b", "c", "d").deliveries).toEqual(["wanted > a"]);
  expect(broker.fates).toEqual([
    "request-dropped:client-gone",
    "request-dropped:cancelled",
    "request-dropped:no-worker",
  ]);
});

describe("a request whose client is gone", () => {
  it("is not run", () => {
    const broker = new BrokerDriver().ask("q", { client: "\0x" }).ask("other", { client: "\0y" });
    expect(broker.departed("\0x").fates).toEqual(["request-dropped:client-gone"]);
    expect(broker.ready("w", "v").deliveries).toEqual(["other > w"]);
    expect(broker.departed("\0x").fates).toHaveLength(1);
  });

  it("is called back from a worker of ours that has it; a foreign one cannot be told, and its reply is dropped", () => {
    const broker = new BrokerDriver().join("ours", { credit: 1 }).ready("plain");
    broker.ask("1", { client: "\0x" }).ask("2", { client: "\0x" }).clear().departed("\0x");
    expect(broker.said).toEqual(["cancel 1 > ours"]);
    expect(broker.machine).toMatchObject({ running: 0, waiting: 0, heldBytes: 0 });
    expect(broker.clear().reply("ours", "1", "", "dropped").statuses).toEqual([]);
    expect(broker.reply("plain", "2").statuses).toEqual(["reply-dropped:late"]);
    expect(broker.answers).toEqual([]);
    expect(broker.ask("3").ask("4").deliveries).toEqual(["3 > ours", "4 > plain"]);
  });

  it("keeps its worker busy until that has done with it", () => {
    const broker = new BrokerDriver().join("w", { credit: 1 }).ask("1", { client: "\0x" }).departed("\0x");
    expect(broker.ask("2").deliveries).toEqual(["1 > w"]);
    expect(broker.reply("w", "1", "", "dropped").deliveries).toEqual(["1 > w", "2 > w"]);
  });

  it("and ours is waited for by what a worker has begun: its retry joins, over whatever connection", () => {
    const broker = new BrokerDriver().join("w", { credit: 2 });
    broker.ask("q", { sequence: 1, client: "\0x", ttlMs: 200 }).departed("\0x").clear();
    broker.until(150).ask("q", { sequence: 1, attempt: 2, client: "\0y", ttlMs: 200 }).alive(1000, "w");
    expect(broker.reply("w", "q").answers).toEqual(["\0y: re q"]);
    expect(broker.deliveries).toEqual([]);
  });

  it("and ours has not come back in the time that its request could have waited: the worker is told", () => {
    const broker = new BrokerDriver()
      .join("w", { credit: 1 })
      .ask("q", { sequence: 1, client: "\0x", ttlMs: 200 });
    broker.departed("\0x").until(199).heartbeat("w").clear();
    expect(broker.machine.running).toBe(1);
    expect(broker.until(200).said).toContain("cancel q > w");
    expect(broker.fates).toEqual(["request-dropped:client-gone"]);
  });

  it("and ours is not run again when its worker is lost as well", () => {
    const broker = new BrokerDriver().join("w", { credit: 1 }).ready("v");
    broker.ask("q", { sequence: 1, client: "\0x" }).departed("\0x").departed("w");
    expect(broker.deliveries).toEqual(["q > w"]);
    expect(broker.fates).toEqual(["request-dropped:client-gone"]);
  });

  it("but one with a routing id of its own may come back under it: its requests still wait", () => {
    const broker = new BrokerDriver()
      .ask("q", { client: "named" })
      .departed("named")
      .ready("w")
      .reply("w", "q");
    expect(broker.answers).toEqual(["named: re q"]);
  });
});

describe("a request that our client has given up", () => {
  it("is not run if it waits, and nobody is told", () => {
    const broker = new BrokerDriver().ask("q", { sequence: 1 }).cancel(1).ready("w");
    expect(broker.deliveries).toEqual([]);
    expect(broker.answers).toEqual([]);
    expect(broker.fates).toEqual(["request-dropped:cancelled"]);
  });

  it("is called back from its worker if it runs", () => {
    const broker = new BrokerDriver().join("w", { credit: 2 }).ask("q", { sequence: 1 }).clear().cancel(1);
    expect(broker.said).toEqual(["cancel q > w"]);
    expect(broker.reply("w", "q").fates).toEqual(["request-dropped:cancelled", "reply-dropped:late"]);
    expect(broker.answers).toEqual([]);
  });

  it("which is a sign of life of the broker, like all that it says", () => {
    const broker = new BrokerDriver()
      .join("w", { credit: 2 })
      .ask("q", { sequence: 1 })
      .until(50)
      .cancel(1)
      .clear();
    expect(broker.until(149).said).toEqual([]);
    expect(broker.until(150).said).toEqual(["heartbeat w 100"]);
  });

  it("or never was here: then there is nothing to do", () => {
    expect(new BrokerDriver().cancel(1).outputs).toEqual([]);
  });
});

describe("what a worker's application says instead of a reply", () => {
  it("a handler that failed: our client is told the message, and any other nothing", () => {
    const broker = new BrokerDriver().join("w", { credit: 2 }).ask("ours", { sequence: 1 }).ask("foreign");
    broker.reply("w", "ours", "it broke", "handler-failed").reply("w", "foreign", "too", "handler-failed");
    expect(broker.told).toEqual(["1 handler-failed 0/1: it broke"]);
    expect(broker.answers).toHaveLength(1);
    expect(broker.fates).toEqual(["request-dropped:handler-failed", "request-dropped:handler-failed"]);
    expect(broker.machine).toMatchObject({ running: 0, heldBytes: 0 });
  });

  it("that it dropped the request", () => {
    const broker = new BrokerDriver().join("w", { credit: 1 }).ask("q", { sequence: 1 });
    broker.reply("w", "q", "", "dropped");
    expect(broker.told).toEqual(["1 dropped 0/1: "]);
    expect(broker.fates).toEqual(["request-dropped:dropped"]);
    expect(broker.ask("next").deliveries.at(-1)).toBe("next > w");
  });
});

describe("replies that do not leave", () => {
  it("are counted", () => {
    const broker = new BrokerDriver();
    const reason = "peer-full";
    broker.feed({ type: "undeliverable", peer: "client", reason, isForWorker: false });
    expect(broker.statuses).toEqual(["reply-undeliverable:peer-full"]);
    expect(broker.machine.stats.undeliverable).toBe(1);
  });

  it("what did not get to a worker that is gone already is no reply", () => {
    const broker = new BrokerDriver().unreachable("w", 1).unreachable("w").departed("w");
    expect(broker.outputs).toEqual([]);
    expect(broker.machine.stats.undeliverable).toBe(0);
  });
});
