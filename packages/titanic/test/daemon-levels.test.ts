import { describe, expect, it } from "vitest";
import { levelOf } from "../src/daemon-levels.js";
import type { TitanicServerEvent } from "../src/server-messages.js";

const request = { at: 1, id: "0".repeat(32), service: "echo" };

describe("levels of the log", () => {
  it.each<["warn" | "info" | "debug", TitanicServerEvent]>([
    ["info", { type: "attempt-failed", ...request, failures: 1, failure: "timeout", pauseMs: 5 }],
    ["warn", { type: "request-buried", ...request, failure: "timeout" }],
    ["warn", { type: "service-missed", at: 1, service: "echo" }],
    ["info", { type: "service-found", at: 1, service: "echo" }],
    ["info", { type: "request-refused", at: 1, reason: "malformed", message: "no body" }],
    ["info", { type: "request-refused", at: 1, reason: "conflict", message: "the key" }],
    ["warn", { type: "request-refused", at: 1, reason: "limit", message: "maxServices" }],
    ["warn", { type: "request-refused", at: 1, reason: "store", message: "gone" }],
    ["warn", { type: "lease-lost", ...request }],
    ["debug", { type: "reply-dropped", ...request }],
    ["warn", { type: "store-failed", at: 1, method: "add", message: "gone" }],
    ["info", { type: "store-recovered", at: 1 }],
    ["info", { type: "service-offered", at: 1, service: "titanic.reply", endpoint: "tcp://a:1" }],
    ["warn", { type: "service-withdrawn", at: 1, service: "titanic.reply", endpoint: "tcp://a:1" }],
  ])("%s: %j", (level, event) => {
    expect(levelOf(event)).toBe(level);
  });
});
