import { describe, expect, it } from "vitest";
import { WorkerDriver } from "./worker-driver.js";

describe("closing a worker", () => {
  it("without sessions is over at once, and closing twice is closing once", () => {
    const worker = new WorkerDriver().close();
    expect(worker.deeds).toEqual(["closed"]);
    expect(worker.close().connect().demand().deeds).toEqual(["closed"]);
  });

  it.each([
    ["another's", (worker: WorkerDriver) => worker.foreign()],
    ["one that has said nothing yet", (worker: WorkerDriver) => worker.opened().clear()],
  ])("says DISCONNECT to a broker that will not answer, and waits for nothing: %s", (_whose, open) => {
    const worker = open(new WorkerDriver()).close();
    expect(worker.said).toEqual(["1: 0.1 disconnect"]);
    expect(worker.deeds).toEqual(["discard 1 lingering", "closed"]);
    expect(worker.statuses).toEqual(["session-closed"]);
    expect(worker.machine).toMatchObject({ sessions: 0, deadline: undefined });
  });

  it("lets running requests finish, and takes no more of a broker of ours", () => {
    const worker = new WorkerDriver().ours(2).request(1, "a").request(1, "b").clear().close();
    expect(worker.said).toEqual(["1: 0.2 heartbeat credit 0"]);
    worker.until(100).reply(1).partial(2, 1).reply(2);
    expect(worker.said.slice(1)).toEqual([
      "1: 0.2 heartbeat",
      "1: 0.2 final reply to @a",
      "1: partial part to @b",
      "1: 0.2 final reply to @b",
      "1: 0.2 disconnect",
    ]);
    expect(worker.deeds).toEqual([]);
    expect(worker.dismiss(1).deeds).toEqual(["discard 1", "closed"]);
  });

  it("says nothing to another's broker until the running request is finished, and DISCONNECT right behind", () => {
    const worker = new WorkerDriver().foreign().request(1).clear().close();
    expect(worker.said).toEqual([]);
    expect(worker.reply(1).said).toEqual(["1: 0.1 final reply to @x", "1: 0.1 disconnect"]);
  });

  it.each([
    ["crosses it", (worker: WorkerDriver) => worker.close().request(1, "b"), "b", 0],
    ["waits for the application", (worker: WorkerDriver) => worker.request(1, "b").close(), "b", 1],
    ["fails meanwhile", (worker: WorkerDriver) => worker.close().drop(1, "aborted"), "a", 1],
    ["is dropped meanwhile", (worker: WorkerDriver) => worker.close().drop(1), "a", 1],
  ])(
    "gives a request back at once that %s, while another runs: others can have it",
    (_which, happens, name, returned) => {
      const worker = happens(new WorkerDriver().ours(2).request(1, "a").request(1, "slow").clear());
      const said = worker.said.filter((word) => !word.endsWith("@slow"));
      expect(said).toEqual(["1: 0.2 heartbeat credit 0", `1: 0.2 returned  to @${name}`]);
      expect(worker.deeds).toEqual([]);
      expect(worker.machine).toMatchObject({ sessions: 1, waiting: 0, stats: { returned } });
    },
  );

  it("leaves a request that runs for too long to others with DISCONNECT", () => {
    const worker = new WorkerDriver().ours().request(1).clear().close().feed({ type: "time-is-up" });
    expect(worker.said).toEqual(["1: 0.2 heartbeat credit 0", "1: 0.2 disconnect"]);
    expect(worker.deeds.at(-1)).toBe("closed");
    expect(worker.machine).toMatchObject({ sessions: 0, waiting: 0, stats: { returned: 1 } });
  });

  it("leaves when the last request at hand is given back", () => {
    const worker = new WorkerDriver().ours().request(1).clear().close().drop(1, "aborted");
    expect(worker.said.slice(1)).toEqual(["1: 0.2 returned  to @x", "1: 0.2 disconnect"]);
    expect(worker.dismiss(1).deeds).toEqual(["discard 1", "closed"]);
  });

  it("tells of a request that crosses it, and of one that fails meanwhile", () => {
    const worker = new WorkerDriver().ours().request(1).clear().close().request(1, "b").drop(1, "x");
    expect(worker.statuses).toEqual(["request-refused:leaving", "handler-failed"]);
  });

  it("forgets what waits at another's broker, which takes none back", () => {
    const worker = new WorkerDriver().foreign().request(1).reply(1).request(1).clear().close();
    expect(worker.said).toEqual(["1: 0.1 disconnect"]);
    expect(worker.deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("goes for good, also from another's broker that still waits for a request", () => {
    const worker = new WorkerDriver({ maxHeld: 1 }).foreign().request(1).request(1, "refused").clear();
    expect(worker.close().reply(1).deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("does not wait for brokers that are not there: connecting, pausing, or lost with a request at hand", () => {
    const connecting = new WorkerDriver().demand().connect().clear().close();
    expect(connecting.deeds).toEqual(["discard 1", "closed"]);
    const pausing = new WorkerDriver().opened().lost(1).clear().close();
    expect(pausing.deeds).toEqual(["closed"]);
    const orphaned = new WorkerDriver().ours().request(1).lost(1).clear().close();
    expect(orphaned.deeds).toEqual(["closed"]);
    expect(orphaned.clear().reply(1).statuses).toEqual(["reply-dropped:session-lost"]);
  });

  it.each([
    ["is silent", (worker: WorkerDriver) => worker.until(300), "silent"],
    ["is lost", (worker: WorkerDriver) => worker.lost(1), "disconnected"],
    ["says DISCONNECT", (worker: WorkerDriver) => worker.dismiss(1), "dismissed"],
  ])("does not wait for a broker that %s while a request runs", (_what, happens, how) => {
    const worker = happens(new WorkerDriver().ours().request(1).clear().close());
    expect(worker.deeds).toEqual(["discard 1", "revoke 1 session-lost", "closed"]);
    expect(worker.statuses).toEqual([`session-lost:${how} undefined`, "session-closed"]);
    expect(worker.reply(1).machine.stats.repliesDropped).toBe(1);
  });

  it("waits for all brokers", () => {
    const worker = new WorkerDriver().demand(2).connect("tcp://a:1").connect("tcp://b:1").up(1).up(2);
    worker.greet(1).greet(2).request(2).clear().close();
    expect(worker.dismiss(1).deeds).toEqual(["discard 1"]);
    expect(worker.reply(1).deeds).toEqual(["discard 1"]);
    expect(worker.dismiss(2).deeds).toEqual(["discard 1", "discard 2", "closed"]);
  });
});

/** A worker with a session with a broker of ours that has said DISCONNECT, and waits for the answer. */
const parting = {
  "close()": (concurrency = 1) => new WorkerDriver().ours(concurrency).close().clear(),
  "disconnect()": (concurrency = 1) => new WorkerDriver().ours(concurrency).disconnect().clear(),
} as const;

describe.each(["close()", "disconnect()"] as const)("a broker of ours that is left by %s", (by) => {
  const closed = by === "close()" ? ["closed"] : [];

  it("is told, and the connection is open until it answers", () => {
    const worker = new WorkerDriver().ours();
    if (by === "close()") worker.close();
    else worker.disconnect();
    expect(worker.said).toEqual(["1: 0.2 disconnect"]);
    expect([worker.deeds, worker.statuses]).toEqual([[], []]);
    expect(worker.machine.sessions).toBe(1);
    expect(worker.dismiss(1).deeds).toEqual(["discard 1", ...closed]);
    expect(worker.statuses).toEqual(["session-closed"]);
    expect(worker.machine).toMatchObject({ sessions: 0, deadline: undefined });
    expect(worker.machine.stats.sessionsLost, "that was no loss").toBe(0);
  });

  it("is told nothing more, whatever comes, and is waited for while it is heard", () => {
    const worker = parting[by](2).request(1, "late").cancel(1, "late").heartbeat(1).alive(1000).greet(1, 50);
    worker.disconnect().demand(3);
    expect(worker.said).toEqual([]);
    expect(worker.deeds).toEqual([]);
    expect(worker.statuses).toEqual(["request-refused:leaving"]);
    expect(worker.machine).toMatchObject({ waiting: 0, running: 0, stats: { requests: 1, refused: 1 } });
    expect(worker.dismiss(1).deeds).toEqual(["discard 1", ...closed]);
  });

  it("is waited for until it is silent for too long", () => {
    const worker = parting[by]().until(299);
    expect([worker.said, worker.deeds]).toEqual([[], []]);
    expect(worker.machine.deadline).toBe(300);
    expect(worker.until(300).deeds).toEqual(["discard 1 lingering", ...closed]);
    expect(worker.statuses).toEqual(["session-closed"]);
  });

  it("is given one more interval if our own process stood still", () => {
    const worker = parting[by]();
    worker.now = 1000;
    worker.feed({ type: "stalled", ms: 1000 });
    expect(worker.until(1099).deeds).toEqual([]);
    expect(worker.until(1100).deeds).toEqual(["discard 1 lingering", ...closed]);
  });

  it("is not waited for when the connection is lost: there is nothing that could leave", () => {
    const worker = parting[by]().lost(1);
    expect(worker.deeds).toEqual(["discard 1", ...closed]);
    expect(worker.statuses).toEqual(["session-closed"]);
    expect(worker.until(10_000).outputs, "and is not come back to").toHaveLength(2 + closed.length);
  });

  it("is not waited for when the time is up", () => {
    const worker = parting[by]().feed({ type: "time-is-up" });
    expect(worker.deeds).toEqual(["discard 1 lingering", ...closed]);
    expect(worker.said).toEqual([]);
  });
});

describe("what runs when the time is up", () => {
  it("is left to others with DISCONNECT, which nobody waits to be answered, and finds no way back", () => {
    const worker = new WorkerDriver().ours(2).request(1, "a").request(1, "b").cancel(1, "b").close().clear();
    worker.feed({ type: "time-is-up" });
    expect(worker.said).toEqual(["1: 0.2 disconnect"]);
    expect(worker.deeds).toEqual(["revoke 1 session-lost", "discard 1 lingering", "closed"]);
    worker.clear().partial(1, 1).reply(1).reply(2);
    expect([worker.said, worker.deeds]).toEqual([[], ["passed 1"]]);
    expect(worker.machine.stats).toMatchObject({ returned: 1, repliesDropped: 2, answered: 0 });
  });
});

describe("disconnecting a worker", () => {
  it("leaves one broker, and no other", () => {
    const worker = new WorkerDriver().demand().connect().connect("tcp://b:1").up(1).up(2).clear();
    expect(worker.disconnect().deeds).toEqual(["discard 1 lingering"]);
    expect(worker.machine.sessions).toBe(1);
    expect(worker.clear().disconnect().outputs).toEqual([]);
  });

  it("answers what it has begun, and gives back to a broker of ours what waits or crosses the leave", () => {
    const worker = new WorkerDriver().ours().request(1, "a").request(1, "b").clear().disconnect();
    expect(worker.request(1, "c").said).toEqual([
      "1: 0.2 heartbeat credit 0",
      "1: 0.2 returned  to @b",
      "1: 0.2 returned  to @c",
    ]);
    expect(worker.statuses).toEqual(["request-refused:leaving"]);
    worker.clear().drop(1, "broken").demand();
    expect(worker.said).toEqual(["1: 0.2 handler-failed broken to @a", "1: 0.2 disconnect"]);
    expect(worker.dismiss(1).deeds).toEqual(["discard 1"]);
    expect(worker.machine.stats).toMatchObject({ requests: 3, returned: 1, refused: 1, failed: 1 });
  });

  it("gives back nothing of other brokers", () => {
    const worker = new WorkerDriver().demand().connect("tcp://a:1").connect("tcp://b:1").up(1).up(2);
    worker.greet(1).greet(2).request(1, "a").request(2, "b").request(1, "c").clear().disconnect("tcp://a:1");
    expect(worker.said).toEqual(["1: 0.2 heartbeat credit 0", "1: 0.2 returned  to @c"]);
    expect(worker.clear().reply(1).demand().deeds).toEqual(["run 2 b"]);
  });

  it("answers all that another's broker has given it, what waits included: that could not be told", () => {
    const worker = new WorkerDriver().foreign().request(1, "a").request(1, "b").clear().disconnect();
    expect([worker.reply(1).demand().deeds, worker.reply(2).said]).toEqual([
      ["run 2 b"],
      ["1: 0.1 final reply to @a", "1: 0.1 final reply to @b", "1: 0.1 disconnect"],
    ]);
  });

  it("goes on with requests that are cancelled meanwhile", () => {
    const worker = new WorkerDriver().ours().request(1).disconnect().clear().cancel(1).reply(1);
    expect(worker.said).toEqual(["1: 0.2 dropped  to @x", "1: 0.2 disconnect"]);
  });

  it("from another's broker does not come back to it, even if it still waits for a request", () => {
    const worker = new WorkerDriver().foreign().request(1).clear().disconnect().drop(1);
    expect(worker.said).toEqual(["1: 0.1 disconnect"]);
    expect(worker.deeds).toEqual(["discard 1 lingering"]);
  });

  it("twice, with a new session in between, leaves each once", () => {
    const worker = new WorkerDriver().ours().request(1).disconnect().connect().clear();
    expect(worker.machine.sessions).toBe(2);
    worker.up(2).disconnect();
    expect(worker.said).toEqual(["2: 0.1 ready 100 credit 1", "2: 0.1 disconnect"]);
    expect(worker.clear().close().said, "that one is leaving already").toEqual([]);
  });
});
