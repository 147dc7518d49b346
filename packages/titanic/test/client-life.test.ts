import { describe, expect, it } from "vitest";
import { callLife } from "../src/client-life.js";
import { dialectLife } from "../src/dialect-life.js";

describe.each([
  ["call", callLife],
  ["dialect", dialectLife],
] as const)("the table of a %s", (_name, table) => {
  it("says why, wherever it does not move", () => {
    for (const { decision } of table.rows()) {
      if (decision.kind !== "go") expect(decision.because).toMatch(/^[a-z].{10,}[^.]$/);
    }
  });
});

it("a call whose reply is recorded can only succeed or be left", () => {
  for (const { state, event, decision } of callLife.rows()) {
    if (event === "given-up" && decision.kind === "go") expect(decision.to).toBe("done");
    if (state === "recording" && event === "given-up") expect(decision.kind).toBe("impossible");
  }
});
