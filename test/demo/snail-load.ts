import { once } from "node:events";
import { Pull, Subscriber } from "zeromq";
import { Checks } from "../harness/checks.js";
import { monotonicMs } from "../harness/monotonic.js";
import type { LoadReport } from "./load-messages.js";
import type { DemoLoad, Workload } from "./pattern.js";
import { SnailJudge } from "./snail-judge.js";
import { JUDGE, MAX_DELAY_MS, RATE, type SnailWord, SUBSCRIBERS, TOPICS, UPDATES } from "./snail-words.js";
import type { Terms } from "./terms.js";

/** How long it may take in the end until all that counts has come or is missing. */
const BOUND_MS = 10_000;
/** Where in its header a message says which life of the publisher it comes from. */
const EPOCH_AT = 4;

const count = new Intl.NumberFormat("en-US");

const TERMS: Terms = {
  things: "messages",
  words: { answered: "delivered", retried: "resyncs", failed: "losses noticed", lost: "unnoticed" },
  missing: "no timely messages",
  legend: {
    sent: ["published, and counted once for each subscriber, from the first that", "it got on"],
    answered: ["handed to the application"],
    retried: ["resyncs: how often a subscriber went on after a loss or a delay"],
    failed: [
      "losses that were noticed: the application was told that messages are",
      "missing, or too late to be of use; or that the publisher is another",
      "one, so that the end of what the one before sent may be missing",
    ],
    lost: ["losses that were not noticed: missing without a word"],
    mismatched: [
      "handed over twice, in the wrong order or topic, or more than",
      `${3 * MAX_DELAY_MS} ms late without a word; besides the others`,
    ],
    median: [
      "half of the messages were handed over so much later than a plain",
      "socket beside had them, or sooner",
    ],
    p99: ["the same for 99 of 100"],
    "to recover": [
      "from the moment the cause is gone until every subscriber has been",
      `handed a message at most ${MAX_DELAY_MS / 2} ms late`,
    ],
  },
};

/** The load on Suicidal Snail: the publisher makes it, and the judge of its subscribers listens to both. */
export const snailLoad: DemoLoad = {
  process: "judge",
  about: `${count.format(RATE)} messages a second on ${TOPICS} topics to each of ${SUBSCRIBERS.length} subscribers, which resync`,
  terms: TERMS,
  boundMs: BOUND_MS,
  open: (endpoint) => new SnailWorkload(endpoint(UPDATES), endpoint(JUDGE)),
};

class SnailWorkload implements Workload {
  readonly #judge = new SnailJudge(SUBSCRIBERS);
  readonly #words = new Pull({ receiveHighWaterMark: 1_000_000 });
  /** Not of ours, and connected straight to the publisher. */
  readonly #witness = new Subscriber({ linger: 0, receiveHighWaterMark: 1_000_000, reconnectInterval: 50 });
  readonly #checks = new Checks();

  constructor(updates: string, judge: string) {
    this.#words.bindSync(judge);
    this.#witness.subscribe();
    this.#witness.connect(updates);
  }

  async start(): Promise<void> {
    void this.#listen();
    void this.#watch();
    await this.recoveredAfter(0);
  }

  report(): LoadReport {
    return this.#judge.report();
  }

  async recoveredAfter(since: number): Promise<number> {
    let at: number | undefined;
    await this.#checks.until(() => {
      at = this.#judge.allTimelyAfter(since);
      return at !== undefined;
    });
    return at as unknown as number;
  }

  async finish(): Promise<void> {
    this.#judge.end();
    const timeout = AbortSignal.timeout(BOUND_MS);
    await Promise.race([this.#checks.until(() => this.#judge.isSettled), once(timeout, "abort")]);
    this.#judge.settle();
  }

  async close(): Promise<void> {
    this.#words.close();
    this.#witness.close();
  }

  async #listen(): Promise<void> {
    for await (const [word] of this.#words) {
      this.#judge.hear(JSON.parse(String(word)) as SnailWord);
      this.#checks.run();
    }
  }

  async #watch(): Promise<void> {
    for await (const [, header, body] of this.#witness) {
      const life = String((header as Buffer).readBigUInt64BE(EPOCH_AT));
      this.#judge.witness(life, Number(body), monotonicMs());
    }
  }
}
