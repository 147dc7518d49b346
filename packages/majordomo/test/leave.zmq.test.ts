import { expect, it } from "vitest";
import { closing, record, reported } from "../../core/test/support/queue-peers.js";
import { MajordomoClient, type MajordomoRequest, MajordomoWorker } from "../src/index.js";
import { newBroker } from "./broker-peers.js";

const CREDIT = 20;
const CALLERS = 50;
const LEAVES = 10;

/** Counts runs by the text of the request; some take a turn of the event loop, so that many run at a time. */
class Runs {
  readonly byText = new Map<string, number>();

  readonly handler = async ({ body }: MajordomoRequest): Promise<Uint8Array[]> => {
    const text = String(body[0]);
    this.byText.set(text, (this.byText.get(text) ?? 0) + 1);
    if (this.byText.size % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    return [...body];
  };

  get twice(): string[] {
    return [...this.byText].filter(([, count]) => count > 1).map(([text]) => text);
  }
}

/** Counts answers, and tells when there are so many. */
class Answers {
  count = 0;
  #awaited = Number.POSITIVE_INFINITY;
  #reached = (): void => undefined;

  add(): void {
    this.count += 1;
    if (this.count === this.#awaited) this.#reached();
  }

  more(count: number): Promise<void> {
    this.#awaited = this.count + count;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }
}

// Whatever had to wait for a heartbeat, or for a client to ask again, would wait for a minute.
const patient = { heartbeatMs: 60_000, lingerMs: 60_000 };

it.each(["close", "disconnect"] as const)(
  "fault: a worker that leaves under load by %s costs nothing: no request runs twice, no reply is dropped",
  async (how) => {
    // A request that counted as given would be given up, and the client told.
    const { broker, endpoint } = await newBroker({ heartbeatMs: 60_000, maxDeliveries: 1 });
    const events = record(broker);
    const runs = new Runs();
    const join = async (): Promise<MajordomoWorker> => {
      const worker = closing(new MajordomoWorker("echo", patient));
      const known = reported(worker, "broker-recognised");
      worker.connect(endpoint);
      void worker.serve(runs.handler, { concurrency: CREDIT });
      await known;
      return worker;
    };
    const leave = async (worker: MajordomoWorker): Promise<void> => {
      if (how === "close") return worker.close();
      const gone = reported(worker, "session-closed");
      worker.disconnect(endpoint);
      await gone;
    };
    let worker = await join();
    const client = closing(new MajordomoClient({ timeoutMs: 60_000, attempts: 1 }));
    client.connect(endpoint);
    let isOver = false;
    const answers = new Answers();
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let round = 0; !isOver; round++) {
        const text = `${caller}.${round}`;
        expect(String(await client.request("echo", text))).toBe(text);
        answers.add();
      }
    });
    const left: MajordomoWorker[] = [];
    for (let round = 0; round < LEAVES; round++) {
      const another = await join();
      // In the middle of its work.
      await answers.more(2 * CALLERS);
      await leave(worker);
      left.push(worker);
      worker = another;
    }
    isOver = true;
    await Promise.all(callers);
    const gone = events.filter((event) => event.startsWith("worker-gone"));
    expect(gone).toEqual(Array.from({ length: LEAVES }, () => "worker-gone:disconnected"));
    expect(events.filter((event) => /dropped|undeliverable|expired|failed/.test(event))).toEqual([]);
    expect(runs.twice).toEqual([]);
    expect(runs.byText.size).toBe(answers.count);
    expect(broker.stats()).toMatchObject({
      answered: answers.count,
      repliesDropped: 0,
      undeliverable: 0,
      expelled: 0,
    });
    for (const one of left) expect(one.stats()).toMatchObject({ repliesDropped: 0, sessionsLost: 0 });
  },
);
