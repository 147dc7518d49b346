import { describe, expect, it } from "vitest";
import { checkId, idempotencyFrame, submittedService } from "../src/client-arguments.js";
import {
  checkOptions,
  resolveAskLimits,
  resolveTitanicOptions,
  resolveWait,
  type TitanicClientOptions,
} from "../src/client-options.js";

describe("options", () => {
  it("have defaults", () => {
    const { client, ...own } = resolveTitanicOptions();
    expect(own).toMatchObject({
      timeoutMs: 2500,
      attempts: 3,
      maxInFlight: 10_000,
      maxBodyBytes: 16 * 1024 * 1024,
      poll: { initialMs: 10, maxMs: 1000 },
      dialect: "auto",
      lingerMs: 1000,
    });
    expect(client).toMatchObject({
      timeoutMs: 2500,
      attempts: 3,
      maxInFlight: 10_001,
      maxBodyBytes: 16 * 1024 * 1024 + 1024,
      protocol: "auto",
      maxSockets: 16,
    });
  });

  it("let the largest body pass with the frames of the protocol beside it", () => {
    const { client } = resolveTitanicOptions({ maxBodyBytes: 100, socket: { maxFrameBytes: 100 } });
    expect(client.socket.maxFrameBytes).toBe(1124);
    expect(resolveTitanicOptions({ maxBodyBytes: 100 * 2 ** 20 }).client.socket.maxFrameBytes).toBe(
      100 * 2 ** 20 + 1024,
    );
  });

  it.each<[TitanicClientOptions, string]>([
    [{ timeoutMs: 0 }, 'TitanicClient: option "timeoutMs" must be'],
    [{ attempts: 1.5 }, 'TitanicClient: option "attempts" must be'],
    [{ maxInFlight: 0 }, 'TitanicClient: option "maxInFlight" must be'],
    [{ maxBodyBytes: 0 }, 'TitanicClient: option "maxBodyBytes" must be'],
    [{ backoff: { initialMs: -1 } }, 'TitanicClient: backoff: option "initialMs" must be'],
    [{ poll: { jitter: 2 } }, 'TitanicClient: poll: option "jitter" must be'],
    [{ dialect: "mdp" as "auto" }, 'TitanicClient: option "dialect" must be one of'],
    [{ connectTimeoutMs: 0 }, 'TitanicClient: option "connectTimeoutMs" must be'],
    [{ heartbeatMs: 0 }, 'TitanicClient: option "heartbeatMs" must be'],
    [{ liveness: 1 }, 'TitanicClient: option "liveness" must be'],
    [{ protocol: "0.3" as "0.2" }, 'TitanicClient: option "protocol" must be'],
    [{ maxSockets: 0 }, 'TitanicClient: option "maxSockets" must be'],
    [{ maxConnections: 1 }, 'TitanicClient: option "maxConnections" must be'],
    [{ lingerMs: -1 }, 'TitanicClient: option "lingerMs" must be'],
    [{ socket: { maxQueued: 0 } }, 'TitanicClient: socket: option "maxQueued" must be'],
    [
      { maxBodyBytes: 101, socket: { maxFrameBytes: 100 } },
      'TitanicClient: option "maxBodyBytes" must not be above "socket.maxFrameBytes", got 101 and 100',
    ],
  ])("%j is refused by name", (options, message) => {
    expect(() => resolveTitanicOptions(options)).toThrow(message);
    expect(() => resolveTitanicOptions(options)).toThrow(RangeError);
  });

  it("must exist, and be an object", () => {
    expect(() => resolveTitanicOptions({ timeout: 1 } as TitanicClientOptions)).toThrow(
      'TitanicClient: there is no option "timeout"',
    );
    expect(() => checkOptions("submit", null as unknown as object)).toThrow(
      'TitanicClient.submit: option "options" must be an object, got null',
    );
    expect(checkOptions("submit", { attempts: 1 })).toEqual({ attempts: 1 });
  });
});

describe("limits", () => {
  it("of one question are its own, or the client's", () => {
    const client = resolveTitanicOptions({ timeoutMs: 10, attempts: 2 });
    expect(resolveAskLimits("reply", client, { attempts: 5 })).toEqual({ timeoutMs: 10, attempts: 5 });
    expect(() => resolveAskLimits("reply", client, { attempts: 0 })).toThrow(
      'TitanicClient.reply: option "attempts" must be',
    );
  });

  it("of a wait are none, or its own", () => {
    expect(resolveWait("waitForReply", {})).toBe(Number.POSITIVE_INFINITY);
    expect(resolveWait("waitForReply", { timeoutMs: undefined })).toBe(Number.POSITIVE_INFINITY);
    expect(resolveWait("waitForReply", { timeoutMs: 5, signal: new AbortController().signal })).toBe(5);
    expect(() => resolveWait("call", { timeoutMs: 0 })).toThrow(
      'TitanicClient.call: option "timeoutMs" must be a number of milliseconds from 1',
    );
    expect(() => resolveWait("call", { signal: {} as AbortSignal })).toThrow(
      'TitanicClient.call: option "signal" must be an AbortSignal',
    );
    expect(() => resolveWait("call", { attempts: 1 } as object)).toThrow('there is no option "attempts"');
  });
});

describe("ids", () => {
  it("are UUIDs, with dashes or without, in any case, and stay as they are", () => {
    for (const id of [
      "0123456789ABCDEF0123456789ABCDEF",
      "0123456789abcdef0123456789ABCDEF",
      "01234567-89ab-cdef-0123-456789abcdef",
    ])
      expect(checkId(id)).toBe(id);
  });

  it.each([
    "",
    "../../../../../../../../etc/passwd",
    "..%2f..%2f0123456789ABCDEF01234567",
    "0123456789ABCDEF0123456789ABCDE",
    "0123456789ABCDEF0123456789ABCDEF0",
    "0123456789ABCDEF0123456789ABCDEG",
    "0123456789ABCDEF0123456789ABCDEF\n",
    "0123456789ABCDEF0123456789ABCDE\0",
    "0123456-789ab-cdef-0123-456789abcdef",
    "01234567-89ab-cdef-0123456789abcdef",
    "x".repeat(1_000_000),
  ])("fault: what is none is refused before it is sent: %j", (id) => {
    expect(() => checkId(id)).toThrow(RangeError);
    expect(() => checkId(id)).toThrow(/^TitanicClient: the id must be a UUID.{0,200}$/);
  });

  it.each([undefined, null, 1, {}, ["0123456789ABCDEF0123456789ABCDEF"]])("must be strings, not %j", (id) => {
    expect(() => checkId(id)).toThrow(TypeError);
  });
});

describe("services and keys", () => {
  it("are text of 1 to 255 bytes", () => {
    expect(Buffer.from(submittedService("ä")).toString()).toBe("ä");
    expect(submittedService("x".repeat(255))).toHaveLength(255);
    expect(Buffer.from(idempotencyFrame("ß".repeat(127)) ?? []).toString()).toBe("ß".repeat(127));
    expect(idempotencyFrame(undefined)).toBeUndefined();
  });

  it.each(["", "x".repeat(256), "ß".repeat(128), "\ud800", "a\udc00b"])("are not %j", (text) => {
    expect(() => submittedService(text)).toThrow(RangeError);
    expect(() => idempotencyFrame(text)).toThrow(RangeError);
    expect(() => idempotencyFrame(text)).toThrow(/^TitanicClient: the idempotencyKey must /);
  });

  it.each([null, 5, Buffer.from("x")])("must be strings, not %j", (value) => {
    expect(() => submittedService(value)).toThrow(TypeError);
    expect(() => idempotencyFrame(value)).toThrow(TypeError);
  });

  it("are none of the broker's own", () => {
    for (const name of ["mmi.", "mmi.service", "mmi.anything"]) {
      expect(() => submittedService(name)).toThrow(
        `TitanicClient: services that begin with "mmi." are the broker's own, got "${name}"`,
      );
    }
    expect(() => submittedService("mmi")).not.toThrow();
  });
});
