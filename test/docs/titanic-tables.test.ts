import {
  MemoryStore,
  type RefusalReason,
  type RequestDetails,
  StoreError,
  type StoreErrorCode,
  TitanicClient,
  type TitanicClientEvent,
  type TitanicRequestError,
  TitanicServer,
  type TitanicServerEvent,
} from "@seaworthy/titanic";
import * as titanic from "@seaworthy/titanic/machine";
import { describe, expect, test } from "vitest";
import { FLAGS, OPTION_FLAGS } from "../../packages/titanic/src/daemon-flags.js";
import { TitanicMetrics } from "../../packages/titanic/src/daemon-metrics.js";
import { resolveLmdbOptions } from "../../packages/titanic/src/lmdb-options.js";
import { resolvePostgresOptions } from "../../packages/titanic/src/postgres-options.js";
import { verdictOn } from "../../packages/titanic/src/verdict.js";
import { testNames, testOptions, testStatistics } from "./page-tests.js";
import { workspaceFile } from "./site.js";
import { metricCells, pageSource, socketSettings, type Types, table, wordsIn } from "./tables.js";

const page = await pageSource("docs/patterns/titanic.md");
const readme = await workspaceFile("packages/titanic/README.md");

const { worker, client: _servers, ...server } = titanic.resolveServerOptions();
const { client: majordomo, ...client } = titanic.resolveTitanicOptions();
const { place, ...postgres } = resolvePostgresOptions({});
const { connectTimeoutMs, heartbeatMs, liveness, protocol, maxSockets, maxConnections } = majordomo;

const options = {
  "### Server": { ...server, socket: worker.socket },
  "### Client": {
    ...client,
    ...{ connectTimeoutMs, heartbeatMs, liveness, protocol, maxSockets, maxConnections },
    socket: majordomo.socket,
  },
  "### LmdbStore": resolveLmdbOptions({}),
  "### PostgresStore": { ...place, ...postgres },
  "### Socket": socketSettings,
};

describe("options", () => {
  testOptions(page, options);

  test.each([
    ["backoff", "1 s at first, doubling to 5 minutes, half of it random", server.backoff],
    ["absence", "100 ms at first, doubling to 5 s", server.absence],
    ["poll", "10 ms at first, doubling to 1 s, half of it random", client.poll],
  ])("pauses of %s", (option, words, { initialMs, maxMs }) => {
    const [, first = "", last = ""] = /^(.*) at first, doubling to (.*?)(?:,|$)/.exec(words) ?? [];
    expect([first, last].map(milliseconds)).toEqual([initialMs, maxMs]);
    const rows = [...table(page, "### Server"), ...table(page, "### Client")];
    const stated = rows.filter(([name]) => name === `\`${option}\``).map((row) => row.at(-1));
    expect(stated).toContainEqual(expect.stringContaining(words));
  });
});

/** `5 minutes` in ms. */
function milliseconds(text: string): number {
  const [amount = "", unit = ""] = text.split(" ");
  return Number(amount) * ({ ms: 1, s: 1000, minutes: 60_000 }[unit] ?? Number.NaN);
}

test("the README has every option of server and client, too", () => {
  const [, ofServer = "", ofClient = ""] = readme.split("\n| option | default | meaning |\n");
  const listed = (text: string): string[] =>
    (/^(?:\|.*\n)+/.exec(text)?.[0] ?? "")
      .split("\n")
      .slice(1)
      .flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(\w+)`/g)].map(([, name = ""]) => name));
  expect(listed(ofServer).sort()).toEqual(Object.keys(options["### Server"]).sort());
  expect(listed(ofClient).sort()).toEqual(Object.keys(options["### Client"]).sort());
});

const serverEvents: Types<TitanicServerEvent> = {
  "attempt-failed": true,
  "request-buried": true,
  "request-refused": true,
  "service-missed": true,
  "service-found": true,
  "lease-lost": true,
  "reply-dropped": true,
  "store-failed": true,
  "store-recovered": true,
  "service-offered": true,
  "service-withdrawn": true,
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
  "process-stalled": true,
};
const clientEvents: Types<TitanicClientEvent> = {
  "dialect-found": true,
  "call-retried": true,
  "call-failed": true,
  "request-left": true,
  "connection-opened": true,
  "connection-failed": true,
  "connection-lost": true,
  "connection-abandoned": true,
  "connection-replaced": true,
  "broker-recognised": true,
  "reply-dropped": true,
  "process-stalled": true,
  "message-dropped": true,
};
const errors: Record<TitanicRequestError["code"], true> = {
  ERR_UNKNOWN_REQUEST: true,
  ERR_REQUEST_CLOSED: true,
  ERR_DEAD_LETTER: true,
  ERR_KEY_CONFLICT: true,
  ERR_REQUEST_REFUSED: true,
  ERR_SERVER_FAILED: true,
  ERR_NOT_SUPPORTED: true,
  ERR_WAIT_TIMEOUT: true,
  ERR_REQUEST_TIMEOUT: true,
  ERR_BROKER_UNREACHABLE: true,
  ERR_NO_SERVICE: true,
  ERR_WORKERS_FAILED: true,
  ERR_BROKER_LIMIT: true,
  ERR_HANDLER_FAILED: true,
  ERR_LIMIT_REACHED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
};
const storeErrors: Record<StoreErrorCode, true> = {
  ERR_STORE_UNAVAILABLE: true,
  ERR_STORE_FULL: true,
  ERR_STORE_CORRUPT: true,
  ERR_STORE_FOREIGN: true,
  ERR_STORE_IN_USE: true,
  ERR_STORE_CLOSED: true,
};
const request: Record<keyof RequestDetails, true> = {
  id: true,
  service: true,
  state: true,
  key: true,
  failures: true,
  failure: true,
  acceptedAt: true,
  at: true,
  body: true,
  reply: true,
};

testNames(page, [
  ["every status event of the server", "### Of the server", serverEvents],
  ["every status event of the client", "### Of the client", clientEvents],
  ["every error of the client", "## Errors", errors],
  ["every error of a store", "### When a store fails", storeErrors],
  ["every field of a request", "#### Of a request", request],
]);

test("whether an error of a store is worth another try is as the page says", () => {
  for (const [code, , retryable] of table(page, "### When a store fails")) {
    const error = new StoreError((code ?? "").replaceAll("`", "") as StoreErrorCode, "");
    expect(retryable, code).toBe(error.retryable ? "yes" : "no");
  }
});

test("every reason of a refusal is on the page", () => {
  const reasons: Record<RefusalReason, true> = { malformed: true, conflict: true, limit: true, store: true };
  const row = table(page, "### Of the server").find(([name]) => name === "`request-refused`");
  const stated = [...(row?.at(-1) ?? "").matchAll(/\(`(\w+)`/g)].map(([, reason]) => reason);
  expect(stated).toEqual(Object.keys(reasons));
});

test("what counts as a failed attempt is as the page says", () => {
  type Code = Parameters<typeof verdictOn>[0]["code"];
  // The compiler demands each code here.
  const codes: Record<Code, true> = {
    ERR_REQUEST_TIMEOUT: true,
    ERR_WORKERS_FAILED: true,
    ERR_HANDLER_FAILED: true,
    ERR_STREAM_INTERRUPTED: true,
    ERR_LIMIT_REACHED: true,
    ERR_BROKER_LIMIT: true,
    ERR_ABORTED: true,
    ERR_CLOSED: true,
    ERR_NO_SERVICE: true,
    ERR_BROKER_UNREACHABLE: true,
  };
  const stated = table(page, "### Attempts and dead letters").flatMap(([what = "", counts = ""]) =>
    [...what.matchAll(/`(ERR_\w+)`/g)].map(([, code = ""]) => [code, counts.split(",")[0]] as const),
  );
  const actual = (Object.keys(codes) as Code[]).map((code) => {
    const failure = { code, attempts: 1, sent: 1, endpoints: [] } as unknown as Parameters<
      typeof verdictOn
    >[0];
    return [code, verdictOn(failure) === "counts" ? "yes" : "no"];
  });
  expect([...stated].sort()).toEqual(actual.sort());
});

testStatistics(page, [
  ["### Counted by the server", () => new TitanicServer(new MemoryStore())],
  ["### Counted by the client", () => new TitanicClient()],
]);

/** Names of metrics in a table behind its head. */
function metrics(text: string, head: string): string[] {
  return metricCells(text, head).flatMap((cell) => wordsIn([cell]));
}

test("the page and the README list the metrics that there are", async () => {
  await using server = new TitanicServer(new MemoryStore());
  await server.open();
  const text = await new TitanicMetrics(server).text();
  const actual = [...text.matchAll(/^# TYPE titanic_(\w+)/gm)].map(([, name = ""]) => name);
  const ours = actual.filter((name) => !/^(?:process|nodejs)_/.test(name)).sort();
  expect(metrics(page, "| Name, after `titanic_` |").sort()).toEqual(ours);
  expect(metrics(readme, "| metrics, with `titanic_` in front |").sort()).toEqual(ours);
});

test("every flag that page and README name is one of the program", () => {
  const flags = new Set(Object.values(FLAGS).flatMap((list) => list.map(({ name }) => name)));
  const [, ofPage = ""] = page.split("\n## The server as a daemon\n");
  const [, ofReadme = ""] = readme.split("\n## `titanic`\n");
  for (const text of [ofPage.split("\n## ", 1)[0] ?? "", ofReadme.split("\n## ", 1)[0] ?? ""]) {
    const stated = [...text.matchAll(/[ `]--([a-z][a-z0-9-]*)/g)].map(([, name = ""]) => name);
    expect(stated.length).toBeGreaterThan(10);
    expect(stated.filter((name) => !flags.has(name))).toEqual([]);
  }
  expect(Object.keys(OPTION_FLAGS).filter((option) => !(option in options["### Server"]))).toEqual([]);
});

/** Commands in shell fences. */
const commands = (text: string): string[] => [...text.matchAll(/^npx titanic .*$/gm)].map(([line]) => line);

test("the commands of the page are those of the README, which run as the package's tests", () => {
  expect(commands(readme)).not.toEqual([]);
  expect(commands(page)).toEqual(commands(readme));
});
