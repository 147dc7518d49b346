import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import type {
  FreelanceClientEvent,
  FreelanceRequestError,
  FreelanceServerEvent,
  FreelanceServerStatistics,
} from "../src/index.js";
import { resolveClientOptions, resolveServerOptions } from "../src/machine.js";

// The compiler sees to it that none is missing here.
const clientEvents: Record<FreelanceClientEvent["type"], true> = {
  "server-added": true,
  "server-removed": true,
  "server-connected": true,
  "server-alive": true,
  "server-suspected": true,
  "server-gone": true,
  "server-unaddressable": true,
  "connection-failed": true,
  "request-retried": true,
  "request-hedged": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
const serverEvents: Record<FreelanceServerEvent["type"], true> = {
  "request-refused": true,
  "handler-failed": true,
  "reply-undeliverable": true,
  "repeat-answered": true,
  "repeat-joined": true,
  "message-dropped": true,
};
const codes: Record<FreelanceRequestError["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_CONNECTION_LOST: true,
  ERR_NOT_CONNECTED: true,
  ERR_HANDLER_FAILED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
  ERR_LIMIT_REACHED: true,
};
const statistics: Record<Exclude<keyof FreelanceServerStatistics, "endpoint">, true> = {
  state: true,
  outstanding: true,
  latencyMs: true,
  requests: true,
  answered: true,
  failures: true,
  timeouts: true,
  losses: true,
  hedges: true,
  lastHeardMs: true,
};

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands", async () => {
    expect(await readme.runExample()).toEqual({
      stdout: "[ 'you said ahoy', 'you said avast' ]\n",
      stderr: "",
    });
  });

  it("lists every option of both roles, and no other", () => {
    expect(readme.options("The client")).toEqual(Object.keys(resolveClientOptions()).sort());
    expect(readme.options("The server")).toEqual(Object.keys(resolveServerOptions()).sort());
  });

  it("lists every event, every error, and every field of a server's statistics", () => {
    const names = [clientEvents, serverEvents, codes, statistics].flatMap((each) => Object.keys(each));
    expect(readme.lacks(names)).toEqual([]);
  });
});
