import type { Entry } from "./entry.js";
import { Following } from "./following.js";
import type { Ordering, OrderingParts } from "./ordering.js";
import { PendingUpdates } from "./pending.js";
import type { ServerInput } from "./server-messages.js";
import type { KeyValue } from "./wire.js";

/** What becomes of the connection to the active peer. */
type LinkInput = ServerInput & { type: "follow" | "unfollow" | `link-${string}` };

/** What a server does while it is not the active one: follows that one, and keeps what clients publish. */
export class Standby {
  readonly #parts: OrderingParts;
  readonly #ordering: Ordering;
  readonly #pending: PendingUpdates;
  readonly #following: Following;
  #now = 0;

  /** @param malformed - what the peer said is none of the protocol */
  constructor(parts: OrderingParts, ordering: Ordering, malformed: (reason: string) => void) {
    const { options, map, known, put } = parts;
    this.#parts = parts;
    this.#ordering = ordering;
    this.#pending = new PendingUpdates(options.maxPending, options.pendingMs);
    this.#following = new Following(options, map, known, {
      open: () => put({ type: "open-link" }),
      close: () => put({ type: "close-link" }),
      send: (frames) => put({ type: "link-send", frames }),
      replaced: (before) => this.#replaced(before),
      applied: (entry) => this.#applied(entry),
      caughtUp: () => put({ type: "caught-up" }),
      failed: (reason) => put({ type: "follow-failed", reason }),
      sourceLost: (since) => put({ type: "source-lost", since }),
      fellBehind: () => put({ type: "fell-behind" }),
      malformed,
    });
  }

  /** Updates that are kept. */
  get pending(): number {
    return this.#pending.size;
  }

  get deadline(): number {
    const never = Number.POSITIVE_INFINITY;
    return Math.min(this.#following.deadline ?? never, this.#pending.deadline ?? never);
  }

  tick(now: number): void {
    this.#now = now;
    this.#following.tick(now);
    this.#pending.expire(now);
  }

  /** The process stood still. */
  stalled(now: number): void {
    this.#now = now;
    this.#following.stalled(now);
  }

  followed(input: LinkInput, now: number): void {
    this.#now = now;
    switch (input.type) {
      case "follow":
        return this.#following.begin(now);
      case "unfollow":
        return this.#following.end();
      case "link-up":
        return this.#following.up(now);
      case "link-down":
        return this.#following.lost(input.reason);
      case "link-message":
        return this.#following.message(input.message, now);
    }
  }

  /** An update came over the collector: kept, since the active may die before it has it. */
  collected(message: KeyValue, now: number): void {
    const { uuid } = message;
    // Without one it cannot be told from what the active has; and one that the active has is known.
    if (uuid.length === 0 || this.#parts.known.find(uuid) !== undefined || this.#pending.has(uuid)) return;
    const ordering = this.#ordering;
    if (!ordering.isAcceptable(message)) ordering.refuse(message, undefined, { reason: "invalid" }, now);
    else if (this.#pending.add(message, now)) this.#parts.counters.pending += 1;
    else ordering.refuse(message, undefined, { reason: "full" }, now);
  }

  /** This server is the active one from now on: what it kept is ordered. */
  takeOver(now: number): void {
    const { known, report } = this.#parts;
    this.#following.end();
    this.#pending.expire(now);
    const pending = this.#pending.takeAll().filter(({ uuid }) => known.find(uuid) === undefined);
    for (const message of pending) this.#ordering.update(message, undefined, now);
    if (pending.length > 0) report({ type: "pending-ordered", at: now, updates: pending.length });
  }

  /** The process ends. */
  leave(): void {
    this.#following.leave();
  }

  /** The map is the active's. */
  #replaced(before: number): void {
    const { map, known, report } = this.#parts;
    const { sequence, size: entries } = map;
    this.#pending.removeIf((uuid) => known.find(uuid) !== undefined);
    this.#ordering.store.replace(this.#now);
    report({ type: "caught-up", at: this.#now, sequence, entries, before });
  }

  /** An update of the active is in the map. */
  #applied(entry: Entry): void {
    this.#pending.remove(entry.uuid);
    this.#ordering.store.add(entry, this.#now);
  }
}
