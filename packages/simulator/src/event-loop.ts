import { type DeadlineEntry, DeadlineQueue } from "@seaworthy/core";

/** What an event does. One object may be scheduled again and again. */
export interface Event {
  run(): void;
}

/** A pending event; see {@link EventLoop.move}. */
export type EventEntry = DeadlineEntry<Event>;

/**
 * The first whole microsecond that is not before `ms`. Times are kept on this grid, so that sums
 * of fractions do not print with a tail of digits; never earlier, since a timer that is early by
 * a rounding error would be set again at the same time for ever.
 */
function toGrid(ms: number): number {
  const micros = Math.ceil(ms * 1000);
  const rounded = micros / 1000;
  return rounded < ms ? (micros + 1) / 1000 : rounded;
}

/** Virtual time and everything that is going to happen, in the order of (time, scheduled first). */
export class EventLoop {
  readonly #queue = new DeadlineQueue<Event>();
  #now = 0;
  #turn = 0;
  #events = 0;

  /** Virtual time, in ms. */
  get now(): number {
    return this.#now;
  }

  /** Changes from event to event, and whenever somebody outside gets to act. */
  get turn(): number {
    return this.#turn;
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  /** @throws RangeError if `at` is not a number: NaN has no place in the order of time. */
  add(event: Event, at: number): EventEntry {
    return this.#queue.add(event, this.#place(at));
  }

  /** Sets a past or pending event again. */
  move(entry: EventEntry, at: number): void {
    this.#queue.move(entry, this.#place(at));
  }

  cancel(entry: EventEntry): void {
    this.#queue.cancel(entry);
  }

  /** Runs `action` at a time, once. */
  at(at: number, action: () => void): EventEntry {
    return this.add({ run: action }, at);
  }

  /** Lets the next event happen if it is due by `until`. */
  step(until: number): boolean {
    const next = this.#queue.deadline;
    if (next === undefined || next > until) return false;
    this.#now = next;
    this.#turn += 1;
    this.#events += 1;
    (this.#queue.takeDue(next) as Event).run();
    return true;
  }

  /** Nothing happens until `at`. */
  advance(at: number): void {
    this.#turn += 1;
    if (at > this.#now) this.#now = toGrid(at);
  }

  #place(at: number): number {
    if (Number.isNaN(at)) throw new RangeError("a time must be a number, got NaN");
    return at <= this.#now ? this.#now : toGrid(at);
  }
}
