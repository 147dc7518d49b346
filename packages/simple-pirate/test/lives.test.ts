import { describe, expect, it } from "vitest";
import { sessionLife } from "../src/machine.js";

describe("the life of a worker's session", () => {
  const rows = [...sessionLife.rows()];
  const ways = (wanted: (row: (typeof rows)[number]) => boolean) =>
    rows.filter(wanted).map(({ state, event }) => `${state}: ${event}`);
  const leadsTo = (...states: string[]) =>
    ways(({ decision }) => decision.kind === "go" && states.includes(decision.to));
  const does = (action: string) =>
    ways(({ decision }) => decision.kind === "go" && decision.action === action);

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    if (decision.kind === "impossible")
      expect(() => sessionLife.step(state, event)).toThrow(decision.because);
    else expect(sessionLife.step(state, event)).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    const open = sessionLife.states.length - sessionLife.final.length;
    expect(rows).toHaveLength(open * sessionLife.events.length);
  });

  it("says READY once for each connection, when it stands", () => {
    expect(does("say-ready")).toEqual(["connecting: connected"]);
  });

  it("takes requests while it is ready or busy, and never else", () => {
    expect(does("work")).toEqual(["ready: request", "busy: request"]);
  });

  it("opens a connection after a pause only, and none while the application works for a lost one", () => {
    expect(leadsTo("connecting")).toEqual(["pausing: pause-over"]);
    expect(leadsTo("pausing")).toEqual([
      "connecting: connection-lost",
      "ready: connection-lost",
      "orphaned: done",
    ]);
  });

  it("is told of a lost connection in every state that has one, and revokes what runs", () => {
    expect(does("abandon")).toEqual(["busy: connection-lost", "finishing: connection-lost"]);
  });

  it("ends when it is told to leave: at once, or when what it has at hand is done", () => {
    for (const { event, decision } of rows) {
      if (event !== "leave" || decision.kind === "ignore") continue;
      expect(decision).toMatchObject({ to: expect.stringMatching(/^(closed|finishing)$/) });
    }
    expect(leadsTo("finishing")).toEqual(["busy: leave"]);
  });
});
