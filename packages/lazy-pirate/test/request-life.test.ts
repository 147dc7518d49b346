import { describe, expect, it } from "vitest";
import { requestLife } from "../src/machine.js";

describe("the life of a request", () => {
  const rows = [...requestLife.rows()];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    if (decision.kind === "impossible")
      expect(() => requestLife.step(state, event)).toThrow(decision.because);
    else expect(requestLife.step(state, event)).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    const open = requestLife.states.filter((state) => state !== "answered" && state !== "failed");
    expect(rows).toHaveLength(open.length * requestLife.events.length);
  });

  it("takes a reply in every state, and ends for every cause", () => {
    for (const { event, decision } of rows) {
      if (event === "reply") expect(decision).toMatchObject({ to: "answered", action: "settle" });
      if (event === "aborted" || event === "closed")
        expect(decision).toMatchObject({ to: "failed", action: "fail" });
    }
  });
});
