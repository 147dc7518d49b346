import { describe, expect, it } from "vitest";
import { WorkerDriver } from "./worker-driver.js";

describe("sessions", () => {
  it("are opened when the application asks for requests, one for each that it can run at a time", () => {
    const worker = new WorkerDriver().connect();
    expect(worker.deeds).toEqual([]);
    expect(worker.demand().demand().deeds).toEqual(["open 1", "open 2"]);
    worker.up(1).up(2).request(1).request(2).reply(1).demand();
    expect(worker.deeds).toEqual(["open 1", "open 2", "run 1 x", "run 2 x"]);
  });

  it("are as many with each queue, never more than `maxSessions`, and a queue is one however often named", () => {
    const worker = new WorkerDriver({ maxSessions: 2 }).demand(3).connect("tcp://a:1").connect("tcp://b:1");
    expect(worker.connect("tcp://a:1").machine.sessions).toBe(4);
    const endpoints = worker.outputs.flatMap((output) => (output.type === "open" ? [output.endpoint] : []));
    expect(endpoints).toEqual(["tcp://a:1", "tcp://a:1", "tcp://b:1", "tcp://b:1"]);
  });

  it("say READY when their connection stands, and not again for what else happens", () => {
    const worker = new WorkerDriver().demand().connect();
    expect(worker.said).toEqual([]);
    expect(worker.up(1).said).toEqual(["1: READY"]);
    expect(worker.statuses).toEqual(["session-opened"]);
    expect(worker.until(100_000).demand().said).toEqual(["1: READY"]);
    expect(worker.counts).toEqual({ sessions: 2, ready: 1, running: 0, waiting: 0 });
  });
});

describe("requests", () => {
  it("are run, and the reply goes back under the same address and over the same session", () => {
    const worker = new WorkerDriver().opened(2).request(2, "b").request(1, "a").clear().reply(2).reply(1);
    expect(worker.said).toEqual(["1: reply 2 to address of a", "2: reply 1 to address of b"]);
    expect(worker.machine.stats).toMatchObject({ requests: 2, answered: 2 });
    expect(worker.counts).toEqual({ sessions: 2, ready: 2, running: 0, waiting: 0 });
  });

  it("wait until the application asks, and are never more than it asked for", () => {
    const worker = new WorkerDriver().opened().request(1, "a").reply(1).clear().request(1, "b");
    expect(worker.deeds).toEqual([]);
    expect(worker.counts).toEqual({ sessions: 1, ready: 0, running: 0, waiting: 1 });
    expect(worker.demand().deeds).toEqual(["run 2 b"]);
  });

  it("are answered once: a second answer has no effect", () => {
    const worker = new WorkerDriver().opened().request(1).reply(1).clear().reply(1).drop(1);
    expect(worker.outputs).toEqual([]);
  });

  it("that the application drops free the session: it says READY", () => {
    const worker = new WorkerDriver().opened().request(1).clear().drop(1);
    expect(worker.said).toEqual(["1: READY"]);
    expect(worker.statuses).toEqual([]);
    expect(worker.machine.stats).toMatchObject({ dropped: 1, failed: 0, answered: 0 });
  });

  it("whose handler throws free the session, and the failure is told", () => {
    const worker = new WorkerDriver().opened().request(1).clear().drop(1, "broken");
    expect(worker.said).toEqual(["1: READY"]);
    expect(worker.statuses).toEqual(["handler-failed:broken"]);
    expect(worker.machine.stats).toMatchObject({ dropped: 0, failed: 1 });
  });

  it("a second one on a busy session, which our queue never sends, waits for its turn", () => {
    const worker = new WorkerDriver().opened().request(1, "a").clear().request(1, "b");
    expect(worker.statuses).toEqual(["request-held"]);
    expect(worker.deeds).toEqual([]);
    expect(worker.reply(1).said).toEqual(["1: reply 1 to address of a"]);
    expect(worker.machine.ready).toBe(0);
    worker.demand().reply(2);
    expect(worker.said).toEqual(["1: reply 1 to address of a", "1: reply 2 to address of b"]);
    expect(worker.machine.ready).toBe(1);
  });

  it("of a session that has one already are refused at `maxHeld`; a free one is never turned away", () => {
    const worker = new WorkerDriver({ maxHeld: 2 }).opened(2).request(1, "a").request(1, "b").clear();
    worker.request(1, "c");
    expect(worker.statuses).toEqual(["request-refused:queue-full"]);
    expect(worker.said).toEqual([]);
    expect(worker.request(2, "d").statuses).toEqual(["request-refused:queue-full"]);
    expect(worker.machine.stats).toMatchObject({ requests: 4, refused: 1 });
    expect(worker.counts).toEqual({ sessions: 2, ready: 0, running: 2, waiting: 1 });
  });

  it("that are too large are refused, and the session is free for another", () => {
    const worker = new WorkerDriver({ maxBodyBytes: 10 }).opened().clear().request(1, "elevenbytes");
    expect(worker.statuses).toEqual(["request-refused:body-too-large"]);
    expect(worker.said).toEqual(["1: READY"]);
    expect(worker.clear().request(1).request(1, "elevenbytes").said).toEqual([]);
    expect(worker.statuses).toEqual(["request-refused:body-too-large"]);
  });

  it("before READY are refused", () => {
    const worker = new WorkerDriver().demand().connect().request(1);
    expect(worker.statuses).toEqual(["request-refused:not-ready"]);
    expect(worker.up(1).said).toEqual(["1: READY"]);
  });
});

describe("a lost queue", () => {
  it("is tried again on a new socket after pauses that double, up to the longest", () => {
    const socket = { reconnectIntervalMs: 100, reconnectMaxIntervalMs: 500 };
    const worker = new WorkerDriver({ socket }).demand().connect();
    for (const [tries, pauseMs] of [100, 200, 400, 500, 500].entries()) {
      worker.clear().lost(tries + 1, "refused");
      expect(worker.statuses).toEqual(["session-lost:failed:refused"]);
      expect(worker.machine.deadline).toBe(worker.now + pauseMs);
      worker.until(worker.now + pauseMs);
      expect(worker.deeds).toEqual([`discard ${tries + 1}`, `open ${tries + 2}`]);
    }
    expect(worker.clear().up(6).said).toEqual(["6: READY"]);
    expect(worker.machine.stats.sessionsLost).toBe(5);
  });

  it("is one to which a connection takes too long", () => {
    const worker = new WorkerDriver({ connectTimeoutMs: 700 }).demand().connect().until(699);
    expect(worker.statuses).toEqual([]);
    expect(worker.until(700).statuses).toEqual(["session-lost:failed:it took too long"]);
    expect(worker.until(800).deeds).toEqual(["open 1", "discard 1", "open 2"]);
  });

  it("pauses begin anew when a request came, or the connection stood for the longest pause", () => {
    const socket = { reconnectIntervalMs: 100, reconnectMaxIntervalMs: 1000 };
    const worker = new WorkerDriver({ socket }).opened();
    const pauseAfter = (connection: number) => {
      worker.lost(connection);
      const pauseMs = (worker.machine.deadline ?? 0) - worker.now;
      worker.until(worker.now + pauseMs).up(connection + 1);
      return pauseMs;
    };
    // It was up each time, but for no time at all.
    expect([1, 2, 3].map(pauseAfter)).toEqual([100, 200, 400]);
    worker.until(worker.now + 1000);
    expect([4, 5].map(pauseAfter)).toEqual([100, 200]);
    worker.until(worker.now + 999);
    expect(pauseAfter(6)).toBe(400);
    worker.request(7).reply(1);
    expect(pauseAfter(7)).toBe(100);
    expect(worker.statuses).toContain("session-lost:disconnected");
  });

  it("while a request runs: the application is told, and the session waits until it is done", () => {
    const worker = new WorkerDriver().opened().request(1).clear().lost(1).until(10_000);
    expect(worker.statuses).toEqual(["session-lost:disconnected"]);
    expect(worker.deeds).toEqual(["discard 1", "revoke 1"]);
    expect(worker.counts).toEqual({ sessions: 1, ready: 0, running: 1, waiting: 0 });
    worker.clear().reply(1);
    expect(worker.said).toEqual([]);
    expect(worker.statuses).toEqual(["reply-dropped"]);
    expect(worker.until(10_100).deeds).toEqual(["open 2"]);
    expect(worker.machine.stats).toMatchObject({ answered: 0, repliesDropped: 1, sessionsLost: 1 });
  });

  it("while a request runs that is then dropped: no READY goes out", () => {
    const worker = new WorkerDriver().opened().request(1).lost(1).clear().drop(1, "x");
    expect(worker.said).toEqual([]);
    expect(worker.until(100).deeds).toEqual(["open 2"]);
  });

  it("while a request waits: it is forgotten, and the session needs to wait for nobody", () => {
    const worker = new WorkerDriver().opened().request(1).reply(1).request(1).clear().lost(1);
    expect(worker.counts).toEqual({ sessions: 1, ready: 0, running: 0, waiting: 0 });
    expect(worker.until(100).deeds).toEqual(["discard 1", "open 2"]);
    expect(worker.up(2).request(2, "new").demand().deeds.at(-1)).toMatch(/^run \d new$/);
  });

  it("while one request runs and another waits: what runs is all that is waited for", () => {
    const worker = new WorkerDriver().opened().request(1, "a").request(1, "b").lost(1).clear();
    expect(worker.counts).toMatchObject({ running: 1, waiting: 0 });
    expect(worker.reply(1).demand().until(100).deeds).toEqual(["open 2"]);
  });

  it("what its discarded sockets still say is not heard", () => {
    const worker = new WorkerDriver().opened().request(1).lost(1).clear();
    worker.up(1).lost(1).request(1);
    expect(worker.statuses).toEqual(["request-refused:not-ready"]);
    worker.drop(1).clear().up(1).lost(1).request(1).request(77).until(100);
    expect(worker.deeds).toEqual(["open 2"]);
    expect(worker.statuses).toEqual([]);
  });

  it("is one of several: the sessions with the others go on", () => {
    const worker = new WorkerDriver().demand().connect("tcp://a:1").connect("tcp://b:1").up(1).up(2).lost(1);
    expect(worker.request(2).reply(1).said.at(-1)).toBe("2: reply 1 to address of x");
  });
});

describe("what else is told", () => {
  it("garbage is counted and dropped", () => {
    const worker = new WorkerDriver().opened().clear();
    worker.feed({ type: "malformed", connection: 1, reason: "why" });
    expect(worker.statuses).toEqual(["message-dropped:why"]);
    expect(worker.machine.stats.malformed).toBe(1);
    expect(worker.machine.ready).toBe(1);
  });

  it("a stall of the process", () => {
    const [output] = new WorkerDriver().feed({ type: "stalled", ms: 700 }).outputs;
    expect(output).toEqual({ type: "status", event: { type: "process-stalled", at: 0, ms: 700 } });
  });
});
