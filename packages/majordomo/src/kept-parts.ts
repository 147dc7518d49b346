import type { Frames } from "@seaworthy/core";
import { CollectedParts } from "./collected-parts.js";

/** Parts of replies that are kept until the rest is there, for brokers that take a reply only as a whole. */
export class KeptParts {
  readonly #kept = new Map<number, CollectedParts>();

  /** Whether there are some of the reply to this request. */
  has(ticket: number): boolean {
    return this.#kept.has(ticket);
  }

  /** How many bytes there are of the reply to this request. */
  bytes(ticket: number): number {
    return this.#kept.get(ticket)?.bytes ?? 0;
  }

  keep(ticket: number, part: Frames): void {
    const kept = this.#kept.get(ticket) ?? new CollectedParts();
    kept.add(part);
    this.#kept.set(ticket, kept);
  }

  /** All that is kept of the reply to this request, with its end; nothing is kept of it any more. */
  complete(ticket: number, end: Frames): Frames {
    const kept = this.#kept.get(ticket);
    this.#kept.delete(ticket);
    return kept?.complete(end) ?? end;
  }

  /** The reply to this request is no longer wanted. */
  forget(ticket: number): void {
    this.#kept.delete(ticket);
  }
}
