import { frameKey, framesEqual } from "@seaworthy/core";
import { DelayEstimate } from "./delay-estimate.js";
import { epochKey, epochOf, isEnd, isSameEpoch, sequenceOf, seriesOf, timeOf } from "./wire.js";

/** What a message means for its topic: nothing is lost. */
export const NEXT = 0;
/** It came before, or is older than one that did. */
export const OLD = -1;
/** There is no room for its topic. */
export const CROWDED = -2;
/** Some messages before it are lost, and it cannot be known how many. */
export const UNKNOWN: number = Number.POSITIVE_INFINITY;

interface Topic {
  series: number;
  sequence: number;
}

/** What is known of one life of a publisher. */
export class PublisherBook {
  readonly epoch: bigint;
  readonly delay: DelayEstimate;
  /**
   * Per subscription, the publisher's time at the first message of which it was the longest that matched: of whatever topic
   * it matches that began later, all was sent to us.
   */
  readonly joined: (number | undefined)[] = [];
  heardAt: number;
  /** Its messages are late, and that was said. */
  isLate = false;
  /** The resync after which its messages are handed over again. */
  resync = -1;
  /** Messages dropped as they arrived since then. */
  skipped = 0;
  readonly #topics = new Map<string, Topic>();
  /** The topic that was asked for last, and its name: most often it is the one that is asked for next. */
  #latest: Topic | undefined;
  #latestName: Uint8Array = new Uint8Array(0);

  constructor(epoch: bigint, clockWindowMs: number, now: number) {
    this.epoch = epoch;
    this.delay = new DelayEstimate(clockWindowMs);
    this.heardAt = now;
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  find(name: Uint8Array): Topic | undefined {
    if (this.#latest !== undefined && framesEqual(name, this.#latestName)) return this.#latest;
    this.#latest = this.#topics.get(frameKey(name));
    this.#latestName = name;
    return this.#latest;
  }

  add(name: Uint8Array, topic: Topic): void {
    this.#latest = undefined;
    this.#topics.set(frameKey(name), topic);
  }

  forget(name: Uint8Array): void {
    this.#latest = undefined;
    this.#topics.delete(frameKey(name));
  }

  forgetAll(): void {
    this.#latest = undefined;
    this.#topics.clear();
  }
}

/** Bounds of the {@link Books}. */
export interface BookLimits {
  readonly maxTopics: number;
  readonly maxPublishers: number;
  readonly clockWindowMs: number;
}

/** What has been heard of which topic of which publisher. */
export class Books {
  readonly #limits: BookLimits;
  readonly #publishers = new Map<string, PublisherBook>();
  /** The number of each subscription: where it is in {@link PublisherBook.joined}. */
  readonly #prefixes = new Map<string, number>();
  /** How long subscriptions are, the shortest first. */
  #prefixLengths: readonly number[] = [];
  #topicCount = 0;
  /** The publisher that was heard last, and one of its headers. */
  #latest: PublisherBook | undefined;
  #latestHeader: Uint8Array = new Uint8Array(0);
  /** Before this time no publisher has been silent for long enough to be forgotten. */
  #allHeardUntil = 0;

  constructor(limits: BookLimits) {
    this.#limits = limits;
  }

  get publisherCount(): number {
    return this.#publishers.size;
  }

  get topicCount(): number {
    return this.#topicCount;
  }

  /** Takes note of a subscription. */
  subscribe(prefix: Uint8Array): void {
    this.#prefixes.set(frameKey(prefix), this.#prefixes.size);
    const lengths = new Set([...this.#prefixLengths, prefix.length]);
    this.#prefixLengths = [...lengths].sort((one, other) => one - other);
  }

  /** The publisher of a message, if it is known. */
  find(header: Uint8Array): PublisherBook | undefined {
    if (this.#latest !== undefined && isSameEpoch(header, this.#latestHeader)) return this.#latest;
    const book = this.#publishers.get(epochKey(header));
    if (book === undefined) return undefined;
    this.#latest = book;
    this.#latestHeader = header;
    return book;
  }

  /** Takes up a publisher that was not known; `undefined` if there is no room for it. */
  add(header: Uint8Array, now: number): PublisherBook | undefined {
    const { maxPublishers, clockWindowMs } = this.#limits;
    if (this.#publishers.size >= maxPublishers && !this.#forgetSilent(now)) return undefined;
    const book = new PublisherBook(epochOf(header), clockWindowMs, now);
    this.#publishers.set(epochKey(header), book);
    return book;
  }

  /**
   * Takes note of a message, and says how many before it are lost: a number from 1 up or {@link UNKNOWN}; or
   * {@link NEXT}, {@link OLD} or {@link CROWDED}.
   */
  observe(book: PublisherBook, topic: Uint8Array, header: Uint8Array, now: number): number {
    const known = book.find(topic);
    if (known === undefined) return this.#begin(book, topic, header, now);
    const series = seriesOf(header);
    const sequence = sequenceOf(header);
    if (series < known.series) return OLD;
    let lost: number;
    if (series > known.series) lost = UNKNOWN;
    else if (sequence > known.sequence) lost = sequence - known.sequence - 1;
    else return OLD;
    if (isEnd(header)) {
      book.forget(topic);
      this.#topicCount -= 1;
    } else {
      known.series = series;
      known.sequence = sequence;
    }
    return lost;
  }

  /** Forgets all topics, so that each starts where it is heard next. */
  forgetTopics(): void {
    for (const book of this.#publishers.values()) {
      book.forgetAll();
      book.joined.length = 0;
    }
    this.#topicCount = 0;
  }

  /** Forgets everything. */
  forgetPublishers(): void {
    this.#publishers.clear();
    this.#latest = undefined;
    this.#topicCount = 0;
  }

  #begin(book: PublisherBook, topic: Uint8Array, header: Uint8Array, now: number): number {
    const lost = this.#lostBefore(book, topic, header);
    if (isEnd(header)) return lost;
    const { maxTopics } = this.#limits;
    while (this.#topicCount >= maxTopics) {
      if (this.#forgetSilent(now)) continue;
      // Should this topic be taken up later, what came of it until then is not lost.
      book.joined.length = 0;
      return CROWDED;
    }
    book.add(topic, { series: seriesOf(header), sequence: sequenceOf(header) });
    this.#topicCount += 1;
    return lost;
  }

  /** A topic that began after we had joined is known from its first message on. */
  #lostBefore(book: PublisherBook, topic: Uint8Array, header: Uint8Array): number {
    const name = frameKey(topic);
    let longest: number | undefined;
    let hasMissed = false;
    // There may be thousands of subscriptions, but they have few lengths.
    for (const length of this.#prefixLengths) {
      const index = this.#prefixes.get(name.slice(0, length));
      if (index === undefined) continue;
      longest = index;
      const joinedUs = book.joined[index];
      if (joinedUs !== undefined && seriesOf(header) > joinedUs) hasMissed = true;
    }
    // Which of them it came by is not known. Any topic that the longest one matches comes by all of them.
    if (longest !== undefined) book.joined[longest] ??= timeOf(header);
    return hasMissed ? sequenceOf(header) - 1 : NEXT;
  }

  /** Forgets the publisher that was heard least recently, if it has been silent for long. */
  #forgetSilent(now: number): boolean {
    if (now < this.#allHeardUntil) return false;
    let silent: [string, PublisherBook] | undefined;
    for (const entry of this.#publishers) {
      if (silent === undefined || entry[1].heardAt < silent[1].heardAt) silent = entry;
    }
    const [key, book] = silent as [string, PublisherBook];
    this.#allHeardUntil = book.heardAt + this.#limits.clockWindowMs;
    if (now < this.#allHeardUntil) return false;
    this.#publishers.delete(key);
    this.#topicCount -= book.topicCount;
    if (this.#latest === book) this.#latest = undefined;
    return true;
  }
}
