import { flag, integer, type OptionRule, resolveOptions } from "@seaworthy/core";
import type { LogMode } from "./log.js";
import type { RunResult } from "./options.js";

/** What a scenario is given for each seed; pass both on to `new Simulation`. */
export interface ScenarioContext {
  readonly seed: number;
  readonly log: LogMode;
}

/** Builds a simulation, runs it, and throws if something is wrong. */
export type Scenario = (context: ScenarioContext) => RunResult;

/** What {@link sweep} is to do. */
export interface SweepOptions {
  scenario: Scenario;
  /** How many seeds. Default 100. */
  seeds?: number;
  /** The first of them. Default 1. */
  from?: number;
  /** Run each seed twice, and fail if the second run did anything else. Default false. */
  checkReplay?: boolean;
}

/** What a sweep that passed tells. */
export interface SweepResult {
  readonly seeds: number;
  /** Events over all seeds. */
  readonly events: number;
  /** Faults over all seeds. */
  readonly faults: number;
  /** Longest time from healing to convergence, in ms, and its seed. */
  readonly slowest: { readonly seed: number; readonly convergedMs: number };
}

const scenarioRule: OptionRule<Scenario | undefined> = {
  fallback: undefined,
  check: (value) => (typeof value === "function" ? undefined : { kind: "type", expected: "a function" }),
};
const schema = {
  scenario: scenarioRule,
  seeds: integer(100),
  from: integer(1, { min: 0 }),
  checkReplay: flag(false),
};

/**
 * Runs a scenario with many seeds. The first one that fails is run again with its whole log kept,
 * and that run's error is thrown. Between seeds promises settle, which hold what a run leaves behind.
 *
 * @throws (by rejecting) what the scenario throws; Error if a run cannot be repeated
 */
export async function sweep(options: SweepOptions): Promise<SweepResult> {
  const { seeds, from, checkReplay } = resolveOptions("sweep", schema, options);
  const { scenario } = options;
  let events = 0;
  let faults = 0;
  let slowest = { seed: from, convergedMs: 0 };
  for (let seed = from; seed < from + seeds; seed++) {
    const result = runSeed(scenario, seed);
    if (checkReplay) {
      const { digest } = scenario({ seed, log: "tail" });
      if (digest !== result.digest) throw new Error(unrepeatable(seed, `${result.digest}, then ${digest}`));
    }
    events += result.events;
    faults += result.faults.length;
    await undefined;
    if (result.convergedMs > slowest.convergedMs) slowest = { seed, convergedMs: result.convergedMs };
  }
  return { seeds, events, faults, slowest };
}

function runSeed(scenario: Scenario, seed: number): RunResult {
  try {
    return scenario({ seed, log: "tail" });
  } catch (cause) {
    scenario({ seed, log: "full" });
    throw new Error(unrepeatable(seed, "it failed, then passed"), { cause });
  }
}

function unrepeatable(seed: number, what: string): string {
  return `seed ${seed} is not repeatable (${what}): does the scenario use time or randomness from outside?`;
}
