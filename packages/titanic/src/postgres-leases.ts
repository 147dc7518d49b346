import { frameKey, keyFrame, systemScheduler } from "@seaworthy/core";
import type { Lease } from "./store.js";

interface Held {
  readonly token: number;
  /** When it has surely ended, on this machine's clock: then there is nothing to give up. */
  readonly until: number;
}

/** The leases that a store has given out and not got back, so that they can be given up when it is closed. */
export class HeldLeases {
  readonly #held = new Map<string, Held>();

  /** A lease was given out, or renewed. */
  hold({ id, token }: Lease, leaseMs: number): void {
    const key = frameKey(id);
    const now = systemScheduler.now();
    this.#held.delete(key);
    this.#held.set(key, { token, until: now + leaseMs });
    this.#forgetEnded(now);
  }

  /** A lease has ended: its request is settled, given back or removed. */
  drop(id: Uint8Array): void {
    this.#held.delete(frameKey(id));
  }

  /** All of them; they are held no more. */
  takeAll(): Lease[] {
    const leases = [...this.#held].map(([key, { token }]) => ({ id: keyFrame(key), token }));
    this.#held.clear();
    return leases;
  }

  /** Whoever lets leases end without a word must not fill the memory. */
  #forgetEnded(now: number): void {
    for (const [key, { until }] of this.#held) {
      if (until > now) return;
      this.#held.delete(key);
    }
  }
}
