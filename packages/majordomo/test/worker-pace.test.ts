import { describe, expect, it } from "vitest";
import { WorkerDriver } from "./worker-driver.js";

/** The intervals that brokers were told, by connection and time; 0 for heartbeats that tell of none. */
function told(worker: WorkerDriver): string[] {
  return worker.outputs.flatMap((output) => {
    if (output.type !== "say" || output.speech.type !== "heartbeat") return [];
    return [`${output.connection}: ${output.speech.notice?.heartbeatMs ?? 0}`];
  });
}

describe("a worker whose broker asks for a longer interval", () => {
  it("keeps its own until it has told the broker, with the heartbeat that is due next", () => {
    const worker = new WorkerDriver().ours(1, 1000).until(30).greet(1, 1000, 400);
    expect(told(worker.until(99))).toEqual([]);
    expect(told(worker.until(100))).toEqual(["1: 400"]);
    expect(told(worker.clear().until(499))).toEqual([]);
    expect(told(worker.until(500))).toEqual(["1: 0"]);
  });

  it("tells it once, and again only what is new", () => {
    const worker = new WorkerDriver().ours(1, 5000).greet(1, 5000, 400).until(100).greet(1, 5000, 400);
    expect(told(worker.until(1700))).toEqual(["1: 400", "1: 0", "1: 0", "1: 0", "1: 0"]);
    expect(told(worker.clear().greet(1, 5000, 1000).until(3100))).toEqual(["1: 1000", "1: 0"]);
  });

  it("tells it with news of its credit as well, and keeps to it from then on", () => {
    const worker = new WorkerDriver().ours(1, 1000).until(30).greet(1, 1000, 400).demand();
    expect(told(worker)).toEqual(["1: 400"]);
    expect(told(worker.clear().until(429))).toEqual([]);
    expect(told(worker.until(430))).toEqual(["1: 0"]);
  });

  it("goes on as before if it is asked for a shorter one than its own, or for none", () => {
    for (const askedMs of [0, 99, 100]) {
      const worker = new WorkerDriver().ours(1, 1000).greet(1, 1000, askedMs).until(200);
      expect(told(worker)).toEqual(["1: 0", "1: 0"]);
    }
  });

  it("says at once that it will be heard more often again, and is", () => {
    const worker = new WorkerDriver().ours(1, 5000).greet(1, 5000, 2000).until(300).clear();
    expect(told(worker.greet(1, 5000, 0))).toEqual(["1: 100"]);
    expect(told(worker.greet(1, 5000, 0).until(500))).toEqual(["1: 100", "1: 0", "1: 0"]);
  });

  it("does so for that broker, and on that connection, only", () => {
    const worker = new WorkerDriver({ reconnect: { initialMs: 1, jitter: 0 } })
      .demand()
      .connect("tcp://a:1")
      .connect("tcp://b:1")
      .up(1)
      .up(2);
    worker.greet(1, 5000, 1000).greet(2, 5000).clear().until(300);
    expect(told(worker)).toEqual(["1: 1000", "2: 0", "2: 0", "2: 0"]);
    worker.lost(1).until(301).up(3).greet(3, 5000).clear().until(401);
    expect(told(worker)).toEqual(["2: 0", "3: 0"]);
  });

  it("answers requests meanwhile, and those count as heartbeats", () => {
    const worker = new WorkerDriver().ours(1, 5000).greet(1, 5000, 400).until(90).request(1).reply(1).clear();
    expect(told(worker.until(189))).toEqual([]);
    expect(told(worker.until(190)), "nor are they more seldom before it has told so").toEqual(["1: 400"]);
  });

  it("judges the broker by what that announces of itself", () => {
    const worker = new WorkerDriver().ours(1, 100).until(250).greet(1, 2000, 400).until(6249);
    expect(worker.statuses).toEqual([]);
    expect(worker.until(6250).statuses).toEqual(["session-lost:silent 100"]);
  });
});
