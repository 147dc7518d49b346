import { type DeadlineEntry, DeadlineQueue, frameKey } from "@seaworthy/core";
import type { KeyValue } from "./wire.js";

/** What clients published, and the active was not seen to have: by UUID, the oldest first. */
export class PendingUpdates {
  readonly #max: number;
  readonly #ms: number;
  readonly #deadlines = new DeadlineQueue<KeyValue>();
  readonly #kept = new Map<string, DeadlineEntry<KeyValue>>();

  constructor(max: number, ms: number) {
    this.#max = max;
    this.#ms = ms;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** When the next one is forgotten. */
  get deadline(): number | undefined {
    return this.#deadlines.deadline;
  }

  has(uuid: Uint8Array): boolean {
    return this.#kept.has(frameKey(uuid));
  }

  /** @returns false if there are too many, and this one is not kept */
  add(message: KeyValue, now: number): boolean {
    if (this.#kept.size >= this.#max) return false;
    this.#kept.set(frameKey(message.uuid), this.#deadlines.add(message, now + this.#ms));
    return true;
  }

  /** The active has it. */
  remove(uuid: Uint8Array): void {
    if (this.#kept.size === 0) return;
    const name = frameKey(uuid);
    const entry = this.#kept.get(name);
    if (entry === undefined) return;
    this.#deadlines.cancel(entry);
    this.#kept.delete(name);
  }

  /** Forgets those of which this holds. */
  removeIf(test: (uuid: Uint8Array) => boolean): void {
    for (const { item } of this.#kept.values()) if (test(item.uuid)) this.remove(item.uuid);
  }

  /** Forgets what is too old. */
  expire(now: number): void {
    for (let old = this.#deadlines.takeDue(now); old !== undefined; old = this.#deadlines.takeDue(now))
      this.#kept.delete(frameKey(old.uuid));
  }

  /** All of them, which are forgotten. */
  takeAll(): KeyValue[] {
    const messages = Array.from(this.#kept.values(), ({ item }) => item);
    for (const { uuid } of messages) this.remove(uuid);
    return messages;
  }
}
