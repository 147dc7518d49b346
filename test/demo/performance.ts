import { setTimeout as sleep } from "node:timers/promises";
import type { Listr, ListrTask, ListrTaskWrapper } from "listr2";
import { monotonicMs } from "../harness/monotonic.js";
import type { LoadReport } from "./load-messages.js";
import type { DemoFault, DemoPattern } from "./pattern.js";
import { type FaultResult, milliseconds, type PatternResult } from "./results.js";
import { type FaultPhase, type FaultTimes, Show } from "./show.js";
import type { Terms } from "./terms.js";

/** Seconds that one round of all faults takes by default, and about which a longer run is divided. */
export const ROUND_SECONDS = 20;
/** Share of a fault's time that the fault itself lasts; the rest is calm, half before and half after. */
const FAULT_SHARE = 0.3;
const CALM_SHARE = 0.35;
const BAR_LENGTH = 30;
/** Time between two looks at the counters, in ms. */
const REFRESH_MS = 200;

const phases = ({ missing }: Terms): Readonly<Record<FaultPhase, string>> => ({
  there: "FAULT",
  healing: "FAULT, its cause is being taken away",
  gone: `the cause is gone, ${missing} yet`,
});

type Task = ListrTaskWrapper<
  unknown,
  typeof import("listr2").DefaultRenderer,
  typeof import("listr2").SimpleRenderer
>;

const count = new Intl.NumberFormat("en-US");

/** One pattern in the demo, as tasks to watch. */
export class Performance {
  readonly #pattern: DemoPattern;
  readonly #seconds: number;
  readonly #say: (line: string) => void;
  readonly #show: Show;
  readonly #faults: FaultResult[] = [];
  #beganAt = 0;
  #phase = "";
  #look: () => void = () => undefined;
  #result: PatternResult | undefined;

  /** `say` is told what happens, a line each: for where the tasks are not drawn. */
  constructor(pattern: DemoPattern, seconds: number, say: (line: string) => void) {
    this.#pattern = pattern;
    this.#seconds = seconds;
    this.#say = say;
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
    const { title, roles, faults, load } = this.#pattern;
    const processes = `${roles.map(({ name }) => name).join(", ")} and ${load.process}`;
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
            title: `let the ${load.terms.things} in flight end`,
            task: (_: unknown, step: Task) => this.#watch(step, () => this.#finish(step)),
          },
        ]) as unknown as Listr,
    };
  }

  async close(): Promise<void> {
    await this.#show.close();
  }

  async #open(): Promise<void> {
    const { title, load } = this.#pattern;
    this.#say(`${title}: starting`);
    await this.#show.open();
    this.#beganAt = monotonicMs();
    this.#sayAt(`all is well; ${load.about}`);
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
      times.push(
        await this.#show.suffer(fault, FAULT_SHARE * roundMs, (phase) => {
          if (phase !== "healing")
            this.#sayAt(`${fault.name}: ${phase === "there" ? "begins" : "cause gone"}`);
          this.#enter(phases(this.#pattern.load.terms)[phase]);
        }),
      );
      const latest = outcome(times.slice(-1));
      this.#sayAt(`${fault.name}: ${latest}`);
      this.#enter(latest);
    }
    await until(stepBeganAt + stepMs);
    this.#faults.push({ name: fault.name, times });
    step.title = `${fault.name}: ${outcome(times)}`;
  }

  async #finish(step: Task): Promise<void> {
    this.#enter("sending no more");
    const load = await this.#show.finish();
    const { name, title } = this.#pattern;
    const { about, terms } = this.#pattern.load;
    this.#result = {
      name,
      title,
      about,
      terms,
      seconds: this.#seconds,
      load,
      faults: this.#faults,
    };
    const ends = (["failed", "lost", "mismatched"] as const).map((name) => part(load, terms, name));
    step.title = `${count.format(load.sent)} ${terms.things}: ${ends.join(", ")}`;
    this.#sayAt(step.title);
  }

  /** Shows phase and counters while a step runs. */
  async #watch(step: Task, run: () => Promise<void>): Promise<void> {
    const look = (): void => {
      step.output = `${this.#progress()}\n${counters(this.#show.report, this.#pattern.load.terms)}`;
    };
    const timer = setInterval(look, REFRESH_MS);
    this.#look = look;
    try {
      await run();
    } finally {
      clearInterval(timer);
    }
  }

  #sayAt(what: string): void {
    const seconds = ((monotonicMs() - this.#beganAt) / 1000).toFixed(1);
    this.#say(`${seconds.padStart(7)} s  ${what}`);
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

/** A counter with its name. */
function part(
  report: LoadReport,
  { words }: Terms,
  name: "answered" | "retried" | "failed" | "lost" | "mismatched",
): string {
  return `${count.format(report[name])} ${words[name] ?? name}`;
}

function counters(report: LoadReport, terms: Terms): string {
  return [
    part(report, terms, "answered"),
    `${count.format(report.inFlight)} in flight`,
    part(report, terms, "retried"),
    part(report, terms, "failed"),
    part(report, terms, "lost"),
  ].join(" ");
}

function outcome(times: readonly FaultTimes[]): string {
  const worst = Math.max(...times.map(({ recoveryMs }) => recoveryMs ?? Number.POSITIVE_INFINITY));
  if (!Number.isFinite(worst)) return "never recovered";
  return times.length === 1
    ? `recovered in ${milliseconds(worst)} ms`
    : `${times.length} times, recovered in at most ${milliseconds(worst)} ms`;
}
