import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import type { ParanoidPirateQueueEvent, ParanoidPirateWorkerEvent } from "../src/index.js";
import { resolveQueueOptions, resolveWorkerOptions } from "../src/machine.js";

// The compiler sees to it that none is missing here.
const queueEvents: Record<ParanoidPirateQueueEvent["type"], true> = {
  "worker-joined": true,
  "worker-left": true,
  "worker-expired": true,
  "worker-returned": true,
  "worker-gone": true,
  "worker-refused": true,
  "request-redelivered": true,
  "request-given-up": true,
  "request-dropped": true,
  "reply-dropped": true,
  "reply-undeliverable": true,
  "message-dropped": true,
  "process-stalled": true,
};
const workerEvents: Record<ParanoidPirateWorkerEvent["type"], true> = {
  "session-opened": true,
  "session-lost": true,
  "session-closed": true,
  "handler-failed": true,
  "reply-dropped": true,
  "request-refused": true,
  "message-dropped": true,
  "process-stalled": true,
};

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands, and shows how a request outlives its worker", async () => {
    expect(await readme.runExample()).toEqual({
      stdout: "to another worker { deliveries: 1 }\nyou said ahoy\n",
      stderr: "",
    });
  });

  it("lists every option of both roles, and no other", () => {
    expect(readme.options("The queue")).toEqual(Object.keys(resolveQueueOptions()).sort());
    expect(readme.options("The worker")).toEqual(Object.keys(resolveWorkerOptions()).sort());
  });

  it("lists every event", () => {
    expect(readme.lacks([...Object.keys(queueEvents), ...Object.keys(workerEvents)])).toEqual([]);
  });
});
