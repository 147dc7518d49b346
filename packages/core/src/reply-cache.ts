import { memoryOf } from "./frames.js";
import { Link, LinkedList } from "./linked-list.js";
import type { Outcome } from "./request-server-messages.js";

/** Bounds of the reply cache. What goes beyond them is forgotten, oldest first. */
export interface ReplyCacheOptions {
  /** Replies kept. Default 10,000. */
  maxEntries?: number | undefined;
  /** How long a reply is kept, in ms. Choose longer than your clients retry. Default 60,000. */
  maxAgeMs?: number | undefined;
  /** Size of all bodies kept, in bytes; very many frames count as well. Default 64 MiB. */
  maxBytes?: number | undefined;
}

/** Bounds of the reply cache with every default filled in. */
export type ReplyCacheBounds = { [K in keyof ReplyCacheOptions]-?: number };

interface Entry {
  readonly key: string;
  readonly outcome: Outcome;
  readonly bytes: number;
  readonly expiresAt: number;
}

/** Outcomes of requests by request id, bounded by count, age and size; the oldest goes first. */
export class ReplyCache {
  readonly #bounds: ReplyCacheBounds;
  readonly #entries = new Map<string, Link<Entry>>();
  #oldestFirst = new LinkedList<Entry>();
  #bytes = 0;

  constructor(bounds: ReplyCacheBounds) {
    this.#bounds = bounds;
  }

  /** How many outcomes it has. */
  get size(): number {
    return this.#entries.size;
  }

  /** When the oldest entry is too old, or `undefined` if there is none. */
  get deadline(): number | undefined {
    return this.#oldestFirst.first?.expiresAt;
  }

  /** The outcome of a request, if it is remembered. */
  get(key: string): Outcome | undefined {
    return this.#entries.get(key)?.item.outcome;
  }

  /** Keeps an outcome. A key is put once: requests in it are not run again. */
  put(key: string, outcome: Outcome, now: number): void {
    const bytes = key.length + (outcome.type === "reply" ? memoryOf(outcome.body) : outcome.message.length);
    if (bytes > this.#bounds.maxBytes) return;
    const link = new Link({ key, outcome: copy(outcome), bytes, expiresAt: now + this.#bounds.maxAgeMs });
    this.#entries.set(key, link);
    this.#bytes += bytes;
    this.#oldestFirst.append(link);
    while (this.#entries.size > this.#bounds.maxEntries || this.#bytes > this.#bounds.maxBytes) this.#evict();
  }

  /** Forgets an outcome; harmless if it is not remembered. */
  forget(key: string): void {
    const link = this.#entries.get(key);
    if (link === undefined) return;
    link.unlink();
    this.#left(link.item);
  }

  /** Forgets all. */
  clear(): void {
    this.#entries.clear();
    this.#oldestFirst = new LinkedList();
    this.#bytes = 0;
  }

  /** Forgets what is too old. */
  expire(now: number): void {
    while ((this.deadline ?? Number.POSITIVE_INFINITY) <= now) this.#evict();
  }

  #evict(): void {
    this.#left(this.#oldestFirst.shift() as Entry);
  }

  #left({ key, bytes }: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= bytes;
  }
}

/**
 * The application may use its buffers again, and a small frame may be a view of a large buffer,
 * which the bound on bytes would not see.
 */
function copy(outcome: Outcome): Outcome {
  if (outcome.type === "failure") return outcome;
  return { type: "reply", body: outcome.body.map((frame) => new Uint8Array(frame)) };
}
