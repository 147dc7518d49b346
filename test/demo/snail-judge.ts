import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { Moments } from "../harness/moments.js";
import type { LoadReport } from "./load-messages.js";
import { Life, type Series } from "./snail-life.js";
import { type Handed, MAX_DELAY_MS, type SnailWord, TOPICS, topicOf } from "./snail-words.js";

/** So late a message is timely: as the subscribers have it after a resync. */
const TIMELY_MS = MAX_DELAY_MS / 2;
/**
 * So late none may be handed over without an alarm: as long as it may take on its way, and then again in the queue, and
 * some for the witness on a busy machine.
 */
const STALE_MS = 3 * MAX_DELAY_MS;
/** Lives that are open: of the one before the last, some may still be on their way. */
const OPEN_LIVES = 2;

/** What is known of a subscriber. */
interface Subscriber {
  /** When it was handed messages that were not late. */
  readonly timely: Moments;
  /** Messages with an alarm. */
  alarms: number;
  /** Messages that were missing between two that came. */
  missing: number;
  /** Messages that it did not own up to, of those. */
  unnoticed: number;
  resyncs: number;
  reasons: Readonly<Record<string, number>>;
  /** The latest message was late beyond all bounds, and there was no word of it. */
  isStale: boolean;
}

/**
 * Judges what subscribers make of the numbers in messages, and not of the pattern's own: what is missing between
 * two of a topic must have been told to the application in the meantime, and the subscriber's counts must cover it.
 */
export class SnailJudge {
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #lives = new Map<string, Life>();
  readonly #lateness: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: 3_600_000_000,
    figures: 3,
  });
  #sent = 0;
  #answered = 0;
  #noticed = 0;
  #lost = 0;
  #mismatched = 0;
  /** What is published from now on does not count. */
  #isEnding = false;

  constructor(subscribers: readonly string[]) {
    for (const name of subscribers) {
      this.#subscribers.set(name, {
        timely: new Moments(),
        alarms: 0,
        missing: 0,
        unnoticed: 0,
        resyncs: 0,
        reasons: {},
        isStale: false,
      });
    }
  }

  /** What a plain socket has got straight from the publisher. */
  witness(lifeName: string, number: number, at: number): void {
    const life = this.#life(lifeName);
    life.witness(number, at);
    this.#heard(life, number);
  }

  /** What a subscriber tells. */
  hear({ subscriber: name, handed, noticed, resyncs, alarms }: SnailWord): void {
    const subscriber = this.#subscribers.get(name) as Subscriber;
    for (const message of handed) this.#handed(name, subscriber, message);
    subscriber.resyncs = resyncs;
    subscriber.reasons = alarms;
    const unnoticed = subscriber.missing - noticed;
    if (unnoticed <= subscriber.unnoticed) return;
    this.#lost += unnoticed - subscriber.unnoticed;
    this.#noticed -= unnoticed - subscriber.unnoticed;
    subscriber.unnoticed = unnoticed;
  }

  report(): LoadReport {
    const quantile = (percent: number): number =>
      this.#answered === 0 ? Number.NaN : this.#lateness.percentile(percent) / 1000;
    const subscribers = [...this.#subscribers.values()];
    const failures: Record<string, number> = {};
    for (const { reasons } of subscribers) {
      for (const [reason, times] of Object.entries(reasons)) {
        failures[`alarm "${reason}"`] = (failures[`alarm "${reason}"`] ?? 0) + times;
      }
    }
    return {
      sent: this.#sent,
      answered: this.#answered,
      failed: this.#noticed,
      lost: this.#lost,
      mismatched: this.#mismatched,
      inFlight: this.#sent - this.#answered - this.#noticed - this.#lost,
      retried: subscribers.reduce((sum, { resyncs }) => sum + resyncs, 0),
      failures,
      medianMs: quantile(50),
      p99Ms: quantile(99),
    };
  }

  /** When each subscriber had been handed a timely message after a moment; `undefined` if one has not yet. */
  allTimelyAfter(since: number): number | undefined {
    let latest = since;
    for (const { timely } of this.#subscribers.values()) {
      const at = timely.firstAfter(since);
      if (at === undefined) return undefined;
      latest = Math.max(latest, at);
    }
    return latest;
  }

  /** Counts no more messages than those that somebody has heard of by now. */
  end(): void {
    this.#isEnding = true;
  }

  /** After {@link end}: whether each subscriber has got later messages than those that count, on each topic. */
  get isSettled(): boolean {
    const latest = [...this.#lives.values()].at(-1);
    if (latest === undefined) return true;
    return [...latest.followers.values()].every((topics) =>
      topics.every((series, slot) => series === undefined || series.next > (latest.heard[slot] as number)),
    );
  }

  /** After {@link end}: what has not come by now will never come. */
  settle(): void {
    const names = [...this.#lives.keys()];
    for (const name of names) this.#close(name, names.at(-1) as string);
  }

  #life(name: string): Life {
    const known = this.#lives.get(name);
    if (known !== undefined) return known;
    const life = new Life();
    this.#lives.set(name, life);
    const names = [...this.#lives.keys()];
    if (names.length > OPEN_LIVES) this.#close(names[0] as string, names[1] as string);
    return life;
  }

  /**
   * The end of a life that others heard of and a subscriber did not get. If it has heard of the next life, then it was told:
   * the publisher is another one, and nothing says how far the one before had come.
   */
  #close(name: string, nextName: string): void {
    const life = this.#lives.get(name) as Life;
    const next = this.#lives.get(nextName) as Life;
    for (const [subscriber, topics] of life.followers) {
      const isTold = next !== life && next.followers.has(subscriber);
      for (const [slot, series] of topics.entries()) {
        const rest = series === undefined ? 0 : Math.max(0, (life.heard[slot] as number) + 1 - series.next);
        if (isTold) this.#noticed += rest;
        else this.#lost += rest;
      }
    }
    this.#lives.delete(name);
  }

  #heard(life: Life, number: number): void {
    if (this.#isEnding) return;
    const slot = (number - 1) % TOPICS;
    const index = Math.floor((number - 1) / TOPICS);
    const more = index - (life.heard[slot] as number);
    if (more <= 0) return;
    life.heard[slot] = index;
    for (const topics of life.followers.values()) if (topics[slot] !== undefined) this.#sent += more;
  }

  #handed(name: string, subscriber: Subscriber, message: Handed): void {
    const { number, at, isAlarming } = message;
    const life = this.#life(message.life);
    this.#heard(life, number);
    if (isAlarming) subscriber.alarms += 1;
    const isInOrder = message.topic === topicOf(number) && this.#place(name, subscriber, life, number);
    const lateness = life.latenessOf(number, at);
    if (lateness <= TIMELY_MS) subscriber.timely.record(at);
    if (!Number.isNaN(lateness)) this.#lateness.record(Math.max(1, Math.round(lateness * 1000)));
    const isStale = lateness > STALE_MS && !isAlarming;
    // A process may be stopped between taking a message and looking at the clock; not twice in a row.
    if (!isInOrder || (isStale && subscriber.isStale)) this.#mismatched += 1;
    subscriber.isStale = isStale;
  }

  /** Puts a message in its place within its topic; false if it is older than one that was there. */
  #place(name: string, subscriber: Subscriber, life: Life, number: number): boolean {
    const slot = (number - 1) % TOPICS;
    const index = Math.floor((number - 1) / TOPICS);
    const topics = life.followers.get(name) ?? [];
    life.followers.set(name, topics);
    const series = topics[slot];
    const heard = life.heard[slot] as number;
    if (series === undefined) {
      topics[slot] = { next: index + 1, alarms: subscriber.alarms };
      this.#sent += Math.max(0, heard + 1 - index);
    } else {
      if (index < series.next) return false;
      this.#missed(subscriber, series, Math.min(index, heard + 1) - series.next);
      series.next = index + 1;
      series.alarms = subscriber.alarms;
    }
    if (index <= heard) this.#answered += 1;
    return true;
  }

  #missed(subscriber: Subscriber, series: Series, count: number): void {
    if (count <= 0) return;
    if (subscriber.alarms === series.alarms) {
      this.#lost += count;
      return;
    }
    this.#noticed += count;
    subscriber.missing += count;
  }
}
