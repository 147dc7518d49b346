import { type StarEvent, type StarState, starLife } from "@seaworthy/binary-star/machine";
import type { Sight, World } from "./binary-star-world.js";

/** Which rows of the table of a node have happened, and how often, over all runs in this process. */
const seen = new Map<string, number>();
const nameOf = (state: StarState, event: StarEvent): string => `${state}: ${event}`;

const { step } = starLife;
starLife.step = (state, event) => {
  const row = nameOf(state, event);
  seen.set(row, (seen.get(row) ?? 0) + 1);
  return step.call(starLife, state, event);
};

const runs = { plain: 0, withArbiter: 0 };
const sights: Record<Sight, number> = { "both serve": 0, "kept apart": 0, "lease passed on": 0 };

/** Counts what there was to see in a run that is over. */
export function runEnded({ setting, seen: seenInRun }: Pick<World, "setting" | "seen">): void {
  runs[setting.arbiter === undefined ? "plain" : "withArbiter"] += 1;
  for (const sight of seenInRun) sights[sight] += 1;
}

/** In which share of the runs without an arbiter both served, and in which of those with one it mattered. */
export function sightsSeen(): Record<Sight, number> {
  return {
    "both serve": sights["both serve"] / runs.plain,
    "kept apart": sights["kept apart"] / runs.withArbiter,
    "lease passed on": sights["lease passed on"] / runs.withArbiter,
  };
}

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
