import { frameLimit, resolveSettings, type SocketSettings } from "@seaworthy/core";
import { describe, expect, it } from "vitest";

const MIB = 1024 * 1024;
const limit = (maxBodyBytes: number, given: SocketSettings, name?: string): number =>
  frameLimit("Role", maxBodyBytes, resolveSettings("Role", given), given, name);

describe("frameLimit", () => {
  it("is the socket's own limit where that lets every body pass", () => {
    expect(limit(16 * MIB, {})).toBe(64 * MIB);
    expect(limit(1000, { maxFrameBytes: 1000 })).toBe(1000);
  });

  it("grows with the bodies unless it was given", () => {
    expect(limit(65 * MIB, {})).toBe(65 * MIB);
    expect(limit(65 * MIB, { sendHighWaterMark: 5 })).toBe(65 * MIB);
  });

  it("names both options if they contradict each other", () => {
    expect(() => limit(1001, { maxFrameBytes: 1000 })).toThrow(
      new RangeError(
        'Role: option "maxBodyBytes" must not be above "socket.maxFrameBytes", got 1001 and 1000',
      ),
    );
    expect(() => limit(1001, { maxFrameBytes: 1000 }, "backend")).toThrow('"backend.maxFrameBytes"');
    const settings = resolveSettings("Role", { maxFrameBytes: 1000 });
    expect(() =>
      frameLimit("Role", 1001, settings, { maxFrameBytes: 1000 }, "socket", "maxValueBytes"),
    ).toThrow('option "maxValueBytes" must not be above "socket.maxFrameBytes"');
  });
});
