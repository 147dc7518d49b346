import { Fifo, frameText, type Machine, type Stalled } from "@seaworthy/core";
import { mergedAlarm, type SnailAlarm, type SnailReason } from "./alarm.js";
import { connectionEvent } from "./publisher-messages.js";
import { Books, CROWDED, NEXT, OLD, PublisherBook, UNKNOWN } from "./subscriber-books.js";
import {
  ReceivedMessage,
  type SnailSubscriberEvent,
  type SnailSubscriberInput,
  type SnailSubscriberOutput,
  type SnailSubscriberStats,
} from "./subscriber-messages.js";
import type { ResolvedSubscriberOptions } from "./subscriber-options.js";
import { epochOf, isEnd, type Published, sequenceOf, type Timestamp, timeOf } from "./wire.js";

const READY = { type: "ready" } as const;
const NO_TOPIC = new Uint8Array(0);

/** Counters at their beginning. */
function noStats(): SnailSubscriberStats {
  return {
    received: 0,
    handed: 0,
    gaps: 0,
    lost: 0,
    duplicates: 0,
    queueDropped: 0,
    skipped: 0,
    untracked: 0,
    dropped: 0,
    alarms: 0,
    resyncs: 0,
  };
}

/**
 * Judges what arrives: whether something is lost before it, how late it is, and how long it then waits for the
 * application; and does what the policy says when something is wrong.
 */
export class SubscriberMachine implements Machine<SnailSubscriberInput, SnailSubscriberOutput> {
  readonly stats: SnailSubscriberStats = noStats();
  readonly #options: Omit<ResolvedSubscriberOptions, "socket">;
  readonly #books: Books;
  readonly #queue = new Fifo<ReceivedMessage>();
  readonly #outputs = new Fifo<SnailSubscriberOutput>();
  /** The publisher of the guide's messages, which do not tell one from another. */
  #plain: PublisherBook | undefined;
  /** What the application took last and has not claimed. */
  #taken: ReceivedMessage | undefined;
  /** What the next message that arrives has to carry. */
  #arriving: SnailAlarm | undefined;
  /** What the next message that is taken has to carry. */
  #owed: SnailAlarm | undefined;
  /** Messages have waited for too long, and that was said. */
  #isQueueLate = false;
  /** Messages were dropped because the queue was full, and that was said. */
  #isQueueFull = false;
  /** There are too many topics, and that was said. */
  #isCrowded = false;
  /** Counts the alarms after which only timely messages are handed over. */
  #resync = 0;
  #resyncDropped = 0;
  #resyncAlarm: SnailAlarm | undefined;
  /** When the latest message arrived. */
  #arrivedAt = 0;
  #isOver = false;

  constructor(options: Omit<ResolvedSubscriberOptions, "socket">) {
    this.#options = options;
    this.#books = new Books(options);
  }

  /** Messages that wait for the application. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Topics that are kept track of. */
  get topicCount(): number {
    return this.#books.topicCount;
  }

  /** Publishers that are kept track of. */
  get publisherCount(): number {
    return this.#books.publisherCount;
  }

  get deadline(): number | undefined {
    const oldest = this.#queue.peek();
    if (oldest === undefined || this.#isQueueLate) return undefined;
    return oldest.arrivedAt + this.#options.maxDelayMs;
  }

  handle(input: SnailSubscriberInput | Stalled, now: number): void {
    if (this.#isOver) return;
    switch (input.type) {
      case "published":
        return this.#published(input, now);
      case "take":
        return this.#take(now);
      case "timestamp":
        return this.#timestamp(input, now);
      case "malformed":
        this.stats.dropped += 1;
        return this.#tell({ type: "message-dropped", reason: input.reason, at: now });
      case "subscribe":
        return this.#books.subscribe(input.prefix);
      case "up":
      case "down":
      case "failed":
        return this.#tell(connectionEvent(input, now));
      case "stalled":
        return this.#tell({ type: "process-stalled", ms: input.ms, at: now });
      case "close":
        this.#isOver = true;
        this.#queue.clear();
    }
  }

  tick(now: number): void {
    this.#judgeQueue(now);
  }

  take(): SnailSubscriberOutput | undefined {
    return this.#outputs.shift();
  }

  /** As the input `take` and {@link claim} in one, for whoever is just being told of `ready`: no time has passed since. */
  takeAtOnce(): ReceivedMessage | undefined {
    this.#take(this.#arrivedAt);
    return this.claim();
  }

  /** What the input `take` took, once; `undefined` if there was nothing, or if it was dropped. */
  claim(): ReceivedMessage | undefined {
    const message = this.#taken;
    this.#taken = undefined;
    return message;
  }

  #published({ topic, header, body }: Published, now: number): void {
    this.stats.received += 1;
    const book = this.#books.find(header) ?? this.#meet(topic, header, now);
    if (this.#isOver) return;
    if (book === undefined) return this.#untracked(topic, header, body, now);
    book.heardAt = now;
    let lost = this.#books.observe(book, topic, header, now);
    if (lost === OLD) {
      this.stats.duplicates += 1;
      return;
    }
    const delayMs = book.delay.observe(now - timeOf(header) / 1000, now);
    if (lost === CROWDED) {
      this.#crowded(topic, book.epoch, delayMs, now);
      if (this.#isOver) return;
      if (this.#options.policy === "resync") {
        this.#books.forgetTopics();
        lost = this.#books.observe(book, topic, header, now);
      } else this.stats.untracked += 1;
    }
    if (lost > NEXT) this.#missed(lost, topic, book.epoch, delayMs, now);
    this.#judgeDelay(book, topic, delayMs, now);
    if (this.#isOver) return;
    if (isEnd(header)) this.#ended(book, topic, now);
    else this.#arrived(book, new ReceivedMessage(topic, body, book.epoch, sequenceOf(header), now, delayMs));
  }

  #ended({ epoch }: PublisherBook, topic: Uint8Array, now: number): void {
    this.#isCrowded = false;
    this.#tell({ type: "topic-ended", topic: frameText(topic), epoch, at: now });
  }

  #timestamp({ timeMs, frame }: Timestamp, now: number): void {
    this.stats.received += 1;
    if (this.#plain === undefined) {
      this.#plain = new PublisherBook(0n, this.#options.clockWindowMs, now);
      this.#tell({ type: "publisher-heard", epoch: 0n, at: now });
    }
    const delayMs = this.#plain.delay.observe(now - timeMs, now);
    this.#judgeDelay(this.#plain, NO_TOPIC, delayMs, now);
    if (this.#isOver) return;
    this.#arrived(this.#plain, new ReceivedMessage(NO_TOPIC, [frame], 0n, 0, now, delayMs));
  }

  #meet(topic: Uint8Array, header: Uint8Array, now: number): PublisherBook | undefined {
    let book = this.#books.add(header, now);
    if (book === undefined) {
      this.#crowded(topic, epochOf(header), 0, now);
      if (this.#options.policy !== "resync") return undefined;
      this.#books.forgetPublishers();
      book = this.#books.add(header, now) as PublisherBook;
    } else this.#isCrowded = false;
    this.#tell({ type: "publisher-heard", epoch: book.epoch, at: now });
    return book;
  }

  /** A message of a publisher for which there is no room, and none is made. */
  #untracked(topic: Uint8Array, header: Uint8Array, body: Uint8Array[], now: number): void {
    this.stats.untracked += 1;
    if (isEnd(header)) return;
    this.#enqueue(new ReceivedMessage(topic, body, epochOf(header), sequenceOf(header), now, 0));
  }

  #crowded(topic: Uint8Array, epoch: bigint, delayMs: number, now: number): void {
    if (this.#isCrowded) return;
    // After a resync there is room again.
    this.#isCrowded = this.#options.policy === "report";
    const alarm = this.#alarm("too-many-topics", topic, epoch, 0, delayMs, now);
    this.#arriving = mergedAlarm(this.#arriving, alarm);
    this.#raise(alarm);
  }

  #missed(lost: number, topic: Uint8Array, epoch: bigint, delayMs: number, now: number): void {
    this.stats.gaps += 1;
    if (lost !== UNKNOWN) this.stats.lost += lost;
    const known = lost === UNKNOWN ? undefined : lost;
    const alarm = this.#alarm("gap", topic, epoch, known, delayMs, now);
    this.#arriving = mergedAlarm(this.#arriving, alarm);
    this.#raise(alarm);
  }

  #judgeDelay(book: PublisherBook, topic: Uint8Array, delayMs: number, now: number): void {
    const { maxDelayMs } = this.#options;
    if (delayMs > maxDelayMs) {
      if (book.isLate || this.#isOver) return;
      book.isLate = true;
      const alarm = this.#alarm("delay", topic, book.epoch, 0, delayMs, now);
      this.#arriving = mergedAlarm(this.#arriving, alarm);
      this.#raise(alarm);
    } else if (book.isLate && delayMs * 2 < maxDelayMs) book.isLate = false;
  }

  /** Judged, and to be handed over unless a resync is still waiting for timely messages. */
  #arrived(book: PublisherBook, message: ReceivedMessage): void {
    if (book.resync !== this.#resync && !this.#isTimely(book, message)) {
      book.skipped += 1;
      this.stats.skipped += 1;
      return;
    }
    this.#enqueue(message);
  }

  #isTimely(book: PublisherBook, { delayMs, arrivedAt }: ReceivedMessage): boolean {
    if (this.#resync > 0 && delayMs * 2 >= this.#options.maxDelayMs) return false;
    book.resync = this.#resync;
    // Another publisher's message may have carried the alarm, and its losses, already.
    if (book.skipped > 0) this.#arriving ??= { ...(this.#resyncAlarm as SnailAlarm), lost: 0 };
    if (this.#resync === 0 || this.#arriving === undefined) return true;
    this.stats.resyncs += 1;
    this.#tell({
      type: "resynced",
      epoch: book.epoch,
      dropped: this.#resyncDropped,
      skipped: book.skipped,
      lost: this.#arriving.lost,
      at: arrivedAt,
    });
    this.#resyncDropped = 0;
    book.skipped = 0;
    return true;
  }

  #enqueue(message: ReceivedMessage): void {
    message.alarm = this.#arriving;
    this.#arriving = undefined;
    if (this.#queue.length >= this.#options.maxQueued) {
      this.#overflow(message);
      if (this.#isOver || this.#options.policy === "resync") return;
    }
    this.#queue.push(message);
    this.#arrivedAt = message.arrivedAt;
    if (this.#queue.length === 1) this.#outputs.push(READY);
  }

  /** The oldest message makes room, with all that it had to carry. */
  #overflow(message: ReceivedMessage): void {
    const { topic, epoch, delayMs, arrivedAt } = message;
    const alarm = this.#alarm("queue-full", topic, epoch, 1, delayMs, arrivedAt);
    if (this.#options.policy === "resync") {
      // With the others, as what has waited for the longest time of all.
      this.#queue.push(message);
      this.#arriving = { ...alarm, lost: 0 };
      return this.#raise(this.#arriving);
    }
    const oldest = this.#queue.shift() as ReceivedMessage;
    this.stats.queueDropped += 1;
    if (oldest.alarm !== undefined) this.#owed = mergedAlarm(this.#owed, oldest.alarm);
    this.#owed = mergedAlarm(this.#owed, alarm);
    if (this.#isQueueFull) return;
    this.#isQueueFull = true;
    this.#raise(alarm);
  }

  #take(now: number): void {
    this.#judgeQueue(now);
    const message = this.#queue.shift();
    if (message === undefined) return;
    const waitedMs = now - message.arrivedAt;
    if (this.#isQueueLate && waitedMs * 2 < this.#options.maxDelayMs) this.#isQueueLate = false;
    message.delayMs += waitedMs;
    if (this.#owed !== undefined) {
      message.alarm = message.alarm === undefined ? this.#owed : mergedAlarm(this.#owed, message.alarm);
      this.#owed = undefined;
      this.#isQueueFull = false;
    }
    this.stats.handed += 1;
    this.#taken = message;
  }

  /** Whether the oldest message has waited for too long. */
  #judgeQueue(now: number): void {
    const oldest = this.#queue.peek();
    if (oldest === undefined || this.#isQueueLate) return;
    const { arrivedAt, topic, epoch, delayMs } = oldest;
    if (now < arrivedAt + this.#options.maxDelayMs) return;
    this.#isQueueLate = true;
    const alarm = this.#alarm("queue", topic, epoch, 0, delayMs + now - arrivedAt, now);
    if (this.#options.policy === "resync") this.#arriving = mergedAlarm(this.#arriving, alarm);
    else this.#owed = mergedAlarm(this.#owed, alarm);
    this.#raise(alarm);
  }

  #alarm(
    reason: SnailReason,
    topic: Uint8Array,
    epoch: bigint,
    lost: number | undefined,
    delayMs: number,
    at: number,
  ): SnailAlarm {
    return { reason, topic: frameText(topic), epoch, lost, delayMs, at };
  }

  #raise(alarm: SnailAlarm): void {
    this.stats.alarms += 1;
    // Before whoever is told of the alarm can close the subscriber, as if nothing had been wrong.
    if (this.#options.policy === "die") this.#outputs.push({ type: "died", alarm });
    this.#tell({ type: "alarm-raised", ...alarm });
    switch (this.#options.policy) {
      case "die":
        this.#isOver = true;
        return this.#discardQueue();
      case "resync":
        this.#resync += 1;
        this.#resyncAlarm = alarm;
        this.#isQueueLate = false;
        this.#resyncDropped += this.#queue.length;
        return this.#discardQueue();
      case "report":
    }
  }

  #discardQueue(): void {
    this.stats.queueDropped += this.#queue.length;
    for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
      if (message.alarm !== undefined) this.#arriving = mergedAlarm(this.#arriving, message.alarm);
    }
  }

  #tell(event: SnailSubscriberEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}
