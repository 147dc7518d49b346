import { describe, expect, it } from "vitest";
import { RemoteError, RequestTimeoutError, resolveRequestLimits } from "../src/index.js";

describe("limits of one request", () => {
  const client = { timeoutMs: 70, attempts: 7 };

  it("are the client's unless given", () => {
    expect(resolveRequestLimits("It", client, {})).toEqual({ timeoutMs: 70, attempts: 7 });
    expect(resolveRequestLimits("It", client, { attempts: 1 })).toEqual({ timeoutMs: 70, attempts: 1 });
    const { signal } = new AbortController();
    expect(resolveRequestLimits("It", client, { timeoutMs: 5, signal })).toEqual({
      timeoutMs: 5,
      attempts: 7,
    });
  });

  it.each([
    [{ timeoutMs: 0 }, RangeError, 'It: option "timeoutMs"'],
    [{ attempts: 1.5 }, RangeError, 'It: option "attempts"'],
    [{ signal: {} }, TypeError, 'It: option "signal" must be an AbortSignal'],
    [{ timeout: 5 }, TypeError, 'It: there is no option "timeout"'],
  ])("%j is refused by name", (limits, kind, message) => {
    const resolve = () => resolveRequestLimits("It", client, limits as object);
    expect(resolve).toThrow(kind);
    expect(resolve).toThrow(message);
  });
});

describe("errors of requests", () => {
  it("tell how far the request got", () => {
    const error = new RequestTimeoutError({ attempts: 1, sent: 0, endpoints: [] });
    expect(error).toMatchObject({ code: "ERR_REQUEST_TIMEOUT", retryable: true, attempts: 1, sent: 0 });
    expect(error.message).toBe("no reply after 1 attempt, 0 of them sent (no connection)");
    const tried = new RequestTimeoutError({ attempts: 3, sent: 2, endpoints: ["tcp://a:1", "tcp://b:2"] });
    expect(tried.message).toBe("no reply after 3 attempts, 2 of them sent (tcp://a:1, tcp://b:2)");
  });

  it("a handler's failure is what the handler said, and no reason to try again", () => {
    const error = new RemoteError("no such account");
    expect(error).toMatchObject({ code: "ERR_HANDLER_FAILED", message: "no such account", retryable: false });
  });
});
