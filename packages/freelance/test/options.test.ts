import { BindError } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { FreelanceClient, FreelanceServer } from "../src/index.js";
import { resolveClientOptions, resolveServerOptions } from "../src/machine.js";
import { bindNamed, nameEndpoint } from "../src/server-name.js";

describe("client options", () => {
  it("have the defaults of the documentation", () => {
    const { socket: _, ...options } = resolveClientOptions();
    expect(options).toEqual({
      strategy: "tracked",
      timeoutMs: 2500,
      attempts: 3,
      maxInFlight: 10_000,
      maxBodyBytes: 16 * 1024 * 1024,
      maxServers: 300,
      backoff: {},
      immediate: false,
      heartbeatMs: 2000,
      liveness: 3,
      connectTimeoutMs: 2500,
      hedgeAfterMs: undefined,
      hedgePercentile: undefined,
      maxHedgeRatio: 0.1,
      lingerMs: 1000,
    });
  });

  it.each([
    [{ strategy: "best" }, RangeError, 'FreelanceClient: option "strategy"'],
    [{ timeoutMs: -1 }, RangeError, 'option "timeoutMs"'],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, RangeError, 'option "timeoutMs"'],
    [{ heartbeatMs: 0 }, RangeError, 'option "heartbeatMs"'],
    [{ liveness: 0 }, RangeError, 'option "liveness"'],
    [{ maxServers: 0 }, RangeError, 'option "maxServers"'],
    [{ hedgePercentile: 1 }, RangeError, 'option "hedgePercentile"'],
    [{ hedgeAfterMs: "5" }, TypeError, 'option "hedgeAfterMs"'],
    [{ maxHedgeRatio: 2 }, RangeError, 'option "maxHedgeRatio"'],
    [{ hedgeAfterMs: 5, hedgePercentile: 0.9 }, TypeError, "exclude each other"],
    [
      { strategy: "shotgun", hedgeAfterMs: 5 },
      TypeError,
      'option "hedgeAfterMs" needs the strategy "tracked", got "shotgun"',
    ],
    [{ strategy: "failover", hedgePercentile: 0.9 }, TypeError, 'option "hedgePercentile" needs'],
    [{ backoff: { factor: 0 } }, RangeError, "FreelanceClient: backoff"],
    [{ retries: 3 }, TypeError, 'there is no option "retries"'],
  ])("%j is refused by name", (options, kind, message) => {
    const construct = () => new FreelanceClient(options as object);
    expect(construct).toThrow(kind);
    expect(construct).toThrow(message);
  });

  it("limits of the sockets follow those of the role, unless they are given", () => {
    const limits = { maxInFlight: 50_000, maxServers: 10 };
    expect(resolveClientOptions(limits).socket).toMatchObject({
      maxQueued: 50_010,
      sendHighWaterMark: 100_000,
    });
    expect(resolveClientOptions({ ...limits, strategy: "failover" }).socket.sendHighWaterMark).toBe(1000);
    const socket = { maxQueued: 5, sendHighWaterMark: 7 };
    expect(resolveClientOptions({ ...limits, socket }).socket).toMatchObject(socket);
  });
});

describe("server options", () => {
  it("are those of every server, and the protocol", () => {
    expect(resolveServerOptions()).toMatchObject({ protocol: "flp", replyCache: undefined, lingerMs: 1000 });
    expect(resolveServerOptions({ protocol: "plain", replyCache: true })).toMatchObject({
      protocol: "plain",
      replyCache: { maxEntries: 10_000 },
    });
    expect(() => new FreelanceServer({ protocol: "mdp" } as object)).toThrow(
      'FreelanceServer: option "protocol"',
    );
    expect(() => new FreelanceServer({ maxQueued: 0 })).toThrow('FreelanceServer: option "maxQueued"');
  });
});

describe("the name of a server", () => {
  it("is the endpoint that it is bound to, or the one that it is told", () => {
    const name = (endpoint: string, as?: string) => nameEndpoint("Test", endpoint, as).name;
    expect(name("tcp://127.0.0.1:5555")).toBe("tcp://127.0.0.1:5555");
    expect(name("tcp://*:5555", "tcp://localhost:5555")).toBe("tcp://localhost:5555");
    expect(name("tcp://*:*", "tcp://localhost:*")).toBe("tcp://localhost:*");
    for (const endpoint of ["tcp://*:5555", "tcp://0.0.0.0:*", "tcp://[::]:5555", "ipc://*"])
      expect(() => name(endpoint)).toThrow('option "as" must be the endpoint that clients connect to');
    expect(() => name("tcp://*:5555", "tcp://localhost:*")).toThrow("with a host and a port");
    expect(() => name("tcp://*:*", "localhost")).toThrow("Test: as: an endpoint");
  });

  const named = { endpoint: "tcp://*:*", name: "tcp://localhost:*" };
  const taken = (endpoint: string) => new BindError(endpoint, { code: "EADDRINUSE" });

  it("has the port that was free, after as many tries as it takes", () => {
    const tried: string[] = [];
    const draws = [0, 0.5, 0.9999999];
    const bound = bindNamed(
      named,
      () => draws[tried.length] as number,
      ({ endpoint, name }) => {
        expect(endpoint.split(":")[2]).toBe(name.split(":")[2]);
        tried.push(endpoint);
        if (tried.length < 3) throw taken(endpoint);
      },
    );
    expect(tried).toEqual(["tcp://*:49152", "tcp://*:57344", "tcp://*:65535"]);
    expect(bound).toBe("tcp://localhost:65535");
  });

  it("is not looked for without end, nor where something else is wrong", () => {
    let tries = 0;
    const bindAlways = (error: () => unknown) => () =>
      bindNamed(
        named,
        () => 0,
        () => {
          tries += 1;
          throw error();
        },
      );
    expect(bindAlways(() => taken("x"))).toThrow(BindError);
    expect(tries).toBe(100);
    expect(bindAlways(() => new BindError("x", { code: "EACCES" }))).toThrow(BindError);
    expect(bindAlways(() => new Error("other"))).toThrow("other");
    expect(bindAlways(() => new BindError("x", undefined))).toThrow(BindError);
    expect(tries).toBe(103);
    const fixed = { endpoint: "tcp://a:1", name: "tcp://a:1" };
    expect(() =>
      bindNamed(
        fixed,
        () => 0,
        ({ endpoint }) => {
          throw taken(endpoint);
        },
      ),
    ).toThrow(BindError);
  });
});
