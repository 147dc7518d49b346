import type { BinaryStarEvent } from "@seaworthy/binary-star";
import { resolveStarOptions } from "@seaworthy/binary-star/machine";
import {
  AbortedError,
  ClosedError,
  ConflictError,
  type FollowerLossReason,
  type LeaveReason,
  LimitError,
  type RefusalReason,
  RefusedError,
  SetTimeoutError,
  SnapshotClient,
  type SnapshotClientEvent,
  type SnapshotEntry,
  type SnapshotPairOptions,
  SnapshotServer,
  type SnapshotServerEvent,
  type SnapshotServerView,
  UnsupportedError,
} from "@seaworthy/pubsub-snapshot";
import { LmdbStore, type LmdbStoreOptions } from "@seaworthy/pubsub-snapshot/lmdb";
import * as snapshot from "@seaworthy/pubsub-snapshot/machine";
import { describe, expect, test } from "vitest";
import * as names from "../../packages/pubsub-snapshot/test/names.js";
import { testErrors, testNames, testOptions, testReasons, testStatistics } from "./page-tests.js";
import { checkSnippetTypes } from "./snippet-folder.js";
import { documented, named, pageSource, rowOf, socketSettings, table, type Values } from "./tables.js";

const page = await pageSource("docs/patterns/pubsub-snapshot.md");

const {
  peerDeadMs: _peer,
  hasStore: _store,
  packBytes: _pack,
  ...server
} = snapshot.resolveServerOptions("test", {});
const { role: _role, heartbeatMs: _heartbeat, ...star } = resolveStarOptions("test", { role: "primary" });
/** What only the class takes, and has no default; the compiler demands all of it, and no more. */
const shared: Record<Exclude<keyof SnapshotPairOptions, "role" | keyof typeof star>, undefined> = {
  arbiter: undefined,
  epochFile: undefined,
};
const { subtree, packBytes: _bytes, ...client } = snapshot.resolveSnapshotClientOptions();

describe("options", () => {
  testOptions(
    page,
    {
      "### Server": { store: undefined, pair: undefined, ...server },
      "### The pair": { ...star, ...shared },
      "### Client": client,
      "### Socket": socketSettings,
    },
    ["role", "subtree"],
  );

  test("the subtree is empty, and the role must be given", () => {
    expect([subtree, rowOf(page, "### Client", "subtree")[1]]).toEqual(["", "empty"]);
    expect(rowOf(page, "### The pair", "role")[1]).toBe("must be given");
    expect(() => new SnapshotServer({ pair: {} as SnapshotPairOptions })).toThrow(/no default/);
  });

  test("those that follow from others do so", () => {
    expect(resolveStarOptions("test", { role: "backup", heartbeatMs: 300, liveness: 4 }).claimTimeoutMs).toBe(
      4 * 300,
    );
    const { socket } = snapshot.resolveSnapshotClientOptions({ maxInFlight: 50_000 });
    expect(socket.maxQueued).toBeGreaterThanOrEqual(50_000);
  });

  test("LmdbStore: as many UUIDs as the server remembers", () => {
    const options: Record<keyof LmdbStoreOptions, number> = { maxKnown: server.maxKnown };
    const rows = table(page, "### LmdbStore");
    expect(documented(rows, options)).toStrictEqual(options);
    expect(() => new LmdbStore("unused", { maxKnown: 0 })).toThrow(RangeError);
  });
});

const view: Record<keyof SnapshotServerView, true> = {
  isActive: true,
  sequence: true,
  keys: true,
  pair: true,
};
const entry: Record<keyof SnapshotEntry, true> = {
  key: true,
  keyText: true,
  value: true,
  sequence: true,
  properties: true,
  ttlMs: true,
};
const refusals: Record<RefusalReason, true> = {
  passive: true,
  conflict: true,
  full: true,
  invalid: true,
  "store-failed": true,
};
const leaves: Record<LeaveReason, true> = {
  lost: true,
  failed: true,
  silent: true,
  "no-answer": true,
  gap: true,
  passive: true,
  changed: true,
  refused: true,
  "too-many-keys": true,
  malformed: true,
};

testNames(page, [
  ["every status event of the server", "### Of the server", names.serverEvents],
  ["every status event of the client", "### Of the client", names.clientEvents],
  ["every field of view()", "### What a server tells of itself", view],
  ["every member of an entry", "### The entry", entry],
  ["every member of a change", "### The change", names.change],
  ["every error of set() and delete()", "## Errors", names.errors],
  ["every reason to refuse an update", "### Why a server refuses", refusals],
  ["every reason to leave a server", "## Joining", leaves],
  ["every method of a store", "### Other stores", names.store],
]);

const abandoned: Values<SnapshotServerEvent, "snapshot-abandoned"> = {
  "client-gone": true,
  "client-slow": true,
  "not-active": true,
};
const lost: Record<FollowerLossReason, true> = {
  silent: true,
  left: true,
  gone: true,
  replaced: true,
  slow: true,
};
const widened: Values<SnapshotClientEvent, "subtree-widened"> = { foreign: true, crowded: true };

testReasons(page, [
  ["### Of the server", "snapshot-abandoned", abandoned],
  ["### Of the server", "follower-lost", lost],
  ["### Of the client", "subtree-widened", widened],
]);

test("a server of a pair has the events of a node, which are told on another page", async () => {
  const [, besides = ""] = /has the \[events of a node\]\((.*?)\) besides/.exec(page) ?? [];
  expect(besides).toBe("/patterns/binary-star#of-a-node");
  const event: BinaryStarEvent["type"] = "became-active";
  expect(named(table(await pageSource("docs/patterns/binary-star.md"), "### Of a node"))).toContain(event);
});

testStatistics(page, [
  ["### Counted by the server", () => new SnapshotServer()],
  ["### Counted by the client", () => new SnapshotClient()],
]);

testErrors(page, [
  new SetTimeoutError(1, 1),
  new ConflictError(1),
  new UnsupportedError("ifSequence"),
  new LimitError("maxInFlight", 1, ""),
  new AbortedError(undefined),
  new ClosedError("SnapshotClient"),
]);

test("a refused update may be retried if it was the store", () => {
  const [cell = "", when = "", retryable] = rowOf(page, "## Errors", "ERR_REFUSED");
  expect([cell, retryable]).toEqual(["`ERR_REFUSED`<br>`RefusedError`", "depends"]);
  for (const [reason, word] of [
    ["store-failed", "retryable"],
    ["invalid", "not"],
  ] as const) {
    expect(when).toContain(`\`${reason}\` (${word})`);
    expect(new RefusedError(reason).retryable).toBe(word === "retryable");
  }
});

test("all snippets have the right types", async () => {
  expect(await checkSnippetTypes("docs/patterns/pubsub-snapshot.md")).toBe(7);
});
