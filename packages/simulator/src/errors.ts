import { SeaworthyError } from "@seaworthy/core";
import { describeFault, type Fault } from "./faults.js";

/** Part of a run in which something happened. */
export type Phase = "safety" | "liveness";

/** What a {@link SimulationError} tells. */
export interface Failure {
  readonly seed: number;
  readonly phase: Phase;
  /** Virtual time, in ms. */
  readonly at: number;
  /** Name of the invariant that does not hold, if it was one. */
  readonly invariant: string | undefined;
  /** What went wrong. */
  readonly reason: string;
  /** Faults that had begun. */
  readonly faults: readonly Fault[];
  /** The last lines of the log. */
  readonly log: readonly string[];
  /** Command that runs the same simulation again. */
  readonly replay: string;
}

/**
 * A run failed: an invariant did not hold, the nodes did not converge, or a node's code threw (the
 * error is then the `cause`). The message holds all that is needed to see it again.
 */
export class SimulationError extends SeaworthyError<"ERR_SIMULATION_FAILED"> implements Failure {
  override name = "SimulationError";
  readonly seed: number;
  readonly phase: Phase;
  readonly at: number;
  readonly invariant: string | undefined;
  readonly reason: string;
  readonly faults: readonly Fault[];
  readonly log: readonly string[];
  readonly replay: string;

  constructor(failure: Failure, cause?: unknown) {
    super("ERR_SIMULATION_FAILED", report(failure), { cause });
    this.seed = failure.seed;
    this.phase = failure.phase;
    this.at = failure.at;
    this.invariant = failure.invariant;
    this.reason = failure.reason;
    this.faults = failure.faults;
    this.log = failure.log;
    this.replay = failure.replay;
  }
}

/** Lines of the log that a message shows. */
const SHOWN_LINES = 40;

function report({ seed, phase, at, invariant, reason, faults, log, replay }: Failure): string {
  const what = invariant === undefined ? reason : `invariant "${invariant}": ${reason}`;
  return [
    `seed ${seed} failed in the ${phase} phase at ${at.toFixed(3)} ms: ${what}`,
    `faults (${faults.length}):`,
    ...faults.map((fault) => `  ${fault.at.toFixed(3)} ${describeFault(fault)}`),
    "end of the log:",
    ...log.slice(-SHOWN_LINES).map((line) => `  ${line}`),
    `replay: ${replay}`,
  ].join("\n");
}
