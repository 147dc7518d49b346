import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import type {
  MapStore,
  SnapshotChange,
  SnapshotClientEvent,
  SnapshotPairOptions,
  SnapshotServerEvent,
  SnapshotUpdateError,
} from "../src/index.js";
import { resolveServerOptions, resolveSnapshotClientOptions } from "../src/machine.js";

// The compiler sees to it that none is missing here.
const serverEvents: Record<SnapshotServerEvent["type"], true> = {
  "snapshot-sent": true,
  "snapshot-abandoned": true,
  "update-refused": true,
  "entry-expired": true,
  "subtree-refused": true,
  "follower-joined": true,
  "follower-lost": true,
  "caught-up": true,
  "pending-ordered": true,
  "store-failed": true,
  "store-recovered": true,
  "process-stalled": true,
  "message-dropped": true,
};
const clientEvents: Record<SnapshotClientEvent["type"], true> = {
  "join-began": true,
  "subtree-widened": true,
  joined: true,
  "server-left": true,
  "gap-noticed": true,
  "set-retried": true,
  "set-failed": true,
  "collector-failed": true,
  "watcher-overflowed": true,
  "process-stalled": true,
  "message-dropped": true,
};
const codes: Record<SnapshotUpdateError["code"], true> = {
  ERR_SET_TIMEOUT: true,
  ERR_CONFLICT: true,
  ERR_REFUSED: true,
  ERR_UNSUPPORTED: true,
  ERR_LIMIT_REACHED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
};
const pair: Record<keyof SnapshotPairOptions, true> = {
  role: true,
  liveness: true,
  claimTimeoutMs: true,
  peerSocket: true,
  arbiter: true,
  epochFile: true,
};
const store: Record<keyof MapStore, true> = { open: true, commit: true, replace: true, close: true };
const change: Record<keyof SnapshotChange, true> = {
  type: true,
  key: true,
  keyText: true,
  entry: true,
  previous: true,
  sequence: true,
};

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands", async () => {
    expect(await readme.runExample()).toEqual({ stdout: "speed: 12\n/wind/from: north-west\n", stderr: "" });
  });

  it("lists every option of both roles, and no other", () => {
    const {
      peerDeadMs: _peer,
      hasStore: _store,
      packBytes: _pack,
      ...server
    } = resolveServerOptions("test", {});
    const { packBytes: _bytes, ...client } = resolveSnapshotClientOptions();
    expect(readme.options("The server")).toEqual([...Object.keys(server), "pair", "store"].sort());
    expect(readme.options("The client")).toEqual(Object.keys(client).sort());
  });

  it("lists every event, every error and every option of a pair", () => {
    const names = [serverEvents, clientEvents, codes, pair].flatMap((each) => Object.keys(each));
    expect(readme.lacks(names)).toEqual([]);
  });

  it("has the methods of a store, and the fields of a change in the order of the code", () => {
    expect(readme.lacks(Object.keys(store).map((name) => `${name}()`))).toEqual([]);
    expect(readme.text).toContain(`{ ${Object.keys(change).join(", ")} }`);
  });
});
