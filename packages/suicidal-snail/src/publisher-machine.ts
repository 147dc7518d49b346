import {
  Fifo,
  type Frames,
  frameKey,
  LinkedList,
  type Machine,
  type Stalled,
  textFrame,
} from "@seaworthy/core";
import {
  connectionEvent,
  type SnailPublisherInput,
  type SnailPublisherOutput,
  type SnailPublisherStats,
  TopicLife,
} from "./publisher-messages.js";
import type { ResolvedPublisherOptions } from "./publisher-options.js";
import { encodePublished, epochBytes, MAX_NUMBER } from "./wire.js";

const NO_BODY: Frames = [];
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const ASCII = /^[\x00-\x7f]*$/;

/** Text that is its own key does not have to be encoded each time. */
function topicKey(topic: string | Uint8Array): string {
  if (typeof topic !== "string") return frameKey(topic);
  return ASCII.test(topic) ? topic : frameKey(textFrame(topic));
}

/**
 * Numbers what is published, per topic. How many topics it remembers is bounded, and the rule that keeps this from turning
 * into a false gap or hiding a true one is: only the publisher forgets a topic, and it says so in the series itself, by
 * an END that takes the next number. A topic that comes back does so in another series.
 */
export class PublisherMachine implements Machine<SnailPublisherInput, SnailPublisherOutput> {
  readonly stats: SnailPublisherStats = { published: 0, ended: 0, refused: 0 };
  readonly deadline: undefined = undefined;
  readonly #maxTopics: number;
  readonly #epoch: Uint8Array;
  #first: number;
  readonly #topics = new Map<string, TopicLife>();
  /** Least recently published first. */
  readonly #order = new LinkedList<TopicLife>();
  readonly #outputs = new Fifo<SnailPublisherOutput>();
  /** The latest time given to a message or a series, in µs. */
  #clockUs = 0;

  /**
   * @param epoch - 64 bits that no other life of a publisher has
   * @param first - the first number of the first series; all others begin with 1
   */
  constructor(options: Pick<ResolvedPublisherOptions, "maxTopics">, epoch: bigint, first = 1) {
    this.#maxTopics = options.maxTopics;
    this.#epoch = epochBytes(epoch);
    this.#first = first;
  }

  /** Topics that are remembered. */
  get topicCount(): number {
    return this.#topics.size;
  }

  handle(input: SnailPublisherInput | Stalled, now: number): void {
    switch (input.type) {
      case "publish":
        return this.#publish(input.topic, input.body, now);
      case "refused":
        return this.#takeBack(input.life, input.isEnd);
      case "up":
      case "down":
      case "failed":
        this.#outputs.push({ type: "status", event: connectionEvent(input, now) });
        return;
      case "stalled":
        return;
    }
  }

  /** Nothing here waits for a time. */
  tick(): void {}

  take(): SnailPublisherOutput | undefined {
    return this.#outputs.shift();
  }

  #publish(topic: string | Uint8Array, body: Frames, now: number): void {
    const nowUs = Math.floor(now * 1000);
    if (nowUs > this.#clockUs) this.#clockUs = nowUs;
    const key = topicKey(topic);
    let life = this.#topics.get(key);
    // The last number is the END's.
    if (life !== undefined && life.sequence >= MAX_NUMBER - 1) {
      this.#end(life);
      life = undefined;
    }
    life ??= this.#begin(key, topic);
    this.#order.append(life.link);
    this.stats.published += 1;
    this.#send(life, body);
  }

  #begin(key: string, topic: string | Uint8Array): TopicLife {
    if (this.#topics.size >= this.#maxTopics) this.#end(this.#order.first as TopicLife);
    // Later than whatever was said before, so that a subscriber can tell what began after it had joined.
    this.#clockUs += 1;
    const bytes = typeof topic === "string" ? textFrame(topic) : Uint8Array.from(topic);
    const life = new TopicLife(key, bytes, this.#clockUs, this.#first - 1);
    this.#first = 1;
    this.#topics.set(key, life);
    return life;
  }

  #end(life: TopicLife): void {
    this.#forget(life);
    this.stats.ended += 1;
    this.#send(life, NO_BODY);
  }

  #forget(life: TopicLife): void {
    this.#topics.delete(life.key);
    life.link.unlink();
  }

  #send(life: TopicLife, body: Frames): void {
    life.sequence += 1;
    const { topic, series, sequence } = life;
    const frames = encodePublished(topic, this.#epoch, { series, sequence, timeUs: this.#clockUs }, body);
    this.#outputs.push({ type: "send", frames, life, isEnd: body.length === 0 });
  }

  /** What was not sent has no number, or subscribers would miss it. */
  #takeBack(life: TopicLife, isEnd: boolean): void {
    life.sequence -= 1;
    if (!isEnd) {
      this.stats.published -= 1;
      this.stats.refused += 1;
      // A series begins with the first message that is sent.
      if (life.sequence === 0) this.#forget(life);
    } else if (!this.#topics.has(life.key)) {
      this.stats.ended -= 1;
      this.#topics.set(life.key, life);
      this.#order.append(life.link);
    }
  }
}
