import type { Frames } from "@seaworthy/core";
import type { Simulation } from "@seaworthy/simulator";
import type { SubscriberSetting } from "./suicidal-snail-draw.js";
import { type Entry, type Ledger, type Line, nameOf } from "./suicidal-snail-ledger.js";
import type { Witness } from "./tapped.js";

/** What clocks that run too fast or too slow make of a delay, what is allowed for them, and what rounding does, in ms. */
const TOLERANCE_MS = 12;

/** What the subscriber says of an alarm. */
export interface Claim {
  readonly reason: string;
  readonly lost: number | undefined;
  readonly delayMs: number;
}

/** A message that has arrived and was not handed over. */
interface Waiting {
  readonly entry: Entry;
  readonly arrivedAt: number;
  readonly latencyMs: number;
  /** An alarm was raised when it arrived. */
  readonly isAlarming: boolean;
}

/** What there must be to a message that arrives. */
interface Expected {
  readonly entry: Entry;
  readonly latencyMs: number;
  /** How much longer it took than the fastest of late, at least. */
  readonly lateMs: number;
  /** Messages of the topic that were published, and did not arrive before it; an END is one. */
  readonly missing: number;
  /** Whether all of the missing are of its own series, so that the subscriber can count them. */
  readonly isCountable: boolean;
}

/** How long the messages of an epoch took: what delays can be measured against. */
class Latencies {
  /** The least of all. */
  least = Number.POSITIVE_INFINITY;
  /** Messages are late, and that was said. */
  isToldLate = false;
  readonly #latencies: { readonly at: number; readonly ms: number }[] = [];
  readonly #forMs: number;

  constructor(forMs: number) {
    this.#forMs = forMs;
  }

  /** @returns the least latency of late, this one included */
  add(at: number, ms: number): number {
    const kept = this.#latencies;
    this.least = Math.min(this.least, ms);
    while (kept.length > 0 && (kept.at(-1) as { ms: number }).ms >= ms) kept.pop();
    kept.push({ at, ms });
    while ((kept[0] as { at: number }).at < at - this.#forMs) kept.shift();
    return (kept[0] as { ms: number }).ms;
  }
}

/** Watches one life of a subscriber: what comes in, what it says of it, and what it hands over. */
export class Judge {
  readonly #simulation: Simulation;
  readonly #setting: SubscriberSetting;
  readonly #ledger: Ledger;
  readonly #violated: (what: string) => void;
  /** Newest arrival of each line. */
  readonly #arrived = new Map<Line, Entry>();
  /**
   * By epoch and prefix: when the first message was published that arrived because of this prefix or one that it begins
   * with, in µs on the publisher's clock.
   */
  readonly #joinedUs = new Map<string, number>();
  /** Place of the message of each line that was handed over last. */
  readonly #handed = new Map<Line, number>();
  /** In the order in which they arrived. */
  readonly #waiting = new Map<Entry, Waiting>();
  readonly #latencies = new Map<string, Latencies>();
  /** The message that is being received, and the gap that is to be told of. */
  #current: Expected | undefined;
  #gapTold = false;
  #alarms = 0;
  /** The message that is being received has to carry an alarm. */
  #isAlarming = false;
  /** Messages have waited for too long, and that was said. */
  #isToldToWait = false;
  /** The next message that is handed over has to carry an alarm. */
  #isAlarmOwed = false;
  /** Since the last message was handed over the queue was full, and that was said. */
  #isToldFull = false;
  #isOver = false;

  constructor(
    simulation: Simulation,
    setting: SubscriberSetting,
    ledger: Ledger,
    violated: (what: string) => void,
  ) {
    this.#simulation = simulation;
    this.#setting = setting;
    this.#ledger = ledger;
    this.#violated = (what) => violated(`${setting.name}: ${what}`);
  }

  readonly witness: Witness = {
    received: (frames) => this.#received(frames),
    handled: () => this.#handled(),
  };

  /** The subscriber raises an alarm. */
  alarm({ reason, lost, delayMs }: Claim): void {
    this.#alarms += 1;
    const { maxDelayMs, maxQueued, policy } = this.#setting;
    if (policy === "resync" || reason === "queue" || reason === "queue-full") this.#isAlarmOwed = true;
    else this.#isAlarming = true;
    if (reason === "gap") this.#gapClaimed(lost);
    else if (reason === "delay") {
      const { entry, latencyMs } = this.#current as Expected;
      (this.#latencies.get(entry.line.epoch) as Latencies).isToldLate = true;
      if (latencyMs < maxDelayMs - TOLERANCE_MS)
        this.#violated(`calls a message late by ${delayMs} ms that took ${latencyMs} ms`);
    } else if (reason === "queue") {
      this.#isToldToWait = true;
      if (this.#longestWait() < maxDelayMs - TOLERANCE_MS)
        this.#violated(
          `says that a message waits too long, but none does for over ${this.#longestWait()} ms`,
        );
    } else if (reason === "queue-full") {
      this.#isToldFull = true;
      if (this.#waiting.size <= maxQueued) this.#violated(`${this.#waiting.size} messages fill its queue`);
    } else this.#violated(`alarm without a reason: ${reason}`);
    if (policy === "resync") this.#forget(reason === "queue-full");
  }

  /** The application gets a message; what it is told with it. */
  handed(body: Frames, hasAlarm: boolean): Entry {
    const entry = this.#ledger.entry(body[0]);
    const waiting = this.#waiting.get(entry);
    if (this.#isOver) this.#violated("hands over a message after its end");
    if (waiting === undefined)
      this.#violated(`hands over ${nameOf(entry)}, which did not come or comes twice`);
    else {
      this.#isNext(waiting);
      this.#isFresh(waiting, hasAlarm);
    }
    this.#waiting.delete(entry);
    const before = this.#handed.get(entry.line);
    if (before !== undefined && before >= entry.place)
      this.#violated(`hands over ${nameOf(entry)} out of order`);
    this.#handed.set(entry.line, entry.place);
    this.#isToldFull = false;
    return entry;
  }

  /** Nothing is handed over any more. */
  over(): void {
    this.#isOver = true;
  }

  #received(frames: Frames): void {
    const now = this.#simulation.now();
    const entry = this.#ledger.entry(frames[1]);
    const { line, isEnd, at } = entry;
    const latencyMs = now - at;
    const latencies = this.#latencies.get(line.epoch) ?? new Latencies(this.#setting.clockWindowMs / 2);
    this.#latencies.set(line.epoch, latencies);
    const lateMs = latencyMs - latencies.add(now, latencyMs);
    const last = this.#arrived.get(line);
    const missing = this.#missing(entry, last);
    const isCountable = last === undefined || last.isEnd || last.series === entry.series;
    this.#current = { entry, latencyMs, lateMs, missing, isCountable };
    this.#isAlarming = false;
    if (last === undefined) this.#join(entry);
    this.#arrived.set(line, entry);
    if (!isEnd) this.#waiting.set(entry, { entry, arrivedAt: now, latencyMs, isAlarming: false });
    this.#gapTold = false;
  }

  /** Messages that were sent before this one, and which it must have missed. */
  #missing(entry: Entry, last: Entry | undefined): number {
    if (last !== undefined && !last.isEnd) return Math.max(0, entry.place - last.place - 1);
    // Nothing lost before the beginning of what it knows, and a life of a topic that is lost as a whole leaves no trace.
    const hadJoined = this.#prefixesOf(entry).some(
      (key) => (this.#joinedUs.get(key) ?? Number.POSITIVE_INFINITY) < entry.series,
    );
    return hadJoined ? entry.sequence - 1 : 0;
  }

  #prefixesOf({ line: { epoch, topic } }: Entry): string[] {
    const matching = this.#setting.prefixes.filter((prefix) => topic.startsWith(prefix));
    return matching.map((prefix) => `${epoch} ${prefix}`);
  }

  /** From now on it gets what it has subscribed to, or something was lost. */
  #join(entry: Entry): void {
    const keys = this.#prefixesOf(entry).toSorted((one, other) => other.length - one.length);
    const [longest] = keys as [string];
    if (!this.#joinedUs.has(longest)) this.#joinedUs.set(longest, entry.timeUs);
  }

  #handled(): void {
    const { missing, entry, latencyMs, lateMs } = this.#current as Expected;
    const { maxDelayMs, policy } = this.#setting;
    const latencies = this.#latencies.get(entry.line.epoch) as Latencies;
    this.#current = undefined;
    if (this.#isOver) return;
    if (missing > 0 && !this.#gapTold)
      this.#violated(`${missing} messages are missing before ${nameOf(entry)}, and it does not say so`);
    if (lateMs > maxDelayMs + TOLERANCE_MS && !latencies.isToldLate)
      this.#violated(`does not say that ${nameOf(entry)} is ${lateMs} ms late`);
    if (2 * (latencyMs - latencies.least + TOLERANCE_MS) < maxDelayMs) latencies.isToldLate = false;
    const waiting = this.#waiting.get(entry);
    if (waiting !== undefined && policy === "report" && this.#isAlarming)
      this.#waiting.set(entry, { ...waiting, isAlarming: true });
    this.#makeRoom();
  }

  #gapClaimed(lost: number | undefined): void {
    this.#gapTold = true;
    const { missing, isCountable, entry } = this.#current ?? {
      missing: 0,
      isCountable: false,
      entry: undefined,
    };
    if (missing === 0) this.#violated("tells of a gap where there is none");
    else if (isCountable ? lost !== missing : lost !== undefined)
      this.#violated(`tells of ${lost} lost messages before ${entry?.place}: they are ${missing}`);
  }

  #isFresh({ entry, arrivedAt, isAlarming }: Waiting, hasAlarm: boolean): void {
    const { maxDelayMs } = this.#setting;
    const waitedMs = this.#simulation.now() - arrivedAt;
    if (waitedMs > maxDelayMs + TOLERANCE_MS && !this.#isToldToWait)
      this.#violated(`hands over ${nameOf(entry)} as fresh, which waited ${waitedMs} ms`);
    if (2 * (waitedMs + TOLERANCE_MS) < maxDelayMs) this.#isToldToWait = false;
    if (!hasAlarm && (isAlarming || this.#isAlarmOwed))
      this.#violated(`hands over ${nameOf(entry)} without its alarm`);
    this.#isAlarmOwed = false;
  }

  /** What waited is dropped; the one that arrives may still be handed over, unless it was one too many. */
  #forget(isAll: boolean): void {
    if (isAll) return this.#waiting.clear();
    for (const entry of this.#waiting.keys()) if (entry !== this.#current?.entry) this.#waiting.delete(entry);
  }

  #longestWait(): number {
    const first = this.#waiting.values().next().value;
    return first === undefined ? 0 : this.#simulation.now() - first.arrivedAt;
  }

  /** Only a resync passes over messages, and these are late. */
  #isNext(waiting: Waiting): void {
    for (const [entry, { latencyMs }] of this.#waiting) {
      if (entry === waiting.entry) return;
      this.#waiting.delete(entry);
      const { policy, maxDelayMs } = this.#setting;
      if (policy !== "resync" || this.#alarms === 0 || 2 * (latencyMs + TOLERANCE_MS) < maxDelayMs)
        this.#violated(`passes over ${nameOf(entry)}, which took ${latencyMs} ms, silently`);
    }
  }

  /** Under the policy `report` the oldest makes room for one too many. */
  #makeRoom(): void {
    const { policy, maxQueued } = this.#setting;
    if (policy !== "report" || this.#waiting.size <= maxQueued) return;
    const [oldest] = this.#waiting.keys();
    this.#waiting.delete(oldest as Entry);
    if (!this.#isToldFull) this.#violated("drops a message because its queue is full, and does not say so");
  }
}
