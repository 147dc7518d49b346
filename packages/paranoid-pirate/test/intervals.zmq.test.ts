import { describe, expect, it } from "vitest";
import { BareQueue, BareWorker, HEARTBEAT, newQueue, newWorker, READY, reported } from "./peers.js";

/** Heartbeats of 50 ms that a bare peer counts, so that time passes by what happens and not by a clock. */
const MANY = 30;

// In each test one side is judged: it may be silent for 250 ms by the other's interval, and for 10 s by its
// own. The other is judged by nobody, so that a busy machine, which delays all of them, decides nothing.
const judge = { liveness: 5 };
const lenient = { liveness: 1000 };

describe("heartbeat intervals that differ by far", { timeout: 60_000 }, () => {
  it("a queue at 50 ms does not take a worker at 2000 ms for dead", async () => {
    const { queue, backend } = await newQueue({ heartbeatMs: 50, ...judge });
    const worker = newWorker(backend, { heartbeatMs: 2000, ...lenient });
    const joined = reported(queue, "worker-joined");
    const lost: string[] = [];
    queue.on("worker-expired", (event) => lost.push(event.worker));
    queue.on("worker-gone", (event) => lost.push(event.worker));
    void worker.serve(() => "x");
    const [event] = await joined;
    const counter = new BareWorker(backend, Buffer.from("counter"));
    await counter.send(READY);
    await counter.beat(MANY);
    expect(event).toMatchObject({ worker: expect.stringMatching(/^SWPP1-/) });
    expect(lost.filter((id) => id !== "counter")).toEqual([]);
    expect(worker.stats().sessionsLost).toBe(0);
  });

  it("a worker at 50 ms does not take a queue at 2000 ms for dead", async () => {
    const { queue, backend } = await newQueue({ heartbeatMs: 2000, ...lenient });
    const worker = newWorker(backend, { heartbeatMs: 50, ...judge });
    const counter = new BareQueue();
    worker.connect(counter.endpoint);
    const lost: string[] = [];
    worker.on("session-lost", ({ endpoint }) => lost.push(endpoint));
    const joined = reported(queue, "worker-joined");
    void worker.serve(() => "x");
    await joined;
    for (let count = 0; count < MANY; count++) {
      const [id] = await counter.receive();
      await counter.send(id, HEARTBEAT);
    }
    expect(lost.filter((endpoint) => endpoint !== counter.endpoint)).toEqual([]);
    expect(queue.stats()).toMatchObject({ workers: 1, expired: 0 });
  });
});
