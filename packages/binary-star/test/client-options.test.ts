import { describe, expect, it } from "vitest";
import { BinaryStarClient } from "../src/client.js";
import { resolveClientOptions } from "../src/client-options.js";

describe("client options", () => {
  it("have the guide's times, and attempts for more than one failover", () => {
    expect(resolveClientOptions()).toMatchObject({
      heartbeatMs: 1000,
      settleMs: 2000,
      timeoutMs: 1000,
      attempts: 8,
      maxInFlight: 10_000,
      lingerMs: 1000,
    });
  });

  it("the settle time follows from the heartbeat, unless it is given", () => {
    expect(resolveClientOptions({ heartbeatMs: 100 }).settleMs).toBe(200);
    expect(resolveClientOptions({ heartbeatMs: 100, settleMs: undefined }).settleMs).toBe(200);
    expect(resolveClientOptions({ heartbeatMs: 100, settleMs: 0 }).settleMs).toBe(0);
  });

  it("the limits of the socket follow those of the client, unless they are given", () => {
    const big = 100 * 1024 * 1024;
    expect(resolveClientOptions({ maxInFlight: 50_000, maxBodyBytes: big }).socket).toMatchObject({
      maxQueued: 50_000,
      maxFrameBytes: big,
    });
    expect(resolveClientOptions({ maxInFlight: 50_000, socket: { maxQueued: 5 } }).socket.maxQueued).toBe(5);
  });

  it.each([
    [{ timeoutMs: 0 }, RangeError, 'BinaryStarClient: option "timeoutMs"'],
    [{ attempts: 1.5 }, RangeError, 'BinaryStarClient: option "attempts"'],
    [{ attempts: "3" }, TypeError, 'BinaryStarClient: option "attempts"'],
    [{ heartbeatMs: 0 }, RangeError, 'option "heartbeatMs"'],
    [{ settleMs: -1 }, RangeError, 'option "settleMs"'],
    [{ backoff: 7 }, TypeError, 'option "backoff"'],
    [{ backoff: { jitter: 2 } }, RangeError, 'BinaryStarClient: backoff: option "jitter"'],
    [{ socket: { maxQueued: 0 } }, RangeError, 'BinaryStarClient: socket: option "maxQueued"'],
    [{ connectTimeoutMs: 0 }, RangeError, 'option "connectTimeoutMs"'],
    [
      { maxBodyBytes: 2000, socket: { maxFrameBytes: 1000 } },
      RangeError,
      'must not be above "socket.maxFrameBytes"',
    ],
    [{ retries: 3 }, TypeError, 'there is no option "retries"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new BinaryStarClient(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });
});
