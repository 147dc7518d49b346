import { describe, expect, it } from "vitest";
import { requestLife } from "../src/request-life.js";
import { serverChoiceLife } from "../src/server-choice-life.js";

describe("the life of a request", () => {
  const rows = [...requestLife.rows()];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    if (decision.kind === "impossible")
      expect(() => requestLife.step(state, event)).toThrow(decision.because);
    else expect(requestLife.step(state, event)).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    expect(rows).toHaveLength((requestLife.states.length - 2) * requestLife.events.length);
  });

  it("takes a reply in every state, and ends for every cause", () => {
    for (const { event, decision } of rows) {
      if (event === "reply") expect(decision).toMatchObject({ to: "answered", action: "settle" });
      if (["out-of-time", "aborted", "closed"].includes(event))
        expect(decision).toMatchObject({ to: "failed", action: "fail" });
    }
  });

  it("runs attempts only while it is sent", () => {
    for (const { state, event, decision } of rows) {
      if (event === "timed-out" || event === "exhausted")
        expect(decision.kind).toBe(state === "sent" ? "go" : "impossible");
    }
  });
});

describe("the choice of a server", () => {
  const rows = [...serverChoiceLife.rows()];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    if (decision.kind === "impossible")
      expect(() => serverChoiceLife.step(state, event)).toThrow(decision.because);
    else expect(serverChoiceLife.step(state, event)).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    expect(rows).toHaveLength((serverChoiceLife.states.length - 1) * serverChoiceLife.events.length);
  });

  it("every move names what is to be done", () => {
    for (const { decision } of rows) if (decision.kind === "go") expect(decision.action).toBeDefined();
  });

  it("no server is left at a loss or a silence without the pair's having its time", () => {
    for (const { event, decision } of rows) {
      if (decision.kind === "go" && (event === "lost" || event === "silent"))
        expect(["settling", "doubting"]).toContain(decision.to);
    }
  });
});
