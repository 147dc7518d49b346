/** Monotonic time in milliseconds, counted from an arbitrary start. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never runs backwards, fractions allowed. */
  now(): number;
}

/** A clock that can also wake somebody up: what a {@link MachineHost} needs of the outside world. */
export interface Scheduler extends Clock {
  /**
   * Calls `wake` once, at or after `at` on this clock.
   *
   * @returns a function that withdraws the call; harmless once it has happened.
   */
  schedule(at: number, wake: () => void): () => void;
}

/** Longest delay that `setTimeout` takes before it overflows to 1 ms. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

let latestReading = 0;

/** What the system's clock said when somebody in this process last asked {@link systemScheduler}, in ms. */
export function lastReading(): number {
  return latestReading;
}

/**
 * The monotonic clock and timers of the platform: `performance.now()` and `setTimeout`.
 * Wall-clock changes (NTP, a hand on the date) do not move it.
 */
export const systemScheduler: Scheduler = {
  now: () => {
    latestReading = performance.now();
    return latestReading;
  },
  schedule(at, wake) {
    const delay = Math.min(Math.max(0, Math.ceil(at - performance.now())), MAX_TIMEOUT_MS);
    const timer = setTimeout(wake, delay);
    return () => clearTimeout(timer);
  },
};

/**
 * A source of randomness: uniform in [0, 1), like `Math.random`. Machines take one as an option,
 * so that a simulation can hand them a seeded one.
 */
export type Random = () => number;
