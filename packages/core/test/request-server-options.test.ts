import { describe, expect, it } from "vitest";
import {
  completeRequestServerOptions,
  integer,
  requestServerRules,
  resolveOptions,
  resolveRequestServerOptions,
} from "../src/index.js";

describe("options of a server", () => {
  it.each([
    [{ maxQueued: 0 }, RangeError, 'Server: option "maxQueued"'],
    [{ replyCache: 5 }, TypeError, 'Server: option "replyCache" must be true, false or an object'],
    [{ replyCache: { maxAgeMs: 0 } }, RangeError, 'Server: replyCache: option "maxAgeMs"'],
    [{ replyCache: { size: 1 } }, TypeError, 'Server: replyCache: there is no option "size"'],
    [{ socket: { sendHighWaterMark: -1 } }, RangeError, 'Server: socket: option "sendHighWaterMark"'],
    [{ maxBodyBytes: 2, socket: { maxFrameBytes: 1 } }, RangeError, 'Server: option "maxBodyBytes"'],
    [{ queue: 5 }, TypeError, 'Server: there is no option "queue"'],
  ])("%j is refused by name", (options, kind, message) => {
    const resolve = () => resolveRequestServerOptions("Server", options as object);
    expect(resolve).toThrow(kind);
    expect(resolve).toThrow(message);
  });

  it("all have defaults", () => {
    const { socket, ...rest } = resolveRequestServerOptions("Server");
    expect(rest).toEqual({
      maxQueued: 10_000,
      maxQueuedBytes: 256 * 1024 * 1024,
      maxUnanswered: 10_000,
      maxBodyBytes: 16 * 1024 * 1024,
      replyCache: undefined,
      lingerMs: 1000,
    });
    expect(socket.sendHighWaterMark).toBe(20_000);
  });

  it("bound the reply cache where it is on", () => {
    const { replyCache } = resolveRequestServerOptions("Server", { replyCache: true });
    expect(replyCache).toEqual({ maxEntries: 10_000, maxAgeMs: 60_000, maxBytes: 64 * 1024 * 1024 });
    const few = resolveRequestServerOptions("Server", { replyCache: { maxEntries: 5 } });
    expect(few.replyCache).toEqual({ ...replyCache, maxEntries: 5 });
  });

  it("let frames be as large as bodies, and do not touch the marks that are given", () => {
    const maxBodyBytes = 100 * 1024 * 1024;
    const { socket } = resolveRequestServerOptions("Server", {
      maxBodyBytes,
      socket: { sendHighWaterMark: 5 },
    });
    expect(socket).toMatchObject({ maxFrameBytes: maxBodyBytes, sendHighWaterMark: 5 });
  });

  it("may stand beside those of a pattern", () => {
    const rules = { ...requestServerRules, stars: integer(2) };
    const resolve = (options: object) =>
      completeRequestServerOptions("Star", resolveOptions("Star", rules, options));
    const resolved = resolve({ stars: 7, replyCache: true });
    expect(resolved).toEqual({ ...resolveRequestServerOptions("Star", { replyCache: true }), stars: 7 });
    expect(() => resolve({ stars: 0 })).toThrow('Star: option "stars"');
    expect(() => resolve({ socket: { ipv6: 1 } })).toThrow('Star: socket: option "ipv6"');
  });
});
