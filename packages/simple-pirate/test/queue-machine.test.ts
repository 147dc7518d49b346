import { textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QueueDriver } from "./queue-driver.js";

describe("requests", () => {
  it("go to the worker that has been ready for longest", () => {
    const queue = new QueueDriver().ready("a", "b", "c").request().request().reply("b", 2).reply("a", 1);
    expect(queue.request().request().request().dispatches).toEqual([
      ...["1 > a", "2 > b"],
      ...["3 > c", "4 > b", "5 > a"],
    ]);
  });

  it("are given to a worker one at a time", () => {
    const queue = new QueueDriver().ready("a").request().request();
    expect(queue.dispatches).toEqual(["1 > a"]);
    expect(queue.counts).toEqual({ workers: 1, ready: 0, busy: 1, waiting: 1 });
    expect(queue.reply("a", 1).dispatches).toEqual(["1 > a", "2 > a"]);
  });

  it("wait while no worker is ready, and clients take turns", () => {
    const queue = new QueueDriver().request("x").request("x").request("x").request("y").ready("a", "b", "c");
    expect(queue.dispatches).toEqual(["1 > a", "4 > b", "2 > c"]);
  });

  it("are answered by the way they came", () => {
    const queue = new QueueDriver().ready("a", "b").request("x").request("y").reply("b", 2).reply("a", 1);
    expect(queue.answers).toEqual(["y: reply 2", "x: reply 1"]);
    expect(queue.machine.stats).toMatchObject({ requests: 2, dispatched: 2, answered: 2, lost: 0 });
    expect(queue.counts).toEqual({ workers: 2, ready: 2, busy: 0, waiting: 0 });
  });

  it("keep their whole way back, however many hops it has", () => {
    const route = ["hop", "hop", "client"].map(textFrame);
    const queue = new QueueDriver().ready("a").feed({ type: "enveloped", route, body: [textFrame("x")] });
    queue.reply("a", 1);
    expect(queue.outputs.at(-1)).toEqual({ type: "answer", route, body: [textFrame("reply 1")] });
  });

  it("are dropped when they have waited too long, and not sooner", () => {
    const queue = new QueueDriver({ maxWaitingMs: 500 }).request().until(300).request().until(499);
    expect(queue.statuses).toEqual([]);
    expect(queue.until(500).outputs).toEqual([
      {
        type: "status",
        event: { type: "request-dropped", at: 500, reason: "too-old", waitedMs: 500 },
      },
    ]);
    expect(queue.ready("a", "b").dispatches).toEqual(["2 > a"]);
    expect(queue.machine).toMatchObject({ deadline: undefined, stats: { dropped: 1 } });
  });

  it("are dropped when there is no room, or the body is too large", () => {
    const queue = new QueueDriver({ maxWaiting: 1, maxBodyBytes: 10 }).request().request();
    expect(queue.request("client", "elevenbytes").statuses).toEqual([
      "request-dropped:queue-full",
      "request-dropped:body-too-large",
    ]);
    expect(queue.machine.stats).toMatchObject({ requests: 3, dropped: 2 });
  });

  it("of the client with most of them give way to another's", () => {
    const queue = new QueueDriver({ maxWaiting: 3 }).request("x").request("x").request("x").request("y");
    expect(queue.statuses).toEqual(["request-dropped:queue-full"]);
    expect(queue.ready("a", "b", "c").dispatches).toEqual(["1 > a", "4 > b", "2 > c"]);
  });

  it("of a client that has gone are not run; what it has running is answered to nobody", () => {
    const queue = new QueueDriver().ready("a").request("x").request("x").request("y").clientGone("x");
    expect(queue.statuses.slice(1)).toEqual(["request-dropped:client-gone"]);
    expect(queue.reply("a", 1).dispatches).toEqual(["1 > a", "3 > a"]);
    queue.feed({ type: "undeliverable", reason: "peer-unknown" });
    expect(queue.statuses.at(-1)).toBe("reply-undeliverable:peer-unknown");
    expect(queue.machine.stats).toMatchObject({ undeliverable: 1, dropped: 1 });
  });
});

describe("READY", () => {
  it("of a worker that is ready leaves it where it is: it is not listed twice", () => {
    const queue = new QueueDriver().ready("a", "b", "a").request().request().request();
    expect(queue.dispatches).toEqual(["1 > a", "2 > b"]);
    expect(queue.statuses).toEqual(["worker-joined a", "worker-joined b"]);
  });

  it("of a busy worker: it will not reply any more, and its request is lost", () => {
    const queue = new QueueDriver().ready("a").request("x").request("y").ready("a");
    expect(queue.statuses).toEqual(["worker-joined a", "request-lost:worker-ready a"]);
    expect(queue.dispatches).toEqual(["1 > a", "2 > a"]);
    expect(queue.machine.stats).toMatchObject({ lost: 1, dispatched: 2 });
    expect(queue.reply("a", 1).answers).toEqual([]);
    expect(queue.reply("a", 2).answers).toEqual(["y: reply 2"]);
  });

  it("of workers whose ids differ where text does not: ids are bytes", () => {
    const ids = [[0xff, 0], [0xfe, 0], [0], Array(255).fill(0x80)].map((bytes) => Uint8Array.from(bytes));
    const queue = new QueueDriver();
    for (const worker of ids) queue.feed({ type: "ready", worker }).request();
    const given = queue.outputs.flatMap((output) => (output.type === "dispatch" ? [output.worker] : []));
    expect(given).toEqual(ids);
    expect(queue.statuses.slice(0, 3)).toEqual(["ff00", "fe00", "00"].map((hex) => `worker-joined ${hex}`));
  });
});

describe("replies", () => {
  it("to what the worker does not have are dropped, and it stays busy", () => {
    const queue = new QueueDriver().ready("a", "b").request("x").request("y").request("z").clear();
    queue.reply("a", 2).reply("a", undefined).reply("b", 77);
    expect(queue.statuses).toEqual(Array(3).fill("reply-dropped:unknown"));
    expect(queue.counts).toEqual({ workers: 2, ready: 0, busy: 2, waiting: 1 });
    expect(queue.dispatches).toEqual([]);
    expect(queue.reply("a", 1).answers).toEqual(["x: reply 1"]);
  });

  it("of a ready worker are dropped, and it stays where it is in the list", () => {
    const queue = new QueueDriver().ready("a", "b").reply("a", 1).request().request().request();
    expect(queue.dispatches).toEqual(["1 > a", "2 > b"]);
    expect(queue.machine.stats).toMatchObject({ repliesDropped: 1, answered: 0 });
  });

  it("of a worker that is not known are dropped, and it is ready: a REQ that has replied waits", () => {
    const queue = new QueueDriver().reply("a", undefined).request();
    expect(queue.statuses).toEqual(["reply-dropped:unknown", "worker-joined a"]);
    expect(queue.dispatches).toEqual(["1 > a"]);
  });

  it("that come a second time are dropped", () => {
    const queue = new QueueDriver().ready("a").request().reply("a", 1).reply("a", 1);
    expect(queue.answers).toEqual(["client: reply 1"]);
    expect(queue.counts).toEqual({ workers: 1, ready: 1, busy: 0, waiting: 0 });
  });

  it("too large are dropped, and the worker is free", () => {
    const queue = new QueueDriver({ maxBodyBytes: 10 }).ready("a").request().reply("a", 1, "elevenbytes");
    expect(queue.answers).toEqual([]);
    expect(queue.statuses.at(-1)).toBe("reply-dropped:body-too-large");
    expect(queue.machine).toMatchObject({ ready: 1, busy: 0, stats: { repliesDropped: 1, answered: 0 } });
  });
});

describe("a dispatch that ZeroMQ refuses", () => {
  it("costs the worker its place and not the client its request: the next worker gets it", () => {
    const queue = new QueueDriver().ready("a", "b").request("x").undelivered("a", 1);
    expect(queue.dispatches).toEqual(["1 > a", "1 > b"]);
    expect(queue.statuses.at(-1)).toBe("worker-gone:peer-unknown a");
    expect(queue.counts).toEqual({ workers: 1, ready: 0, busy: 1, waiting: 0 });
    expect(queue.reply("b", 1).answers).toEqual(["x: reply 1"]);
    expect(queue.machine.stats).toMatchObject({ dispatched: 2, returned: 1, answered: 1, lost: 0 });
  });

  it("goes back in front of all that wait, if no worker is ready, and does not count as given", () => {
    const queue = new QueueDriver().request("x").request("y").ready("a").clear().undelivered("a", 1);
    expect(queue.counts).toEqual({ workers: 0, ready: 0, busy: 0, waiting: 2 });
    queue.ready("b", "c");
    expect(queue.dispatches).toEqual(["1 > b", "2 > c"]);
    expect(queue.outputs.find(({ type }) => type === "dispatch")).toMatchObject({
      request: { deliveries: 1 },
    });
  });

  it.each(["peer-full", "queue-full"] as const)(
    "%s: a worker that does not read is gone as well",
    (reason) => {
      const queue = new QueueDriver().ready("a", "b").request().undelivered("a", 1, reason);
      expect(queue.statuses.at(-1)).toBe(`worker-gone:${reason} a`);
      expect(queue.dispatches).toEqual(["1 > a", "1 > b"]);
    },
  );

  it("finds its way past any number of workers that have gone", () => {
    const queue = new QueueDriver().ready("a", "b", "c", "d").request();
    queue.undelivered("a", 1).undelivered("b", 1).undelivered("c", 1);
    expect(queue.dispatches).toEqual(["1 > a", "1 > b", "1 > c", "1 > d"]);
    expect(queue.machine).toMatchObject({ workers: 1, busy: 1, stats: { returned: 3, lost: 0, dropped: 0 } });
  });

  it("means nothing to a worker that has come back under its id, or that nobody knows", () => {
    const queue = new QueueDriver().undelivered("s", 1).undelivered("s", undefined).ready("a").clear();
    expect(queue.undelivered("a", 1).outputs).toEqual([]);
    queue.request().request().ready("a").clear().undelivered("a", 1);
    expect(queue.outputs).toEqual([]);
    expect(queue.counts).toEqual({ workers: 1, ready: 0, busy: 1, waiting: 0 });
  });
});

describe("at `maxWorkers`", () => {
  it("the one that has been busy for longest makes room for a newcomer", () => {
    const queue = new QueueDriver({ maxWorkers: 3 }).ready("a", "b", "c").request().request().ready("d");
    expect(queue.statuses.slice(3)).toEqual([
      "worker-forgotten a",
      "request-lost:worker-forgotten a",
      "worker-joined d",
    ]);
    expect(queue.counts).toEqual({ workers: 3, ready: 2, busy: 1, waiting: 0 });
    expect(queue.machine.stats.lost).toBe(1);
  });

  it("a late reply of the forgotten one is dropped, and it is ready again", () => {
    const queue = new QueueDriver({ maxWorkers: 1 }).ready("a").request("x").ready("b").clear();
    queue.request("y").reply("a", 1).request("z");
    expect(queue.answers).toEqual([]);
    expect(queue.statuses).toEqual([
      "reply-dropped:unknown",
      "worker-forgotten b",
      "request-lost:worker-forgotten b",
      "worker-joined a",
    ]);
    expect(queue.dispatches).toEqual(["2 > b", "3 > a"]);
  });

  it("makes the one that has been ready for longest room if nobody is busy: the newcomer surely lives", () => {
    const queue = new QueueDriver({ maxWorkers: 2 }).ready("a", "b", "c");
    expect(queue.statuses.slice(2)).toEqual(["worker-forgotten a", "worker-joined c"]);
    expect(queue.request().request().dispatches).toEqual(["1 > b", "2 > c"]);
    expect(queue.machine.stats.lost).toBe(0);
  });
});

describe("a worker whose connection has ended", () => {
  it("is struck from the list if it was ready", () => {
    const queue = new QueueDriver().ready("a", "b").clear().departed("a");
    expect(queue.statuses).toEqual(["worker-gone:departed a"]);
    expect(queue.request().dispatches).toEqual(["1 > b"]);
  });

  it("takes its request with it if it was busy, and a reply that is still read is dropped", () => {
    const queue = new QueueDriver().ready("a").request().clear().departed("a");
    expect(queue.statuses).toEqual(["worker-gone:departed a", "request-lost:worker-departed a"]);
    expect(queue.machine).toMatchObject({ workers: 0, busy: 0, stats: { lost: 1 } });
    expect(queue.reply("a", 1).answers).toEqual([]);
  });

  it("was no worker, for all that is known", () => {
    expect(new QueueDriver().departed("x").statuses).toEqual([]);
  });

  it("does not keep a queue from closing", () => {
    expect(new QueueDriver().ready("a").request().close().departed("a").idles).toBe(1);
  });
});

describe("closing", () => {
  it("takes no more requests and drops those that wait; those at hand are answered", () => {
    const queue = new QueueDriver().ready("a", "b").request("v").request("w").request("x").clear();
    queue.close().request("z");
    expect(queue.statuses).toEqual(["request-dropped:closing", "request-dropped:closing"]);
    expect(queue.reply("a", 1).idles).toBe(0);
    expect(queue.reply("b", 2).idles).toBe(1);
    expect(queue.answers).toEqual(["v: reply 1", "w: reply 2"]);
  });

  it("is over at once if no worker is busy, and told once", () => {
    expect(new QueueDriver().ready("a").close().ready("b").close().idles).toBe(1);
  });

  it("gives what was refused to another worker, and drops it if there is none", () => {
    const queue = new QueueDriver().ready("a", "b").request().close().undelivered("a", 1);
    expect(queue.dispatches).toEqual(["1 > a", "1 > b"]);
    expect(queue.idles).toBe(0);
    queue.undelivered("b", 1);
    expect(queue.statuses.at(-1)).toBe("request-dropped:closing");
    expect(queue.idles).toBe(1);
  });

  it("is over when the last busy worker says READY instead of a reply", () => {
    expect(new QueueDriver().ready("a").request().close().ready("a").idles).toBe(1);
  });
});

describe("what else is told", () => {
  it("garbage is counted and dropped", () => {
    const queue = new QueueDriver().feed({ type: "malformed", reason: "why" });
    expect(queue.statuses).toEqual(["message-dropped:why"]);
    expect(queue.machine.stats.malformed).toBe(1);
  });

  it("a stall of the process", () => {
    const [output] = new QueueDriver().feed({ type: "stalled", ms: 700 }).outputs;
    expect(output).toEqual({ type: "status", event: { type: "process-stalled", at: 0, ms: 700 } });
  });
});

describe("whatever workers and clients do", () => {
  const who = fc.constantFrom("a", "b", "c", "d");
  const number = fc.nat({ max: 12 });
  const step = fc.oneof(
    who.map((worker) => (queue: QueueDriver) => queue.ready(worker)),
    who.map((client) => (queue: QueueDriver) => queue.request(client)),
    fc.tuple(who, number).map(
      ([worker, n]) =>
        (queue: QueueDriver) =>
          queue.reply(worker, n),
    ),
    fc.tuple(who, number).map(
      ([worker, n]) =>
        (queue: QueueDriver) =>
          queue.undelivered(worker, n),
    ),
    who.map((client) => (queue: QueueDriver) => queue.clientGone(client)),
    fc.nat({ max: 40 }).map((ms) => (queue: QueueDriver) => queue.until(queue.now + ms)),
  );

  it("each request is in one place, each worker has one request at most, and none waits for nothing", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80, size: "max" }),
        fc.constantFrom(2, 10),
        (steps, maxWorkers) => {
          const queue = new QueueDriver({ maxWorkers, maxWaiting: 4, maxWaitingMs: 100 });
          const faults: string[] = [];
          for (const take of steps) {
            take(queue);
            const { workers, ready, busy, waiting } = queue.counts;
            const { requests, answered, lost, dropped } = queue.machine.stats;
            if (ready + busy !== workers) faults.push("a worker is not ready or busy, or both");
            if (answered + lost + dropped + waiting + busy !== requests)
              faults.push("a request is nowhere, or twice");
            if (ready > 0 && waiting > 0) faults.push("a request waits while a worker does");
            if (workers > maxWorkers) faults.push("there are too many workers");
          }
          expect(faults).toEqual([]);
          expect(new Set(queue.answers.map((answer) => answer.split(" ")[2])).size).toBe(
            queue.answers.length,
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});
