import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import type {
  BinaryStarClientEvent,
  BinaryStarRequestError,
  BinaryStarServerEvent,
  BinaryStarServerOptions,
} from "../src/index.js";
import { resolveClientOptions, resolveStarServerOptions } from "../src/machine.js";

// The compiler sees to it that none is missing here.
const serverEvents: Record<BinaryStarServerEvent["type"], true> = {
  "became-active": true,
  "stopped-serving": true,
  "became-passive": true,
  "state-changed": true,
  "peer-heard": true,
  "peer-changed": true,
  "peer-expired": true,
  "split-brain-resolved": true,
  "double-passive-resolved": true,
  "claim-denied": true,
  "epoch-not-kept": true,
  "renewal-failed": true,
  "activation-failed": true,
  "transfer-failed": true,
  "roles-clashed": true,
  "request-rejected": true,
  "process-stalled": true,
  "message-dropped": true,
  "reply-fenced": true,
  "request-refused": true,
  "handler-failed": true,
  "reply-undeliverable": true,
  "repeat-answered": true,
  "repeat-joined": true,
};
const clientEvents: Record<BinaryStarClientEvent["type"], true> = {
  "connection-opened": true,
  "connection-lost": true,
  "connection-failed": true,
  "settling-began": true,
  "server-changed": true,
  "request-refused": true,
  "request-retried": true,
  "request-failed": true,
  "reply-dropped": true,
  "send-refused": true,
  "process-stalled": true,
  "message-dropped": true,
};
const codes: Record<BinaryStarRequestError["code"], true> = {
  ERR_REQUEST_TIMEOUT: true,
  ERR_CONNECTION_LOST: true,
  ERR_NOT_ACTIVE: true,
  ERR_HANDLER_FAILED: true,
  ERR_ABORTED: true,
  ERR_CLOSED: true,
  ERR_LIMIT_REACHED: true,
};
const roleOptions = ["arbiter", "epochFile", "onActive", "onPassive", "transferState"] satisfies Exclude<
  keyof BinaryStarServerOptions,
  undefined
>[];

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands, and shows a failover", async () => {
    expect(await readme.runExample()).toEqual({
      stdout: "primary, epoch 1: ahoy\nbackup, epoch 2: avast\n",
      stderr: "",
    });
  });

  it("lists every option of both roles, and no other", () => {
    const { star, server } = resolveStarServerOptions("test", { role: "primary" });
    const known = [...Object.keys(star), ...Object.keys(server), ...roleOptions];
    expect(readme.options("The server")).toEqual(known.sort());
    expect(readme.options("The client")).toEqual(Object.keys(resolveClientOptions()).sort());
  });

  it("lists every event and every error", () => {
    const names = [serverEvents, clientEvents, codes].flatMap((each) => Object.keys(each));
    expect(readme.lacks(names)).toEqual([]);
  });
});
