import type { Scheduler } from "./clock.js";
import type { Machine } from "./machine.js";

/** What a {@link MachineHost} needs besides its machine. */
export interface MachineHostOptions<Output> {
  /** Clock and timers. */
  scheduler: Scheduler;
  /** Does what an output says. It may call {@link MachineHost.feed}; the input waits its turn. */
  perform(output: Output): void;
  /** True while messages that have arrived are still coming in: see `Transport.backlog`. */
  backlog?: () => boolean;
  /** A timer that fires later than this, in ms, means that the process stood still. Default 100. */
  stallMs?: number;
}

const DEFAULT_STALL_MS = 100;
/** A timer that fires later than this, in ms, may have kept messages waiting as well. */
const BUSY_MS = 5;
/** Time to read what arrived during a stall, per round and in all, in ms. */
const DRAIN_ROUND_MS = 20;
const DRAIN_MAX_MS = 1000;
/** Stalls within a drain that begin it anew. A process that is always slow must judge in the end. */
const DRAIN_MAX_RESTARTS = 3;

/**
 * Runs one machine: feeds it inputs, performs its outputs, and wakes it at its deadline with one
 * timer. When that timer fires late the process has stood still, and deadlines are not judged
 * until what arrived meanwhile has been read; then the machine is told by a `stalled` input.
 * A timer that fires a little late lets messages that wait be read for one turn of the event loop
 * before deadlines are judged.
 */
export class MachineHost<Input, Output> {
  readonly #machine: Machine<Input, Output>;
  readonly #scheduler: Scheduler;
  readonly #perform: (output: Output) => void;
  readonly #backlog: () => boolean;
  readonly #stallMs: number;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** Deadlines wait until what has arrived is read. */
  #draining = false;
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

  /**
   * Gives the machine an input and performs what follows from it. No effect once stopped.
   *
   * @throws what the machine threw, or the first error of {@link MachineHostOptions.perform}, after
   * all outputs were performed
   */
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
    let failure: { readonly error: unknown } | undefined;
    try {
      for (let output = this.#machine.take(); output !== undefined; output = this.#machine.take()) {
        try {
          this.#perform(output);
        } catch (error) {
          failure ??= { error };
        }
      }
    } finally {
      this.#busy = false;
      this.#arm(this.#machine.deadline);
    }
    // Only now: one output that fails must cost neither those behind it nor the timer.
    if (failure !== undefined) throw failure.error;
  }

  /** One timer serves all: it is set anew only for an earlier time, and a vain wake-up re-arms. */
  #arm(at: number | undefined): void {
    if (this.#stopped || at === undefined || at >= this.#timerAt || this.#draining) return;
    // A timer that is overdue stays: how late it fires tells of a stall, which one set now would know nothing of.
    if (this.#timerAt <= this.#scheduler.now()) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    // A deadline that was already past when it was set is no sign of a stall.
    const expectedAt = Math.max(at, this.#scheduler.now());
    this.#cancelTimer = this.#scheduler.schedule(at, () => this.#wake(expectedAt));
  }

  #wake(expectedAt: number, hasRead = false): void {
    const now = this.#scheduler.now();
    const lateMs = now - expectedAt;
    if (lateMs > this.#stallMs) {
      this.#backlog(); // What came in before the stall does not count as coming in after it.
      this.#drain({ stalledSince: expectedAt, startedAt: now, restarts: 0 }, now + DRAIN_ROUND_MS);
    } else if (lateMs > BUSY_MS && !hasRead) this.#pause(now, () => this.#wake(now, true));
    else this.#judge();
  }

  #isDue(now: number): boolean {
    const due = this.#machine.deadline;
    return due !== undefined && due <= now;
  }

  #judge(): void {
    this.#cancelTimer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#draining = false;
    const now = this.#scheduler.now();
    if (this.#isDue(now)) this.#machine.tick(now);
    this.#flush();
  }

  /** Judges nothing until `until`, so that sockets are read meanwhile. */
  #pause(until: number, then: () => void): void {
    this.#draining = true;
    this.#cancelTimer = this.#scheduler.schedule(until, then);
  }

  #drain(drain: Drain, until: number): void {
    this.#pause(until, () => {
      const now = this.#scheduler.now();
      const hasStalledAgain = now - until > this.#stallMs && drain.restarts < DRAIN_MAX_RESTARTS;
      if (hasStalledAgain) {
        this.#drain({ ...drain, startedAt: now, restarts: drain.restarts + 1 }, now + DRAIN_ROUND_MS);
      } else if (this.#backlog() && now - drain.startedAt < DRAIN_MAX_MS) {
        this.#drain(drain, now + DRAIN_ROUND_MS);
      } else {
        this.#machine.handle({ type: "stalled", ms: now - drain.stalledSince }, now);
        this.#judge();
      }
    });
  }
}

/** Reading what arrived during a stall. */
interface Drain {
  readonly stalledSince: number;
  readonly startedAt: number;
  readonly restarts: number;
}
