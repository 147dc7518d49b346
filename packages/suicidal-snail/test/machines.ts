import { bodyFrames, type Frames, textFrame } from "@seaworthy/core";
import {
  decodePublished,
  decodeTimestamp,
  PublisherMachine,
  type ReceivedMessage,
  resolveSubscriberOptions,
  type SnailSubscriberEvent,
  type SnailSubscriberOptions,
  type SnailSubscriberOutput,
  SubscriberMachine,
} from "../src/machine.js";

/** A publisher whose messages are frames in hand. Its clock is its own. */
export class Station {
  readonly machine: PublisherMachine;

  constructor(epoch = 1n, maxTopics = 100, first = 1) {
    this.machine = new PublisherMachine({ maxTopics }, epoch, first);
  }

  /** What is sent for one message: more than one if topics end. */
  publish(topic: string | Uint8Array, now = 0, body = "x"): Uint8Array[][] {
    this.machine.handle({ type: "publish", topic, body: bodyFrames(body) }, now);
    return this.sent();
  }

  sent(): Uint8Array[][] {
    const all: Uint8Array[][] = [];
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      if (output.type === "send") all.push([...output.frames]);
    }
    return all;
  }
}

/** A subscriber to which frames are handed. */
export class Listener {
  readonly machine: SubscriberMachine;
  readonly outputs: SnailSubscriberOutput[] = [];
  readonly #isGuide: boolean;

  constructor(options: SnailSubscriberOptions = {}, prefixes = [""]) {
    this.machine = new SubscriberMachine(resolveSubscriberOptions(options));
    this.#isGuide = options.format === "guide";
    for (const prefix of prefixes) this.machine.handle({ type: "subscribe", prefix: textFrame(prefix) }, 0);
  }

  hear(messages: readonly Frames[], now = 0): void {
    for (const frames of messages) {
      const decode = this.#isGuide ? decodeTimestamp : decodePublished;
      this.machine.handle(decode([...frames]), now);
    }
    this.#collect();
  }

  tick(now: number): void {
    this.machine.tick(now);
    this.#collect();
  }

  take(now = 0): ReceivedMessage | undefined {
    this.machine.handle({ type: "take" }, now);
    this.#collect();
    return this.machine.claim();
  }

  takeAll(now = 0): ReceivedMessage[] {
    const all: ReceivedMessage[] = [];
    for (let message = this.take(now); message !== undefined; message = this.take(now)) all.push(message);
    return all;
  }

  events<T extends SnailSubscriberEvent["type"]>(type: T): (SnailSubscriberEvent & { type: T })[] {
    return this.outputs.flatMap((output) =>
      output.type === "status" && output.event.type === type
        ? [output.event as SnailSubscriberEvent & { type: T }]
        : [],
    );
  }

  get deaths(): number {
    return this.outputs.filter(({ type }) => type === "died").length;
  }

  get reasons(): string[] {
    return this.events("alarm-raised").map(({ reason }) => reason);
  }

  #collect(): void {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      this.outputs.push(output);
    }
  }
}
