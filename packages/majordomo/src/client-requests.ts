import { DeadlineQueue, LinkedList, SequenceSource } from "@seaworthy/core";
import type { MajordomoClientInput } from "./client-messages.js";
import { Pending } from "./pending.js";
import type { HeaderKind, RequestHeader } from "./request-header.js";

/** The requests of a client that have not ended: by call and by header, with their timers, and who waits. */
export class ClientRequests {
  readonly #source: SequenceSource;
  readonly #byCall = new Map<number, Pending>();
  readonly #bySequence = new Map<bigint, Pending>();
  /** Those that wait for a connection with room, in order. */
  readonly #waiting: LinkedList<Pending> = new LinkedList<Pending>();
  readonly #timers = new DeadlineQueue<Pending>();
  #last = 0n;

  /** @param epoch - 64 random bits that no other client uses */
  constructor(epoch: bigint) {
    this.#source = new SequenceSource(epoch);
  }

  get size(): number {
    return this.#byCall.size;
  }

  /** The earliest time at which one of them is due. */
  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  /** How many wait for a connection with room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The shortest attempt of those that wait for a connection, in ms, or infinity. */
  get shortestTimeoutMs(): number {
    let shortest = Number.POSITIVE_INFINITY;
    for (const { state, timeoutMs } of this.#byCall.values())
      if (state === "waiting") shortest = Math.min(shortest, timeoutMs);
    return shortest;
  }

  /** Takes a request up; its first attempt ends when its time is over. */
  add(input: MajordomoClientInput & { type: "request" }, now: number): Pending {
    this.#last = this.#source.next();
    const pending = new Pending(input, this.#last, (it) => this.#timers.add(it, now + input.timeoutMs));
    this.#byCall.set(pending.call, pending);
    this.#bySequence.set(pending.sequence, pending);
    return pending;
  }

  get(call: number): Pending | undefined {
    return this.#byCall.get(call);
  }

  all(): Iterable<Pending> {
    return this.#byCall.values();
  }

  /** The header of a request, as a broker of ours gets it. */
  header({ sequence, attempts }: Pending, kind: HeaderKind, first: number): RequestHeader {
    return { kind, epoch: this.#source.epoch, sequence, first, second: attempts };
  }

  /** The request that a header is of. */
  find({ epoch, sequence }: RequestHeader): Pending | undefined {
    return epoch === this.#source.epoch ? this.#bySequence.get(sequence) : undefined;
  }

  /** Whether a header is of a request of this client, ended or not. */
  wasMade({ epoch, sequence }: RequestHeader): boolean {
    return epoch === this.#source.epoch && sequence <= this.#last;
  }

  /** It waits for a connection with room, behind all others. */
  wait(pending: Pending): void {
    this.#waiting.append(pending.place);
  }

  /** All that wait for a broker do so for the next one, too: also those that the last one's queue had no room for. */
  waitAgain(): void {
    for (const pending of this.#byCall.values()) {
      if (pending.state === "waiting" && !pending.place.isLinked) this.wait(pending);
    }
  }

  /** The one that has waited longest, which waits no more. */
  nextWaiting(): Pending | undefined {
    return this.#waiting.shift();
  }

  /** Sets the time at which it is due next. */
  schedule(pending: Pending, at: number): void {
    this.#timers.move(pending.timer, at);
  }

  /** The next one that is due. */
  takeDue(now: number): Pending | undefined {
    return this.#timers.takeDue(now);
  }

  /** It has ended. */
  remove(pending: Pending): void {
    this.#byCall.delete(pending.call);
    this.#bySequence.delete(pending.sequence);
    this.#timers.cancel(pending.timer);
    pending.place.unlink();
  }
}
