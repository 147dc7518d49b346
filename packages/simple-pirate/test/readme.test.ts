import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import { resolveQueueOptions, resolveWorkerOptions } from "../src/machine.js";
import { queueEvents, workerEvents } from "./names.js";

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
    expect(readme.lacks([...Object.keys(queueEvents), ...Object.keys(workerEvents)])).toEqual([]);
  });
});
