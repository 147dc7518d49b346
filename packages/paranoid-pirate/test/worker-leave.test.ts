import { describe, expect, it } from "vitest";
import { WorkerDriver } from "./worker-driver.js";

const close = (worker: WorkerDriver) => worker.clear().feed({ type: "close" });
const disconnect = (worker: WorkerDriver) =>
  worker.clear().feed({ type: "disconnect", endpoint: "tcp://queue:1" });

describe("closing", () => {
  it("without sessions is over at once, and closing twice is closing once", () => {
    const worker = close(new WorkerDriver());
    expect(worker.deeds).toEqual(["closed"]);
    expect(worker.feed({ type: "close" }).connect().demand().deeds).toEqual(["closed"]);
  });

  it("takes leave of a queue of ours, and goes when the queue has heard of it", () => {
    const worker = close(new WorkerDriver().greeted());
    expect(worker.said).toEqual(["1: leave"]);
    expect(worker.deeds).toEqual([]);
    worker.hears(1, { type: "leave" });
    expect(worker.deeds).toEqual(["discard 1 lingering", "closed"]);
    expect(worker.statuses).toEqual(["session-closed"]);
    expect(worker.machine).toMatchObject({ sessions: 0, deadline: undefined });
  });

  it("says nothing to a plain queue: what was said last leaves, and that is all", () => {
    const worker = close(new WorkerDriver().opened().heartbeat(1));
    expect(worker.said).toEqual([]);
    expect(worker.deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("waits for the first word of a queue that may be ours, and says LEAVE if it is", () => {
    const worker = close(new WorkerDriver().opened());
    expect([worker.said, worker.deeds]).toEqual([[], []]);
    expect(worker.greet(1).said).toEqual(["1: heartbeat 100", "1: leave"]);
    expect(worker.hears(1, { type: "leave" }).deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("goes when the first word is that of a plain queue: a heartbeat, or a request to be given back", () => {
    const [idle, crossed] = [new WorkerDriver(), new WorkerDriver()].map((worker) => close(worker.opened()));
    expect(idle?.heartbeat(1).deeds).toEqual(["discard 1 lingering", "closed"]);
    expect(crossed?.request(1).deeds).toEqual(["discard 1 lingering", "closed"]);
    expect(crossed?.machine.stats.givenBack).toBe(1);
  });

  it("goes when the queue has nothing to say for its liveness", () => {
    const worker = close(new WorkerDriver().opened());
    expect(worker.until(299).deeds).toEqual([]);
    expect(worker.until(300).deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("a request that crosses LEAVE is given back, not run", () => {
    const worker = close(new WorkerDriver().greeted()).request(1);
    expect(worker.said).toEqual(["1: leave", "1: leave"]);
    expect(worker.deeds).toEqual([]);
    expect(worker.machine.stats.givenBack).toBe(1);
    expect(worker.hears(1, { type: "leave" }).deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("lets a running request finish", () => {
    const worker = close(new WorkerDriver().greeted().request(1));
    expect(worker.said).toEqual(["1: leave"]);
    worker.until(100).reply(1);
    expect(worker.said).toEqual(["1: leave", "1: heartbeat 100", "1: reply 1 to address of x"]);
    expect(worker.deeds).toEqual([]);
    expect(worker.hears(1, { type: "leave" }).deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("lets a running request finish for a plain queue, too", () => {
    const worker = close(new WorkerDriver().opened().request(1));
    expect(worker.reply(1).said).toEqual(["1: reply 1 to address of x"]);
    expect(worker.deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("gives back a running request that is dropped meanwhile", () => {
    const worker = close(new WorkerDriver().greeted().request(1)).drop(1);
    expect(worker.said).toEqual(["1: leave", "1: leave"]);
  });

  it("gives back what waits for the application", () => {
    const worker = close(new WorkerDriver().greeted().request(1).reply(1).request(1));
    expect(worker.said).toEqual(["1: leave", "1: leave"]);
    expect(worker.machine).toMatchObject({ waiting: 0, stats: { givenBack: 1 } });
  });

  it("what waits for the application is forgotten with a plain queue, which takes none back", () => {
    const worker = close(new WorkerDriver().opened().request(1).reply(1).request(1));
    expect(worker.deeds).toEqual(["discard 1 lingering", "closed"]);
    expect(worker.machine.waiting).toBe(0);
  });

  it("a request right after one was given back still takes its leave", () => {
    const worker = close(new WorkerDriver().greeted().request(1).drop(1));
    expect(worker.said).toEqual(["1: leave"]);
  });

  it("does not wait for queues that are not there: connecting, pausing, or lost with a request at hand", () => {
    const connecting = close(new WorkerDriver().demand().connect());
    expect(connecting.deeds).toEqual(["discard 1 lingering", "closed"]);
    const pausing = close(new WorkerDriver().opened().lost(1));
    expect(pausing.deeds).toEqual(["closed"]);
    const orphaned = close(new WorkerDriver().opened().request(1).lost(1));
    expect(orphaned.deeds).toEqual(["closed"]);
    expect(orphaned.clear().reply(1).statuses).toEqual(["reply-dropped"]);
  });

  it.each([
    ["is silent", (worker: WorkerDriver) => worker.until(300), "discard 1 lingering"],
    // Nothing could leave any more: lingering would be waiting for nothing.
    ["is lost", (worker: WorkerDriver) => worker.lost(1), "discard 1"],
  ])("does not wait for a queue that %s", (_how, happens, discard) => {
    const worker = happens(close(new WorkerDriver().greeted()));
    expect(worker.deeds).toEqual([discard, "closed"]);
  });

  it("a queue that is lost while the last request runs is not waited for", () => {
    const worker = close(new WorkerDriver().greeted().request(1)).lost(1);
    expect(worker.deeds).toEqual(["discard 1", "revoke 1", "closed"]);
    expect(worker.statuses).toEqual(["session-lost:disconnected undefined", "session-closed"]);
    expect(worker.reply(1).machine.stats.repliesDropped).toBe(1);
  });

  it("a queue that lets us go while the last request runs wants nothing more", () => {
    const worker = close(new WorkerDriver().greeted().request(1)).hears(1, { type: "leave" });
    expect(worker.deeds).toEqual(["discard 1", "revoke 1", "closed"]);
  });
});

describe("disconnecting", () => {
  it("leaves one queue, and no other", () => {
    const worker = new WorkerDriver().demand().connect().connect("tcp://b:1").up(1).up(2);
    worker.heartbeat(1).heartbeat(2);
    expect(disconnect(worker).deeds).toEqual(["discard 1 lingering"]);
    expect(worker.machine.sessions).toBe(1);
    expect(disconnect(worker).outputs).toEqual([]);
  });

  it("works on a request that crosses LEAVE, and goes then", () => {
    const worker = disconnect(new WorkerDriver().greeted()).request(1);
    expect(worker.deeds).toEqual(["run 1 x"]);
    expect(worker.reply(1).said).toEqual(["1: leave", "1: reply 1 to address of x"]);
    expect(worker.hears(1, { type: "leave" }).deeds).toEqual(["run 1 x", "discard 1 lingering"]);
  });

  it("twice takes leave once", () => {
    const worker = disconnect(new WorkerDriver().greeted().request(1));
    worker.connect().clear();
    expect(disconnect(worker).said).toEqual([]);
  });

  it("and connecting again opens new sessions", () => {
    const worker = disconnect(new WorkerDriver().greeted()).connect();
    expect(worker.deeds).toEqual(["open 2"]);
    expect(worker.up(2).said).toEqual(["1: leave", "2: ready"]);
  });
});
