import { SeaworthyError } from "@seaworthy/core";
import { describe, expect, it } from "vitest";
import { failureError } from "../src/client-failures.js";
import type { TitanicFailure } from "../src/client-messages.js";

const effort = { attempts: 2, sent: 1, endpoints: ["tcp://a:1"] };
const id = "0123456789ABCDEF0123456789ABCDEF";

describe("what a call rejects with", () => {
  it.each<[TitanicFailure, string, boolean, string]>([
    [{ code: "ERR_UNKNOWN_REQUEST", id }, "UnknownRequestError", false, `the server knows no request ${id}`],
    [{ code: "ERR_REQUEST_CLOSED", id }, "RequestClosedError", false, `request ${id} is closed: `],
    [
      { code: "ERR_DEAD_LETTER", id, failure: "boom" },
      "DeadLetterError",
      false,
      `request ${id} is a dead letter: boom`,
    ],
    [{ code: "ERR_KEY_CONFLICT" }, "KeyConflictError", false, "belongs to another request"],
    [{ code: "ERR_NOT_SUPPORTED" }, "NotSupportedError", false, "takes no idempotency keys"],
    [
      { code: "ERR_REQUEST_REFUSED", message: "too big" },
      "RequestRefusedError",
      false,
      "refused the request: too big",
    ],
    [
      { code: "ERR_REQUEST_REFUSED", message: "" },
      "RequestRefusedError",
      false,
      "the request: it did not say why",
    ],
    [
      { code: "ERR_SERVER_FAILED", message: "no disk" },
      "ServerFailedError",
      true,
      "the server failed: no disk",
    ],
    [
      { code: "ERR_SERVER_FAILED", message: "" },
      "ServerFailedError",
      true,
      "server failed: it did not say why",
    ],
    [
      { code: "ERR_WAIT_TIMEOUT", id, waitedMs: 50.4, trouble: undefined },
      "WaitTimeoutError",
      true,
      `request ${id} has no reply after 50 ms`,
    ],
    [
      { code: "ERR_WAIT_TIMEOUT", id: undefined, waitedMs: 50, trouble: "ERR_NO_SERVICE" },
      "WaitTimeoutError",
      true,
      "not known to be taken in after 50 ms; last the client met with: ERR_NO_SERVICE",
    ],
    [{ code: "ERR_REQUEST_TIMEOUT", ...effort }, "RequestTimeoutError", true, "no reply after 2 attempts"],
    [
      { code: "ERR_BROKER_UNREACHABLE", ...effort },
      "BrokerUnreachableError",
      true,
      "no broker to be reached",
    ],
    [{ code: "ERR_NO_SERVICE", ...effort }, "NoServiceError", true, "no worker offers the service"],
    [{ code: "ERR_WORKERS_FAILED", ...effort }, "WorkersFailedError", false, "all workers"],
    [{ code: "ERR_BROKER_LIMIT", message: "maxHeld", ...effort }, "BrokerLimitError", true, "maxHeld"],
    [{ code: "ERR_HANDLER_FAILED", message: "it threw", ...effort }, "RemoteError", false, "it threw"],
    [
      { code: "ERR_STREAM_INTERRUPTED", reason: "timed-out", ...effort },
      "StreamInterruptedError",
      true,
      "the stream was interrupted",
    ],
    [
      { code: "ERR_LIMIT_REACHED", option: "maxBodyBytes", limit: 5, ...effort },
      "LimitError",
      false,
      "too much of a reply: limit maxBodyBytes = 5 is reached",
    ],
    [{ code: "ERR_ABORTED", ...effort }, "AbortError", false, "aborted"],
    [{ code: "ERR_CLOSED", ...effort }, "ClosedError", false, "TitanicClient is closed"],
  ])("%j", (failure, name, retryable, message) => {
    const error = failureError(failure, undefined);
    expect(error).toBeInstanceOf(SeaworthyError);
    expect(error).toMatchObject({ code: failure.code, name, retryable });
    expect(error.message).toContain(message);
  });

  it("says which request it is about, and why it was given up", () => {
    expect(failureError({ code: "ERR_DEAD_LETTER", id, failure: "boom" }, undefined)).toMatchObject({
      id,
      failure: "boom",
    });
    expect(failureError({ code: "ERR_UNKNOWN_REQUEST", id }, undefined)).toMatchObject({ id });
    expect(failureError({ code: "ERR_REQUEST_CLOSED", id }, undefined)).toMatchObject({ id });
    expect(
      failureError({ code: "ERR_WAIT_TIMEOUT", id, waitedMs: 1, trouble: "x" }, undefined),
    ).toMatchObject({ id });
    expect(failureError({ code: "ERR_NO_SERVICE", ...effort }, undefined)).toMatchObject(effort);
    const reason = new Error("enough");
    expect(failureError({ code: "ERR_ABORTED", ...effort }, AbortSignal.abort(reason)).cause).toBe(reason);
  });
});
