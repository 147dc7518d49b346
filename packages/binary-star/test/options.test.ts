import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BinaryStar, BinaryStarServer } from "../src/index.js";
import { resolveStarOptions, resolveStarServerOptions } from "../src/machine.js";

const role = "primary";

const common = [
  [{}, TypeError, 'option "role" must be "primary" or "backup", and has no default'],
  [{ role: undefined }, TypeError, 'option "role"'],
  [{ role: "secondary" }, RangeError, 'option "role" must be one of "primary", "backup", got "secondary"'],
  [{ role: 1 }, TypeError, 'option "role"'],
  [{ role, heartbeatMs: 0 }, RangeError, 'option "heartbeatMs"'],
  [{ role, heartbeatMs: 2 ** 31 + 1 }, RangeError, 'option "heartbeatMs"'],
  [{ role, heartbeatMs: "1s" }, TypeError, 'option "heartbeatMs"'],
  [{ role, liveness: 0 }, RangeError, 'option "liveness"'],
  [{ role, liveness: 1.5 }, RangeError, 'option "liveness"'],
  [{ role, claimTimeoutMs: 0 }, RangeError, 'option "claimTimeoutMs"'],
  [{ role, claimTimeoutMs: "x" }, TypeError, 'option "claimTimeoutMs"'],
  [{ role, peerSocket: 1 }, TypeError, 'option "peerSocket"'],
  [{ role, peerSocket: { maxQueued: 0 } }, RangeError, 'peerSocket: option "maxQueued"'],
  [{ role, peerSocket: { curve: { publicKey: "x" } } }, RangeError, 'curve: option "publicKey"'],
  [{ role, lingerMs: -1 }, RangeError, 'option "lingerMs"'],
  [{ role, arbiter: {} }, TypeError, 'option "arbiter" must have acquire(), renew() and release()'],
  [{ role, arbiter: null }, TypeError, 'option "arbiter"'],
  [{ role, arbiter: { acquire() {}, renew() {} } }, TypeError, 'option "arbiter"'],
  [{ role, arbiter: { acquire() {}, release() {} } }, TypeError, 'option "arbiter"'],
  [{ role, epochFile: 1 }, TypeError, 'option "epochFile" must be a path'],
  [{ role, onActive: 1 }, TypeError, 'option "onActive" must be a function'],
  [{ role, onPassive: {} }, TypeError, 'option "onPassive" must be a function'],
  [{ role, transferState: "x" }, TypeError, 'option "transferState" must be a function'],
  [{ role, heartbeat: 5 }, TypeError, 'there is no option "heartbeat"'],
] as const;

describe("options of a node", () => {
  it("have the guide's defaults", () => {
    expect(resolveStarOptions("Star", { role })).toMatchObject({
      role: "primary",
      heartbeatMs: 1000,
      liveness: 2,
      claimTimeoutMs: 2000,
    });
    expect(resolveStarOptions("Star", { role, heartbeatMs: 300, liveness: 4 }).claimTimeoutMs).toBe(1200);
    expect(resolveStarOptions("Star", { role, claimTimeoutMs: 50 }).claimTimeoutMs).toBe(50);
  });

  it.each(common)("%j is refused by name", (options, kind, message) => {
    const construct = () => new BinaryStar(options as never);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
    expect(construct).toThrow("BinaryStar: ");
  });
});

describe("options of a server", () => {
  it("are those of a node, and those of any server", () => {
    const { star, server } = resolveStarServerOptions("Server", {
      role: "backup",
      maxQueued: 5,
      heartbeatMs: 9,
    });
    expect(star).toMatchObject({ role: "backup", heartbeatMs: 9, liveness: 2 });
    expect(server).toMatchObject({ maxQueued: 5, lingerMs: 1000, replyCache: undefined });
    expect(server).not.toHaveProperty("heartbeatMs");
  });

  it.each([
    ...common,
    [{ role, maxQueued: 0 }, RangeError, 'option "maxQueued"'],
    [{ role, maxQueuedBytes: 0 }, RangeError, 'option "maxQueuedBytes"'],
    [{ role, maxUnanswered: 0 }, RangeError, 'option "maxUnanswered"'],
    [{ role, maxBodyBytes: 0 }, RangeError, 'option "maxBodyBytes"'],
    [{ role, replyCache: 5 }, TypeError, 'option "replyCache"'],
    [{ role, replyCache: { maxAgeMs: 0 } }, RangeError, 'replyCache: option "maxAgeMs"'],
    [{ role, socket: { sendHighWaterMark: -1 } }, RangeError, 'socket: option "sendHighWaterMark"'],
  ] as const)("%j is refused by name", (options, kind, message) => {
    const construct = () => new BinaryStarServer(options as never);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
    expect(construct).toThrow("BinaryStarServer: ");
  });
});

describe("an epoch file", () => {
  it("that holds something else is an error at once, for both", () => {
    const folder = mkdtempSync(join(tmpdir(), "epoch-option-"));
    try {
      const epochFile = join(folder, "epoch");
      writeFileSync(epochFile, "garbage");
      expect(() => new BinaryStar({ role, epochFile })).toThrow("holds no epoch");
      expect(() => new BinaryStarServer({ role, epochFile })).toThrow("holds no epoch");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
