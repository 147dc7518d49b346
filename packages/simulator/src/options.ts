import { choice, integer, milliseconds, nested, resolveOptions } from "@seaworthy/core";
import type { Fault, FaultPlan } from "./faults.js";
import type { LogMode } from "./log.js";
import type { NetworkOptions } from "./network.js";

/** Options of a {@link Simulation}. All are optional. */
export interface SimulationOptions {
  /** Decides everything that is left to chance: a whole number from 0 to 2^32 - 1. Default 0. */
  seed?: number;
  /** How the network behaves when nothing is wrong. */
  network?: NetworkOptions;
  /** Keep the last lines of the log, or all. The digest is of all lines either way. Default `tail`. */
  log?: LogMode;
  /** Lines that `tail` keeps. Default 200. */
  tailLines?: number;
  /** Events after which a run is given up, since virtual time seems to stand still. Default 10 million. */
  maxEvents?: number;
  /** The command that runs a seed again, for failures to print. */
  replay?: (seed: number) => string;
}

/** Returns what is wrong, or `undefined`. */
export type Invariant = () => string | undefined;

/** What {@link Simulation.run} is to do. */
export interface RunOptions {
  /** Length of the safety phase, with faults, in ms. Default 60,000. */
  safetyMs?: number;
  /** Time in which the nodes must converge once everything is healed, in ms. Default 60,000. */
  livenessMs?: number;
  /** Faults of the safety phase: rates to draw a schedule from, or the schedule itself. Default none. */
  faults?: FaultPlan | readonly Fault[];
  /** Checked after every event, in both phases. */
  invariants?: Readonly<Record<string, Invariant>>;
  /** Whether the nodes have converged: true, or false or a text that says what is missing. Default: at once. */
  converged?: () => boolean | string;
}

/** What a run that passed tells. */
export interface RunResult {
  readonly seed: number;
  /** Events of the whole simulation so far. */
  readonly events: number;
  /** Virtual time at the end, in ms. */
  readonly at: number;
  /** Virtual time from the healing to convergence, in ms. */
  readonly convergedMs: number;
  /** Equal for two runs that did the same. */
  readonly digest: string;
  /** Faults that happened. */
  readonly faults: readonly Fault[];
  /** Makes the lines of the log that were kept, oldest first. */
  readonly log: () => readonly string[];
}

const isFunction = (value: unknown): { kind: "type"; expected: string } | undefined =>
  typeof value === "function" ? undefined : { kind: "type", expected: "a function" };

const schema = {
  seed: integer(0, { min: 0, max: 2 ** 32 - 1 }),
  network: nested<NetworkOptions>({}),
  log: choice<LogMode>("tail", ["tail", "full"]),
  tailLines: integer(200),
  maxEvents: integer(10_000_000),
  replay: {
    fallback: (seed: number) => `new Simulation({ seed: ${seed} })`,
    check: isFunction,
  },
};

const runSchema = {
  safetyMs: milliseconds(60_000),
  livenessMs: milliseconds(60_000),
  faults: {
    fallback: {} as FaultPlan | readonly Fault[],
    check: (value: unknown) =>
      typeof value === "object" && value !== null
        ? undefined
        : { kind: "type" as const, expected: "a plan or a schedule of faults" },
  },
  invariants: nested<Readonly<Record<string, Invariant>>>({}),
  converged: { fallback: (): boolean | string => true, check: isFunction },
};

/** @throws TypeError or RangeError that names the option at fault */
export function resolveSimulation(options: SimulationOptions): Required<SimulationOptions> {
  return resolveOptions("Simulation", schema, options);
}

/** @throws TypeError or RangeError that names the option at fault */
export function resolveRun(options: RunOptions): Required<RunOptions> {
  return resolveOptions("Simulation.run", runSchema, options);
}
