import type { IncomingRequest } from "@seaworthy/core/node";
import type {
  LazyPirateClientEvent,
  LazyPirateRequest,
  LazyPirateServerEvent,
  RequestFailure,
} from "@seaworthy/lazy-pirate";
import * as lazy from "@seaworthy/lazy-pirate/machine";
import {
  ParanoidPirateQueue,
  type ParanoidPirateQueueEvent,
  ParanoidPirateWorker,
  type ParanoidPirateWorkerEvent,
} from "@seaworthy/paranoid-pirate";
import * as paranoid from "@seaworthy/paranoid-pirate/machine";
import {
  SimplePirateQueue,
  type SimplePirateQueueEvent,
  SimplePirateWorker,
  type SimplePirateWorkerEvent,
} from "@seaworthy/simple-pirate";
import * as simple from "@seaworthy/simple-pirate/machine";
import { describe, expect, test } from "vitest";
import * as paranoidNames from "../../packages/paranoid-pirate/test/names.js";
import * as simpleNames from "../../packages/simple-pirate/test/names.js";
import { testNames, testOptions, testReasons, testSettings, testStatistics } from "./page-tests.js";
import { named, pageSource, rowOf, socketSettings, type Types, table, type Values } from "./tables.js";

const clientEvents: Types<LazyPirateClientEvent> = {
  "connection-opened": true,
  "connection-failed": true,
  "connection-lost": true,
  "connection-abandoned": true,
  "connection-replaced": true,
  "request-retried": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
const serverEvents: Types<LazyPirateServerEvent> = {
  "request-refused": true,
  "handler-failed": true,
  "reply-undeliverable": true,
  "repeat-answered": true,
  "repeat-joined": true,
  "message-dropped": true,
};
// The compiler demands each code of the union, and each public member, here.
const codes: Record<RequestFailure["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_CONNECTION_LOST: true,
  ERR_NOT_CONNECTED: true,
  ERR_HANDLER_FAILED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
};
const lazyRequest: Record<keyof LazyPirateRequest, true> = {
  body: true,
  id: true,
  signal: true,
  isAnswered: true,
  reply: true,
  fail: true,
  drop: true,
};

describe("Lazy Pirate", async () => {
  const page = await pageSource("docs/patterns/lazy-pirate.md");
  const server = lazy.resolveServerOptions();
  const { replyCache = {} } = lazy.resolveServerOptions({ replyCache: true });

  testOptions(page, {
    "### Client": lazy.resolveClientOptions(),
    "### Server": server,
    "### The reply cache": replyCache,
    "### Socket": socketSettings,
  });
  testSettings(page, [["### Server", "socket", "sendHighWaterMark", server.socket.sendHighWaterMark]]);
  testNames(page, [
    ["every status event of the client", "### Of the client", clientEvents],
    ["every status event of the server", "### Of the server", serverEvents],
    ["every member of the request", "### The request", lazyRequest],
  ]);

  test("the reply cache is off", () => {
    expect(rowOf(page, "### Server", "replyCache")[1]).toBe("false");
  });

  test("every way in which a request can fail is on the page", () => {
    expect(named(table(page, "## Errors"))).toEqual(expect.arrayContaining(Object.keys(codes)));
  });
});

const dropped: Values<ParanoidPirateQueueEvent, "request-dropped"> = {
  "queue-full": true,
  repeated: true,
  "body-too-large": true,
  "too-old": true,
  "client-gone": true,
  closing: true,
};
const lost: Values<SimplePirateQueueEvent, "request-lost"> = {
  "worker-ready": true,
  "worker-departed": true,
  "worker-forgotten": true,
};
const simplyGone: Values<SimplePirateQueueEvent, "worker-gone"> = {
  departed: true,
  "peer-unknown": true,
  "peer-full": true,
  "queue-full": true,
};
const gone: Values<ParanoidPirateQueueEvent, "worker-gone"> = { ...simplyGone, silent: true };
const simplyRefused: Values<SimplePirateWorkerEvent, "request-refused"> = {
  "not-ready": true,
  leaving: true,
  "queue-full": true,
  "body-too-large": true,
};
const refused: Values<ParanoidPirateWorkerEvent, "request-refused"> = {
  "queue-full": true,
  "not-ready": true,
};
const workerRequest: Record<keyof IncomingRequest, true> = {
  body: true,
  signal: true,
  isAnswered: true,
  reply: true,
  drop: true,
};

describe("Simple Pirate", async () => {
  const page = await pageSource("docs/patterns/simple-pirate.md");
  const queue = simple.resolveQueueOptions();

  testOptions(page, {
    "### Queue": queue,
    "### Worker": simple.resolveWorkerOptions(),
    "### Socket": socketSettings,
  });
  testSettings(page, [
    ["### Queue", "frontend", "sendHighWaterMark", queue.frontend.sendHighWaterMark],
    ["### Queue", "backend", "maxQueued", queue.backend.maxQueued],
  ]);
  testNames(page, [
    ["every status event of the queue", "### Of the queue", simpleNames.queueEvents],
    ["every status event of the worker", "### Of the worker", simpleNames.workerEvents],
    ["every member of the request", "### The request", workerRequest],
  ]);
  testReasons(page, [
    ["### Of the queue", "request-dropped", dropped],
    ["### Of the queue", "request-lost", lost],
    ["### Of the queue", "worker-gone", simplyGone],
    ["### Of the worker", "request-refused", simplyRefused],
  ]);
  testStatistics(page, [
    ["### Counted by the queue", () => new SimplePirateQueue()],
    ["### Counted by the worker", () => new SimplePirateWorker()],
  ]);
});

describe("Paranoid Pirate", async () => {
  const page = await pageSource("docs/patterns/paranoid-pirate.md");
  const queue = paranoid.resolveQueueOptions();

  testOptions(page, {
    "### Queue": queue,
    "### Worker": paranoid.resolveWorkerOptions(),
    "### Socket": socketSettings,
  });
  testSettings(page, [
    ["### Queue", "frontend", "sendHighWaterMark", queue.frontend.sendHighWaterMark],
    ["### Queue", "backend", "maxQueued", queue.backend.maxQueued],
  ]);
  testNames(page, [
    ["every status event of the queue", "### Of the queue", paranoidNames.queueEvents],
    ["every status event of the worker", "### Of the worker", paranoidNames.workerEvents],
    ["every member of the request", "### The request", workerRequest],
  ]);
  testReasons(page, [
    ["### Of the queue", "request-dropped", dropped],
    ["### Of the queue", "worker-gone", gone],
    ["### Of the worker", "request-refused", refused],
  ]);
  testStatistics(page, [
    ["### Counted by the queue", () => new ParanoidPirateQueue()],
    ["### Counted by the worker", () => new ParanoidPirateWorker()],
  ]);
});
