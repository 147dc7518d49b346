import { describe, expect, it } from "vitest";
import { Readme } from "../../core/test/support/readme.js";
import { resolvePublisherOptions, resolveSubscriberOptions } from "../src/machine.js";
import { alarm, message, policies, reasons, subscriberEvents } from "./names.js";

const readme = await Readme.of(import.meta.url);

describe("the README", () => {
  it("has an example that runs as it stands", async () => {
    expect(await readme.runExample()).toEqual({ stdout: "wind.speed: 12\n", stderr: "" });
  });

  it("lists every option of both roles, and no other", () => {
    expect(readme.options("The publisher")).toEqual(Object.keys(resolvePublisherOptions()).sort());
    expect(readme.options("The subscriber")).toEqual(Object.keys(resolveSubscriberOptions()).sort());
  });

  it("lists every event, every policy, every reason and every field of an alarm", () => {
    const names = [subscriberEvents, policies, reasons, alarm].flatMap((each) => Object.keys(each));
    expect(readme.lacks(names)).toEqual([]);
  });

  it("has the fields of a message in the order of the code", () => {
    expect(readme.text).toContain(`{ ${Object.keys(message).join(", ")} }`);
  });
});
