import { describe, expect, it } from "vitest";
import { BareQueue, BareWorker, newQueue, newWorker, READY, record, reported } from "./peers.js";

/** Heartbeats that a bare peer counts, so that time passes by what happens and not by a clock. */
const MANY = 25;

describe("heartbeat intervals that differ by far", { timeout: 60_000 }, () => {
  it("a queue at 50 ms does not take a worker at 2000 ms for dead", async () => {
    const { queue, backend } = await newQueue({ heartbeatMs: 50 });
    const worker = newWorker(backend, { heartbeatMs: 2000 });
    const joined = reported(queue, "worker-joined");
    void worker.serve(() => "x");
    await joined;
    const events = [record(queue), record(worker)];
    const counter = new BareWorker(backend);
    await counter.send(READY);
    await counter.beat(MANY);
    expect(events).toEqual([["worker-joined"], []]);
    expect(queue.stats()).toMatchObject({ ready: 2, expired: 0 });
  });

  it("a worker at 50 ms does not take a queue at 2000 ms for dead", async () => {
    const { queue, backend } = await newQueue({ heartbeatMs: 2000 });
    const worker = newWorker(backend, { heartbeatMs: 50 });
    const opened = reported(worker, "session-opened", 2);
    const counter = new BareQueue();
    worker.connect(counter.endpoint);
    void worker.serve(() => "x");
    const [id] = await counter.receive();
    await opened;
    const events = [record(queue), record(worker)];
    for (let count = 0; count < MANY; count++) {
      await counter.receive();
      await counter.send(id, "\x02");
    }
    expect(events).toEqual([[], []]);
    expect(queue.stats().ready).toBe(1);
  });
});
