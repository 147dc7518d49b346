import { describe, expect, it } from "vitest";
import { callLife, serverLife } from "../src/machine.js";

describe("the life of a request", () => {
  const rows = [...callLife.rows()];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    if (decision.kind === "impossible") expect(() => callLife.step(state, event)).toThrow(decision.because);
    else expect(callLife.step(state, event)).toEqual(decision);
  });

  it("takes a reply in every state, and ends for every cause", () => {
    for (const { event, decision } of rows) {
      if (event === "reply") expect(decision).toMatchObject({ to: "answered", action: "settle" });
      if (event === "aborted" || event === "closed")
        expect(decision).toMatchObject({ to: "failed", action: "fail" });
    }
  });

  it("lets nothing pass, and does something at each event", () => {
    for (const { decision } of rows) {
      expect(decision.kind).not.toBe("ignore");
      if (decision.kind === "go") expect(decision.action).toEqual(expect.any(String));
    }
  });
});

describe("the life of a server", () => {
  const rows = [...serverLife.rows()];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    if (decision.kind === "impossible") expect(() => serverLife.step(state, event)).toThrow(decision.because);
    else expect(serverLife.step(state, event)).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("each transition has an action", () => {
    for (const { decision } of rows)
      if (decision.kind === "go") expect(decision.action).toEqual(expect.any(String));
  });

  it("a server that is entered twice is one server, in whatever state it is", () => {
    const stays = rows.filter(({ event }) => event === "added");
    expect(stays.filter(({ decision }) => decision.kind !== "ignore").map(({ state }) => state)).toEqual([
      "leaving",
    ]);
  });
});
