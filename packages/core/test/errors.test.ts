import { AbortedError, BindError, ClosedError, LimitError, SeaworthyError } from "@seaworthy/core";
import { describe, expect, it } from "vitest";

describe("SeaworthyError", () => {
  it("carries a code, a cause and whether retrying can help", () => {
    const cause = new Error("deeper");
    const error = new SeaworthyError("ERR_X", "it broke", { cause, retryable: true });
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code, error.message, error.cause, error.retryable]).toEqual([
      "SeaworthyError",
      "ERR_X",
      "it broke",
      cause,
      true,
    ]);
  });

  it("has no cause unless one is given, and is final by default", () => {
    const error = new SeaworthyError("ERR_X", "it broke");
    expect("cause" in error).toBe(false);
    expect(error.retryable).toBe(false);
  });
});

describe("the errors of all packages", () => {
  it.each([
    [new ClosedError("LazyPirateClient"), "ClosedError", "ERR_CLOSED", "LazyPirateClient is closed", false],
    [new AbortedError("why"), "AbortError", "ERR_ABORTED", "The operation was aborted", false],
    [
      new LimitError("maxInFlight", 10, "request refused"),
      "LimitError",
      "ERR_LIMIT_REACHED",
      "request refused: limit maxInFlight = 10 is reached",
      true,
    ],
    [
      new BindError("tcp://*:1", new Error("Permission denied")),
      "BindError",
      "ERR_BIND",
      "cannot bind tcp://*:1: Permission denied",
      true,
    ],
  ])("%s", (error, name, code, message, retryable) => {
    expect(error).toBeInstanceOf(SeaworthyError);
    expect([error.name, error.code, error.message, error.retryable]).toEqual([
      name,
      code,
      message,
      retryable,
    ]);
  });

  it("keep their details", () => {
    const limit = new LimitError("maxFrameBytes", 5, "body refused", false);
    expect([limit.option, limit.limit, limit.retryable]).toEqual(["maxFrameBytes", 5, false]);
    const reason = { code: 1 };
    expect(new AbortedError(reason).cause).toBe(reason);
    const bind = new BindError("x", "no reason");
    expect([bind.endpoint, bind.cause, bind.message]).toEqual(["x", "no reason", "cannot bind x: no reason"]);
  });
});
