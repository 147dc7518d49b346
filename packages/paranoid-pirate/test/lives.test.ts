import { describe, expect, it } from "vitest";
import { sessionLife, workerLife } from "../src/machine.js";

describe.each([
  ["a worker at the queue", workerLife],
  ["a session of a worker", sessionLife],
] as const)("the life of %s", (_whose, table) => {
  const rows = [...table.rows()];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    const step = () => (table as { step(state: string, event: string): unknown }).step(state, event);
    if (decision.kind === "impossible") expect(step).toThrow(decision.because);
    else expect(step()).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    const open = table.states.length - table.final.length;
    expect(rows).toHaveLength(open * table.events.length);
  });
});

describe("a worker at the queue", () => {
  const rows = [...workerLife.rows()];

  it("fault: only READY and the reply to its request end the work of a busy worker in readiness", () => {
    const ways = rows.filter(
      ({ state, decision }) =>
        ["busy", "lost"].includes(state) && decision.kind === "go" && decision.to === "ready",
    );
    expect(ways.map(({ state, event }) => `${state}: ${event}`)).toEqual([
      "busy: said-ready",
      "busy: reply",
      "lost: said-ready",
      "lost: reply",
    ]);
  });

  it("fault: whatever ends one with a request at hand gives the request to another", () => {
    for (const { state, event, decision } of rows) {
      if ((state !== "busy" && state !== "leaving") || decision.kind !== "go" || event === "reply") continue;
      if (decision.to === "leaving") continue;
      expect(["give-on", "give-back", "restart"], `${state}: ${event}`).toContain(decision.action);
    }
  });
});

describe("a session of a worker", () => {
  const rows = [...sessionLife.rows()];

  it("ends in every state when it is to leave, at once or by way of taking leave", () => {
    for (const { event, decision } of rows) {
      if (event !== "leave" || decision.kind === "ignore") continue;
      expect(decision).toMatchObject({ to: expect.stringMatching(/^(closed|leaving|finishing)$/) });
    }
  });

  it("says READY when it is connected, and when it gives a request back, and never else", () => {
    const ways = rows.filter(({ decision }) => decision.kind === "go" && decision.action === "say-ready");
    expect(ways.map(({ state, event }) => `${state}: ${event}`)).toEqual([
      "connecting: connected",
      "busy: dropped",
    ]);
  });
});
