import {
  MajordomoBroker,
  type MajordomoBrokerEvent,
  MajordomoClient,
  type MajordomoClientEvent,
  type MajordomoRequest,
  MajordomoWorker,
  type MajordomoWorkerEvent,
  type ServiceInfo,
  type WorkerInfo,
} from "@seaworthy/majordomo";
import * as majordomo from "@seaworthy/majordomo/machine";
import { describe, expect, test } from "vitest";
import * as names from "../../packages/majordomo/test/names.js";
import { testNames, testOptions, testReasons, testSettings, testStatistics } from "./page-tests.js";
import { workspaceFile } from "./site.js";
import { metricCells, numberIn, pageSource, socketSettings, table, type Values } from "./tables.js";

const page = await pageSource("docs/patterns/majordomo.md");

const options = {
  "### Broker": majordomo.resolveBrokerOptions(),
  "### Worker": majordomo.resolveWorkerOptions(),
  "### Client": majordomo.resolveClientOptions(),
  "### Socket": socketSettings,
};

describe("options", () => {
  testOptions(page, options);

  const { sendHighWaterMark, maxQueued } = options["### Broker"].socket;
  testSettings(page, [
    ["### Broker", "socket", "sendHighWaterMark", sendHighWaterMark],
    ["### Broker", "socket", "maxQueued", maxQueued],
  ]);
});

testNames(page, [
  ["every status event of the broker", "### Of the broker", names.brokerEvents],
  ["every status event of the worker", "### Of the worker", names.workerEvents],
  ["every status event of the client", "### Of the client", names.clientEvents],
]);

const gone: Values<MajordomoBrokerEvent, "worker-gone", "reason"> = {
  disconnected: true,
  departed: true,
  silent: true,
  unexpected: true,
  "peer-unknown": true,
  "peer-full": true,
  "queue-full": true,
};
const refused: Values<MajordomoBrokerEvent, "worker-refused", "reason"> = {
  maxWorkers: true,
  maxServices: true,
  "reserved-name": true,
};
const dropped: Values<MajordomoBrokerEvent, "request-dropped", "reason"> = {
  "no-worker": true,
  "too-old": true,
  "given-up": true,
  limit: true,
  "client-gone": true,
  cancelled: true,
  closing: true,
  "handler-failed": true,
  dropped: true,
};
const repliesDropped: Values<MajordomoBrokerEvent, "reply-dropped", "reason"> = {
  late: true,
  unknown: true,
  "body-too-large": true,
  "no-room": true,
};
const undeliverable: Values<MajordomoBrokerEvent, "reply-undeliverable", "reason"> = {
  "peer-unknown": true,
  "peer-full": true,
  "queue-full": true,
};
const lost: Values<MajordomoWorkerEvent, "session-lost", "how"> = {
  silent: true,
  disconnected: true,
  failed: true,
  dismissed: true,
};
const workersReplies: Values<MajordomoWorkerEvent, "reply-dropped", "reason"> = {
  "session-lost": true,
  "client-gone": true,
};
const notRun: Values<MajordomoWorkerEvent, "request-refused", "reason"> = {
  "queue-full": true,
  "not-ready": true,
  leaving: true,
};
const replaced: Values<MajordomoClientEvent, "connection-replaced", "reason"> = {
  silent: true,
  lost: true,
  failed: true,
  disconnected: true,
  closing: true,
};
const retried: Values<MajordomoClientEvent, "request-retried", "reason"> = {
  "timed-out": true,
  "connection-lost": true,
  incomplete: true,
  "no-worker": true,
  "too-old": true,
  limit: true,
  closing: true,
  dropped: true,
};
const clientsReplies: Values<MajordomoClientEvent, "reply-dropped", "reason"> = {
  late: true,
  incomplete: true,
  unknown: true,
};

testReasons(page, [
  ["### Of the broker", "worker-gone", gone],
  ["### Of the broker", "worker-refused", refused],
  ["### Of the broker", "request-dropped", dropped],
  ["### Of the broker", "reply-dropped", repliesDropped],
  ["### Of the broker", "reply-undeliverable", undeliverable],
  ["### Of the worker", "session-lost", lost],
  ["### Of the worker", "reply-dropped", workersReplies],
  ["### Of the worker", "request-refused", notRun],
  ["### Of the client", "connection-replaced", replaced],
  ["### Of the client", "request-retried", retried],
  ["### Of the client", "reply-dropped", clientsReplies],
]);

testStatistics(page, [
  ["### Counted by the broker", () => new MajordomoBroker()],
  ["### Counted by the worker", () => new MajordomoWorker("echo")],
  ["### Counted by the client", () => new MajordomoClient()],
]);

// The compiler demands each member here.
const request: Record<keyof MajordomoRequest, true> = {
  body: true,
  signal: true,
  isAnswered: true,
  partial: true,
  reply: true,
  fail: true,
  drop: true,
};
const service: Record<keyof ServiceInfo, true> = {
  name: true,
  workers: true,
  free: true,
  waiting: true,
  running: true,
};
const worker: Record<keyof WorkerInfo, true> = {
  id: true,
  service: true,
  protocol: true,
  credit: true,
  running: true,
  isOurs: true,
  isMissing: true,
  silentMs: true,
};

testNames(page, [
  ["every member of the request", "### The request", request],
  ["every field of a service that is listed", "### Of a service", service],
  ["every field of a worker that is listed", "### Of a worker", worker],
  ["every error of the client", "## Errors", names.errors],
]);

/** The interval that a broker and so many workers of ours keep, in ms. */
function paceOf(workers: number): number {
  const machine = new majordomo.MajordomoBrokerMachine(options["### Broker"]);
  const notice = { heartbeatMs: options["### Worker"].heartbeatMs, credit: 1 };
  const command = { type: "ready", service: Buffer.from("echo"), notice } as const;
  let intervalMs = 0;
  for (let count = 0; count < workers; count++) {
    machine.handle({ type: "said", worker: Buffer.from(`${count}`), version: "0.2", command }, 0);
    for (let output = machine.take(); output !== undefined; output = machine.take()) {
      if (output.type === "heartbeat") intervalMs = output.notice?.heartbeatMs ?? 0;
    }
  }
  return intervalMs;
}

test("many workers keep the intervals that the page says, and those up to the next row do as well", () => {
  const { heartbeatMs, liveness, maxWorkers } = options["### Broker"];
  const rows = table(page, "### Many workers").map((row) => row.map(numberIn) as [number, number, number]);
  expect(rows.map(([workers]) => paceOf(workers))).toEqual(rows.map(([, seconds]) => seconds * 1000));
  const next = rows.map(([workers]) => paceOf(Math.min(workers + 1, maxWorkers)));
  expect(next).toEqual([...rows.slice(1), rows.at(-1)].map((row) => (row?.[1] ?? 0) * 1000));
  expect(rows.map(([, , dead]) => dead)).toEqual(rows.map(([, seconds]) => seconds * liveness));
  expect(rows[0]?.[1]).toBe(heartbeatMs / 1000);
  expect(rows.at(-1)?.[0]).toBe(maxWorkers);
});

test("the page and the README list the same metrics", async () => {
  const text = await workspaceFile("packages/majordomo/README.md");
  const readme = metricCells(text, "| metrics, with `majordomo_` in front |");
  expect(readme).not.toEqual([]);
  expect(metricCells(page, "| Name, after `majordomo_` |")).toEqual(readme);
});
