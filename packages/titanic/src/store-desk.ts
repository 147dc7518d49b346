import type { StoreAction, StoreMethod, StoreOutcome } from "./server-messages.js";

type Arguments<M extends StoreMethod> = Extract<StoreAction, { readonly method: M }>["args"];

/** A call of the store that is under way. */
interface Errand {
  readonly method: StoreMethod;
  done(outcome: StoreOutcome<StoreMethod>): void;
  failed(message: string): void;
}

/** What a {@link StoreDesk} says to the machine. */
export interface StoreDeskOwner {
  send(op: number, action: StoreAction): void;
  failed(method: StoreMethod, message: string): void;
  recovered(): void;
}

/** Calls of the store that are under way, and what is to happen when they are done. */
export class StoreDesk {
  readonly #owner: StoreDeskOwner;
  readonly #errands = new Map<number, Errand>();
  #last = 0;
  /** Methods that failed when they were last called. */
  readonly #ailing = new Set<StoreMethod>();
  #hasFailedSinceSweep = false;

  constructor(owner: StoreDeskOwner) {
    this.#owner = owner;
  }

  /** Calls that are under way. */
  get length(): number {
    return this.#errands.size;
  }

  /** Calls the store. Exactly one of `done` and `failed` will be called, unless nothing is heard of it any more. */
  ask<M extends StoreMethod>(
    method: M,
    args: Arguments<M>,
    done: (outcome: StoreOutcome<M>) => void,
    failed: (message: string) => void,
  ): void {
    const op = ++this.#last;
    this.#errands.set(op, { method, done: done as Errand["done"], failed });
    this.#owner.send(op, { method, args } as unknown as StoreAction);
  }

  stored(op: number, outcome: StoreOutcome<StoreMethod>): void {
    const errand = this.#take(op);
    if (this.#ailing.size > 0) this.#worked(errand.method);
    errand.done(outcome);
  }

  failed(op: number, message: string): void {
    const { method, failed } = this.#take(op);
    this.#ailing.add(method);
    this.#hasFailedSinceSweep = true;
    this.#owner.failed(method, message);
    failed(message);
  }

  /** A store whose disk is full can still be read, so what works says something of itself alone. */
  #worked(method: StoreMethod): void {
    this.#ailing.delete(method);
    if (method === "sweep") {
      // Comes with each look through the store: what nobody asks for any more must not count as failing for ever.
      if (!this.#hasFailedSinceSweep) this.#ailing.clear();
      this.#hasFailedSinceSweep = false;
    }
    if (this.#ailing.size === 0) this.#owner.recovered();
  }

  #take(op: number): Errand {
    const errand = this.#errands.get(op) as Errand;
    this.#errands.delete(op);
    return errand;
  }
}
