import { describe, expect, it } from "vitest";
import { LazyPirateClient, LazyPirateServer } from "../src/index.js";
import { resolveClientOptions, resolveServerOptions } from "../src/machine.js";

describe("client options", () => {
  it("have the guide's defaults", () => {
    expect(resolveClientOptions()).toMatchObject({ timeoutMs: 2500, attempts: 3, immediate: false });
  });

  it.each([
    [{ timeoutMs: 0 }, RangeError, 'LazyPirateClient: option "timeoutMs"'],
    [{ attempts: 1.5 }, RangeError, 'LazyPirateClient: option "attempts"'],
    [{ attempts: "3" }, TypeError, 'LazyPirateClient: option "attempts"'],
    [{ maxConnections: 1 }, RangeError, 'option "maxConnections"'],
    [{ immediate: 1 }, TypeError, 'option "immediate"'],
    [{ backoff: 7 }, TypeError, 'option "backoff"'],
    [{ backoff: { jitter: 2 } }, RangeError, 'LazyPirateClient: backoff: option "jitter"'],
    [{ socket: { maxQueued: 0 } }, RangeError, 'LazyPirateClient: socket: option "maxQueued"'],
    [{ socket: { curve: { publicKey: "x" } } }, RangeError, 'curve: option "publicKey"'],
    [{ connectTimeoutMs: 0 }, RangeError, 'option "connectTimeoutMs"'],
    [
      { maxBodyBytes: 2000, socket: { maxFrameBytes: 1000 } },
      RangeError,
      'must not be above "socket.maxFrameBytes"',
    ],
    [{ retries: 3 }, TypeError, 'there is no option "retries"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new LazyPirateClient(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });
});

describe("limits of the sockets", () => {
  it("follow those of the role, unless they are given", () => {
    const big = 100 * 1024 * 1024;
    expect(resolveClientOptions({ maxInFlight: 50_000, maxBodyBytes: big }).socket).toMatchObject({
      maxQueued: 50_000,
      maxFrameBytes: big,
    });
    expect(resolveClientOptions({ maxInFlight: 50_000, socket: { maxQueued: 5 } }).socket.maxQueued).toBe(5);
    expect(resolveServerOptions({ maxBodyBytes: big }).socket).toMatchObject({
      sendHighWaterMark: 20_000,
      maxFrameBytes: big,
    });
  });

  it("may be left out in so many words", () => {
    expect(resolveClientOptions({ timeoutMs: undefined, socket: undefined }).timeoutMs).toBe(2500);
    const socket = { sendHighWaterMark: undefined } as object;
    expect(resolveServerOptions({ socket }).socket.sendHighWaterMark).toBe(20_000);
  });
});

describe("server options", () => {
  it.each([
    [{ maxQueued: 0 }, RangeError, 'LazyPirateServer: option "maxQueued"'],
    [{ replyCache: 5 }, TypeError, 'LazyPirateServer: option "replyCache"'],
    [{ replyCache: { maxAgeMs: 0 } }, RangeError, 'LazyPirateServer: replyCache: option "maxAgeMs"'],
    [{ replyCache: { size: 1 } }, TypeError, 'there is no option "size"'],
    [{ socket: { sendHighWaterMark: -1 } }, RangeError, 'option "sendHighWaterMark"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new LazyPirateServer(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });

  it("the reply cache is off by default, and `true` takes its default bounds", () => {
    expect(resolveServerOptions().replyCache).toBeUndefined();
    expect(resolveServerOptions({ replyCache: true }).replyCache).toEqual({
      maxEntries: 10_000,
      maxAgeMs: 60_000,
      maxBytes: 64 * 1024 * 1024,
    });
    expect(resolveServerOptions({ replyCache: { maxEntries: 5 } }).replyCache).toMatchObject({
      maxEntries: 5,
    });
  });
});
