import { setTimeout as sleep } from "node:timers/promises";
import type { Listr, ListrTask, ListrTaskWrapper } from "listr2";
import { monotonicMs } from "../harness/monotonic.js";
import type { LoadReport } from "./load-messages.js";
import type { DemoFault, DemoPattern } from "./pattern.js";
import { type FaultResult, milliseconds, type PatternResult } from "./results.js";
import { type FaultTimes, Show } from "./show.js";

/** Seconds that one round of all faults takes by default, and about which a longer run is divided. */
export const ROUND_SECONDS = 20;
/** Share of a fault's time that the fault itself lasts; the rest is calm, half before and half after. */
const FAULT_SHARE = 0.3;
const CALM_SHARE = 0.35;
const BAR_LENGTH = 30;

type Task = ListrTaskWrapper<
  unknown,
  typeof import("listr2").DefaultRenderer,
  typeof import("listr2").SimpleRenderer
>;

/** How the demo looks where it is shown. */
export interface ViewOptions {
  /** Time between two looks at the counters, in ms. */
  readonly refreshMs: number;
}

const count = new Intl.NumberFormat("en-US");

/** One pattern in the demo, as tasks to watch. */
export class Performance {
  readonly #pattern: DemoPattern;
  readonly #seconds: number;
  readonly #view: ViewOptions;
  readonly #show: Show;
  readonly #faults: FaultResult[] = [];
  #beganAt = 0;
  #phase = "";
  #look: () => void = () => undefined;
  #result: PatternResult | undefined;

  constructor(pattern: DemoPattern, seconds: number, view: ViewOptions) {
    this.#pattern = pattern;
    this.#seconds = seconds;
    this.#view = view;
    this.#show = new Show(pattern);
  }

  get result(): PatternResult | undefined {
    return this.#result;
  }

  /** The task that runs the pattern, with one step for each kind of fault. */
  task(): ListrTask<
    unknown,
    typeof import("listr2").DefaultRenderer,
    typeof import("listr2").SimpleRenderer
  > {
    const { title, roles, faults } = this.#pattern;
    const processes = `${roles.map(({ name }) => name).join(", ")} and client`;
    return {
      title,
      task: (_context, task): Listr =>
        task.newListr([
          { title: `start ${processes}`, task: () => this.#open() },
          ...faults.map((fault) => ({
            title: fault.name,
            task: (_: unknown, step: Task) => this.#watch(step, () => this.#faultStep(fault, step)),
          })),
          {
            title: "let the requests in flight end",
            task: (_: unknown, step: Task) => this.#watch(step, () => this.#finish(step)),
          },
        ]) as unknown as Listr,
    };
  }

  async close(): Promise<void> {
    await this.#show.close();
  }

  async #open(): Promise<void> {
    await this.#show.open();
    this.#beganAt = monotonicMs();
  }

  async #faultStep(fault: DemoFault, step: Task): Promise<void> {
    const rounds = Math.max(1, Math.round(this.#seconds / ROUND_SECONDS));
    const stepMs = (this.#seconds * 1000) / this.#pattern.faults.length;
    const roundMs = stepMs / rounds;
    const stepBeganAt = this.#beganAt + this.#faults.length * stepMs;
    const times: FaultTimes[] = [];
    const until = (at: number): Promise<void> => sleep(Math.max(0, at - monotonicMs()));
    for (let round = 0; round < rounds; round++) {
      this.#enter("all is well");
      await until(stepBeganAt + (round + CALM_SHARE) * roundMs);
      times.push(await this.#show.suffer(fault, FAULT_SHARE * roundMs, (phase) => this.#enter(phase)));
      this.#enter(outcome(times.slice(-1)));
    }
    await until(stepBeganAt + stepMs);
    this.#faults.push({ name: fault.name, times });
    step.title = `${fault.name}: ${outcome(times)}`;
  }

  async #finish(step: Task): Promise<void> {
    this.#enter("sending no more");
    const load = await this.#show.finish();
    const { name, title } = this.#pattern;
    this.#result = { name, title, seconds: this.#seconds, load, faults: this.#faults };
    step.title = `${count.format(load.sent)} requests: ${count.format(load.lost)} lost, ${count.format(load.mismatched)} mismatched`;
  }

  /** Shows phase and counters while a step runs. */
  async #watch(step: Task, run: () => Promise<void>): Promise<void> {
    const look = (): void => {
      step.output = `${this.#progress()}\n${counters(this.#show.report)}`;
    };
    const timer = setInterval(look, this.#view.refreshMs);
    this.#look = look;
    try {
      await run();
    } finally {
      clearInterval(timer);
    }
  }

  #enter(phase: string): void {
    this.#phase = phase;
    this.#look();
  }

  #progress(): string {
    const share = Math.min(1, (monotonicMs() - this.#beganAt) / (this.#seconds * 1000));
    const filled = Math.round(share * BAR_LENGTH);
    const bar = "█".repeat(filled) + "░".repeat(BAR_LENGTH - filled);
    return `${bar} ${String(Math.round(share * 100)).padStart(3)}%  ${this.#phase}`;
  }
}

function counters({ answered, inFlight, retried, failed, lost }: LoadReport): string {
  const parts = { answered, "in flight": inFlight, retried, failed, lost };
  return Object.entries(parts)
    .map(([name, value]) => `${count.format(value)} ${name}`)
    .join(" ");
}

function outcome(times: readonly FaultTimes[]): string {
  const worst = Math.max(...times.map(({ recoveryMs }) => recoveryMs ?? Number.POSITIVE_INFINITY));
  if (!Number.isFinite(worst)) return "never recovered";
  return times.length === 1
    ? `recovered in ${milliseconds(worst)} ms`
    : `${times.length} times, recovered in at most ${milliseconds(worst)} ms`;
}
