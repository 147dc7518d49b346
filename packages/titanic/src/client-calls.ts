import { DeadlineQueue, LinkedList } from "@seaworthy/core";
import { type CallInput, TitanicCall } from "./client-call.js";

/** The calls of a client that have not ended: by number and by what is asked for them, with their timers, and who seeks. */
export class ClientCalls {
  readonly #calls = new Map<number, TitanicCall>();
  readonly #asks = new Map<number, TitanicCall>();
  /** Those that wait to learn how requests are handed in, in order. */
  readonly #seekers: LinkedList<TitanicCall> = new LinkedList<TitanicCall>();
  readonly #timers = new DeadlineQueue<TitanicCall>();
  #lastAsk = 0;

  get size(): number {
    return this.#calls.size;
  }

  /** The earliest time at which one of them is due. */
  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  /** How many wait to learn how requests are handed in. */
  get seeking(): number {
    return this.#seekers.length;
  }

  /** The shortest time that one of these gives a server, in ms, or infinity. */
  get shortestTimeoutMs(): number {
    let shortest = Number.POSITIVE_INFINITY;
    for (const { timeoutMs } of this.#seekers) shortest = Math.min(shortest, timeoutMs);
    return shortest;
  }

  /** Takes a call up. */
  add(input: CallInput, limits: { timeoutMs: number; attempts: number }, now: number): TitanicCall {
    const call = new TitanicCall(input, limits, now, (it) => this.#timers.add(it, Number.POSITIVE_INFINITY));
    this.#calls.set(call.number, call);
    return call;
  }

  get(number: number): TitanicCall | undefined {
    return this.#calls.get(number);
  }

  numbers(): Iterable<number> {
    return this.#calls.keys();
  }

  /** It waits to learn how requests are handed in. */
  seek(call: TitanicCall): void {
    this.#seekers.append(call.place);
  }

  /** The one that has waited for that longest, which waits no more. */
  nextSeeker(): TitanicCall | undefined {
    return this.#seekers.shift();
  }

  /** A number for a question that is of no call. */
  newAsk(): number {
    this.#lastAsk += 1;
    return this.#lastAsk;
  }

  /** Something is asked for it; returns the number of the question. */
  asking(call: TitanicCall, now: number): number {
    const ask = this.newAsk();
    call.ask = ask;
    call.askedAt = now;
    this.#asks.set(ask, call);
    return ask;
  }

  /** A question is over: the call that it was asked for, or `undefined` if that has ended. */
  takeAsk(ask: number): TitanicCall | undefined {
    const call = this.#asks.get(ask);
    if (call === undefined) return undefined;
    this.#asks.delete(ask);
    call.ask = undefined;
    return call;
  }

  /** Sets its timer for what it waits for now, unless it has ended. */
  schedule(call: TitanicCall): void {
    const { dueAt, number, timer } = call;
    if (dueAt === Number.POSITIVE_INFINITY || !this.#calls.has(number)) this.#timers.cancel(timer);
    else this.#timers.move(timer, dueAt);
  }

  /** The next one that is due. */
  takeDue(now: number): TitanicCall | undefined {
    return this.#timers.takeDue(now);
  }

  /** It has ended; returns the number of the question that is still asked for it. */
  remove(call: TitanicCall): number | undefined {
    const { ask, number, timer, place } = call;
    this.#calls.delete(number);
    this.#timers.cancel(timer);
    place.unlink();
    if (ask !== undefined) this.#asks.delete(ask);
    return ask;
  }
}
