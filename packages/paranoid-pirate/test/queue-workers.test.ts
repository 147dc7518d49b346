import { frameKey, textFrame } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { workerRoutingId } from "../src/wire.js";
import { ours, QueueDriver } from "./queue-driver.js";

describe("heartbeats", () => {
  it("go to a worker that was told nothing else for an interval, busy or not", () => {
    const queue = new QueueDriver().ready("a", "b").until(60).request().alive(140, "a", "b");
    expect(queue.said).toEqual(["heartbeat b undefined"]);
    expect(queue.alive(170, "a", "b").said).toEqual(["heartbeat b undefined", "heartbeat a undefined"]);
  });

  it("tell our workers, and no others, our interval: at once when they say READY, and each time", () => {
    const queue = new QueueDriver().ready("plain", ours("a"));
    expect(queue.said).toEqual([`heartbeat ${ours("a")} 100`]);
    expect(queue.until(100).said).toEqual([
      `heartbeat ${ours("a")} 100`,
      "heartbeat plain undefined",
      `heartbeat ${ours("a")} 100`,
    ]);
  });

  it("fault: a heartbeat that crosses a request does not put a busy worker back on the list", () => {
    const queue = new QueueDriver().ready("a").request("x").heartbeat("a").heartbeat("a", 100).request("y");
    expect(queue.deliveries).toEqual(["1 > a"]);
    expect(queue.machine).toMatchObject({ running: 1, waiting: 1, ready: 0 });
    expect(queue.reply("a", 1).deliveries).toEqual(["1 > a", "2 > a"]);
  });

  it("fault: READY twice lists a worker once", () => {
    const queue = new QueueDriver().ready("a", "a").request().request();
    expect(queue.deliveries).toEqual(["1 > a"]);
    expect(queue.machine.workers).toBe(1);
  });
});

describe("silence", () => {
  it("of an idle worker takes it off the list; it comes back when it is heard, and is forgotten if not", () => {
    const queue = new QueueDriver().ready("a").until(299);
    expect(queue.machine).toMatchObject({ ready: 1, workers: 1 });
    expect(queue.until(300).statuses.at(-1)).toBe("worker-expired a");
    expect(queue.machine).toMatchObject({ ready: 0, workers: 1, stats: { expired: 1 } });
    expect(queue.request().deliveries).toEqual([]);
    expect(queue.until(400).heartbeat("a").statuses.at(-1)).toBe("worker-returned a");
    expect(queue.deliveries).toEqual(["1 > a"]);
    queue.reply("a", 1).until(1000);
    expect(queue.statuses.slice(-2)).toEqual(["worker-expired a", "worker-gone:silent a"]);
    expect(queue.machine).toMatchObject({ workers: 0, stats: { expired: 2 } });
  });

  it.each([
    ["READY", (queue: QueueDriver) => queue.ready("a")],
    ["a reply that nobody asked for", (queue: QueueDriver) => queue.reply("a", 5)],
  ])("ends with %s", (_what, heard) => {
    const queue = heard(new QueueDriver().ready("a").until(350));
    expect(queue.statuses).toContain("worker-returned a");
    expect(queue.machine.ready).toBe(1);
  });

  it("fault: all workers that are silent are taken off the list, not only those before the first live one", () => {
    const queue = new QueueDriver().ready("a", "alive", "b", "c").alive(350, "alive").request().request();
    expect(queue.statuses.filter((status) => status.startsWith("worker-expired"))).toEqual([
      "worker-expired a",
      "worker-expired b",
      "worker-expired c",
    ]);
    expect(queue.deliveries).toEqual(["1 > alive"]);
  });

  it("of a busy worker gives its request to another", () => {
    const queue = new QueueDriver().ready("a", "b").request().alive(300, "b");
    expect(queue.statuses.slice(-2)).toEqual(["worker-expired a", "request-redelivered"]);
    expect(queue.deliveries).toEqual(["1 > a", "1 > b"]);
    expect(queue.machine).toMatchObject({ running: 1, workers: 2 });
  });

  it("for almost its liveness keeps a worker from requests until it is heard, and those wait if there is no other", () => {
    const queue = new QueueDriver().ready("doubtful", "prompt").alive(200, "prompt").request().request();
    expect(queue.deliveries).toEqual(["1 > prompt"]);
    expect(queue.machine).toMatchObject({ waiting: 1, ready: 1 });
    expect(queue.heartbeat("doubtful").deliveries).toEqual(["1 > prompt", "2 > doubtful"]);
    expect(queue.machine.stats.expired).toBe(0);
  });

  it("is over with any word, also one that makes no sense", () => {
    const queue = new QueueDriver().ready("doubtful").until(200).request();
    expect(queue.deliveries).toEqual([]);
    const worker = frameKey(textFrame("doubtful"));
    expect(queue.feed({ type: "malformed", worker, reason: "?" }).deliveries).toEqual(["1 > doubtful"]);
  });

  it("does not make who takes its leave work on", () => {
    const queue = new QueueDriver().ready("doubtful").until(200).request().leave("doubtful");
    expect(queue.deliveries).toEqual([]);
    expect(queue.machine).toMatchObject({ workers: 0, waiting: 1 });
  });

  it("of a process with many sessions: what one had is not given to the next, and so on, until it is given up", () => {
    const queue = new QueueDriver({ maxDeliveries: 2 });
    const sessions = Array.from({ length: 8 }, (_, index) => `s${index}`);
    for (const session of sessions) queue.ready(session).until(queue.now + 12);
    queue.ready("alive").request().alive(600, "alive");
    expect(queue.deliveries).toEqual(["1 > s0", "1 > alive"]);
    expect(queue.machine.stats).toMatchObject({ expired: 8, givenUp: 0 });
  });

  it("of a process with many sessions: what one had waits for another that is busy", () => {
    const queue = new QueueDriver({ maxDeliveries: 2 });
    for (const session of ["s0", "s1", "s2", "live"]) queue.ready(session).until(queue.now + 5);
    for (let number = 1; number <= 4; number++) queue.request();
    for (const session of ["s1", "s2"]) queue.reply(session, session === "s1" ? 2 : 3);
    queue.alive(700, "live");
    expect(queue.deliveries).toEqual(["1 > s0", "2 > s1", "3 > s2", "4 > live"]);
    expect(queue.reply("live", 4).deliveries.at(-1)).toBe("1 > live");
    expect(queue.machine.stats).toMatchObject({ givenUp: 0, redelivered: 1 });
  });

  it("of one session's connection puts the others of its process in doubt: they may have died with it", () => {
    const queue = new QueueDriver({ maxDeliveries: 2 });
    const sessions = Array.from({ length: 5 }, (_, index) => `SWPP1-process-${index}`);
    queue.ready(...sessions, "SWPP1-other-0").request();
    for (const session of sessions) queue.departed(session);
    expect(queue.deliveries).toEqual(["1 > SWPP1-process-0", "1 > SWPP1-other-0"]);
    expect(queue.machine).toMatchObject({ workers: 1, stats: { givenUp: 0, redelivered: 1 } });
  });

  it("of one session's connection keeps the others from requests until they are heard", () => {
    const [first, second] = ["SWPP1-process-0", "SWPP1-process-1"] as const;
    const queue = new QueueDriver().ready(first, second).request().departed(first);
    expect(queue.deliveries).toEqual([`1 > ${first}`]);
    expect(queue.heartbeat(second).deliveries.at(-1)).toBe(`1 > ${second}`);
  });

  it("of many workers at once: what one had is not given to another that has died with it", () => {
    const queue = new QueueDriver({ maxDeliveries: 2 }).ready("a", "b", "c", "alive").request();
    queue.now = 290;
    queue.heartbeat("alive").late(301);
    expect(queue.deliveries).toEqual(["1 > a", "1 > alive"]);
    expect(queue.machine.stats).toMatchObject({ expired: 3, givenUp: 0 });
  });

  it("a busy worker that is heard again finishes what it has, if no other was faster", () => {
    const queue = new QueueDriver().ready("a").request().until(300).request("y").heartbeat("a");
    expect(queue.deliveries).toEqual(["1 > a"]);
    expect(queue.machine).toMatchObject({ waiting: 2, running: 0 });
    queue.reply("a", 1);
    expect(queue.answers).toEqual(["client: reply 1"]);
    expect(queue.deliveries).toEqual(["1 > a", "2 > a"]);
  });

  it("the first reply wins, and the late one is dropped", () => {
    const queue = new QueueDriver().ready("a", "b").request().alive(300, "b");
    queue.reply("b", 1).reply("a", 1);
    expect(queue.answers).toEqual(["client: reply 1"]);
    expect(queue.statuses.at(-1)).toBe("reply-dropped:late");
    expect(queue.machine).toMatchObject({ ready: 2, running: 0 });
  });

  it("the reply of a worker taken for dead wins too, if it is the first", () => {
    const queue = new QueueDriver().ready("a", "b").request().alive(300, "b");
    queue.reply("a", 1, "from a").reply("b", 1, "from b");
    expect(queue.answers).toEqual(["client: from a"]);
    expect(queue.machine).toMatchObject({ ready: 2, running: 0, stats: { repliesDropped: 1 } });
  });

  it("a late reply to a request that was given up is dropped", () => {
    const queue = new QueueDriver({ maxDeliveries: 1 }).ready("a").request().until(300).reply("a", 1);
    expect(queue.answers).toEqual([]);
    expect(queue.statuses.slice(-3)).toEqual(["request-given-up", "worker-returned a", "reply-dropped:late"]);
    expect(queue.machine.ready).toBe(1);
  });

  it("a worker taken for dead that says READY starts anew", () => {
    const queue = new QueueDriver().ready("a").request().until(300).ready("a");
    expect(queue.deliveries).toEqual(["1 > a", "1 > a"]);
    expect(queue.reply("a", 1).answers).toEqual(["client: reply 1"]);
  });

  it("a busy worker that stays silent is forgotten, and so is one that departs meanwhile", () => {
    const queue = new QueueDriver({ maxWaitingMs: 5000 }).ready("a").request().until(600);
    expect(queue.statuses.at(-1)).toBe("worker-gone:silent a");
    const other = new QueueDriver().ready("a").request().until(300).departed("a");
    expect(other.statuses.at(-1)).toBe("worker-gone:departed a");
    expect(other.ready("b").deliveries).toEqual(["1 > a", "1 > b"]);
  });

  it("a missing worker that departs is gone", () => {
    const queue = new QueueDriver().ready("a").until(300).departed("a");
    expect(queue.statuses.at(-1)).toBe("worker-gone:departed a");
    expect(queue.machine).toMatchObject({ workers: 0, deadline: undefined });
  });

  it("is not judged right after the queue itself stood still", () => {
    const queue = new QueueDriver().ready("a");
    queue.now = 5000;
    queue.feed({ type: "stalled", ms: 4700 }).tick().until(5099);
    expect(queue.statuses).toEqual(["worker-joined a", "process-stalled"]);
    expect(queue.until(5100).statuses.at(-1)).toBe("worker-expired a");
  });
});

describe("interval differences", () => {
  it("a worker that says its interval is judged by that, whether it is longer or shorter than ours", () => {
    const queue = new QueueDriver().ready("slow", "fast").heartbeat("slow", 1000).heartbeat("fast", 10);
    queue.until(30);
    expect(queue.statuses.at(-1)).toBe("worker-expired fast");
    queue.until(2999);
    expect(queue.machine.ready).toBe(1);
    expect(queue.until(3000).statuses.at(-1)).toBe("worker-expired slow");
  });

  it("others are expected to keep `peerHeartbeatMs`", () => {
    const queue = new QueueDriver({ peerHeartbeatMs: 1000 }).ready("a").until(2999);
    expect(queue.machine.ready).toBe(1);
    expect(queue.until(3000).statuses.at(-1)).toBe("worker-expired a");
  });
});

describe("taking leave", () => {
  const a = ours("a");

  it("of an idle worker: it is told that nothing more comes", () => {
    const queue = new QueueDriver().ready(a).clear().leave(a);
    expect(queue.said).toEqual([`release ${a}`]);
    expect(queue.statuses).toEqual([`worker-left ${a}`]);
    expect(queue.machine).toMatchObject({ workers: 0, ready: 0, deadline: undefined });
    expect(queue.request().deliveries).toEqual([]);
  });

  it("of a busy worker: it finishes, and is given no more", () => {
    const queue = new QueueDriver().ready(a).request().request().clear().leave(a);
    expect(queue.said).toEqual([]);
    expect(queue.heartbeat(a).reply(a, 1).answers).toEqual(["client: reply 1"]);
    expect(queue.said).toEqual([`release ${a}`]);
    expect(queue.deliveries).toEqual([]);
    expect(queue.machine).toMatchObject({ workers: 0, waiting: 1 });
  });

  it("said twice gives the request back", () => {
    const queue = new QueueDriver().ready(a, "b").request().clear().leave(a).leave(a);
    expect(queue.deliveries).toEqual(["1 > b"]);
    expect(queue.said).toEqual([`release ${a}`]);
  });

  it.each([
    ["departs", (queue: QueueDriver) => queue.departed(a)],
    ["is silent", (queue: QueueDriver) => queue.alive(300, "b")],
  ])("of a worker that then %s: its request goes to another", (_how, happens) => {
    const queue = happens(new QueueDriver().ready(a, "b").request().leave(a));
    expect(queue.deliveries).toEqual([`1 > ${a}`, "1 > b"]);
    expect(queue.machine.workers).toBe(1);
  });

  it("can be reconsidered by READY", () => {
    const queue = new QueueDriver().ready(a).request().leave(a).reply(a, 9).ready(a);
    expect(queue.deliveries).toEqual([`1 > ${a}`, `1 > ${a}`]);
  });

  it("of a missing one and of one taken for dead", () => {
    const queue = new QueueDriver().ready(a).until(300).clear().leave(a);
    expect(queue.said).toEqual([`release ${a}`]);
    const other = new QueueDriver().ready(a).request().until(300).reply(a, 9).clear().leave(a);
    expect(other.reply(a, 1).said).toEqual([`release ${a}`]);
    expect(other.answers).toEqual(["client: reply 1"]);
  });

  it("of a plain worker is accepted, and not answered", () => {
    const queue = new QueueDriver().ready("plain").leave("plain");
    expect(queue.said).toEqual([]);
    expect(queue.statuses.at(-1)).toBe("worker-left plain");
  });
});

describe("limits", () => {
  it("more than `maxWorkers` are refused with an event, until one is gone", () => {
    const queue = new QueueDriver({ maxWorkers: 1 }).ready("a", "b").heartbeat("b");
    expect(queue.statuses).toEqual(["worker-joined a", "worker-refused b"]);
    expect(queue.departed("a").ready("b").statuses.at(-1)).toBe("worker-joined b");
  });
});

it("counts as deadline whatever comes first, a heartbeat or the age of a request", () => {
  const queue = new QueueDriver({ maxWaitingMs: 50 });
  expect(queue.machine.deadline).toBeUndefined();
  expect(queue.request().machine.deadline).toBe(50);
  expect(queue.ready("a").machine.deadline).toBe(100);
  expect(queue.request().machine.deadline).toBe(50);
});

describe("a worker that gives a request back", () => {
  it("does not get it again while there is another, who is busy: a broken one would use up all of its deliveries", () => {
    const queue = new QueueDriver({ maxDeliveries: 3 }).ready("sound").request().ready("broken");
    queue.request().ready("broken").ready("broken");
    expect(queue.deliveries).toEqual(["1 > sound", "2 > broken"]);
    expect(queue.machine).toMatchObject({ waiting: 1, ready: 1, stats: { redelivered: 1 } });
    expect(queue.reply("sound", 1).deliveries.slice(2)).toEqual(["2 > sound"]);
  });

  it("gets others meanwhile, of those that it has not had, while as many workers are free as have to take what it gave back", () => {
    const queue = new QueueDriver().ready("sound", "idle").request().request().ready("broken");
    queue.request().request().ready("broken").ready("broken");
    expect(queue.deliveries.slice(2)).toEqual(["3 > broken"]);
    queue.ready("other").ready("broken").request();
    expect(queue.deliveries.slice(3)).toEqual(["4 > broken", "3 > other"]);
    expect(queue.machine).toMatchObject({ waiting: 2, ready: 1 });
    expect(queue.reply("sound", 1).deliveries.slice(5)).toEqual(["5 > broken", "4 > sound"]);
    expect(queue.machine.stats).toMatchObject({ givenUp: 0 });
  });

  it("is passed over with all sessions of its process, for whoever is free behind them", () => {
    const [first, second, third] = [1, 2, 3].map((n) => workerRoutingId("broken", n)) as [
      string,
      string,
      string,
    ];
    const queue = new QueueDriver().ready("busy").request().ready(first).request();
    queue.ready(second, third, first);
    expect(queue.deliveries).toEqual(["1 > busy", `2 > ${first}`]);
    expect(queue.ready("new").deliveries.slice(2)).toEqual(["2 > new"]);
    expect(queue.machine).toMatchObject({ waiting: 0, ready: 3 });
  });

  it("gets it again if there is nobody else, or nobody any more", () => {
    const alone = new QueueDriver({ maxDeliveries: 3 }).ready("a").request().ready("a").ready("a").ready("a");
    expect(alone.deliveries).toEqual(["1 > a", "1 > a", "1 > a"]);
    expect(alone.machine.stats).toMatchObject({ givenUp: 1 });
    const left = new QueueDriver().ready("busy").request().ready("a").request().ready("a");
    expect(left.deliveries).toEqual(["1 > busy", "2 > a"]);
    left.leave("busy").reply("busy", 1);
    expect(left.deliveries.slice(2)).toEqual(["2 > a"]);
  });

  it("is one of several that have given it back: it goes to who has not", () => {
    const queue = new QueueDriver({ maxDeliveries: 5 }).ready("sound").request().ready("a", "b").request();
    queue.ready("a").ready("b");
    expect(queue.deliveries).toEqual(["1 > sound", "2 > a", "2 > b"]);
    expect(queue.departed("sound").deliveries.slice(3)).toEqual(["2 > a", "1 > b"]);
  });

  it.each([
    ["too old", (queue: QueueDriver) => queue.alive(500, "sound", "broken")],
    [
      "of a client that has gone",
      (queue: QueueDriver) => queue.feed({ type: "client-departed", client: frameKey(textFrame("gone")) }),
    ],
  ])("gets the next when what it gave back is %s", (_what, dropped) => {
    const queue = new QueueDriver({ maxWaitingMs: 500 }).ready("sound").request().ready("broken");
    queue.request("gone").ready("broken").alive(400, "sound", "broken").request();
    expect(queue.machine).toMatchObject({ waiting: 2, ready: 1 });
    expect(dropped(queue).deliveries.slice(2)).toEqual(["3 > broken"]);
  });

  it("and has gone is nobody: what counts is who is there", () => {
    const queue = new QueueDriver().ready("sound").request().ready("a", "b").request().ready("a").ready("b");
    expect(queue.departed("a").deliveries).toEqual(["1 > sound", "2 > a", "2 > b"]);
    expect(queue.leave("sound").reply("sound", 1).deliveries.slice(3)).toEqual(["2 > b"]);
  });

  it("leaves it to nobody who may be dead, until that one is heard", () => {
    const [first, second] = [workerRoutingId("broken", 1), workerRoutingId("broken", 2)];
    const queue = new QueueDriver().ready("busy").request().ready(first, second, "silent");
    queue.alive(250, "busy", first, second).request().ready(first);
    expect(queue.deliveries).toEqual(["1 > busy", `2 > ${first}`]);
    expect(queue.heartbeat("silent").deliveries.slice(2)).toEqual(["2 > silent"]);
  });

  it("leaves it to the one that was heard among very many that may be dead", () => {
    const [first, second] = [workerRoutingId("broken", 1), workerRoutingId("broken", 2)];
    const silent = Array.from({ length: 30_000 }, (_, n) => `silent-${n}`);
    const queue = new QueueDriver({ maxWorkers: 40_000 }).ready(first, second).request().until(50);
    queue
      .ready(...silent, "heard")
      .alive(260, first, second, "heard")
      .ready(first);
    expect(queue.deliveries).toEqual([`1 > ${first}`, "1 > heard"]);
  });
});
