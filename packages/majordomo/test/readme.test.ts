import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import { FLAGS, OPTION_FLAGS } from "../src/daemon-flags.js";
import { BrokerMetrics } from "../src/daemon-metrics.js";
import {
  MajordomoBroker,
  type MajordomoBrokerEvent,
  type MajordomoClientEvent,
  type MajordomoRequestError,
  type MajordomoWorkerEvent,
} from "../src/index.js";
import { resolveBrokerOptions, resolveClientOptions, resolveWorkerOptions } from "../src/machine.js";

// The compiler sees to it that none is missing here.
const brokerEvents: Record<MajordomoBrokerEvent["type"], true> = {
  "worker-joined": true,
  "worker-expired": true,
  "worker-returned": true,
  "worker-gone": true,
  "worker-refused": true,
  "service-added": true,
  "service-removed": true,
  "request-dropped": true,
  "request-redelivered": true,
  "reply-dropped": true,
  "reply-undeliverable": true,
  "message-dropped": true,
  "process-stalled": true,
};
const workerEvents: Record<MajordomoWorkerEvent["type"], true> = {
  "session-opened": true,
  "session-lost": true,
  "session-renewed": true,
  "session-closed": true,
  "broker-recognised": true,
  "handler-failed": true,
  "thread-failed": true,
  "reply-dropped": true,
  "request-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
const clientEvents: Record<MajordomoClientEvent["type"], true> = {
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
  "connection-abandoned": true,
  "connection-replaced": true,
  "broker-recognised": true,
  "request-retried": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
const errorCodes: Record<MajordomoRequestError["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_BROKER_UNREACHABLE: true,
  ERR_NO_SERVICE: true,
  ERR_WORKERS_FAILED: true,
  ERR_HANDLER_FAILED: true,
  ERR_BROKER_LIMIT: true,
  ERR_STREAM_INTERRUPTED: true,
  ERR_NOT_SUPPORTED: true,
  ERR_LIMIT_REACHED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
};

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands, and shows how a request outlives its worker", async () => {
    expect(await readme.runExample()).toEqual({
      stdout: "echo: to another worker\nyou said ahoy\n",
      stderr: "",
    });
  });

  it("lists every option of all roles, and no other", () => {
    expect(readme.options("The broker")).toEqual(Object.keys(resolveBrokerOptions()).sort());
    expect(readme.options("The worker")).toEqual(Object.keys(resolveWorkerOptions()).sort());
    expect(readme.options("The client")).toEqual(Object.keys(resolveClientOptions()).sort());
  });

  it("lists every event", () => {
    const events = [brokerEvents, workerEvents, clientEvents].flatMap(Object.keys);
    expect(readme.lacks(events)).toEqual([]);
  });

  it("lists every error of the client", () => {
    expect(readme.lacks(Object.keys(errorCodes))).toEqual([]);
  });

  it("names every flag of the daemon, those of limits by the names of the options", () => {
    const limits = new Set(Object.values(OPTION_FLAGS).filter(({ name }) => name.startsWith("max-")));
    const named = FLAGS.filter((flag) => !limits.has(flag)).map(({ name }) => `--${name}`);
    expect(named.filter((flag) => !readme.text.includes(flag))).toEqual([]);
    expect(limits.size).toBeGreaterThan(0);
  });

  it("lists every metric of the broker, and no other", async () => {
    await using broker = new MajordomoBroker();
    const text = await new BrokerMetrics(broker).text();
    const metrics = [...text.matchAll(/^# TYPE majordomo_(\w+)/gm)].map(([, name = ""]) => name);
    const [, table = ""] = readme.text.split("| metrics, with `majordomo_` in front |");
    const [rows = ""] = table.split("\n\n", 1);
    const listed = [...rows.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) => [
      ...cell.matchAll(/`(\w+)`/g),
    ]);
    expect(listed.map(([, name]) => name).sort()).toEqual(metrics.sort());
  });
});
