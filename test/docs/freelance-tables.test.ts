import type { ServerRequest } from "@seaworthy/core/node";
import {
  ConnectionLostError,
  FreelanceClient,
  type FreelanceClientEvent,
  FreelanceServer,
  type FreelanceStrategy,
  NotConnectedError,
  RemoteError,
  RequestTimeoutError,
} from "@seaworthy/freelance";
import * as freelance from "@seaworthy/freelance/machine";
import { describe, expect, test } from "vitest";
import * as names from "../../packages/freelance/test/names.js";
import {
  testErrors,
  testNames,
  testOptions,
  testReasons,
  testSettings,
  testStatistics,
} from "./page-tests.js";
import { columnsOf, pageSource, rowOf, socketSettings, type Values } from "./tables.js";

const page = await pageSource("docs/patterns/freelance.md");

const options = {
  "### Client": freelance.resolveClientOptions(),
  "### Server": freelance.resolveServerOptions(),
  "### Socket": socketSettings,
};

/** The default that a table has for an option. */
const stated = (heading: string, option: string): string | undefined => rowOf(page, heading, option)[1];

describe("options", () => {
  // A share, not a whole number as all the others.
  testOptions(page, options, ["maxHedgeRatio"]);

  test("the share of hedges, and the hedges beyond it", () => {
    expect(stated("### Client", "maxHedgeRatio")).toBe(String(options["### Client"].maxHedgeRatio));
    expect(page).toContain(`${freelance.HEDGE_BURST} + \`maxHedgeRatio\` × requests`);
  });

  test("the reply cache is off, and so is hedging", () => {
    expect(stated("### Server", "replyCache")).toBe("false");
    expect(options["### Server"].replyCache).toBeUndefined();
    for (const option of ["hedgeAfterMs", "hedgePercentile"] as const) {
      expect(stated("### Client", option)).toBe("none");
      expect(options["### Client"][option]).toBeUndefined();
    }
  });

  const mark = options["### Server"].socket.sendHighWaterMark;
  testSettings(page, [["### Server", "socket", "sendHighWaterMark", mark]]);

  test("what the client's sockets are given", () => {
    const { socket } = freelance.resolveClientOptions({ maxInFlight: 20_000, maxServers: 500 });
    expect(socket).toMatchObject({ maxQueued: 20_000 + 500, sendHighWaterMark: 2 * 20_000 });
  });
});

test("every strategy has its column", () => {
  const strategies: Record<FreelanceStrategy, true> = { failover: true, shotgun: true, tracked: true };
  expect(columnsOf(page, "## Three strategies")).toEqual(Object.keys(strategies));
});

const request: Record<keyof ServerRequest, true> = {
  body: true,
  id: true,
  signal: true,
  isAnswered: true,
  reply: true,
  fail: true,
  drop: true,
};

testNames(page, [
  ["every status event of the client", "### Of the client", names.clientEvents],
  ["every status event of the server", "### Of the server", names.serverEvents],
  ["every error of the client", "## Errors", names.errors],
  ["every member of the request", "### The request", request],
  ["every field of a server's statistics", "### Of each server", { endpoint: true, ...names.statistics }],
]);

const gone: Values<FreelanceClientEvent, "server-gone"> = { lost: true, silent: true };
const retried: Values<FreelanceClientEvent, "request-retried"> = {
  "timed-out": true,
  "server-lost": true,
};
const dropped: Values<FreelanceClientEvent, "reply-dropped"> = { late: true, unknown: true };
const notSent: Values<FreelanceClientEvent, "send-refused"> = {
  "peer-unknown": true,
  "peer-full": true,
  "queue-full": true,
};

testReasons(page, [
  ["### Of the client", "server-gone", gone],
  ["### Of the client", "request-retried", retried],
  ["### Of the client", "reply-dropped", dropped],
  ["### Of the client", "send-refused", notSent],
  ["### Of the server", "reply-undeliverable", notSent],
]);

testStatistics(page, [
  ["### Counted by the client", () => new FreelanceClient()],
  ["### Counted by the server", () => new FreelanceServer()],
]);

const effort = { attempts: 1, sent: 1, endpoints: [] };

testErrors(page, [
  new RequestTimeoutError(effort),
  new ConnectionLostError(effort),
  new NotConnectedError(effort),
  new RemoteError(""),
]);
