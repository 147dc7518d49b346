import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import type { SnapshotPairOptions } from "../src/index.js";
import { resolveServerOptions, resolveSnapshotClientOptions } from "../src/machine.js";
import { change, clientEvents, errors, serverEvents, store } from "./names.js";

// The compiler sees to it that none is missing here.
const pair: Record<keyof SnapshotPairOptions, true> = {
  role: true,
  liveness: true,
  claimTimeoutMs: true,
  peerSocket: true,
  arbiter: true,
  epochFile: true,
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
    const names = [serverEvents, clientEvents, errors, pair].flatMap((each) => Object.keys(each));
    expect(readme.lacks(names)).toEqual([]);
  });

  it("has the methods of a store, and the fields of a change in the order of the code", () => {
    expect(readme.lacks(Object.keys(store).map((name) => `${name}()`))).toEqual([]);
    expect(readme.text).toContain(`{ ${Object.keys(change).join(", ")} }`);
  });
});
