import { describe, expect, it } from "vitest";
import { MajordomoBroker } from "../src/index.js";
import { resolveBrokerOptions } from "../src/machine.js";

const MiB = 1024 * 1024;

describe("broker options", () => {
  it("have the defaults that their documentation gives", () => {
    const { socket, ...rest } = resolveBrokerOptions();
    expect(rest).toEqual({
      heartbeatMs: 1000,
      peerHeartbeatMs: 2500,
      liveness: 3,
      maxHeartbeatsPerSecond: 1250,
      maxDeliveries: 3,
      requestTtlMs: 60_000,
      maxWaiting: 200_000,
      maxWaitingBytes: 256 * MiB,
      maxUnoffered: 1000,
      maxUnofferedBytes: 16 * MiB,
      maxHeldBytes: 1024 * MiB,
      maxBodyBytes: 16 * MiB,
      maxServices: 1000,
      maxWorkers: 10_000,
      maxCredit: 1000,
      detectDepartures: true,
      lingerMs: 1000,
    });
    expect(socket).toMatchObject({ sendHighWaterMark: 20_000, maxQueued: 40_000, maxFrameBytes: 64 * MiB });
  });

  it.each([
    [{ heartbeatMs: 0 }, RangeError, 'MajordomoBroker: option "heartbeatMs"'],
    [{ peerHeartbeatMs: 0.5 }, RangeError, 'option "peerHeartbeatMs"'],
    [{ liveness: 0 }, RangeError, 'option "liveness"'],
    [{ maxHeartbeatsPerSecond: 0 }, RangeError, 'option "maxHeartbeatsPerSecond"'],
    [{ maxDeliveries: 1.5 }, RangeError, 'option "maxDeliveries"'],
    [{ requestTtlMs: 0 }, RangeError, 'option "requestTtlMs"'],
    [{ maxWaiting: "5" }, TypeError, 'option "maxWaiting"'],
    [{ maxWaitingBytes: 0 }, RangeError, 'option "maxWaitingBytes"'],
    [{ maxUnoffered: 0 }, RangeError, 'option "maxUnoffered"'],
    [{ maxUnofferedBytes: -1 }, RangeError, 'option "maxUnofferedBytes"'],
    [{ maxHeldBytes: 0 }, RangeError, 'option "maxHeldBytes"'],
    [{ maxBodyBytes: 0 }, RangeError, 'option "maxBodyBytes"'],
    [{ maxServices: 0 }, RangeError, 'option "maxServices"'],
    [{ maxWorkers: 2_000_000 }, RangeError, 'option "maxWorkers"'],
    [{ maxCredit: 0 }, RangeError, 'option "maxCredit"'],
    [{ detectDepartures: 1 }, TypeError, 'option "detectDepartures"'],
    [{ lingerMs: Number.NaN }, TypeError, 'option "lingerMs"'],
    [{ socket: 5 }, TypeError, 'option "socket"'],
    [{ socket: { maxQueued: 0 } }, RangeError, 'MajordomoBroker: socket: option "maxQueued"'],
    [{ socket: { curve: { publicKey: "x" } } }, RangeError, 'socket: curve: option "publicKey"'],
    [
      { maxBodyBytes: 2000, socket: { maxFrameBytes: 1000 } },
      RangeError,
      '"maxBodyBytes" must not be above "socket.maxFrameBytes"',
    ],
    [{ livenes: 3 }, TypeError, 'there is no option "livenes"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new MajordomoBroker(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });

  it("foreign workers are expected to keep the guide's interval, or the broker's if that is longer", () => {
    expect(resolveBrokerOptions({ heartbeatMs: 50 }).peerHeartbeatMs).toBe(2500);
    expect(resolveBrokerOptions({ heartbeatMs: 5000 }).peerHeartbeatMs).toBe(5000);
    expect(resolveBrokerOptions({ heartbeatMs: 5000, peerHeartbeatMs: 70 }).peerHeartbeatMs).toBe(70);
  });

  it("limits of the socket follow those of the role, unless they are given", () => {
    const { socket } = resolveBrokerOptions({ maxBodyBytes: 100 * MiB, maxWorkers: 20_000 });
    expect(socket).toMatchObject({ maxFrameBytes: 100 * MiB, maxQueued: 80_000 });
    const given = { sendHighWaterMark: 5, maxQueued: 500_000, maxFrameBytes: 70 * MiB };
    expect(resolveBrokerOptions({ socket: given }).socket).toMatchObject(given);
  });

  it("the send queue has room for all workers, since a full one would cost some", () => {
    expect(resolveBrokerOptions({ maxWorkers: 100, socket: { maxQueued: 6 } }).socket.maxQueued).toBe(400);
  });

  it("may be left out in so many words", () => {
    const socket = { sendHighWaterMark: undefined } as object;
    expect(resolveBrokerOptions({ liveness: undefined, peerHeartbeatMs: undefined, socket })).toMatchObject({
      liveness: 3,
      peerHeartbeatMs: 2500,
      socket: { sendHighWaterMark: 20_000 },
    });
  });
});
