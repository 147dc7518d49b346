import { describe, expect, it } from "vitest";
import { WorkerDriver } from "./worker-driver.js";

describe("sessions", () => {
  it("are opened when the application asks for requests, one for each that it can run at a time", () => {
    const worker = new WorkerDriver().connect();
    expect(worker.deeds).toEqual([]);
    expect(worker.demand().demand().deeds).toEqual(["open 1", "open 2"]);
    expect(worker.machine.sessions).toBe(2);
    worker.up(1).up(2).request(1).request(2).reply(1).demand();
    expect(worker.deeds).toEqual(["open 1", "open 2", "run 1 x", "run 2 x"]);
  });

  it("are as many with each queue, and never more than `maxSessions`", () => {
    const worker = new WorkerDriver({ maxSessions: 2 }).demand(3).connect("tcp://a:1").connect("tcp://b:1");
    expect(worker.machine.sessions).toBe(4);
    expect(worker.connect("tcp://a:1").machine.sessions).toBe(4);
  });

  it("say READY when their connection stands", () => {
    const worker = new WorkerDriver().demand().connect();
    expect(worker.said).toEqual([]);
    expect(worker.up(1).said).toEqual(["1: ready"]);
    expect(worker.statuses).toEqual(["session-opened"]);
  });
});

describe("requests", () => {
  it("are run, and the reply goes back under the same address and over the same session", () => {
    const worker = new WorkerDriver().opened(2).request(2, "b").request(1, "a").clear().reply(2).reply(1);
    expect(worker.said).toEqual(["1: reply 2 to address of a", "2: reply 1 to address of b"]);
    expect(worker.machine.stats).toMatchObject({ requests: 2, answered: 2 });
    expect(worker.machine).toMatchObject({ running: 0, waiting: 0 });
  });

  it("wait until the application asks, and are never more than it asked for", () => {
    const worker = new WorkerDriver().opened(1).request(1, "a").reply(1).clear().request(1, "b");
    expect(worker.deeds).toEqual([]);
    expect(worker.machine).toMatchObject({ running: 0, waiting: 1 });
    expect(worker.demand().deeds).toEqual(["run 2 b"]);
  });

  it("answered once: a second answer has no effect", () => {
    const worker = new WorkerDriver().opened(1).request(1).reply(1).clear().reply(1).drop(1);
    expect(worker.outputs).toEqual([]);
  });

  it("that the application drops are given back with READY", () => {
    const worker = new WorkerDriver().opened(1).request(1).clear().drop(1);
    expect(worker.said).toEqual(["1: ready"]);
    expect(worker.statuses).toEqual([]);
    expect(worker.machine.stats).toMatchObject({ givenBack: 1, answered: 0 });
  });

  it("whose handler throws are given back with READY, and the failure is told", () => {
    const worker = new WorkerDriver().opened(1).request(1).clear().drop(1, "broken");
    expect(worker.said).toEqual(["1: ready"]);
    expect(worker.outputs[0]).toMatchObject({ event: { type: "handler-failed", message: "broken" } });
  });

  it("a second one on a busy session, which a queue must not send, waits for its turn", () => {
    const worker = new WorkerDriver().opened(1).request(1, "a").request(1, "b");
    expect(worker.deeds).toEqual(["open 1", "run 1 a"]);
    expect(worker.clear().reply(1).said).toEqual(["1: reply 1 to address of a"]);
    expect(worker.demand().deeds).toEqual(["run 2 b"]);
    expect(worker.clear().drop(2).said).toEqual(["1: ready"]);
  });

  it("of a session that has one already are refused at `maxHeld`; a free one is never turned away", () => {
    const worker = new WorkerDriver({ maxHeld: 1 }).opened(2).request(1, "a").clear().request(2, "b");
    expect([worker.deeds, worker.statuses]).toEqual([["run 2 b"], []]);
    expect(worker.request(1, "c").statuses).toEqual(["request-refused:queue-full"]);
    expect(worker.said).toEqual([]);
    expect(worker.machine.stats).toMatchObject({ requests: 3, refused: 1 });
    expect(worker.reply(1).demand().request(1, "d").deeds.at(-1)).toBe("run 3 d");
  });

  it("before READY are refused", () => {
    const worker = new WorkerDriver().demand().connect().request(1);
    expect(worker.statuses).toEqual(["request-refused:not-ready"]);
    expect(worker.deeds).toEqual(["open 1"]);
  });
});

describe("heartbeats", () => {
  it("are said when nothing else was for an interval, also while a request runs", () => {
    const worker = new WorkerDriver().opened().alive(60).request(1).alive(199).clear().alive(200);
    expect(worker.said).toEqual(["1: heartbeat undefined"]);
    expect(worker.until(250).reply(1).clear().alive(349).said).toEqual([]);
    expect(worker.alive(350).said).toEqual(["1: heartbeat undefined"]);
  });

  it("tell a queue that greets our interval: at once, and each time", () => {
    const worker = new WorkerDriver().opened().clear().greet(1, 50);
    expect(worker.said).toEqual(["1: heartbeat 100"]);
    expect(worker.greet(1).alive(100).said).toEqual(["1: heartbeat 100", "1: heartbeat 100"]);
  });

  it("tell it anew after each READY: it may have forgotten", () => {
    const worker = new WorkerDriver().greeted().request(1).clear().drop(1);
    expect(worker.said).toEqual(["1: ready", "1: heartbeat 100"]);
  });

  it("a greeting before READY is answered by the first heartbeat", () => {
    const worker = new WorkerDriver().demand().connect().greet(1);
    expect(worker.said).toEqual([]);
    expect(worker.up(1).said).toEqual(["1: ready", "1: heartbeat 100"]);
  });
});

describe("a lost queue", () => {
  it("is one that is silent for its liveness: the session is opened anew after a pause", () => {
    const worker = new WorkerDriver().opened().clear().until(299);
    expect(worker.statuses).toEqual([]);
    expect(worker.until(300).statuses).toEqual(["session-lost:silent 100"]);
    expect(worker.until(400).deeds).toEqual(["discard 1", "open 2"]);
    expect(worker.clear().up(2).said).toEqual(["2: ready"]);
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

  it("is one whose connection does not come to stand", () => {
    const worker = new WorkerDriver().demand().connect().until(300);
    expect(worker.statuses).toEqual(["session-lost:failed 100"]);
  });

  it("that greets with its interval is judged by that", () => {
    const slow = new WorkerDriver().greeted(1000).until(2999);
    expect(slow.statuses).toEqual(["session-opened"]);
    expect(slow.until(3000).statuses.at(-1)).toBe("session-lost:silent 100");
    const fast = new WorkerDriver({ heartbeatMs: 1000 }).greeted(10).until(30);
    expect(fast.statuses.at(-1)).toBe("session-lost:silent 1000");
  });

  it("others are expected to keep `peerHeartbeatMs`", () => {
    const worker = new WorkerDriver({ peerHeartbeatMs: 1000 }).opened().until(2999);
    expect(worker.statuses).toEqual(["session-opened"]);
  });

  it("need not speak to a busy session, and is judged from the reply on", () => {
    const worker = new WorkerDriver().opened().request(1).until(5000).reply(1).until(5299);
    expect(worker.statuses).toEqual(["session-opened"]);
    expect(worker.until(5300).statuses.at(-1)).toBe("session-lost:silent 100");
  });

  it("while a request runs: the application is told, and the session waits for it", () => {
    const worker = new WorkerDriver().opened().request(1).clear().lost(1).until(10_000);
    expect(worker.statuses).toEqual(["session-lost:disconnected undefined"]);
    expect(worker.deeds).toEqual(["discard 1", "revoke 1"]);
    expect(worker.machine).toMatchObject({ running: 1, sessions: 1 });
    worker.clear().reply(1);
    expect(worker.statuses).toEqual(["reply-dropped"]);
    expect(worker.said).toEqual([]);
    expect(worker.until(10_100).deeds).toEqual(["open 2"]);
    expect(worker.machine.stats).toMatchObject({ answered: 0, repliesDropped: 1, sessionsLost: 1 });
  });

  it("while a request runs that is then dropped", () => {
    const worker = new WorkerDriver().opened().request(1).lost(1).drop(1, "x").until(100);
    expect(worker.deeds.at(-1)).toBe("open 2");
    expect(worker.machine.stats).toMatchObject({ givenBack: 0, repliesDropped: 0 });
  });

  it("while a request waits: it is forgotten, and the session opened anew at once", () => {
    const worker = new WorkerDriver().opened().request(1).reply(1).request(1).clear().lost(1);
    expect(worker.machine).toMatchObject({ waiting: 0, running: 0 });
    expect(worker.until(100).deeds).toEqual(["discard 1", "open 2"]);
    expect(worker.up(2).request(2, "new").demand().deeds.at(-1)).toMatch(/^run \d new$/);
  });

  it("what its discarded sockets still say is not heard", () => {
    const worker = new WorkerDriver().opened().request(1).lost(1).clear();
    worker.up(1).lost(1).request(1).heartbeat(1);
    worker.drop(1).up(1).lost(1).request(1).until(100).request(1).up(1).heartbeat(77);
    expect(worker.deeds).toEqual(["open 2"]);
    expect(worker.said).toEqual([]);
    expect(worker.machine.stats.requests).toBe(1);
  });
});

describe("garbage", () => {
  it("is counted and dropped, and is a sign of life all the same", () => {
    const worker = new WorkerDriver().opened().until(250);
    worker.feed({ type: "malformed", connection: 1, reason: "why" }).until(500);
    worker.feed({ type: "malformed", connection: 7, reason: "of nobody" });
    expect(worker.statuses).toEqual(["session-opened", "message-dropped:why", "message-dropped:of nobody"]);
    expect(worker.machine.stats.malformed).toBe(2);
  });

  it("LEAVE of a queue that nobody wants to leave is let pass", () => {
    const worker = new WorkerDriver().opened().clear().hears(1, { type: "leave" });
    expect(worker.outputs).toEqual([]);
  });
});

describe("a stall", () => {
  it("of less than the liveness: queues are not judged for an interval", () => {
    const worker = new WorkerDriver().opened().clear();
    worker.now = 250;
    worker.feed({ type: "stalled", ms: 150 });
    expect(worker.statuses).toEqual(["process-stalled"]);
    expect(worker.said).toEqual([]);
    worker.now = 320;
    expect(worker.until(349).statuses).toEqual(["process-stalled"]);
    expect(worker.until(350).statuses.at(-1)).toBe("session-lost:silent 100");
  });

  it("of more: the heartbeats that are due bring it back, and no READY, which could cross a request", () => {
    const worker = new WorkerDriver().opened(2).request(2).clear();
    worker.now = 900;
    worker.feed({ type: "stalled", ms: 800 }).until(900);
    expect(worker.said).toEqual(["1: heartbeat undefined", "2: heartbeat undefined"]);
    expect(worker.until(999).statuses).toEqual(["process-stalled"]);
  });
});
