import { describe, expect, it } from "vitest";
import { ParanoidPirateQueue, ParanoidPirateWorker } from "../src/index.js";
import { resolveQueueOptions, resolveWorkerOptions } from "../src/machine.js";

const MiB = 1024 * 1024;

describe("queue options", () => {
  it("have the defaults of 6/PPP", () => {
    expect(resolveQueueOptions()).toMatchObject({
      heartbeatMs: 1000,
      peerHeartbeatMs: 1000,
      liveness: 3,
      maxDeliveries: 3,
      detectDepartures: true,
      frontend: { sendHighWaterMark: 20_000, maxFrameBytes: 64 * MiB },
    });
  });

  it.each([
    [{ heartbeatMs: 0 }, RangeError, 'ParanoidPirateQueue: option "heartbeatMs"'],
    [{ peerHeartbeatMs: 0.5 }, RangeError, 'option "peerHeartbeatMs"'],
    [{ liveness: 0 }, RangeError, 'option "liveness"'],
    [{ maxDeliveries: 1.5 }, RangeError, 'option "maxDeliveries"'],
    [{ maxWaiting: "5" }, TypeError, 'option "maxWaiting"'],
    [{ maxWaitingBytes: 0 }, RangeError, 'option "maxWaitingBytes"'],
    [{ maxWaitingMs: 0 }, RangeError, 'option "maxWaitingMs"'],
    [{ maxWorkers: -1 }, RangeError, 'option "maxWorkers"'],
    [{ maxWorkers: 2_000_000 }, RangeError, 'option "maxWorkers"'],
    [{ detectDepartures: 1 }, TypeError, 'option "detectDepartures"'],
    [{ lingerMs: Number.NaN }, TypeError, 'option "lingerMs"'],
    [{ frontend: 5 }, TypeError, 'option "frontend"'],
    [{ frontend: { maxQueued: 0 } }, RangeError, 'ParanoidPirateQueue: frontend: option "maxQueued"'],
    [{ backend: { curve: { publicKey: "x" } } }, RangeError, 'backend: curve: option "publicKey"'],
    [
      { maxBodyBytes: 2000, backend: { maxFrameBytes: 1000 } },
      RangeError,
      '"maxBodyBytes" must not be above "backend.maxFrameBytes"',
    ],
    [{ livenes: 3 }, TypeError, 'there is no option "livenes"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new ParanoidPirateQueue(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });

  it("workers are expected to keep the queue's own interval, unless it is said", () => {
    expect(resolveQueueOptions({ heartbeatMs: 50 }).peerHeartbeatMs).toBe(50);
    expect(resolveQueueOptions({ heartbeatMs: 50, peerHeartbeatMs: 70 }).peerHeartbeatMs).toBe(70);
  });

  it("limits of the sockets follow those of the role, unless they are given", () => {
    const resolved = resolveQueueOptions({ maxBodyBytes: 100 * MiB, maxWorkers: 20_000 });
    expect(resolved.frontend.maxFrameBytes).toBe(100 * MiB);
    expect(resolved.backend).toMatchObject({ maxFrameBytes: 100 * MiB, maxQueued: 80_000 });
    expect(resolveQueueOptions({ frontend: { sendHighWaterMark: 5 } }).frontend.sendHighWaterMark).toBe(5);
    expect(resolveQueueOptions({ backend: { maxQueued: 500_000 } }).backend.maxQueued).toBe(500_000);
  });

  it("the send queue for workers has room for all of them, since a full one would cost workers", () => {
    expect(resolveQueueOptions({ maxWorkers: 100, backend: { maxQueued: 6 } }).backend.maxQueued).toBe(400);
  });

  it("may be left out in so many words", () => {
    const frontend = { sendHighWaterMark: undefined } as object;
    expect(resolveQueueOptions({ liveness: undefined, peerHeartbeatMs: undefined, frontend })).toMatchObject({
      liveness: 3,
      peerHeartbeatMs: 1000,
      frontend: { sendHighWaterMark: 20_000 },
    });
  });
});

describe("worker options", () => {
  it("have the defaults of 6/PPP: a lost queue is tried after 1 s, doubling to 32 s", () => {
    expect(resolveWorkerOptions()).toMatchObject({
      heartbeatMs: 1000,
      peerHeartbeatMs: 1000,
      liveness: 3,
      reconnect: { initialMs: 1000, maxMs: 32_000 },
    });
  });

  it.each([
    [{ heartbeatMs: 0 }, RangeError, 'ParanoidPirateWorker: option "heartbeatMs"'],
    [{ liveness: 2.5 }, RangeError, 'option "liveness"'],
    [{ reconnect: 7 }, TypeError, 'option "reconnect"'],
    [{ reconnect: { jitter: 2 } }, RangeError, 'ParanoidPirateWorker: reconnect: option "jitter"'],
    [{ reconnect: { pause: 2 } }, TypeError, 'reconnect: there is no option "pause"'],
    [{ maxSessions: 0 }, RangeError, 'option "maxSessions"'],
    [{ maxHeld: 0 }, RangeError, 'option "maxHeld"'],
    [{ lingerMs: -1 }, RangeError, 'option "lingerMs"'],
    [{ socket: { pingIntervalMs: -1 } }, RangeError, 'ParanoidPirateWorker: socket: option "pingIntervalMs"'],
    [
      { maxBodyBytes: 2000, socket: { maxFrameBytes: 1000 } },
      RangeError,
      'must not be above "socket.maxFrameBytes"',
    ],
    [{ concurrency: 3 }, TypeError, 'there is no option "concurrency"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new ParanoidPirateWorker(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });

  it("pauses follow the heartbeat, unless they are given, and are never longer than a duration may be", () => {
    expect(resolveWorkerOptions({ heartbeatMs: 50 }).reconnect).toEqual({ initialMs: 50, maxMs: 1600 });
    const reconnect = { initialMs: 5, factor: 3 };
    expect(resolveWorkerOptions({ reconnect }).reconnect).toEqual({ initialMs: 5, factor: 3, maxMs: 32_000 });
    const yearMs = 366 * 24 * 3600 * 1000;
    expect(resolveWorkerOptions({ heartbeatMs: yearMs }).reconnect.maxMs).toBe(yearMs);
  });

  it("may be left out in so many words", () => {
    expect(resolveWorkerOptions({ peerHeartbeatMs: undefined, heartbeatMs: 70 }).peerHeartbeatMs).toBe(70);
    expect(resolveWorkerOptions({ peerHeartbeatMs: 80, heartbeatMs: 70 }).peerHeartbeatMs).toBe(80);
  });
});
