import type { Scheduler } from "./clock.js";
import type { Machine } from "./machine.js";

/** What a {@link MachineHost} needs besides its machine. */
export interface MachineHostOptions<Output> {
  /** Clock and timers. */
  scheduler: Scheduler;
  /** Does what an output says. It may call {@link MachineHost.feed}; the input waits its turn. */
  perform(output: Output): void;
  /** True while messages have arrived that the machine has not been given yet. */
  backlog?: () => boolean;
  /** A timer that fires later than this, in ms, means that the process stood still. Default 100. */
  stallMs?: number;
}

const DEFAULT_STALL_MS = 100;
/** Time to read what arrived during a stall, per round and in all, in ms. */
const DRAIN_ROUND_MS = 20;
const DRAIN_MAX_MS = 1000;

/**
 * Runs one machine: feeds it inputs, performs its outputs, and wakes it at its deadline with one
 * timer. When that timer fires late the process has stood still, and deadlines are not judged
 * until what arrived meanwhile has been read; then the machine is told by a `stalled` input.
 */
export class MachineHost<Input, Output> {
  readonly #machine: Machine<Input, Output>;
  readonly #scheduler: Scheduler;
  readonly #perform: (output: Output) => void;
  readonly #backlog: () => boolean;
  readonly #stallMs: number;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #stalledSince: number | undefined;
  #busy = false;
  #stopped = false;

  constructor(machine: Machine<Input, Output>, options: MachineHostOptions<Output>) {
    this.#machine = machine;
    this.#scheduler = options.scheduler;
    this.#perform = options.perform;
    this.#backlog = options.backlog ?? (() => false);
    this.#stallMs = options.stallMs ?? DEFAULT_STALL_MS;
  }

  /** The time on the role's clock, in ms. */
  now(): number {
    return this.#scheduler.now();
  }

  /** Gives the machine an input and performs what follows from it. No effect once stopped. */
  feed(input: Input): void {
    if (this.#stopped) return;
    this.#machine.handle(input, this.#scheduler.now());
    this.#flush();
  }

  /** Stops the timer; later inputs are ignored. Outputs being performed now are finished. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #flush(): void {
    // An output may lead to an input (a refused send, say). Its outputs are then performed by the
    // loop that is already running, after those that are still in line.
    if (this.#busy) return;
    this.#busy = true;
    try {
      let output = this.#machine.take();
      while (output !== undefined) {
        this.#perform(output);
        output = this.#machine.take();
      }
    } finally {
      this.#busy = false;
    }
    this.#arm(this.#machine.deadline);
  }

  /** One timer serves all: it is set anew only for an earlier time, and a vain wake-up re-arms. */
  #arm(at: number | undefined): void {
    if (this.#stopped || at === undefined || at >= this.#timerAt || this.#stalledSince !== undefined) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = this.#scheduler.schedule(at, () => this.#wake());
  }

  #wake(): void {
    this.#cancelTimer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const due = this.#machine.deadline;
    const now = this.#scheduler.now();
    if (due !== undefined && due <= now) {
      if (now - due > this.#stallMs) {
        this.#stalledSince = due;
        this.#drain(now, now + DRAIN_ROUND_MS);
        return;
      }
      this.#machine.tick(now);
    }
    this.#flush();
  }

  #drain(startedAt: number, until: number): void {
    this.#cancelTimer = this.#scheduler.schedule(until, () => {
      this.#cancelTimer = undefined;
      const now = this.#scheduler.now();
      if (this.#backlog() && now - startedAt < DRAIN_MAX_MS) {
        this.#drain(startedAt, now + DRAIN_ROUND_MS);
        return;
      }
      const ms = now - (this.#stalledSince ?? now);
      this.#stalledSince = undefined;
      this.#machine.handle({ type: "stalled", ms }, now);
      this.#machine.tick(now);
      this.#flush();
    });
  }
}
