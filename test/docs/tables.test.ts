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
import {
  documented,
  members,
  named,
  pageSource,
  rowOf,
  settingIn,
  socketSettings,
  type Types,
  table,
  type Values,
  wordsIn,
} from "./tables.js";

const pages = {
  "Lazy Pirate": await pageSource("docs/patterns/lazy-pirate.md"),
  "Simple Pirate": await pageSource("docs/patterns/simple-pirate.md"),
  "Paranoid Pirate": await pageSource("docs/patterns/paranoid-pirate.md"),
};
type Pattern = keyof typeof pages;

/** What a table of a page is to be compared with. */
interface Expected<T> {
  readonly pattern: Pattern;
  readonly heading: string;
  readonly actual: T;
}

const options: readonly Expected<object>[] = [
  { pattern: "Lazy Pirate", heading: "### Client", actual: lazy.resolveClientOptions() },
  { pattern: "Lazy Pirate", heading: "### Server", actual: lazy.resolveServerOptions() },
  {
    pattern: "Lazy Pirate",
    heading: "### The reply cache",
    actual: lazy.resolveServerOptions({ replyCache: true }).replyCache ?? {},
  },
  { pattern: "Simple Pirate", heading: "### Queue", actual: simple.resolveQueueOptions() },
  { pattern: "Simple Pirate", heading: "### Worker", actual: simple.resolveWorkerOptions() },
  { pattern: "Paranoid Pirate", heading: "### Queue", actual: paranoid.resolveQueueOptions() },
  { pattern: "Paranoid Pirate", heading: "### Worker", actual: paranoid.resolveWorkerOptions() },
];

describe("option tables have every option, with the default that the code has", () => {
  test.each(options)("$pattern $heading", ({ pattern, heading, actual }) => {
    expect(documented(table(pages[pattern], heading), actual)).toStrictEqual(actual);
  });

  test("the reply cache is off", () => {
    expect(rowOf(pages["Lazy Pirate"], "### Server", "replyCache")[1]).toBe("false");
  });

  const sockets = [
    { pattern: "Lazy Pirate", heading: "### Server", option: "socket", setting: "sendHighWaterMark" },
    { pattern: "Simple Pirate", heading: "### Queue", option: "frontend", setting: "sendHighWaterMark" },
    { pattern: "Simple Pirate", heading: "### Queue", option: "backend", setting: "maxQueued" },
    { pattern: "Paranoid Pirate", heading: "### Queue", option: "frontend", setting: "sendHighWaterMark" },
    { pattern: "Paranoid Pirate", heading: "### Queue", option: "backend", setting: "maxQueued" },
  ] as const;

  test.each(sockets)("$pattern $heading: $setting of $option", ({ pattern, heading, option, setting }) => {
    const role = options.find((known) => known.pattern === pattern && known.heading === heading);
    const actual = role?.actual as Record<string, Record<string, unknown>>;
    const stated = settingIn(rowOf(pages[pattern], heading, option)[1], setting);
    expect(stated).toBe(actual[option]?.[setting]);
  });

  test.each(Object.keys(pages) as Pattern[])("%s: settings of sockets", (pattern) => {
    expect(documented(table(pages[pattern], "### Socket"), socketSettings)).toStrictEqual(socketSettings);
  });
});

test("every way in which a request can fail is on the page", () => {
  // The compiler demands each code of the union here.
  const codes: Record<RequestFailure["code"], true> = {
    ERR_REQUEST_TIMEOUT: true,
    ERR_CONNECTION_LOST: true,
    ERR_NOT_CONNECTED: true,
    ERR_HANDLER_FAILED: true,
    ERR_ABORTED: true,
    ERR_CLOSED: true,
  };
  const listed = named(table(pages["Lazy Pirate"], "## Errors"));
  expect(listed).toEqual(expect.arrayContaining(Object.keys(codes)));
});

const lazyClient: Types<LazyPirateClientEvent> = {
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
const lazyServer: Types<LazyPirateServerEvent> = {
  "request-refused": true,
  "handler-failed": true,
  "reply-undeliverable": true,
  "repeat-answered": true,
  "repeat-joined": true,
  "message-dropped": true,
};
const simpleQueue: Types<SimplePirateQueueEvent> = {
  "worker-joined": true,
  "worker-forgotten": true,
  "worker-gone": true,
  "request-lost": true,
  "request-dropped": true,
  "reply-dropped": true,
  "reply-undeliverable": true,
  "process-stalled": true,
  "message-dropped": true,
};
const simpleWorker: Types<SimplePirateWorkerEvent> = {
  "session-opened": true,
  "session-lost": true,
  "handler-failed": true,
  "reply-dropped": true,
  "request-held": true,
  "request-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
const paranoidQueue: Types<ParanoidPirateQueueEvent> = {
  "worker-joined": true,
  "worker-expired": true,
  "worker-returned": true,
  "worker-left": true,
  "worker-gone": true,
  "worker-refused": true,
  "request-redelivered": true,
  "request-given-up": true,
  "request-dropped": true,
  "reply-dropped": true,
  "reply-undeliverable": true,
  "process-stalled": true,
  "message-dropped": true,
};
const paranoidWorker: Types<ParanoidPirateWorkerEvent> = {
  "session-opened": true,
  "session-lost": true,
  "session-closed": true,
  "handler-failed": true,
  "reply-dropped": true,
  "request-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};

const events: readonly Expected<object>[] = [
  { pattern: "Lazy Pirate", heading: "### Of the client", actual: lazyClient },
  { pattern: "Lazy Pirate", heading: "### Of the server", actual: lazyServer },
  { pattern: "Simple Pirate", heading: "### Of the queue", actual: simpleQueue },
  { pattern: "Simple Pirate", heading: "### Of the worker", actual: simpleWorker },
  { pattern: "Paranoid Pirate", heading: "### Of the queue", actual: paranoidQueue },
  { pattern: "Paranoid Pirate", heading: "### Of the worker", actual: paranoidWorker },
];

test.each(events)("every status event is on the page, and no other: $pattern $heading", (expected) => {
  const { pattern, heading, actual } = expected;
  expect(named(table(pages[pattern], heading)).sort()).toEqual(Object.keys(actual).sort());
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

const reasons = [
  { pattern: "Simple Pirate", heading: "### Of the queue", event: "request-dropped", actual: dropped },
  { pattern: "Simple Pirate", heading: "### Of the queue", event: "request-lost", actual: lost },
  { pattern: "Simple Pirate", heading: "### Of the queue", event: "worker-gone", actual: simplyGone },
  { pattern: "Simple Pirate", heading: "### Of the worker", event: "request-refused", actual: simplyRefused },
  { pattern: "Paranoid Pirate", heading: "### Of the queue", event: "request-dropped", actual: dropped },
  { pattern: "Paranoid Pirate", heading: "### Of the queue", event: "worker-gone", actual: gone },
  { pattern: "Paranoid Pirate", heading: "### Of the worker", event: "request-refused", actual: refused },
] as const;

test.each(reasons)("every reason of $event is on the page: $pattern $heading", (expected) => {
  const { pattern, heading, event, actual } = expected;
  expect(wordsIn(rowOf(pages[pattern], heading, event))).toEqual(expect.arrayContaining(Object.keys(actual)));
});

const roles = [
  { pattern: "Simple Pirate", heading: "### Counted by the queue", create: () => new SimplePirateQueue() },
  { pattern: "Simple Pirate", heading: "### Counted by the worker", create: () => new SimplePirateWorker() },
  {
    pattern: "Paranoid Pirate",
    heading: "### Counted by the queue",
    create: () => new ParanoidPirateQueue(),
  },
  {
    pattern: "Paranoid Pirate",
    heading: "### Counted by the worker",
    create: () => new ParanoidPirateWorker(),
  },
] as const;

test.each(roles)("every number of stats() is on the page, and no other: $pattern $heading", async (role) => {
  await using instance = role.create();
  expect(named(table(pages[role.pattern], role.heading)).sort()).toEqual(
    Object.keys(instance.stats()).sort(),
  );
});

// The compiler demands each public member here.
const lazyRequest: Record<keyof LazyPirateRequest, true> = {
  body: true,
  id: true,
  signal: true,
  isAnswered: true,
  reply: true,
  fail: true,
  drop: true,
};
const workerRequest: Record<keyof IncomingRequest, true> = {
  body: true,
  signal: true,
  isAnswered: true,
  reply: true,
  drop: true,
};
const requests: readonly Expected<object>[] = [
  { pattern: "Lazy Pirate", heading: "### The request", actual: lazyRequest },
  { pattern: "Simple Pirate", heading: "### The request", actual: workerRequest },
  { pattern: "Paranoid Pirate", heading: "### The request", actual: workerRequest },
];

test.each(requests)(
  "every member of the request is on the page: $pattern",
  ({ pattern, heading, actual }) => {
    expect(members(table(pages[pattern], heading)).sort()).toEqual(Object.keys(actual).sort());
  },
);
