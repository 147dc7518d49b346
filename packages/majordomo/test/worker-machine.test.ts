import { describe, expect, it } from "vitest";
import { WorkerDriver } from "./worker-driver.js";

describe("a worker's session", () => {
  it("is opened when the application asks for requests, and READY names the credit", () => {
    const worker = new WorkerDriver().connect();
    expect(worker.deeds).toEqual([]);
    expect(worker.machine.deadline).toBeUndefined();
    worker.demand(2).demand();
    expect([worker.deeds, worker.said]).toEqual([["open 1"], []]);
    expect(worker.up(1).said).toEqual(["1: 0.1 ready 100 credit 3"]);
    expect(worker.statuses).toEqual(["session-opened"]);
  });

  it("is one per broker, however often its endpoint is given", () => {
    const worker = new WorkerDriver()
      .demand(3)
      .connect("tcp://a:1")
      .connect("tcp://b:1")
      .connect("tcp://a:1");
    expect([worker.deeds, worker.machine.sessions]).toEqual([["open 1", "open 2"], 2]);
  });

  it("speaks 0.2 from the first word on, if that is asked for, and 0.1 for ever, if that is", () => {
    const [second, first] = [new WorkerDriver({ protocol: "0.2" }), new WorkerDriver({ protocol: "0.1" })];
    expect(second.opened().said).toEqual(["1: 0.2 ready 100 credit 1"]);
    first.ours().request(1).reply(1);
    expect(first.said).toEqual(["1: 0.1 final reply to @x"]);
  });

  it("knows a broker of ours by its notice, and speaks 0.2 with it", () => {
    const worker = new WorkerDriver().opened().clear().greet(1).greet(1);
    expect(worker.statuses).toEqual(["ours 0.2"]);
    expect(worker.said).toEqual([]);
    expect(worker.request(1).reply(1).said).toEqual(["1: 0.2 final reply to @x"]);
  });

  it.each([
    ["heartbeat", (worker: WorkerDriver) => worker.heartbeat(1).heartbeat(1)],
    ["request", (worker: WorkerDriver) => worker.request(1)],
  ])("takes a broker for another's whose first word is a plain %s", (_what, speak) => {
    const worker = speak(new WorkerDriver().opened().clear());
    expect(worker.statuses).toEqual(["foreign 0.1"]);
    expect(worker.greet(1).statuses).toEqual(["foreign 0.1", "ours 0.2"]);
  });

  it("tells a broker of ours when the application can take more, and no other", () => {
    const [ours, foreign] = [new WorkerDriver().ours(), new WorkerDriver().foreign()];
    expect(ours.demand(2).said).toEqual(["1: 0.2 heartbeat credit 3"]);
    expect(ours.clear().request(1).reply(1).demand().said).toEqual(["1: 0.2 final reply to @x"]);
    expect(foreign.demand(2).said).toEqual([]);
  });

  it("tells of more even if it was asked for before the broker was known", () => {
    const worker = new WorkerDriver().opened().demand();
    expect(worker.clear().greet(1).said).toEqual(["1: 0.2 heartbeat credit 2"]);
  });

  it("understands a notice that comes before READY is said", () => {
    const worker = new WorkerDriver().demand().connect().greet(1).clear().up(1);
    expect(worker.said).toEqual(["1: 0.2 ready 100 credit 1"]);
  });
});

describe("requests", () => {
  it("are run as many at a time as the application asked for, and the others wait", () => {
    const worker = new WorkerDriver().ours(2).request(1, "a").request(1, "b").request(1, "c");
    expect(worker.deeds).toEqual(["run 1 a", "run 2 b"]);
    expect(worker.machine).toMatchObject({ running: 2, waiting: 1 });
    expect(worker.reply(2).demand().deeds.at(-1)).toBe("run 3 c");
    worker.reply(3).reply(1);
    expect(worker.said.map((word) => word.slice(-2))).toEqual(["@b", "@c", "@a"]);
    expect(worker.machine).toMatchObject({ running: 0, waiting: 0, stats: { requests: 3, answered: 3 } });
  });

  it("of several brokers go back where they came from", () => {
    const worker = new WorkerDriver().demand(2).connect("tcp://a:1").connect("tcp://b:1").up(1).up(2);
    worker.clear().request(2, "b").request(1, "a").reply(2).reply(1);
    expect(worker.said).toEqual(["1: 0.1 final reply to @a", "2: 0.1 final reply to @b"]);
  });

  it("are answered once: a second answer, and what comes after it, has no effect", () => {
    const worker = new WorkerDriver().ours().request(1).reply(1).clear().reply(1).drop(1).partial(1, 7);
    expect(worker.outputs).toEqual([{ type: "passed", part: 7 }]);
  });

  it("before READY are refused", () => {
    const worker = new WorkerDriver().demand().connect().request(1);
    expect(worker.statuses.at(-1)).toBe("request-refused:not-ready");
    expect(worker.deeds).toEqual(["open 1"]);
  });

  it("beyond the credit wait as long as there is room, and are refused then", () => {
    const worker = new WorkerDriver({ maxHeld: 2 }).foreign().request(1, "a").request(1, "b").request(1, "c");
    expect(worker.statuses).toEqual(["request-refused:queue-full"]);
    expect(worker.machine).toMatchObject({ running: 1, waiting: 1, stats: { requests: 3, refused: 1 } });
  });

  it("within the credit are never refused, however many there are of other brokers", () => {
    const worker = new WorkerDriver({ maxHeld: 1 }).demand(2).connect("tcp://a:1").connect("tcp://b:1");
    worker.up(1).up(2).greet(1).heartbeat(2).clear();
    worker.request(1, "a").request(1, "b").request(2, "c");
    expect(worker.statuses).toEqual([]);
    worker.request(1, "d");
    expect(worker.statuses).toEqual(["request-refused:queue-full"]);
    expect(worker.said, "a broker of ours hears of it").toEqual(["1: 0.2 dropped  to @d"]);
    expect(worker.machine).toMatchObject({ running: 2, waiting: 1 });
  });
});

describe("an application that asks for fewer requests than before", () => {
  it("is told to brokers of ours: none is run for nobody, and the session stays", () => {
    const worker = new WorkerDriver().ours().request(1).withdraw(0, 0);
    expect(worker.said).toEqual(["1: 0.2 heartbeat credit 0"]);
    expect(worker.clear().reply(1).said).toEqual(["1: 0.2 final reply to @x"]);
    expect(worker.clear().demand().said).toEqual(["1: 0.2 heartbeat credit 1"]);
    expect(worker.request(1, "y").deeds).toEqual(["run 2 y"]);
  });

  it("gives back what crosses that, and what waits, for nobody will ask", () => {
    const worker = new WorkerDriver().ours().request(1, "a").request(1, "b").clear().withdraw(0, 0);
    expect(worker.request(1, "c").said).toEqual([
      "1: 0.2 heartbeat credit 0",
      "1: 0.2 returned  to @b",
      "1: 0.2 returned  to @c",
    ]);
    expect(worker.machine).toMatchObject({ running: 1, waiting: 0, stats: { returned: 2 } });
  });

  it("keeps what comes as long as somebody asks, and what another's broker gives in any case", () => {
    const ours = new WorkerDriver().ours(3).withdraw(2, 1).request(1, "a").request(1, "b");
    expect(ours.said).toEqual(["1: 0.2 heartbeat credit 1"]);
    expect(ours.machine).toMatchObject({ running: 1, waiting: 1 });
    const foreign = new WorkerDriver().foreign().withdraw(1, 0).request(1);
    expect([foreign.said, foreign.deeds]).toEqual([[], []]);
    expect(foreign.demand().deeds).toEqual(["run 1 x"]);
  });

  it("has no credit below 0, while what it had runs for nobody", () => {
    const worker = new WorkerDriver().demand(2).connect("tcp://a:1").connect("tcp://b:1").up(1).up(2);
    worker.greet(1).greet(2).request(1).lost(1).clear().withdraw(1, 0);
    expect(worker.said).toEqual(["2: 0.2 heartbeat credit 0"]);
    expect(worker.clear().reply(1).said).toEqual([]);
  });
});

describe("parts of a reply", () => {
  it("leave at once toward a broker that speaks 0.2", () => {
    const worker = new WorkerDriver()
      .ours()
      .request(1)
      .clear()
      .partial(1, 1, "a")
      .partial(1, 2, "b")
      .reply(1);
    expect(worker.said).toEqual(["1: partial a to @x", "1: partial b to @x", "1: 0.2 final reply to @x"]);
    expect([worker.deeds, worker.machine.stats.partials]).toEqual([[], 2]);
  });

  it("are kept toward one that speaks 0.1, and sent with the reply", () => {
    const worker = new WorkerDriver().foreign().request(1).clear().partial(1, 1, "a").partial(1, 2, "bcd");
    expect([worker.said, worker.deeds]).toEqual([[], ["passed 1", "passed 2"]]);
    expect([worker.machine.keptBytes(1), worker.machine.keptBytes(2)]).toEqual([4, 0]);
    expect(worker.reply(1).said).toEqual(["1: 0.1 final a|bcd|reply to @x"]);
    expect(worker.machine).toMatchObject({ stats: { partials: 2, answered: 1 } });
    expect(worker.machine.keptBytes(1)).toBe(0);
  });

  it("stay in order when the broker turns out to be ours in the middle", () => {
    const worker = new WorkerDriver()
      .foreign()
      .request(1)
      .partial(1, 1, "a")
      .greet(1)
      .partial(1, 2, "b")
      .reply(1);
    expect(worker.said).toEqual(["1: 0.2 final a|b|reply to @x"]);
  });

  it.each([
    ["drops the request", (worker: WorkerDriver) => worker.drop(1)],
    ["loses the session", (worker: WorkerDriver) => worker.lost(1)],
  ])("are forgotten when the worker %s", (_how, happens) => {
    const worker = happens(new WorkerDriver().foreign().request(1).partial(1, 1));
    expect(worker.machine.keptBytes(1)).toBe(0);
  });

  it("for nobody are passed over", () => {
    const worker = new WorkerDriver().ours().request(1).lost(1).clear().partial(1, 3);
    expect(worker.outputs).toEqual([{ type: "passed", part: 3 }]);
    expect(worker.machine.stats.partials).toBe(0);
  });
});

describe("a handler that throws, and a request that is dropped", () => {
  it("are told to a broker of ours", () => {
    const worker = new WorkerDriver()
      .ours(2)
      .request(1, "a")
      .request(1, "b")
      .clear()
      .drop(1, "broken")
      .drop(2);
    expect(worker.said).toEqual(["1: 0.2 handler-failed broken to @a", "1: 0.2 dropped  to @b"]);
    expect(worker.outputs).toContainEqual({
      type: "status",
      event: { type: "handler-failed", at: 0, message: "broken" },
    });
    expect(worker.machine.stats).toMatchObject({ failed: 1, dropped: 1, answered: 0 });
  });

  it("are told with no more than 1024 characters", () => {
    const worker = new WorkerDriver().ours().request(1).clear().drop(1, "x".repeat(5000));
    expect(worker.said).toEqual([`1: 0.2 handler-failed ${"x".repeat(1024)} to @x`]);
  });

  it.each(["broken", undefined])(
    "free the worker at another's broker by leaving it: it is back at once",
    (reason) => {
      const worker = new WorkerDriver().foreign().request(1).clear().drop(1, reason);
      expect(worker.said).toEqual(["1: 0.1 disconnect"]);
      expect(worker.deeds).toEqual(["discard 1 lingering", "open 2"]);
      expect(worker.statuses).toEqual([
        ...(reason === undefined ? [] : ["handler-failed"]),
        "session-renewed",
      ]);
      expect(worker.clear().up(2).said).toEqual(["2: 0.1 ready 100 credit 1"]);
      expect(worker.machine.stats.sessionsLost).toBe(0);
    },
  );

  it("let other requests of another's broker end first", () => {
    const worker = new WorkerDriver().foreign(2).request(1, "a").request(1, "b").clear().drop(1, "broken");
    expect(worker.deeds).toEqual([]);
    worker.reply(2);
    expect(worker.said).toEqual(["1: 0.1 final reply to @b", "1: 0.1 disconnect"]);
    expect(worker.clear().up(2).request(2, "c").demand().reply(3).said.at(-1)).toBe(
      "2: 0.1 final reply to @c",
    );
    expect(worker.deeds, "that was that").toEqual(["run 3 c"]);
  });

  it("a request that was refused by another's broker is such a one, too", () => {
    const worker = new WorkerDriver({ maxHeld: 1 })
      .foreign()
      .request(1, "a")
      .request(1, "b")
      .clear()
      .reply(1);
    expect(worker.said).toEqual(["1: 0.1 final reply to @a", "1: 0.1 disconnect"]);
  });
});

describe("a client that has given up", () => {
  it("has its request taken away that waits", () => {
    const worker = new WorkerDriver().ours().request(1, "a").request(1, "b").clear().cancel(1, "b");
    expect(worker.said).toEqual(["1: 0.2 dropped  to @b"]);
    expect(worker.machine).toMatchObject({ running: 1, waiting: 0, stats: { cancelled: 1 } });
  });

  it("is told to a request that runs, whose credit is free when its handler ends", () => {
    const worker = new WorkerDriver().ours().request(1).clear().cancel(1).cancel(1);
    expect([worker.deeds, worker.said]).toEqual([["revoke 1 client-gone"], []]);
    worker.partial(1, 1).reply(1);
    expect(worker.said).toEqual(["1: 0.2 dropped  to @x"]);
    expect(worker.statuses).toEqual(["reply-dropped:client-gone"]);
    expect(worker.machine.stats).toMatchObject({ cancelled: 1, answered: 0, repliesDropped: 1, partials: 0 });
  });

  it.each(["broken", undefined])("lets the handler give up as well", (reason) => {
    const worker = new WorkerDriver().ours().request(1).cancel(1).clear().drop(1, reason);
    expect(worker.said).toEqual(["1: 0.2 dropped  to @x"]);
    expect(worker.machine.stats.repliesDropped).toBe(0);
  });

  it("means nothing for what is not here, and in what other brokers say", () => {
    const worker = new WorkerDriver().ours().request(1).reply(1).clear().cancel(1).cancel(1, "never");
    expect(worker.outputs).toEqual([]);
    const foreign = new WorkerDriver().foreign().request(1).clear().cancel(1);
    expect(foreign.outputs).toEqual([]);
  });
});

describe("heartbeats", () => {
  it("are said when nothing else was for an interval, also while a request runs", () => {
    const worker = new WorkerDriver().ours().alive(60).request(1).alive(99).clear().alive(100);
    expect(worker.said).toEqual(["1: 0.2 heartbeat"]);
    expect(worker.until(150).reply(1).clear().alive(249).said).toEqual([]);
    expect(worker.alive(250).said).toEqual(["1: 0.2 heartbeat"]);
  });

  it("are counted from the last that was said, whatever it was", () => {
    const worker = new WorkerDriver().ours().request(1).alive(80).partial(1, 1).clear().alive(179);
    expect(worker.said).toEqual([]);
    expect(worker.alive(180).said).toEqual(["1: 0.2 heartbeat"]);
  });
});

describe("several brokers", () => {
  it("are each looked after in their own time", () => {
    const worker = new WorkerDriver().demand().connect("tcp://a:1").connect("tcp://b:1").up(1).greet(1);
    worker.now = 30;
    worker.up(2).greet(2).clear().until(100);
    expect(worker.said).toEqual(["1: 0.2 heartbeat"]);
    expect(worker.until(130).said).toEqual(["1: 0.2 heartbeat", "2: 0.2 heartbeat"]);
    worker.clear().lost(1).until(310);
    expect(worker.deeds).toEqual(["discard 1", "open 3"]);
    expect(worker.until(330).statuses).toEqual(["session-lost:disconnected 100", "session-lost:silent 100"]);
  });
});

describe("a lost broker", () => {
  it("that nobody has a hand free for is left alone, while others are looked after", () => {
    const worker = new WorkerDriver().demand().connect("tcp://a:1").connect("tcp://b:1").up(1).up(2);
    worker.greet(1).greet(2).request(1).lost(1).clear().alive(250, 2);
    expect(worker.deeds).toEqual([]);
    expect(worker.said).toEqual(["2: 0.2 heartbeat", "2: 0.2 heartbeat"]);
  });

  it("is one that is silent for its liveness: the session is opened anew after a pause", () => {
    const worker = new WorkerDriver().opened().clear().until(299);
    expect(worker.statuses).toEqual([]);
    expect(worker.until(300).statuses).toEqual(["session-lost:silent 100"]);
    expect(worker.until(400).deeds).toEqual(["discard 1", "open 2"]);
    expect(worker.clear().up(2).said).toEqual(["2: 0.1 ready 100 credit 1"]);
    expect(worker.machine.stats.sessionsLost).toBe(1);
  });

  it("is tried again after pauses that double to 32 intervals, and begin anew when it was heard", () => {
    const worker = new WorkerDriver().demand().connect();
    const pauses: number[] = [];
    for (let connection = 1; connection <= 8; connection++) {
      worker.clear().lost(connection, "refused");
      const lost = worker.outputs[0];
      if (lost?.type === "status" && lost.event.type === "session-lost") pauses.push(lost.event.pauseMs ?? 0);
      expect(lost).toMatchObject({ event: { how: "failed", reason: "refused" } });
      worker.until(worker.now + (pauses.at(-1) ?? 0));
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 3200, 3200]);
    expect(worker.up(9).heartbeat(9).clear().lost(9).statuses).toEqual(["session-lost:disconnected 100"]);
  });

  it("is one whose connection does not come to stand, by the worker's own pace", () => {
    const worker = new WorkerDriver({ peerHeartbeatMs: 1000 }).demand().connect().until(299);
    expect(worker.statuses).toEqual([]);
    expect(worker.until(300).statuses).toEqual(["session-lost:failed 100"]);
  });

  it("of ours is judged by the interval that it announced, busy or idle", () => {
    const slow = new WorkerDriver().ours(1, 1000).request(1).until(2999);
    expect(slow.statuses).toEqual([]);
    expect(slow.until(3000).statuses).toEqual(["session-lost:silent 100"]);
    const fast = new WorkerDriver({ heartbeatMs: 1000 }).ours(1, 10).until(30);
    expect(fast.statuses).toEqual(["session-lost:silent 1000"]);
  });

  it("others are expected to keep `peerHeartbeatMs`", () => {
    const worker = new WorkerDriver({ peerHeartbeatMs: 1000 }).foreign().until(2999);
    expect(worker.statuses).toEqual([]);
    expect(worker.until(3000).statuses).toEqual(["session-lost:silent 100"]);
  });

  it("another's need not speak to a busy worker, and is judged from the reply on", () => {
    const worker = new WorkerDriver().foreign().request(1).until(5000).reply(1).until(5299);
    expect(worker.statuses).toEqual([]);
    expect(worker.until(5300).statuses.at(-1)).toBe("session-lost:silent 100");
  });

  it.each([
    ["lost", (worker: WorkerDriver) => worker.lost(1), "disconnected 100"],
    ["dismissing us", (worker: WorkerDriver) => worker.dismiss(1), "dismissed 0"],
    ["silent", (worker: WorkerDriver) => worker.until(300), "silent 100"],
  ])("while requests are here: what waits is forgotten, what runs is told (%s)", (_how, happens, lost) => {
    const worker = happens(
      new WorkerDriver().ours(2).request(1, "a").request(1, "b").request(1, "c").clear(),
    );
    expect(worker.statuses).toEqual([`session-lost:${lost}`]);
    expect(worker.deeds).toEqual(["discard 1", "revoke 1 session-lost", "revoke 2 session-lost"]);
    expect(worker.machine).toMatchObject({ running: 2, waiting: 0 });
    worker.clear().reply(1).drop(2, "too late");
    expect(worker.statuses).toEqual(["reply-dropped:session-lost", "handler-failed"]);
    expect(worker.said).toEqual([]);
    expect(worker.machine.stats).toMatchObject({ answered: 0, repliesDropped: 1, failed: 1 });
  });

  it("is come back to while work on its requests goes on, with the credit that is left", () => {
    const worker = new WorkerDriver().ours(2).request(1).clear().lost(1).until(100);
    expect(worker.deeds.at(-1)).toBe("open 2");
    expect(worker.clear().up(2).greet(2).said).toEqual(["2: 0.1 ready 100 credit 1"]);
    expect(worker.clear().reply(1).demand().said).toEqual(["2: 0.2 heartbeat credit 2"]);
  });

  it("is not come back to while nobody has a hand free", () => {
    const worker = new WorkerDriver().ours().request(1).lost(1).clear().until(5000);
    expect(worker.deeds).toEqual([]);
    expect(worker.machine.deadline).toBeUndefined();
    worker.reply(1).until(5000);
    expect(worker.deeds).toEqual(["open 2"]);
  });

  it("is not come back to before its pause is over, if a hand is free before", () => {
    const worker = new WorkerDriver().ours().request(1).lost(1).clear();
    worker.until(50).reply(1).until(99);
    expect(worker.deeds).toEqual([]);
    expect(worker.until(100).deeds).toEqual(["open 2"]);
  });

  it("takes credit away from the others while work on its requests goes on", () => {
    const worker = new WorkerDriver().demand(2).connect("tcp://a:1").connect("tcp://b:1").up(1).up(2);
    worker.greet(1).greet(2).request(1).clear().lost(1);
    expect(worker.said).toEqual(["2: 0.2 heartbeat credit 1"]);
    expect(worker.clear().drop(1).demand().said).toEqual(["2: 0.2 heartbeat credit 2"]);
  });

  it("has nothing more to say through the sockets that were discarded", () => {
    const worker = new WorkerDriver().ours().request(1).lost(1).clear();
    worker.up(1).lost(1).request(1).heartbeat(1).cancel(1);
    expect(worker.outputs).toEqual([]);
    expect(worker.machine.stats.requests).toBe(1);
  });
});

describe("a broker that says DISCONNECT", () => {
  it("is come back to at once, and after pauses that grow when it does so again and again", () => {
    const worker = new WorkerDriver().opened().clear().dismiss(1);
    expect(worker.statuses).toEqual(["session-lost:dismissed 0"]);
    expect(worker.deeds).toEqual(["discard 1", "open 2"]);
    worker.clear().up(2).greet(2).dismiss(2);
    expect(worker.statuses.at(-1)).toBe("session-lost:dismissed 100");
    worker.until(100).up(3).greet(3).dismiss(3);
    expect(worker.statuses.at(-1)).toBe("session-lost:dismissed 200");
  });

  it("is come back to at once if it has put up with us for its liveness in between", () => {
    const worker = new WorkerDriver().opened().dismiss(1).up(2).alive(299, 2).dismiss(2).until(399);
    expect(worker.statuses.at(-1)).toBe("session-lost:dismissed 100");
    worker.up(3).alive(699, 3).dismiss(3);
    expect(worker.statuses.at(-1)).toBe("session-lost:dismissed 0");
  });

  it("before READY was said is believed, too", () => {
    const worker = new WorkerDriver().demand().connect().dismiss(1);
    expect(worker.statuses).toEqual(["session-lost:dismissed 0"]);
    expect(worker.deeds).toEqual(["open 1", "discard 1", "open 2"]);
  });
});

describe("garbage", () => {
  it("is counted and dropped, and is a sign of life all the same", () => {
    const worker = new WorkerDriver().opened().clear().until(250);
    worker.feed({ type: "malformed", connection: 1, reason: "why" }).until(500);
    worker.feed({ type: "malformed", connection: 7, reason: "of nobody" });
    expect(worker.statuses).toEqual(["message-dropped:why", "message-dropped:of nobody"]);
    expect(worker.machine.stats.malformed).toBe(2);
  });
});

describe("a process that stood still", () => {
  it("says a heartbeat, and gives brokers one more interval to be heard", () => {
    const worker = new WorkerDriver().ours().request(1).clear();
    worker.now = 900;
    worker.feed({ type: "stalled", ms: 800 }).until(900);
    expect(worker.said).toEqual(["1: 0.2 heartbeat"]);
    expect(worker.until(999).statuses).toEqual(["process-stalled"]);
    expect(worker.until(1000).statuses.at(-1)).toBe("session-lost:silent 100");
  });
});
