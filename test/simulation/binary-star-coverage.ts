import { type StarEvent, type StarState, starLife } from "@seaworthy/binary-star/machine";

/** Which rows of the table of a node have happened, and how often, over all runs in this process. */
const seen = new Map<string, number>();
const nameOf = (state: StarState, event: StarEvent): string => `${state}: ${event}`;

const { step } = starLife;
starLife.step = (state, event) => {
  const row = nameOf(state, event);
  seen.set(row, (seen.get(row) ?? 0) + 1);
  return step.call(starLife, state, event);
};

/** How much of the table was seen, and the rows that can happen and did not. */
export function tableCoverage(): {
  readonly rows: number;
  readonly unseen: string[];
  readonly rarest: string;
} {
  const possible = [...starLife.rows()]
    .filter(({ decision }) => decision.kind !== "impossible")
    .map(({ state, event }) => nameOf(state, event));
  const unseen = possible.filter((row) => !seen.has(row));
  const counts = possible.map((row) => ({ row, count: seen.get(row) ?? 0 }));
  const rarest = counts.sort((a, b) => a.count - b.count).slice(0, 5);
  return {
    rows: possible.length,
    unseen,
    rarest: rarest.map(({ row, count }) => `${row} ${count}`).join("; "),
  };
}
