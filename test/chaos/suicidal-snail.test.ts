import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { SnailSubscriber } from "@seaworthy/suicidal-snail";
import { expect, it } from "vitest";
import { chaosMs } from "../harness/crew.js";
import { freeEndpoint, startExample } from "../harness/example.js";
import { monotonicMs } from "../harness/monotonic.js";
import type { Program } from "../harness/program.js";

const CHAOS_MS = chaosMs(3);
const FROZEN_MS = 5000;
const LIMIT_MS = CHAOS_MS + 90_000;
/** How long a publisher lives until it is killed, in ms. */
const LIFE_MS = 300;

/** Resolves when an example says something that begins so, or has said it. */
async function untilSaid(program: Program, word: string): Promise<void> {
  const isIt = (line: string): boolean => line.startsWith(word);
  if (!program.lines.some(isIt)) await program.nextLine(isIt);
}

const startPublisher = (endpoint: string, rate: number): Promise<Program> =>
  startExample("suicidal-snail/publisher", "--bind", endpoint, "--rate", `${rate}`, "--topics", "20");

it(
  "a publisher is killed and started again, and again: each life is heard, and none of it is missing",
  async () => {
    const endpoint = await freeEndpoint();
    // What a subscriber on a busy machine has no time for is dropped when it is more than ZeroMQ and the system keep for it.
    await using publisher = await startPublisher(endpoint, 1000);
    await using subscriber = new SnailSubscriber({
      policy: "report",
      socket: { reconnectMaxIntervalMs: 100 },
    });
    subscriber.subscribe("");
    subscriber.connect(endpoint);
    const next = new Map<string, number>();
    let heard = 0;
    subscriber.on("publisher-heard", () => {
      heard += 1;
    });
    const reading = (async () => {
      for await (const { epoch, topicText, sequence, alarm } of subscriber) {
        const key = `${epoch} ${topicText}`;
        expect(sequence).toBe(next.get(key) ?? sequence);
        next.set(key, sequence + 1);
        expect(alarm?.reason).not.toBe("gap");
      }
    })();
    const until = monotonicMs() + CHAOS_MS;
    let lives = 1;
    do {
      while (heard < lives) await once(subscriber, "publisher-heard");
      await sleep(LIFE_MS);
      await publisher.kill();
      await publisher.start();
      lives += 1;
    } while (monotonicMs() < until);
    while (heard < lives) await once(subscriber, "publisher-heard");
    const { gaps, duplicates, handed } = subscriber.stats();
    await subscriber.close();
    await reading;
    expect({ heard, gaps, duplicates }).toEqual({ heard: lives, gaps: 0, duplicates: 0 });
    console.log(`${lives} lives of a publisher, ${handed} messages, no gap`);
  },
  LIMIT_MS,
);

it(
  "subscribers stand still for 5 s: one dies of it, one catches up, and one tells; another notices nothing",
  async () => {
    const endpoint = await freeEndpoint();
    await using publisher = await startPublisher(endpoint, 2000);
    const start = (...flags: string[]): Promise<Program> =>
      startExample("suicidal-snail/subscriber", "--connect", endpoint, "--policy", ...flags);
    await using dying = await start("die");
    await using resyncing = await start("resync");
    await using reporting = await start("report");
    await using lively = await start("die", "--max-delay", "20000");
    const frozen = [dying, resyncing, reporting];
    for (const program of [lively, ...frozen]) await untilSaid(program, "heard");
    for (const program of frozen) program.pause();
    await sleep(FROZEN_MS);
    const resynced = resyncing.nextLine((line) => line.startsWith("resynced"));
    const alarmed = reporting.nextLine((line) => line.startsWith("alarm"));
    const dead = dying.exited;
    for (const program of frozen) program.resume();
    expect((await dead).code).toBe(1);
    expect(dying.lines.at(-1)).toMatch(/^died after [1-9]\d* messages$/);
    await resynced;
    await alarmed;
    const ends = [lively, resyncing, reporting].map((program) => program.end("SIGTERM"));
    for (const { code } of await Promise.all(ends)) expect(code).toBe(0);
    expect(lively.lines.filter((line) => line.startsWith("alarm"))).toEqual([]);
    expect((await publisher.end("SIGTERM")).code).toBe(0);
  },
  LIMIT_MS,
);
