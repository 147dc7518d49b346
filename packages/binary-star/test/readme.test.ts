import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import { resolveClientOptions, resolveStarServerOptions } from "../src/machine.js";
import { clientEvents, errors, hooks, nodeEvents, serverEvents } from "./names.js";

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
    const known = [...Object.keys(star), ...Object.keys(server), ...Object.keys(hooks)];
    expect(readme.options("The server")).toEqual(known.sort());
    expect(readme.options("The client")).toEqual(Object.keys(resolveClientOptions()).sort());
  });

  it("lists every event and every error", () => {
    const names = [nodeEvents, serverEvents, clientEvents, errors].flatMap((each) => Object.keys(each));
    expect(readme.lacks(names)).toEqual([]);
  });
});
