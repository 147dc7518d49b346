import {
  BinaryStar,
  BinaryStarClient,
  type BinaryStarClientEvent,
  type BinaryStarEvent,
  type BinaryStarRequest,
  type BinaryStarRequestError,
  BinaryStarServer,
  type BinaryStarServerEvent,
  type BinaryStarServerOptions,
  type BinaryStarView,
  ConnectionLostError,
  NotActiveError,
  RemoteError,
  RequestTimeoutError,
} from "@seaworthy/binary-star";
import * as binaryStar from "@seaworthy/binary-star/machine";
import type { RequestServerOptions } from "@seaworthy/core";
import { describe, expect, test } from "vitest";
import { workspaceFile } from "./site.js";
import {
  documented,
  errorIn,
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

const page = await pageSource("docs/patterns/binary-star.md");

const { star, server } = binaryStar.resolveStarServerOptions("test", { role: "primary" });

/** What only the class takes, and has no default; the compiler demands all of it, and no more. */
const hooks: Record<
  Exclude<keyof BinaryStarServerOptions, keyof RequestServerOptions | keyof binaryStar.StarOptions>,
  undefined
> = {
  arbiter: undefined,
  epochFile: undefined,
  onActive: undefined,
  onPassive: undefined,
  transferState: undefined,
};

const effort = { attempts: 1, sent: 1, endpoints: [] };

const { role: _mustBeGiven, ...pair } = star;
const options = {
  "### The pair": { ...pair, ...hooks },
  "### Server": server,
  "### Client": binaryStar.resolveClientOptions(),
  "### Socket": socketSettings,
};

describe("option tables have every option, with the default that the code has", () => {
  test.each(Object.entries(options))("%s", (heading, actual) => {
    const rows = table(page, heading).filter(([name]) => name !== "`role`");
    expect(documented(rows, actual)).toStrictEqual(actual);
  });

  test("the role has none, and the reply cache is off", () => {
    const stated = (heading: string, option: string) => rowOf(page, heading, option)[1];
    expect(stated("### The pair", "role")).toBe("must be given");
    expect(() => binaryStar.resolveStarOptions("test", {} as binaryStar.StarOptions)).toThrow(/no default/);
    expect(stated("### Server", "replyCache")).toBe("false");
    expect(server.replyCache).toBeUndefined();
  });

  test("those that follow from others do so", () => {
    const given = { role: "primary", heartbeatMs: 300, liveness: 4 } as const;
    expect(binaryStar.resolveStarOptions("test", given).claimTimeoutMs).toBe(4 * 300);
    expect(binaryStar.resolveClientOptions({ heartbeatMs: 300 }).settleMs).toBe(2 * 300);
    expect(binaryStar.resolveClientOptions({ maxInFlight: 50_000 }).socket.maxQueued).toBe(50_000);
  });

  test("sendHighWaterMark of the server's socket", () => {
    const stated = settingIn(rowOf(page, "### Server", "socket")[1], "sendHighWaterMark");
    expect(stated).toBe(server.socket.sendHighWaterMark);
  });
});

const nodeEvents: Types<BinaryStarEvent> = {
  "became-active": true,
  "stopped-serving": true,
  "became-passive": true,
  "state-changed": true,
  "peer-heard": true,
  "peer-changed": true,
  "peer-expired": true,
  "split-brain-resolved": true,
  "double-passive-resolved": true,
  "claim-denied": true,
  "epoch-not-kept": true,
  "renewal-failed": true,
  "activation-failed": true,
  "transfer-failed": true,
  "roles-clashed": true,
  "request-rejected": true,
  "process-stalled": true,
  "message-dropped": true,
};
const serverEvents: Omit<Types<BinaryStarServerEvent>, BinaryStarEvent["type"]> = {
  "reply-fenced": true,
  "request-refused": true,
  "handler-failed": true,
  "reply-undeliverable": true,
  "repeat-answered": true,
  "repeat-joined": true,
};
const clientEvents: Types<BinaryStarClientEvent> = {
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
  "settling-began": true,
  "server-changed": true,
  "request-refused": true,
  "request-retried": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
const view: Record<keyof BinaryStarView, true> = {
  role: true,
  state: true,
  isServing: true,
  epoch: true,
  peerState: true,
};
const errors: Record<BinaryStarRequestError["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_CONNECTION_LOST: true,
  ERR_NOT_ACTIVE: true,
  ERR_HANDLER_FAILED: true,
  ERR_ABORTED: true,
  ERR_LIMIT_REACHED: true,
  ERR_CLOSED: true,
};
const request: Record<keyof BinaryStarRequest, true> = {
  body: true,
  epoch: true,
  id: true,
  signal: true,
  isAnswered: true,
  reply: true,
  fail: true,
  drop: true,
};
const arbiter: Record<keyof binaryStar.Arbiter, true> = { acquire: true, renew: true, release: true };

test.each([
  ["every status event of a node", "### Of a node", nodeEvents],
  ["every status event of the server", "### Of the server, besides", serverEvents],
  ["every status event of the client", "### Of the client", clientEvents],
  ["every field of view()", "### What a node tells of itself", view],
  ["every error of the client", "## Errors", errors],
  ["every member of the request", "### The request", request],
  ["every method of an arbiter", "## Arbiters", arbiter],
])("%s is on the page, and no other", (_what, heading, actual) => {
  expect(members(table(page, heading)).sort()).toEqual(Object.keys(actual).sort());
});

const because: Values<BinaryStarEvent, "became-active", "because"> = {
  "peer-waiting": true,
  "peer-dead": true,
  "both-passive": true,
  overtaken: true,
};
const stopped: Values<BinaryStarEvent, "stopped-serving", "reason"> = {
  yielded: true,
  overtaken: true,
  "lease-lost": true,
  "activation-failed": true,
  closed: true,
};
const refused: Values<BinaryStarServerEvent, "request-refused", "reason"> = {
  "queue-full": true,
  "body-too-large": true,
  closing: true,
  revoked: true,
};
const undeliverable: Values<BinaryStarServerEvent, "reply-undeliverable", "reason"> = {
  "peer-unknown": true,
  "peer-full": true,
  "queue-full": true,
};
const moved: Values<BinaryStarClientEvent, "server-changed", "reason"> = {
  lost: true,
  failed: true,
  silent: true,
  refused: true,
  disconnected: true,
};
const retried: Values<BinaryStarClientEvent, "request-retried", "reason"> = {
  "timed-out": true,
  refused: true,
  "connection-lost": true,
};
const dropped: Values<BinaryStarClientEvent, "reply-dropped", "reason"> = { late: true, unknown: true };

test.each([
  ["### Of a node", "became-active", because],
  ["### Of a node", "stopped-serving", stopped],
  ["### Of the server, besides", "request-refused", refused],
  ["### Of the server, besides", "reply-undeliverable", undeliverable],
  ["### Of the client", "server-changed", moved],
  ["### Of the client", "request-retried", retried],
  ["### Of the client", "reply-dropped", dropped],
])("every reason is on the page: %s %s", (heading, event, actual) => {
  expect(wordsIn(rowOf(page, heading, event))).toEqual(expect.arrayContaining(Object.keys(actual)));
});

test.each([
  ["### Counted by a node", () => new BinaryStar({ role: "primary" })],
  ["### Counted by the server", () => new BinaryStarServer({ role: "primary" })],
  ["### Counted by the client", () => new BinaryStarClient()],
])("every number of stats() is on the page, and no other: %s", async (heading, create) => {
  await using role = create();
  expect(named(table(page, heading)).sort()).toEqual(Object.keys(role.stats()).sort());
});

test.each([
  new RequestTimeoutError(effort),
  new ConnectionLostError(effort),
  new NotActiveError(effort),
  new RemoteError(""),
])("whether an error may be retried is as the page says: $code", ({ code, name, retryable }) => {
  expect(errorIn(page, code)).toEqual({ code, name, retryable });
});

test("what a service can say to the machine besides is on the page", () => {
  const inputs: readonly binaryStar.BinaryStarInput["type"][] = ["source-lost", "fell-behind"];
  expect(named(table(page, "### State that follows on a connection of its own"))).toEqual(inputs);
  expect(binaryStar.starLife.events).toContain("fell-behind");
});

test("the partitions on the page, and what the pair survives, are stories that the simulation tells", async () => {
  const [, after = ""] = page.split("And these it survives without help:");
  const rows = [...table(page, "## Partitions"), ...table(`\n#\n${after}`, "#")];
  const stated = rows.map(([cell = ""]) => /<br>`([\w-]+)`$/.exec(cell)?.[1] ?? `none: ${cell}`);
  const source = await workspaceFile("test/simulation/binary-star-stories.test.ts");
  const told = [...source.matchAll(/\bit\("([\w-]+): /g)].map(([, name]) => name);
  expect(stated.sort()).toEqual(told.sort());
});
