import { frameKey, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { ours, QueueDriver } from "./queue-driver.js";

describe("requests", () => {
  it("go to the worker that has been ready for longest", () => {
    const queue = new QueueDriver().ready("a", "b").request().request().request();
    expect(queue.deliveries).toEqual(["1 > a", "2 > b"]);
    expect(queue.machine).toMatchObject({ waiting: 1, running: 2, workers: 2, ready: 0 });
    queue.reply("b", 2).reply("a", 1).request();
    expect(queue.deliveries).toEqual(["1 > a", "2 > b", "3 > b", "4 > a"]);
  });

  it("wait for a worker, and clients take turns", () => {
    const queue = new QueueDriver().request("x").request("x").request("y").ready("a", "b");
    expect(queue.deliveries).toEqual(["1 > a", "3 > b"]);
    expect(queue.reply("a", 1).deliveries).toEqual(["1 > a", "3 > b", "2 > a"]);
  });

  it("are answered by the way they came", () => {
    const queue = new QueueDriver().ready("a", "b").request("x").request("y");
    expect(queue.reply("b", 2).reply("a", 1).answers).toEqual(["y: reply 2", "x: reply 1"]);
    expect(queue.machine.stats).toMatchObject({ requests: 2, delivered: 2, answered: 2, redelivered: 0 });
    expect(queue.machine).toMatchObject({ running: 0, ready: 2 });
  });

  it("are dropped when they have waited too long", () => {
    const queue = new QueueDriver({ maxWaitingMs: 500 }).request().until(300).request().until(499);
    expect(queue.statuses).toEqual([]);
    expect(queue.until(500).statuses).toEqual(["request-dropped:too-old"]);
    expect(queue.ready("a").deliveries).toEqual(["2 > a"]);
    expect(queue.machine.stats.dropped).toBe(1);
  });

  it("are dropped by age also while workers are there, none of them free", () => {
    const queue = new QueueDriver({ maxWaitingMs: 120 }).ready("a").request().request().alive(150, "a");
    expect(queue.statuses).toContain("request-dropped:too-old");
    expect(queue.reply("a", 1).deliveries).toEqual(["1 > a"]);
  });

  it("are dropped when there is no room, or the body is too large, each with an event", () => {
    const queue = new QueueDriver({ maxWaiting: 1, maxBodyBytes: 10 }).request().request();
    queue.request("client", "elevenbytes");
    expect(queue.statuses).toEqual(["request-dropped:queue-full", "request-dropped:body-too-large"]);
    expect(queue.machine.stats).toMatchObject({ requests: 3, dropped: 2 });
  });

  it("are not run for clients that have gone", () => {
    const queue = new QueueDriver().request("x").request("y");
    queue.feed({ type: "client-departed", client: frameKey(textFrame("x")) }).ready("a", "b");
    expect(queue.statuses).toContain("request-dropped:client-gone");
    expect(queue.deliveries).toEqual(["2 > a"]);
  });
});

describe("replies", () => {
  it("too large are dropped, and the worker is free again", () => {
    const queue = new QueueDriver({ maxBodyBytes: 10 }).ready("a").request().reply("a", 1, "elevenbytes");
    expect(queue.answers).toEqual([]);
    expect(queue.statuses).toContain("reply-dropped:body-too-large");
    expect(queue.machine).toMatchObject({ ready: 1, running: 0, stats: { repliesDropped: 1 } });
  });

  it("that nobody asked for are dropped: of strangers, of idle workers, to others' requests, to none", () => {
    const queue = new QueueDriver().ready("a", "b").request();
    queue.reply("stranger", 1).reply("b", 1).reply("a", 77).reply("a", undefined);
    expect(queue.answers).toEqual([]);
    expect(queue.machine).toMatchObject({ running: 1, ready: 1, workers: 2, stats: { repliesDropped: 4 } });
    expect(queue.reply("a", 1).answers).toEqual(["client: reply 1"]);
  });

  it("fault: a reply of an idle worker does not list it twice", () => {
    const queue = new QueueDriver().ready("a").reply("a", 9).reply("a", 9).request().request();
    expect(queue.deliveries).toEqual(["1 > a"]);
  });

  it("that cannot be delivered are counted", () => {
    const queue = new QueueDriver().feed({ type: "undeliverable", reason: "peer-unknown" });
    expect(queue.statuses).toEqual(["reply-undeliverable:peer-unknown"]);
    expect(queue.machine.stats.undeliverable).toBe(1);
  });
});

describe("re-delivery", () => {
  it("fault: no request is lost with its worker: it goes to another, in front of all that wait", () => {
    const queue = new QueueDriver().ready("a").request("x").request("y").departed("a").ready("b", "c");
    expect(queue.deliveries).toEqual(["1 > a", "1 > b", "2 > c"]);
    expect(queue.statuses).toEqual([
      "worker-joined a",
      "worker-gone:departed a",
      "request-redelivered",
      "worker-joined b",
      "worker-joined c",
    ]);
    expect(queue.reply("b", 1).answers).toEqual(["x: reply 1"]);
    expect(queue.machine.stats).toMatchObject({ redelivered: 1, answered: 1 });
  });

  it("goes to a worker that is free at once", () => {
    expect(new QueueDriver().ready("a", "b").request().departed("a").deliveries).toEqual(["1 > a", "1 > b"]);
  });

  it("ends after `maxDeliveries`", () => {
    const queue = new QueueDriver({ maxDeliveries: 2 }).ready("a", "b", "c").request();
    queue.departed("a").departed("b");
    expect(queue.deliveries).toEqual(["1 > a", "1 > b"]);
    expect(queue.outputs.at(-1)).toMatchObject({ event: { type: "request-given-up", deliveries: 2 } });
    expect(queue.machine).toMatchObject({ running: 0, waiting: 0, ready: 1, stats: { givenUp: 1 } });
  });

  it("does not count what could not be sent, and a worker that cannot be reached is gone", () => {
    const queue = new QueueDriver({ maxDeliveries: 1 }).ready("a", "b").request().unreachable("a", 1);
    expect(queue.deliveries).toEqual(["1 > a", "1 > b"]);
    expect(queue.statuses).toContain("worker-gone:peer-unknown a");
    expect(queue.machine).toMatchObject({ workers: 1, stats: { givenUp: 0 } });
  });

  it("counts what was sent when only a heartbeat could not be", () => {
    const queue = new QueueDriver({ maxDeliveries: 1 }).ready("a", "b").request().unreachable("a");
    expect(queue.deliveries).toEqual(["1 > a"]);
    expect(queue.machine.stats.givenUp).toBe(1);
  });

  it("of strangers there is nothing to do", () => {
    const queue = new QueueDriver().unreachable("a", 1).departed("a");
    expect(queue.outputs).toEqual([]);
  });

  it("a worker that says READY while it is busy gave its request back", () => {
    const queue = new QueueDriver({ maxDeliveries: 3 }).ready("a", "b").request().ready("a");
    expect(queue.deliveries).toEqual(["1 > a", "1 > b"]);
    expect(queue.machine).toMatchObject({ running: 1, ready: 1 });
    queue.ready("b").ready("a");
    expect(queue.deliveries).toEqual(["1 > a", "1 > b", "1 > a"]);
    expect(queue.statuses).toContain("request-given-up");
    expect(queue.machine).toMatchObject({ running: 0, ready: 2 });
  });

  it("of a request that another has answered meanwhile is not needed", () => {
    const queue = new QueueDriver().ready("a", "b").request().until(300).alive(400, "b");
    queue.reply("a", 1).clear().departed("b");
    expect(queue.statuses).toEqual(["worker-gone:departed b"]);
    expect(queue.machine).toMatchObject({ running: 0, waiting: 0, ready: 1 });
  });
});

describe("closing", () => {
  it("takes no more requests and drops those that wait; those at hand are answered", () => {
    const queue = new QueueDriver().ready("a").request("x").request("y").feed({ type: "close" }).request("z");
    expect(queue.statuses.slice(1)).toEqual(["request-dropped:closing", "request-dropped:closing"]);
    expect(queue.isIdle).toBe(false);
    expect(queue.reply("a", 1).answers).toEqual(["x: reply 1"]);
    expect(queue.isIdle).toBe(true);
  });

  it("gives nothing to another worker any more", () => {
    const queue = new QueueDriver().ready("a", "b").request().feed({ type: "close" }).departed("a");
    expect(queue.deliveries).toEqual(["1 > a"]);
    expect(queue.statuses.at(-1)).toBe("request-dropped:closing");
    expect(queue.isIdle).toBe(true);
    expect(queue.machine).toMatchObject({ running: 0, stats: { redelivered: 0, dropped: 1 } });
  });
});

describe("closing when no worker has a request", () => {
  it("is over at once, and told once", () => {
    const queue = new QueueDriver().ready("a").feed({ type: "close" }).ready("a").until(1000);
    expect(queue.outputs.filter(({ type }) => type === "idle")).toHaveLength(1);
  });

  it("is over when the last one is answered elsewhere, or is silent", () => {
    const queue = new QueueDriver().ready("a", "b").request().until(300).alive(400, "b").reply("a", 1);
    expect(queue.feed({ type: "close" }).isIdle).toBe(false);
    expect(queue.ready("b").isIdle).toBe(true);
    const other = new QueueDriver().ready("a").request().feed({ type: "close" }).until(300);
    expect(other.isIdle).toBe(true);
  });
});

describe("garbage", () => {
  it("is counted and dropped, and is a sign of life all the same", () => {
    const queue = new QueueDriver().ready("a").until(250);
    queue.feed({ type: "malformed", worker: "a", reason: "why" }).until(500);
    expect(queue.statuses).toEqual(["worker-joined a", "message-dropped:why"]);
    queue.feed({ type: "malformed", worker: "nobody", reason: "w" });
    queue.feed({ type: "malformed", worker: undefined, reason: "c" });
    expect(queue.machine.stats.malformed).toBe(3);
    expect(queue.machine.workers).toBe(1);
  });

  it("fault: routing ids are bytes: ids that differ where text does not are different workers", () => {
    const queue = new QueueDriver();
    const ids = [
      Uint8Array.of(0xff, 0),
      Uint8Array.of(0xfe, 0),
      Uint8Array.of(0),
      new Uint8Array(255).fill(0x80),
    ];
    for (const id of ids) queue.feed({ type: "said", worker: frameKey(id), id, command: { type: "ready" } });
    expect(queue.machine.ready).toBe(4);
    for (const _ of ids) queue.request();
    const given = queue.outputs.flatMap((output) => (output.type === "deliver" ? [output.worker] : []));
    expect(given).toEqual(ids);
    expect(queue.statuses.slice(0, 3)).toEqual(["ff00", "fe00", "00"].map((hex) => `worker-joined ${hex}`));
  });

  it("only READY makes a worker: other words of strangers change nothing, and one that leaves may go", () => {
    const queue = new QueueDriver().says(ours("s"), { type: "heartbeat" });
    expect(queue.outputs).toEqual([]);
    expect(queue.leave(ours("s")).said).toEqual([`release ${ours("s")}`]);
    expect(queue.machine.workers).toBe(0);
  });
});
