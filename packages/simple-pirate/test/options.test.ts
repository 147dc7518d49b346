import { describe, expect, it } from "vitest";
import { SimplePirateQueue, SimplePirateWorker } from "../src/index.js";
import { resolveQueueOptions, resolveWorkerOptions } from "../src/machine.js";

const MiB = 1024 * 1024;

describe("queue options", () => {
  it("have defaults", () => {
    expect(resolveQueueOptions()).toMatchObject({
      maxWaiting: 10_000,
      maxWaitingBytes: 256 * MiB,
      maxWaitingMs: 10_000,
      maxBodyBytes: 16 * MiB,
      maxWorkers: 10_000,
      lingerMs: 1000,
      frontend: { sendHighWaterMark: 20_000, maxFrameBytes: 64 * MiB },
      backend: { sendHighWaterMark: 1000, maxFrameBytes: 64 * MiB, maxQueued: 40_000 },
    });
  });

  it.each([
    [{ maxWaiting: 0 }, RangeError, 'SimplePirateQueue: option "maxWaiting"'],
    [{ maxWaiting: "5" }, TypeError, 'option "maxWaiting"'],
    [{ maxWaitingBytes: 0.5 }, RangeError, 'option "maxWaitingBytes"'],
    [{ maxWaitingMs: 0 }, RangeError, 'option "maxWaitingMs"'],
    [{ maxBodyBytes: -1 }, RangeError, 'option "maxBodyBytes"'],
    [{ maxWorkers: 0 }, RangeError, 'option "maxWorkers"'],
    [{ maxWorkers: 1_000_001 }, RangeError, 'option "maxWorkers"'],
    [{ lingerMs: Number.NaN }, TypeError, 'option "lingerMs"'],
    [{ frontend: 5 }, TypeError, 'option "frontend"'],
    [{ frontend: { maxQueued: 0 } }, RangeError, 'SimplePirateQueue: frontend: option "maxQueued"'],
    [{ backend: { ipv6: 1 } }, TypeError, 'SimplePirateQueue: backend: option "ipv6"'],
    [
      { maxBodyBytes: 2000, frontend: { maxFrameBytes: 1000 } },
      RangeError,
      '"maxBodyBytes" must not be above "frontend.maxFrameBytes"',
    ],
    [{ heartbeatMs: 1000 }, TypeError, 'there is no option "heartbeatMs"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new SimplePirateQueue(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });

  it("limits of the sockets follow those of the role", () => {
    const { frontend, backend } = resolveQueueOptions({ maxBodyBytes: 100 * MiB, maxWorkers: 50 });
    expect(frontend.maxFrameBytes).toBe(100 * MiB);
    expect(backend).toMatchObject({ maxFrameBytes: 100 * MiB, maxQueued: 10_000 });
  });

  it("may be left out in so many words", () => {
    const options = { maxWaiting: undefined, lingerMs: undefined, frontend: undefined, backend: undefined };
    expect(resolveQueueOptions(options)).toEqual(resolveQueueOptions());
  });
});

describe("worker options", () => {
  it("have defaults", () => {
    expect(resolveWorkerOptions()).toMatchObject({
      maxBodyBytes: 16 * MiB,
      maxHeld: 1000,
      maxSessions: 300,
      connectTimeoutMs: 2500,
      lingerMs: 1000,
      socket: { reconnectIntervalMs: 100, reconnectMaxIntervalMs: 2000, maxFrameBytes: 64 * MiB },
    });
  });

  it.each([
    [{ maxBodyBytes: 0 }, RangeError, 'SimplePirateWorker: option "maxBodyBytes"'],
    [{ maxHeld: 1.5 }, RangeError, 'option "maxHeld"'],
    [{ maxSessions: 0 }, RangeError, 'option "maxSessions"'],
    [{ connectTimeoutMs: 0 }, RangeError, 'option "connectTimeoutMs"'],
    [{ lingerMs: -1 }, RangeError, 'option "lingerMs"'],
    [{ socket: "fast" }, TypeError, 'option "socket"'],
    [{ socket: { pingIntervalMs: -1 } }, RangeError, 'SimplePirateWorker: socket: option "pingIntervalMs"'],
    [
      { maxBodyBytes: 2000, socket: { maxFrameBytes: 1000 } },
      RangeError,
      '"maxBodyBytes" must not be above "socket.maxFrameBytes"',
    ],
    [{ concurrency: 3 }, TypeError, 'there is no option "concurrency"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new SimplePirateWorker(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });

  it("the largest frame follows the largest body", () => {
    expect(resolveWorkerOptions({ maxBodyBytes: 100 * MiB }).socket.maxFrameBytes).toBe(100 * MiB);
  });

  it("may be left out in so many words", () => {
    expect(resolveWorkerOptions({ maxHeld: undefined, socket: undefined })).toEqual(resolveWorkerOptions());
  });
});
