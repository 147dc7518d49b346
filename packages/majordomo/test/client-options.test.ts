import { describe, expect, it } from "vitest";
import { MajordomoClient } from "../src/client.js";
import { askedService, resolveClientOptions, resolveLimits } from "../src/client-options.js";

describe("client options", () => {
  it("have the guide's defaults, and those that are documented", () => {
    expect(resolveClientOptions()).toMatchObject({
      timeoutMs: 2500,
      attempts: 3,
      maxInFlight: 10_000,
      maxBodyBytes: 16 * 1024 * 1024,
      connectTimeoutMs: 2500,
      heartbeatMs: 1000,
      liveness: 3,
      protocol: "auto",
      maxSockets: 16,
      maxStreamParts: 10_000,
      maxStreamBytes: 64 * 1024 * 1024,
      maxConnections: 4,
      lingerMs: 1000,
    });
  });

  it.each([
    [{ timeoutMs: 0 }, RangeError, 'MajordomoClient: option "timeoutMs"'],
    [{ attempts: 1.5 }, RangeError, 'MajordomoClient: option "attempts"'],
    [{ liveness: 1 }, RangeError, 'option "liveness"'],
    [{ heartbeatMs: 0 }, RangeError, 'option "heartbeatMs"'],
    [{ protocol: "0.3" }, RangeError, 'option "protocol" must be one of "auto", "0.1", "0.2"'],
    [{ protocol: 0.2 }, TypeError, 'option "protocol"'],
    [{ maxSockets: 0 }, RangeError, 'option "maxSockets"'],
    [{ maxStreamParts: 0 }, RangeError, 'option "maxStreamParts"'],
    [{ maxStreamBytes: "1" }, TypeError, 'option "maxStreamBytes"'],
    [{ maxConnections: 1 }, RangeError, 'option "maxConnections"'],
    [{ backoff: { jitter: 2 } }, RangeError, 'MajordomoClient: backoff: option "jitter"'],
    [{ socket: { maxQueued: 0 } }, RangeError, 'MajordomoClient: socket: option "maxQueued"'],
    [
      { maxBodyBytes: 2000, socket: { maxFrameBytes: 1000 } },
      RangeError,
      'must not be above "socket.maxFrameBytes"',
    ],
    [{ retries: 3 }, TypeError, 'there is no option "retries"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new MajordomoClient(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });

  it("set the limits of the sockets, unless these are given", () => {
    const big = 100 * 1024 * 1024;
    expect(resolveClientOptions({ maxInFlight: 50_000, maxBodyBytes: big }).socket).toMatchObject({
      maxQueued: 50_000,
      maxFrameBytes: big,
    });
    expect(resolveClientOptions({ maxInFlight: 50_000, socket: { maxQueued: 5 } }).socket.maxQueued).toBe(5);
  });
});

describe("limits of one request", () => {
  const client = resolveClientOptions({ timeoutMs: 70, attempts: 7 });

  it("are the client's unless given", () => {
    expect(resolveLimits("request", client, {})).toEqual({ timeoutMs: 70, attempts: 7 });
    expect(resolveLimits("request", client, { timeoutMs: 5 })).toEqual({ timeoutMs: 5, attempts: 7 });
  });

  it("are checked by name", () => {
    expect(() => resolveLimits("stream", client, { attempts: 0 })).toThrow(
      'MajordomoClient.stream: option "attempts"',
    );
  });
});

describe("the name of a service", () => {
  it("has 1 to 255 bytes of text", () => {
    expect([...askedService("é")]).toEqual([0xc3, 0xa9]);
    expect(askedService("x".repeat(255))).toHaveLength(255);
    expect(askedService("mmi.services")).toHaveLength(12);
  });

  it.each([
    ["", RangeError],
    ["x".repeat(256), RangeError],
    ["mmi.seaworthy", RangeError],
    [undefined, TypeError],
    [null, TypeError],
    [Buffer.from("echo"), TypeError],
  ])("%j is refused", (name, kind) => {
    expect(() => askedService(name)).toThrow(kind);
  });
});
