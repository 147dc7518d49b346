import { expect, it } from "vitest";
import { BrokerDriver } from "./broker-driver.js";
import { brokerEvents } from "./names.js";

it("each event and each counter is seen in one eventful life", () => {
  const broker = new BrokerDriver({ maxWorkers: 2, requestTtlMs: 10_000 })
    .ready("a", "b", "refused")
    .heartbeat("stranger");
  broker.ask("q", { sequence: 1 }).ask("q", { sequence: 1 }).alive(300, "b").heartbeat("a").reply("b", "q");
  broker.reply("a", "q").ask("", { service: "mmi.service" }).ask("?", { service: "nobody" });
  broker.feed({ type: "undeliverable", peer: "client", reason: "peer-full", isForWorker: false });
  broker.feed({ type: "malformed", reason: "garbage" }).feed({ type: "stalled", ms: 500 }).until(20_000);
  const seen = broker.outputs.flatMap((output) => (output.type === "status" ? [output.event.type] : []));
  expect([...new Set(seen)].sort()).toEqual(Object.keys(brokerEvents).sort());
  for (const [counter, count] of Object.entries(broker.machine.stats))
    expect(count, counter).toBeGreaterThan(0);
  expect(broker.machine.stats).toEqual({
    ...{ requests: 4, answered: 1, mmi: 1, joined: 1, delivered: 2, redelivered: 1, dropped: 1 },
    ...{ repliesDropped: 1, undeliverable: 1, malformed: 1, expired: 3, expelled: 1, refused: 1 },
  });
});

it("an event says when it was", () => {
  const broker = new BrokerDriver().until(70).ready("w").clear().until(90).ask("q").departed("w");
  const times = broker.outputs.flatMap((output) => (output.type === "status" ? [output.event.at] : []));
  expect(times).toEqual([90, 110]);
});

it("counts as deadline whatever comes first, a heartbeat or the age of a request", () => {
  const broker = new BrokerDriver({ requestTtlMs: 50 });
  expect(broker.machine.deadline).toBeUndefined();
  expect(broker.ask("1").machine.deadline).toBe(50);
  expect(broker.ready("w").machine.deadline).toBe(100);
  expect(broker.ask("2").machine.deadline).toBe(50);
});
