import type { Frames } from "@seaworthy/core";
import type { RequestFailure } from "@seaworthy/majordomo/machine";

/** Whom the outcome of a call is told to. */
export interface CallOutcome {
  answered(body: Uint8Array[]): void;
  failed(failure: RequestFailure): void;
}

/** What a {@link CallDesk} says to the machine. */
export interface CallDeskOwner {
  send(call: number, service: Uint8Array, body: Frames, timeoutMs: number): void;
  abort(call: number): void;
}

/** Requests to services that are under way. */
export class CallDesk {
  readonly #owner: CallDeskOwner;
  readonly #open = new Map<number, CallOutcome>();
  #last = 0;

  constructor(owner: CallDeskOwner) {
    this.#owner = owner;
  }

  /** Sends a request. Its outcome is told once, unless it is given up before. */
  begin(service: Uint8Array, body: Frames, timeoutMs: number, outcome: CallOutcome): number {
    const call = ++this.#last;
    this.#open.set(call, outcome);
    this.#owner.send(call, service, body, timeoutMs);
    return call;
  }

  /** Gives a request up. */
  abort(call: number): void {
    this.#open.delete(call);
    this.#owner.abort(call);
  }

  /** Nothing comes of one that was given up. */
  answered(call: number, body: Uint8Array[]): void {
    this.#take(call)?.answered(body);
  }

  failed(call: number, failure: RequestFailure): void {
    this.#take(call)?.failed(failure);
  }

  #take(call: number): CallOutcome | undefined {
    const outcome = this.#open.get(call);
    this.#open.delete(call);
    return outcome;
  }
}
