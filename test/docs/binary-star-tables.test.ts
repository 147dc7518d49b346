import {
  BinaryStar,
  BinaryStarClient,
  type BinaryStarClientEvent,
  type BinaryStarEvent,
  type BinaryStarRequest,
  BinaryStarServer,
  type BinaryStarServerEvent,
  type BinaryStarView,
  ConnectionLostError,
  NotActiveError,
  RemoteError,
  RequestTimeoutError,
} from "@seaworthy/binary-star";
import * as binaryStar from "@seaworthy/binary-star/machine";
import { describe, expect, test } from "vitest";
import * as names from "../../packages/binary-star/test/names.js";
import {
  testErrors,
  testNames,
  testOptions,
  testReasons,
  testSettings,
  testStatistics,
} from "./page-tests.js";
import { workspaceFile } from "./site.js";
import { named, pageSource, rowOf, socketSettings, table, type Values } from "./tables.js";

const page = await pageSource("docs/patterns/binary-star.md");

const { star, server } = binaryStar.resolveStarServerOptions("test", { role: "primary" });

const effort = { attempts: 1, sent: 1, endpoints: [] };

const options = {
  "### The pair": { ...star, ...names.hooks },
  "### Server": server,
  "### Client": binaryStar.resolveClientOptions(),
  "### Socket": socketSettings,
};

describe("options", () => {
  testOptions(page, options, ["role"]);

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

  testSettings(page, [["### Server", "socket", "sendHighWaterMark", server.socket.sendHighWaterMark]]);
});

const view: Record<keyof BinaryStarView, true> = {
  role: true,
  state: true,
  isServing: true,
  epoch: true,
  peerState: true,
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

testNames(page, [
  ["every status event of a node", "### Of a node", names.nodeEvents],
  ["every status event of the server", "### Of the server, besides", names.serverEvents],
  ["every status event of the client", "### Of the client", names.clientEvents],
  ["every field of view()", "### What a node tells of itself", view],
  ["every error of the client", "## Errors", names.errors],
  ["every member of the request", "### The request", request],
  ["every method of an arbiter", "## Arbiters", arbiter],
]);

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

testReasons(page, [
  ["### Of a node", "became-active", because],
  ["### Of a node", "stopped-serving", stopped],
  ["### Of the server, besides", "request-refused", refused],
  ["### Of the server, besides", "reply-undeliverable", undeliverable],
  ["### Of the client", "server-changed", moved],
  ["### Of the client", "request-retried", retried],
  ["### Of the client", "reply-dropped", dropped],
]);

testStatistics(page, [
  ["### Counted by a node", () => new BinaryStar({ role: "primary" })],
  ["### Counted by the server", () => new BinaryStarServer({ role: "primary" })],
  ["### Counted by the client", () => new BinaryStarClient()],
]);

testErrors(page, [
  new RequestTimeoutError(effort),
  new ConnectionLostError(effort),
  new NotActiveError(effort),
  new RemoteError(""),
]);

test("what a service can say to the machine besides is on the page", () => {
  const inputs: readonly binaryStar.BinaryStarInput["type"][] = ["source-lost", "fell-behind"];
  expect(named(table(page, "### State that follows on a connection of its own"))).toEqual(inputs);
  expect(binaryStar.starLife.events).toContain("fell-behind");
});

test("the partitions on the page, and what the pair survives, are stories that the simulation tells", async () => {
  const survived = table(page, "And these it survives without help:");
  const rows = [...table(page, "## Partitions"), ...survived];
  const stated = rows.map(([cell = ""]) => /<br>`([\w-]+)`$/.exec(cell)?.[1] ?? `none: ${cell}`);
  const source = await workspaceFile("test/simulation/binary-star-stories.test.ts");
  const told = [...source.matchAll(/\bit\("([\w-]+): /g)].map(([, name]) => name);
  expect(stated.sort()).toEqual(told.sort());
});
