import { describe, expect, it } from "vitest";
import { WorkerDriver } from "./worker-driver.js";

describe("closing", () => {
  it("without sessions is over at once, and closing twice is closing once", () => {
    const worker = new WorkerDriver().close();
    expect(worker.deeds).toEqual(["closed"]);
    expect(worker.close().connect().demand().deeds).toEqual(["closed"]);
  });

  it("ends idle sessions at once, whether their connection stands, or is yet to come", () => {
    const worker = new WorkerDriver().demand(3).connect().up(1).up(3).lost(3).clear().close();
    expect(worker.deeds).toEqual(["discard 1 lingering", "discard 2 lingering", "closed"]);
    expect(worker.machine).toMatchObject({ sessions: 0, deadline: undefined });
  });

  it("lets a running request finish, and its reply leave", () => {
    const worker = new WorkerDriver().opened(2).request(2).clear().close();
    expect(worker.deeds).toEqual(["discard 1 lingering"]);
    worker.reply(1);
    expect(worker.said).toEqual(["2: reply 1 to address of x"]);
    expect(worker.deeds).toEqual(["discard 1 lingering", "discard 2 lingering", "closed"]);
  });

  it("no READY follows a running request that is dropped: the session would be given another", () => {
    const worker = new WorkerDriver().opened().request(1).clear().close().drop(1);
    expect(worker.said).toEqual([]);
    expect(worker.deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("refuses what waits, and what still comes", () => {
    const worker = new WorkerDriver().opened().request(1, "a").request(1, "b").request(1, "c").clear();
    worker.close().request(1, "d");
    expect(worker.statuses).toEqual(Array(3).fill("request-refused:leaving"));
    expect(worker.counts).toEqual({ sessions: 1, ready: 0, running: 1, waiting: 0 });
    expect(worker.reply(1).deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("does not wait for a session that has nothing but what it refuses", () => {
    const worker = new WorkerDriver().opened().request(1).reply(1).request(1).clear().close();
    expect(worker.statuses).toEqual(["request-refused:leaving"]);
    expect(worker.deeds).toEqual(["discard 1 lingering", "closed"]);
  });

  it("does not wait for a request whose connection is lost, before or meanwhile", () => {
    expect(new WorkerDriver().opened().request(1).lost(1).clear().close().deeds).toEqual(["closed"]);
    const worker = new WorkerDriver().opened().request(1).close().clear().lost(1);
    expect(worker.deeds).toEqual(["discard 1", "revoke 1", "closed"]);
    expect(worker.clear().reply(1).statuses).toEqual(["reply-dropped"]);
    expect(worker.deeds).toEqual([]);
  });
});

describe("leaving one queue", () => {
  it("ends its sessions as closing does, and keeps the others", () => {
    const worker = new WorkerDriver().demand().connect("tcp://a:1").connect("tcp://b:1").up(1).up(2);
    worker.request(1).clear().disconnect("tcp://b:1").disconnect("tcp://a:1");
    expect(worker.deeds).toEqual(["discard 2 lingering"]);
    expect(worker.reply(1).deeds).toEqual(["discard 2 lingering", "discard 1 lingering"]);
    expect(worker.machine.sessions).toBe(0);
  });

  it("that is not in use changes nothing", () => {
    expect(new WorkerDriver().opened().clear().disconnect("tcp://other:1").outputs).toEqual([]);
  });

  it("runs what waits of it first", () => {
    const worker = new WorkerDriver().opened().request(1, "a").request(1, "b").clear().disconnect();
    expect(worker.reply(1).demand().deeds).toEqual(["run 2 b"]);
    expect(worker.disconnect().reply(2).deeds).toEqual(["run 2 b", "discard 1 lingering"]);
  });

  it("is undone by connecting again: sessions are opened anew, without more at a time than was asked for", () => {
    const worker = new WorkerDriver().opened().request(1).clear().disconnect().connect();
    expect(worker.deeds).toEqual(["open 2"]);
    worker.up(2).request(2, "new");
    expect(worker.counts).toMatchObject({ running: 1, waiting: 1 });
    expect(worker.reply(1).demand().deeds.slice(1)).toEqual(["discard 1 lingering", "run 2 new"]);
  });
});
