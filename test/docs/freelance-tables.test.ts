import type { ServerRequest } from "@seaworthy/core/node";
import {
  ConnectionLostError,
  FreelanceClient,
  type FreelanceClientEvent,
  type FreelanceRequestError,
  FreelanceServer,
  type FreelanceServerEvent,
  type FreelanceServerStatistics,
  type FreelanceStrategy,
  NotConnectedError,
  RemoteError,
  RequestTimeoutError,
} from "@seaworthy/freelance";
import * as freelance from "@seaworthy/freelance/machine";
import { describe, expect, test } from "vitest";
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

const page = await pageSource("docs/patterns/freelance.md");

const options = {
  "### Client": freelance.resolveClientOptions(),
  "### Server": freelance.resolveServerOptions(),
  "### Socket": socketSettings,
};

/** The default that a table has for an option. */
const stated = (heading: string, option: string): string | undefined => rowOf(page, heading, option)[1];

describe("option tables have every option, with the default that the code has", () => {
  test.each(Object.entries(options))("%s", (heading, actual) => {
    // A share, not a whole number as all the others.
    const rows = table(page, heading).filter(([name]) => name !== "`maxHedgeRatio`");
    const { maxHedgeRatio: _, ...rest } = { maxHedgeRatio: undefined, ...actual };
    expect(documented(rows, rest)).toStrictEqual(rest);
  });

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

  test("what the sockets are given", () => {
    const mark = settingIn(stated("### Server", "socket"), "sendHighWaterMark");
    expect(mark).toBe(options["### Server"].socket.sendHighWaterMark);
    const { socket } = freelance.resolveClientOptions({ maxInFlight: 20_000, maxServers: 500 });
    expect(socket).toMatchObject({ maxQueued: 20_000 + 500, sendHighWaterMark: 2 * 20_000 });
  });
});

test("every strategy has its column", () => {
  const strategies: Record<FreelanceStrategy, true> = { failover: true, shotgun: true, tracked: true };
  const [head = ""] = /^\| \|.*\|$/m.exec(page.split("\n## Three strategies\n")[1] ?? "") ?? [];
  expect([...head.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(Object.keys(strategies));
});

const clientEvents: Types<FreelanceClientEvent> = {
  "server-added": true,
  "server-removed": true,
  "server-connected": true,
  "server-alive": true,
  "server-suspected": true,
  "server-gone": true,
  "server-unaddressable": true,
  "connection-failed": true,
  "request-retried": true,
  "request-hedged": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
const serverEvents: Types<FreelanceServerEvent> = {
  "request-refused": true,
  "handler-failed": true,
  "reply-undeliverable": true,
  "repeat-answered": true,
  "repeat-joined": true,
  "message-dropped": true,
};
const errors: Record<FreelanceRequestError["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_CONNECTION_LOST: true,
  ERR_NOT_CONNECTED: true,
  ERR_HANDLER_FAILED: true,
  ERR_ABORTED: true,
  ERR_LIMIT_REACHED: true,
  ERR_CLOSED: true,
};
const request: Record<keyof ServerRequest, true> = {
  body: true,
  id: true,
  signal: true,
  isAnswered: true,
  reply: true,
  fail: true,
  drop: true,
};
const statistics: Record<keyof FreelanceServerStatistics, true> = {
  endpoint: true,
  state: true,
  outstanding: true,
  latencyMs: true,
  requests: true,
  answered: true,
  failures: true,
  timeouts: true,
  losses: true,
  hedges: true,
  lastHeardMs: true,
};

test.each([
  ["every status event of the client", "### Of the client", clientEvents],
  ["every status event of the server", "### Of the server", serverEvents],
  ["every error of the client", "## Errors", errors],
  ["every member of the request", "### The request", request],
  ["every field of a server's statistics", "### Of each server", statistics],
])("%s is on the page, and no other", (_what, heading, actual) => {
  expect(members(table(page, heading)).sort()).toEqual(Object.keys(actual).sort());
});

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

test.each([
  ["### Of the client", "server-gone", gone],
  ["### Of the client", "request-retried", retried],
  ["### Of the client", "reply-dropped", dropped],
  ["### Of the client", "send-refused", notSent],
  ["### Of the server", "reply-undeliverable", notSent],
])("every reason is on the page: %s %s", (heading, event, actual) => {
  expect(wordsIn(rowOf(page, heading, event))).toEqual(expect.arrayContaining(Object.keys(actual)));
});

test.each([
  ["### Counted by the client", () => new FreelanceClient()],
  ["### Counted by the server", () => new FreelanceServer()],
])("every number of stats() is on the page, and no other: %s", async (heading, create) => {
  await using role = create();
  expect(named(table(page, heading)).sort()).toEqual(Object.keys(role.stats()).sort());
});

const effort = { attempts: 1, sent: 1, endpoints: [] };

test.each([
  new RequestTimeoutError(effort),
  new ConnectionLostError(effort),
  new NotConnectedError(effort),
  new RemoteError(""),
])("whether an error may be retried is as the page says: $code", ({ code, name, retryable }) => {
  expect(errorIn(page, code)).toEqual({ code, name, retryable });
});
