import { describe, expect, it } from "vitest";
import { serviceLife } from "../src/service-life.js";

describe("what a server knows of the workers of a service", () => {
  const rows = [...serviceLife.rows()];
  const ways = (action: string): string[] =>
    rows.flatMap(({ state, event, decision }) =>
      decision.kind === "go" && decision.action === action ? [`${state}: ${event} > ${decision.to}`] : [],
    );

  it.each(rows)("$event in state $state is decided", ({ state, event, decision }) => {
    const step = () => serviceLife.step(state, event);
    if (decision.kind === "impossible") expect(step).toThrow(decision.because);
    else expect(step()).toEqual(decision.kind === "go" ? decision : undefined);
  });

  it("covers every state with every event", () => {
    expect(rows).toHaveLength(serviceLife.states.length * serviceLife.events.length);
    expect(serviceLife.final).toEqual([]);
  });

  it("requests are sent only where there is a worker, as far as is known", () => {
    expect(ways("dispatch")).toEqual(["asking: offered > found", "found: wanted > found"]);
  });

  it("a broker that has no worker is asked again after a pause, and not for each request", () => {
    expect(ways("pause")).toEqual(["asking: absent > missed"]);
    expect(ways("ask")).toEqual([
      "unasked: wanted > asking",
      "found: doubted > asking",
      "missed: due > asking",
    ]);
  });
});
