import { describe, expect, it } from "vitest";
import { clientLife } from "../src/client-life.js";

describe("the life of a client", () => {
  const rows = [...clientLife.rows()];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    if (decision.kind === "impossible") expect(() => clientLife.step(state, event)).toThrow(decision.because);
    else expect(clientLife.step(state, event)).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    expect(rows).toHaveLength((clientLife.states.length - 1) * clientLife.events.length);
  });

  it("a map is put in the place of another only when a snapshot was asked for, behind a subscription that is proven", () => {
    for (const { state, decision } of rows) {
      if (decision.kind !== "go") continue;
      if (decision.action === "replace") expect(["asking", "receiving"]).toContain(state);
      if (decision.action === "ask") expect(state).toBe("subscribing");
    }
  });
});
