import { describe, expect, it } from "vitest";
import { resolveServerOptions, type TitanicServerOptions } from "../src/server-options.js";

const DAY_MS = 24 * 3600 * 1000;

it("has the defaults that the options say", () => {
  expect(resolveServerOptions()).toMatchObject({
    timeoutMs: 60_000,
    maxAttempts: 10,
    backoff: { initialMs: 1000, maxMs: 300_000 },
    maxInFlight: 100,
    maxInFlightTotal: 10_000,
    maxInFlightBytes: 256 * 1024 * 1024,
    maxServices: 1000,
    leaseMs: 30_000,
    retentionMs: 7 * DAY_MS,
    keyRetentionMs: DAY_MS,
    asksForWorkers: true,
    absence: { initialMs: 100, maxMs: 5000 },
    lookMs: 5000,
    concurrency: 1000,
    maxStoringBytes: 256 * 1024 * 1024,
    maxBodyBytes: 16 * 1024 * 1024,
    heartbeatMs: 1000,
    liveness: 3,
    protocol: "auto",
    lingerMs: 1000,
  });
});

it("hands on to its workers and its client what is theirs", () => {
  const { worker, client } = resolveServerOptions({
    timeoutMs: 5000,
    maxInFlightTotal: 20_000,
    maxServices: 10,
    concurrency: 3000,
    maxBodyBytes: 100,
    heartbeatMs: 50,
    liveness: 5,
    protocol: "0.2",
    lingerMs: 7,
    socket: { sendHighWaterMark: 9 },
  });
  const shared = { heartbeatMs: 50, liveness: 5, protocol: "0.2", maxBodyBytes: 1124, lingerMs: 7 };
  expect(worker).toMatchObject({ ...shared, maxHeld: 6000, socket: { sendHighWaterMark: 9 } });
  expect(client).toMatchObject({
    ...shared,
    timeoutMs: 5000,
    attempts: 1,
    maxInFlight: 20_020,
    maxSockets: 256,
  });
  expect(client.socket).toMatchObject({ sendHighWaterMark: 9, maxQueued: 20_020 });
});

describe("says what is wrong", () => {
  it.each<[TitanicServerOptions, string]>([
    [{ maxAttempts: 0 }, 'TitanicServer: option "maxAttempts" must be a whole number from 1'],
    [{ maxInFlight: 100_001 }, 'TitanicServer: option "maxInFlight" must be'],
    [{ maxInFlightTotal: 1.5 }, 'TitanicServer: option "maxInFlightTotal" must be'],
    [{ leaseMs: 99 }, 'TitanicServer: option "leaseMs" must be'],
    [{ liveness: 1 }, 'TitanicServer: option "liveness" must be'],
    [{ retentionMs: 0 }, 'TitanicServer: option "retentionMs" must be'],
    [{ backoff: { maxMs: -1 } }, 'TitanicServer: backoff: option "maxMs" must be'],
    [{ absence: { factor: 0 } }, 'TitanicServer: absence: option "factor" must be'],
    [{ absence: { initialMs: 0 } }, 'TitanicServer: absence: option "initialMs" must be'],
    [{ socket: { maxQueued: 0 } }, 'option "maxQueued" must be'],
  ])("%j", (options, message) => {
    expect(() => resolveServerOptions(options)).toThrow(RangeError);
    expect(() => resolveServerOptions(options)).toThrow(message);
  });

  it.each<[object, string]>([
    [{ asksForWorkers: 1 }, 'TitanicServer: option "asksForWorkers" must be true or false, got 1'],
    [{ retries: 3 }, 'TitanicServer: there is no option "retries"; known are timeoutMs,'],
    [{ socket: { curve: true } }, "curve"],
  ])("%j", (options, message) => {
    expect(() => resolveServerOptions(options)).toThrow(TypeError);
    expect(() => resolveServerOptions(options)).toThrow(message);
  });
});
