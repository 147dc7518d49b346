import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import type { SimplePirateQueueEvent, SimplePirateWorkerEvent } from "../src/index.js";
import { resolveQueueOptions, resolveWorkerOptions } from "../src/machine.js";

// The compiler sees to it that none is missing here.
const events: Record<(SimplePirateQueueEvent | SimplePirateWorkerEvent)["type"], true> = {
  "worker-joined": true,
  "worker-gone": true,
  "worker-forgotten": true,
  "request-lost": true,
  "request-dropped": true,
  "reply-undeliverable": true,
  "session-opened": true,
  "session-lost": true,
  "handler-failed": true,
  "request-held": true,
  "request-refused": true,
  "reply-dropped": true,
  "message-dropped": true,
  "process-stalled": true,
};

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands, and shows that workers take turns", async () => {
    expect(await readme.runExample()).toEqual({
      stdout: [
        "Anne says ahoy",
        "Mary says avast",
        "Anne says belay",
        "{ requests: 3, answered: 3, lost: 0 }\n",
      ].join("\n"),
      stderr: "",
    });
  });

  it("lists every option of both roles, and no other", () => {
    expect(readme.options("The queue")).toEqual(Object.keys(resolveQueueOptions()).sort());
    expect(readme.options("The worker")).toEqual(Object.keys(resolveWorkerOptions()).sort());
  });

  it("lists every event", () => {
    expect(readme.lacks(Object.keys(events))).toEqual([]);
  });
});
