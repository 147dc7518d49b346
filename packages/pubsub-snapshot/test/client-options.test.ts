import { describe, expect, it } from "vitest";
import { deleteRequest, keyBytes, setRequest, valueBytes, watchRequest } from "../src/client-arguments.js";
import { resolveSnapshotClientOptions } from "../src/client-options.js";
import { threeEndpoints } from "../src/endpoints.js";
import {
  ConflictError,
  RefusedError,
  SetTimeoutError,
  UnsupportedError,
  updateError,
} from "../src/errors.js";
import { EMPTY } from "../src/wire.js";

const KEY = new Uint8Array([1]);
const request = (options: object) => setRequest(KEY, KEY, options, 500);

describe("options of a client", () => {
  it("have the guide's defaults", () => {
    expect(resolveSnapshotClientOptions()).toMatchObject({
      subtree: "",
      heartbeatMs: 1000,
      liveness: 3,
      joinTimeoutMs: 5000,
      timeoutMs: 10_000,
      retryMs: 2000,
      maxInFlight: 10_000,
      credit: 400,
      packBytes: 16_384,
      maxKeys: 10_000_000,
      lingerMs: 1000,
      socket: { maxQueued: 11_000 },
    });
  });

  it("leave room for all that is in flight, unless another is given", () => {
    expect(resolveSnapshotClientOptions({ maxInFlight: 50_000 }).socket.maxQueued).toBe(51_000);
    expect(
      resolveSnapshotClientOptions({ maxInFlight: 50_000, socket: { maxQueued: 5 } }).socket.maxQueued,
    ).toBe(5);
    expect(resolveSnapshotClientOptions({ maxInFlight: 5 }).socket.maxQueued).toBe(10_000);
  });

  it.each(["", "/", "/client/", "/client/a/", `/${"x".repeat(253)}/`, `/${"é".repeat(126)}/`])(
    "%j is a subtree",
    (subtree) => {
      expect(resolveSnapshotClientOptions({ subtree }).subtree).toBe(subtree);
    },
  );

  it.each(["client", "/client", "client/", `/${"x".repeat(254)}/`, `/${"é".repeat(127)}/`])(
    "%j is none",
    (subtree) => {
      expect(() => resolveSnapshotClientOptions({ subtree })).toThrow(
        new RangeError(
          `SnapshotClient: option "subtree" must be empty, or begin and end with "/" and have up to 255 bytes, got ${JSON.stringify(subtree)}`,
        ),
      );
    },
  );

  it("that are none are named", () => {
    expect(() => resolveSnapshotClientOptions({ subtree: 5 as unknown as string })).toThrow(TypeError);
    expect(() => resolveSnapshotClientOptions({ credit: 0 })).toThrow(/"credit"/);
    expect(() => resolveSnapshotClientOptions({ tree: "" } as object)).toThrow(/no option "tree"/);
    expect(() => resolveSnapshotClientOptions({ socket: { maxQueued: -1 } })).toThrow(/socket.*"maxQueued"/);
  });
});

describe("arguments", () => {
  it("a key has from 1 to 255 bytes", () => {
    expect(keyBytes("é", 1)).toEqual(new Uint8Array([0xc3, 0xa9]));
    expect(keyBytes(KEY, 1)).toBe(KEY);
    expect(keyBytes("", 0)).toHaveLength(0);
    for (const key of ["", "x".repeat(256), new Uint8Array(256)])
      expect(() => keyBytes(key, 1)).toThrow(RangeError);
    for (const key of [5, null, undefined]) expect(() => keyBytes(key, 1)).toThrow(TypeError);
  });

  it("a value is one frame, and not empty", () => {
    expect(valueBytes("a")).toEqual(new Uint8Array([97]));
    expect(() => valueBytes("")).toThrow("SnapshotClient: an empty value deletes the key: use delete()");
    expect(() => valueBytes(new Uint8Array(0))).toThrow(RangeError);
    expect(() => valueBytes(["a"])).toThrow(TypeError);
    expect(() => valueBytes(new Uint8Array(new SharedArrayBuffer(1)))).toThrow(TypeError);
  });

  it("a set has what it was given, or the client's", () => {
    expect(request({})).toEqual({
      key: KEY,
      value: KEY,
      properties: [],
      ttlMs: 0,
      expected: undefined,
      timeoutMs: 500,
    });
    const { signal } = new AbortController();
    const properties = { "naïve name": "a=b; c", empty: "" };
    expect(request({ ttlMs: 1.5, ifSequence: 0, timeoutMs: 9, properties, signal })).toMatchObject({
      properties: [
        ["naïve name", "a=b; c"],
        ["empty", ""],
      ],
      ttlMs: 1.5,
      expected: 0,
      timeoutMs: 9,
    });
    expect(deleteRequest(KEY, { ifSequence: 7 }, 500)).toEqual({
      key: KEY,
      value: EMPTY,
      properties: [],
      ttlMs: 0,
      expected: 7,
      timeoutMs: 500,
    });
  });

  it.each([
    [{ ttlMs: 0 }, /SnapshotClient.set: option "ttlMs"/],
    [{ ttlMs: 1e13 }, /"ttlMs"/],
    [{ ifSequence: -1 }, /"ifSequence"/],
    [{ timeoutMs: 0 }, /"timeoutMs"/],
    [{ signal: {} }, /"signal"/],
    [{ ttl: 5 }, /no option "ttl"/],
    [{ properties: [] }, /"properties"/],
    [{ properties: { a: 5 } }, /property "a" must be a string/],
    [{ properties: { "": "x" } }, /name of property ""/],
    [{ properties: { "a=b": "x" } }, /name of property "a=b"/],
    [{ properties: { "a\nb": "x" } }, /name of property/],
    [{ properties: { ttl: "5" } }, /property "ttl" is the protocol's own/],
    [{ properties: { "sw-if": "5" } }, /property "sw-if" is the protocol's own/],
    [{ properties: { a: "x\ny" } }, /property "a" must not have a newline/],
  ])("%j is refused by name", (options, message) => {
    expect(() => request(options)).toThrow(message);
  });

  it("a delete has no time to live and no properties", () => {
    expect(() => deleteRequest(KEY, { ttlMs: 5 } as object, 500)).toThrow(
      /SnapshotClient.delete: there is no option "ttlMs"/,
    );
  });

  it("a watch has its bound", () => {
    expect(watchRequest({})).toEqual({ maxQueued: 10_000, signal: undefined });
    expect(() => watchRequest({ maxQueued: 0 })).toThrow(/SnapshotClient.watch: option "maxQueued"/);
  });
});

describe("endpoints", () => {
  it.each([
    ["tcp://localhost:5556", "tcp://localhost:5557", "tcp://localhost:5558"],
    ["tcp://[::1]:65533", "tcp://[::1]:65534", "tcp://[::1]:65535"],
    ["tcp://eth0:1;10.0.0.1:9", "tcp://eth0:1;10.0.0.1:10", "tcp://eth0:1;10.0.0.1:11"],
  ])("of %s the others follow", (snapshot, publisher, collector) => {
    expect(threeEndpoints("test", snapshot, "connect")).toEqual({ snapshot, publisher, collector });
  });

  it("may all be given, and are checked", () => {
    const three = { snapshot: "ipc://a", publisher: "ipc://b", collector: "tcp://*:*" };
    expect(threeEndpoints("test", three, "bind")).toEqual(three);
    expect(() => threeEndpoints("test", three, "connect")).toThrow(RangeError);
    expect(() => threeEndpoints("test", { ...three, publisher: 5 as unknown as string }, "bind")).toThrow(
      TypeError,
    );
  });

  it.each(["ipc:///tmp/x", "tcp://localhost:65534", "tcp://*:0", "localhost:5556"])(
    "from %s none follow",
    (endpoint) => {
      expect(() => threeEndpoints("test", endpoint, "bind")).toThrow(RangeError);
    },
  );

  it("are all the same where the system chooses the ports", () => {
    const any = "tcp://127.0.0.1:*";
    expect(threeEndpoints("test", any, "bind")).toEqual({ snapshot: any, publisher: any, collector: any });
    expect(() => threeEndpoints("test", any, "connect")).toThrow(RangeError);
  });

  it("are nothing else", () => {
    expect(() => threeEndpoints("test", null as unknown as string, "connect")).toThrow(TypeError);
  });
});

describe("errors", () => {
  it("say what happened, and whether it may be tried again", () => {
    const errors = [
      updateError({ code: "ERR_SET_TIMEOUT", timeoutMs: 5, sent: 0 }, undefined),
      updateError({ code: "ERR_SET_TIMEOUT", timeoutMs: 5, sent: 1 }, undefined),
      updateError({ code: "ERR_SET_TIMEOUT", timeoutMs: 5, sent: 2 }, undefined),
      updateError({ code: "ERR_CONFLICT", sequence: 0 }, undefined),
      updateError({ code: "ERR_CONFLICT", sequence: 7 }, undefined),
      updateError({ code: "ERR_REFUSED", reason: "invalid" }, undefined),
      updateError({ code: "ERR_REFUSED", reason: "store-failed" }, undefined),
      updateError({ code: "ERR_UNSUPPORTED", option: "ifSequence" }, undefined),
      updateError({ code: "ERR_LIMIT_REACHED", option: "maxKeys", limit: 9 }, undefined),
      updateError({ code: "ERR_LIMIT_REACHED", option: "maxValueBytes", limit: 5 }, undefined),
      updateError({ code: "ERR_CLOSED" }, undefined),
    ];
    expect(errors.map(({ message, retryable }) => [message, retryable])).toEqual([
      ["the update was not acknowledged within 5 ms, it was not sent", true],
      ["the update was not acknowledged within 5 ms, its outcome is unknown: it was sent once", true],
      ["the update was not acknowledged within 5 ms, its outcome is unknown: it was sent 2 times", true],
      ["there is no such key", false],
      ["the key's sequence number is 7, not the one expected", false],
      ["the server refuses the update: invalid", false],
      ["the server refuses the update: store-failed", true],
      ["the server is not a SnapshotServer of ours, and knows no ifSequence", false],
      ["the server takes no more: limit maxKeys = 9 is reached", true],
      ["the server takes no more: limit maxValueBytes = 5 is reached", false],
      ["SnapshotClient is closed", false],
    ]);
    expect(errors.map(({ name }) => name)).toEqual([
      ...Array.from({ length: 3 }, () => SetTimeoutError.name),
      ConflictError.name,
      ConflictError.name,
      RefusedError.name,
      RefusedError.name,
      UnsupportedError.name,
      "LimitError",
      "LimitError",
      "ClosedError",
    ]);
    const reason = new Error("enough");
    expect(updateError({ code: "ERR_ABORTED" }, AbortSignal.abort(reason)).cause).toBe(reason);
    expect(updateError({ code: "ERR_ABORTED" }, undefined).cause).toBeUndefined();
  });
});
