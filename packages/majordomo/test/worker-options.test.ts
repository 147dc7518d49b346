import { describe, expect, it } from "vitest";
import { MajordomoWorker } from "../src/worker.js";
import { resolveWorkerOptions } from "../src/worker-options.js";

const MiB = 1024 * 1024;

describe("worker options", () => {
  it("have documented defaults", () => {
    expect(resolveWorkerOptions()).toMatchObject({
      heartbeatMs: 1000,
      peerHeartbeatMs: 2500,
      liveness: 3,
      protocol: "auto",
      reconnect: { initialMs: 1000, maxMs: 32_000 },
      maxHeld: 1000,
      maxBodyBytes: 16 * MiB,
      lingerMs: 1000,
      socket: { maxFrameBytes: 64 * MiB },
    });
  });

  it.each([
    [{ heartbeatMs: 0 }, RangeError, 'MajordomoWorker: option "heartbeatMs"'],
    [{ peerHeartbeatMs: "1" }, TypeError, 'option "peerHeartbeatMs"'],
    [{ liveness: 2.5 }, RangeError, 'option "liveness"'],
    [{ liveness: 1 }, RangeError, 'option "liveness" must be a whole number from 2'],
    [{ protocol: "0.3" }, RangeError, 'option "protocol"'],
    [{ protocol: 0.2 }, TypeError, 'option "protocol"'],
    [{ reconnect: 7 }, TypeError, 'option "reconnect"'],
    [{ reconnect: { jitter: 2 } }, RangeError, 'MajordomoWorker: reconnect: option "jitter"'],
    [{ reconnect: { initialMs: 0 } }, RangeError, 'MajordomoWorker: reconnect: option "initialMs" must be'],
    [{ reconnect: { pause: 2 } }, TypeError, 'reconnect: there is no option "pause"'],
    [{ maxHeld: 0 }, RangeError, 'option "maxHeld"'],
    [{ maxBodyBytes: 0 }, RangeError, 'option "maxBodyBytes"'],
    [{ lingerMs: -1 }, RangeError, 'option "lingerMs"'],
    [{ socket: { pingIntervalMs: -1 } }, RangeError, 'MajordomoWorker: socket: option "pingIntervalMs"'],
    [
      { maxBodyBytes: 2000, socket: { maxFrameBytes: 1000 } },
      RangeError,
      'must not be above "socket.maxFrameBytes"',
    ],
    [{ concurrency: 3 }, TypeError, 'there is no option "concurrency"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new MajordomoWorker("echo", options as object);
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

  it("brokers are expected to be heard as often as the guide's, or as ourselves if that is more seldom", () => {
    expect(resolveWorkerOptions({ heartbeatMs: 70 }).peerHeartbeatMs).toBe(2500);
    expect(resolveWorkerOptions({ heartbeatMs: 7000 }).peerHeartbeatMs).toBe(7000);
    expect(resolveWorkerOptions({ heartbeatMs: 7000, peerHeartbeatMs: 80 }).peerHeartbeatMs).toBe(80);
    expect(resolveWorkerOptions({ heartbeatMs: 7000, peerHeartbeatMs: undefined }).peerHeartbeatMs).toBe(
      7000,
    );
  });

  it("the largest frame lets the largest body pass", () => {
    expect(resolveWorkerOptions({ maxBodyBytes: 100 * MiB }).socket.maxFrameBytes).toBe(100 * MiB);
  });
});

describe("the service of a worker", () => {
  it.each(["", "x".repeat(256), "é".repeat(128), "mmi.", "mmi.service", "mmi.echo"])(
    "is not %j",
    (service) => {
      const construct = () => new MajordomoWorker(service);
      expect(construct).toThrow(RangeError);
      expect(construct).toThrow("MajordomoWorker: ");
    },
  );

  it.each([undefined, 5, {}])("is not %j, which is no text", (service) => {
    expect(() => new MajordomoWorker(service as unknown as string)).toThrow(TypeError);
  });

  it.each(["e", "x".repeat(255), "é".repeat(127), "mmi", "MMI.x", "a.mmi.b"])(
    "may be %j",
    async (service) => {
      await new MajordomoWorker(service).close();
    },
  );
});
