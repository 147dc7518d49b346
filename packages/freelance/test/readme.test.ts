import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import { resolveClientOptions, resolveServerOptions } from "../src/machine.js";
import { clientEvents, errors, serverEvents, statistics } from "./names.js";

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
    const names = [clientEvents, serverEvents, errors, statistics].flatMap((each) => Object.keys(each));
    expect(readme.lacks(names)).toEqual([]);
  });
});
