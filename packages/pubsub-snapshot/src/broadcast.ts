import { frameText } from "@seaworthy/core";
import { type Beat, beatTopic, encodeBeat, HUGZ, looksLikeBeat } from "./beat.js";
import type { Entry } from "./entry.js";
import { type Property, subtreeCounts, UPDATE, withLines } from "./properties.js";
import type { ServerOutput, SnapshotServerEvent } from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import { type Subtree, Subtrees } from "./subtrees.js";
import { encodeKeyValue } from "./wire.js";

/** Clients that come at the same time are answered by one heartbeat, in ms. */
const BEAT_PAUSE_MS = 10;

/** What a server publishes: updates, with what each of their subtrees has had, and heartbeats. */
export class Broadcast {
  readonly #options: ResolvedServerOptions;
  readonly #put: (output: ServerOutput) => void;
  readonly #report: (event: SnapshotServerEvent) => void;
  readonly #subtrees: Subtrees;
  /** Those of whom a heartbeat is wanted. */
  readonly #asked = new Set<Subtree>();
  #life = "";
  #isActive = false;
  #sequence = 0;
  #beatAt = Number.NEGATIVE_INFINITY;

  constructor(
    options: ResolvedServerOptions,
    put: (output: ServerOutput) => void,
    report: (event: SnapshotServerEvent) => void,
  ) {
    this.#options = options;
    this.#put = put;
    this.#report = report;
    this.#subtrees = new Subtrees(options.maxSubtrees);
  }

  /** Subtrees that are followed. */
  get size(): number {
    return this.#subtrees.size;
  }

  get deadline(): number {
    let deadline = this.#beatAt + this.#options.heartbeatMs;
    for (const { beatAt } of this.#asked) deadline = Math.min(deadline, beatAt + BEAT_PAUSE_MS);
    return deadline;
  }

  /** The server is active from now on, and has published all up to this number. */
  begin(life: string, sequence: number, now: number): void {
    this.#life = life;
    this.#isActive = true;
    this.#sequence = sequence;
    this.#beatAll(now);
  }

  /** The server is not active any more: clients leave. */
  end(now: number): void {
    this.#isActive = false;
    this.#beatAll(now);
  }

  publish({ key, name, sequence, uuid, properties, value }: Entry): void {
    this.#sequence = sequence;
    const lines: Property[] = looksLikeBeat(key, uuid, properties, value) ? [UPDATE] : [];
    const counts = this.#subtrees.count(name);
    if (counts.length > 0) lines.push(subtreeCounts(counts));
    this.#put({
      type: "publish",
      frames: encodeKeyValue(key, sequence, uuid, withLines(properties, lines), value),
    });
  }

  /** A client follows this subtree: a heartbeat tells it that it does. */
  subscribed(bytes: Uint8Array, now: number): void {
    const topic = beatTopic(bytes);
    const subtree = this.#subtrees.find(bytes) ?? this.#subtrees.add(bytes, topic, this.#sequence);
    if (subtree === undefined) {
      this.#report({ type: "subtree-refused", at: now, subtree: frameText(bytes) });
      return this.#beat(topic, undefined);
    }
    if (now >= subtree.beatAt + BEAT_PAUSE_MS) return this.#beatSubtree(subtree, now);
    this.#asked.add(subtree);
  }

  /** Nobody follows it any more. */
  unsubscribed(bytes: Uint8Array): void {
    const subtree = this.#subtrees.find(bytes);
    if (subtree === undefined) return;
    this.#asked.delete(subtree);
    this.#subtrees.remove(bytes);
  }

  tick(now: number): void {
    if (now >= this.#beatAt + this.#options.heartbeatMs) return this.#beatAll(now);
    for (const subtree of this.#asked)
      if (now >= subtree.beatAt + BEAT_PAUSE_MS) this.#beatSubtree(subtree, now);
  }

  #beatAll(now: number): void {
    this.#beatAt = now;
    // Clients of others would stay with a passive server for ever, if it went on to say that it lives.
    if (this.#isActive) this.#beat(HUGZ, undefined);
    for (const subtree of this.#subtrees.values()) this.#beatSubtree(subtree, now);
  }

  #beatSubtree(subtree: Subtree, now: number): void {
    subtree.beatAt = now;
    this.#asked.delete(subtree);
    this.#beat(subtree.topic, subtree.bytes.length === 0 ? this.#sequence : subtree.count);
  }

  #beat(topic: Uint8Array, count: number | undefined): void {
    const beat: Beat = {
      life: this.#life,
      isActive: this.#isActive,
      heartbeatMs: this.#options.heartbeatMs,
      sequence: this.#sequence,
      count,
    };
    this.#put({ type: "publish", frames: encodeBeat(topic, beat) });
  }
}
