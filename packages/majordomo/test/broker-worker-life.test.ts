import { describe, expect, it } from "vitest";
import { workerLife } from "../src/machine.js";

const rows = [...workerLife.rows()];

describe("the life of a worker at the broker", () => {
  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    expect(workerLife.step(state, event)).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    expect(rows).toHaveLength(
      (workerLife.states.length - workerLife.final.length) * workerLife.events.length,
    );
  });

  it("whatever ends it, or makes it doubtful, gives what it had to others", () => {
    const ends = rows.filter(({ state, decision }) => state === "present" && decision.kind === "go");
    expect(ends.map(({ decision }) => "action" in decision && decision.action)).toEqual([
      "give-on",
      "give-back",
      "give-on",
      "expel",
    ]);
  });

  it("a worker that says what it should not say is told to go, in every state", () => {
    const answers = rows.filter(({ event }) => event === "unexpected");
    for (const { decision } of answers) expect(decision).toMatchObject({ to: "gone", action: "expel" });
    expect(answers).toHaveLength(2);
  });
});
