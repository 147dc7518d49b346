import { describe, expect, it } from "vitest";
import { acquaintance } from "../src/broker-acquaintance.js";
import { requestLife } from "../src/request-life.js";

describe.each([
  ["the life of a request", requestLife],
  ["the acquaintance with a broker", acquaintance],
])("%s", (_name, table) => {
  const rows = [...table.rows()] as {
    state: never;
    event: never;
    decision: { kind: string; because: string };
  }[];

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    if (decision.kind === "impossible") expect(() => table.step(state, event)).toThrow(decision.because);
    else expect(table.step(state, event)).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state that is not final with every event", () => {
    const open = table.states.filter((state) => !(table.final as readonly string[]).includes(state));
    expect(rows).toHaveLength(open.length * table.events.length);
  });
});

it("a request takes its reply in every state, and ends for every cause", () => {
  for (const { event, decision } of requestLife.rows()) {
    if (event === "final") expect(decision).toMatchObject({ to: "answered", action: "settle" });
    if (["aborted", "closed", "rejected", "overrun"].includes(event))
      expect(decision).toMatchObject({ to: "failed", action: "fail" });
  }
});

it("no event of a request is ignored: each does something or cannot be", () => {
  expect([...requestLife.rows()].filter(({ decision }) => decision.kind === "ignore")).toEqual([]);
});

it("a stream that has begun is never tried again", () => {
  for (const { state, decision } of requestLife.rows()) {
    if (state === "streaming" && decision.kind === "go")
      expect(["streaming", "answered", "failed"]).toContain(decision.to);
  }
});
