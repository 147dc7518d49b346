import { Fifo, frameKey } from "@seaworthy/core";
import type { Refusal } from "./wire.js";

/** Why an update was refused, as its client was told. */
export interface RefusedUpdate {
  readonly refusal: Partial<Refusal> & Pick<Refusal, "reason">;
  readonly sequence: number | undefined;
}

/**
 * Updates that were refused lately, by UUID. Clients send again what is not answered at once: when one copy has been refused, and its
 * client knows that it came to nothing, another that is read later must not be ordered.
 */
export class RefusedUpdates {
  readonly #max: number;
  readonly #refused = new Map<string, RefusedUpdate>();
  /** The same, the oldest first. */
  readonly #order = new Fifo<string>();

  /** @param max - how many are remembered */
  constructor(max: number) {
    this.#max = max;
  }

  find(uuid: Uint8Array): RefusedUpdate | undefined {
    return this.#refused.size === 0 ? undefined : this.#refused.get(frameKey(uuid));
  }

  /** One that is there already stays as it is. Those without a UUID cannot be known. */
  add(uuid: Uint8Array, update: RefusedUpdate): void {
    const name = frameKey(uuid);
    if (name === "" || this.#refused.has(name)) return;
    this.#refused.set(name, update);
    this.#order.push(name);
    if (this.#order.length > this.#max) this.#refused.delete(this.#order.shift() as string);
  }
}
