import { describe, expect, it } from "vitest";
import { sessionLife } from "../src/session-life.js";

describe("the life of a worker's session", () => {
  const rows = [...sessionLife.rows()];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    const step = () => sessionLife.step(state, event);
    if (decision.kind === "impossible") expect(step).toThrow(decision.because);
    else expect(step()).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    expect(rows).toHaveLength((sessionLife.states.length - 1) * sessionLife.events.length);
  });

  it("ends in every state when it is to leave, at once or when what runs is done", () => {
    for (const { event, decision } of rows) {
      if (event !== "leave" || decision.kind === "ignore") continue;
      expect(decision).toMatchObject({ to: expect.stringMatching(/^(closed|draining|parting)$/) });
    }
  });

  it("fault: a worker that closes says so, from every state in which a broker knows it", () => {
    const into = (to: string) => rows.filter(({ decision }) => decision.kind === "go" && decision.to === to);
    for (const { decision } of into("parting")) expect(decision).toMatchObject({ action: "take-leave" });
    const silent = into("closed").filter(({ state }) => state !== "parting");
    expect(silent.map(({ state, event }) => `${state}: ${event}`)).toEqual([
      "waiting: leave",
      "connecting: leave",
      "draining: connection-lost",
      "draining: silent",
      "draining: dismissed",
    ]);
  });

  it("says READY when it is connected, and never else", () => {
    const ways = rows.filter(({ decision }) => decision.kind === "go" && decision.action === "say-ready");
    expect(ways.map(({ state, event }) => `${state}: ${event}`)).toEqual(["connecting: connected"]);
  });

  it("says nothing when it has said DISCONNECT, and is over with whatever ends the wait for an answer", () => {
    const decisions = rows.filter(({ state }) => state === "parting");
    const ways = decisions.flatMap(({ event, decision }) =>
      decision.kind === "go" ? [`${event}: ${decision.action} > ${decision.to}`] : [],
    );
    expect(ways).toEqual([
      "connection-lost: close > closed",
      "silent: hang-up > closed",
      "dismissed: close > closed",
      "released: hang-up > closed",
      "time-is-up: hang-up > closed",
    ]);
  });
});
