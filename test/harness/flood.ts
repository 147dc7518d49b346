import { setTimeout } from "node:timers/promises";
import type { SnapshotEndpoints } from "@seaworthy/pubsub-snapshot";
import { XPublisher } from "zeromq";
import { largeKey } from "./large-map.js";
import { monotonicMs } from "./monotonic.js";

/** The key that {@link Flood.end} sets. */
export const FLOOD_END = "/end";
const EVERY_MS = 10;
const NUMBER = Buffer.alloc(8);

/**
 * Updates at a steady rate, by a client that is not ours: each replaces a key of a `largeMap`. On a machine that is too slow for
 * the rate there are fewer, and not ever more that wait.
 */
export class Flood implements Disposable {
  /** Updates that were published. */
  published = 0;
  readonly #publisher: XPublisher;
  readonly #keys: number;
  readonly #perTurn: number;
  readonly #timer: NodeJS.Timeout;
  #saying: Promise<void> = Promise.resolve();
  #dueSince = monotonicMs();
  #isOver = false;

  private constructor(publisher: XPublisher, keys: number, perSecond: number) {
    this.#publisher = publisher;
    this.#keys = keys;
    this.#perTurn = (perSecond * EVERY_MS) / 1000;
    this.#timer = setInterval(() => this.#turn(), EVERY_MS);
  }

  /** Begins when the server listens: what is published before goes nowhere. */
  static async begin({ collector }: SnapshotEndpoints, keys: number, perSecond: number): Promise<Flood> {
    const publisher = new XPublisher({ linger: 0, noDrop: true, sendTimeout: 0 });
    publisher.connect(collector);
    await publisher.receive();
    return new Flood(publisher, keys, perSecond);
  }

  /** Publishes {@link FLOOD_END}, and nothing after it. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saying;
    while (!(await this.#publish(FLOOD_END, "1"))) await setTimeout(EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#isOver = true;
    this.#publisher.close();
  }

  /** All that is due, also after a turn that came late. */
  #turn(): void {
    const turns = Math.floor((monotonicMs() - this.#dueSince) / EVERY_MS);
    this.#dueSince += turns * EVERY_MS;
    this.#saying = this.#saying.then(() => this.#say(turns * this.#perTurn));
  }

  async #say(count: number): Promise<void> {
    for (let said = 0; said < count && !this.#isOver; said++) {
      const key = largeKey((this.published * 7919) % this.#keys);
      if (!(await this.#publish(key, `update ${this.published}`))) return;
      this.published += 1;
    }
  }

  /** False if the server has not taken what was published before, and there is no room. */
  async #publish(key: string, value: string): Promise<boolean> {
    try {
      await this.#publisher.send([key, NUMBER, "", "", value]);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code === "EAGAIN") return false;
      throw error;
    }
  }
}
