import { resolveQueueSockets, type SocketSettings } from "@seaworthy/core";
import { describe, expect, it } from "vitest";

const MIB = 1024 * 1024;

function resolve(
  given: { frontend?: SocketSettings; backend?: SocketSettings } = {},
  bounds: { maxBodyBytes?: number; maxWorkers?: number } = {},
): ReturnType<typeof resolveQueueSockets> {
  return resolveQueueSockets(
    "Queue",
    { maxBodyBytes: 16 * MIB, maxWorkers: 100, ...bounds },
    { frontend: {}, backend: {}, ...given },
  );
}

describe("resolveQueueSockets", () => {
  it("gives the frontend room for the replies of clients that ask much", () => {
    const { frontend, backend } = resolve();
    expect([frontend.sendHighWaterMark, backend.sendHighWaterMark]).toEqual([20_000, 1000]);
    const given = resolve({ frontend: { sendHighWaterMark: 5 } });
    expect(given.frontend.sendHighWaterMark).toBe(5);
    expect(resolve({ frontend: { sendHighWaterMark: undefined as never } }).frontend.sendHighWaterMark).toBe(
      20_000,
    );
  });

  it("gives the backend room for a word to each worker, whatever it is set to", () => {
    expect(resolve().backend.maxQueued).toBe(10_000);
    expect(resolve({}, { maxWorkers: 5000 }).backend.maxQueued).toBe(20_000);
    expect(resolve({ backend: { maxQueued: 1 } }).backend.maxQueued).toBe(400);
    expect(resolve({ backend: { maxQueued: 401 } }).backend.maxQueued).toBe(401);
    expect(resolve({ frontend: { maxQueued: 1 } }).frontend.maxQueued).toBe(1);
  });

  it("lets the largest body pass on both sides", () => {
    const { frontend, backend } = resolve({}, { maxBodyBytes: 65 * MIB });
    expect([frontend.maxFrameBytes, backend.maxFrameBytes]).toEqual([65 * MIB, 65 * MIB]);
  });

  it.each(["frontend", "backend"] as const)("names the %s in what is wrong with it", (side) => {
    expect(() => resolve({ [side]: { maxQueued: 0 } })).toThrow(`Queue: ${side}: option "maxQueued" must be`);
    expect(() => resolve({ [side]: { maxFrameBytes: 1000 } })).toThrow(
      `Queue: option "maxBodyBytes" must not be above "${side}.maxFrameBytes", got ${16 * MIB} and 1000`,
    );
  });
});
