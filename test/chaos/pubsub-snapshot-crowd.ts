import { once } from "node:events";
import { SnapshotClient, type SnapshotEndpoints } from "@seaworthy/pubsub-snapshot";
import { expect } from "vitest";
import { monotonicMs } from "../harness/monotonic.js";
import { Program } from "../harness/program.js";
import { COUNTER, END, type Order, type Read, SUBTREE, type Written } from "./pubsub-snapshot-words.js";

const PROCESSES = 2;
/** Of each process. */
const WRITERS = 10;
const READERS = 10;
/** Acknowledged updates of one client by which all is as it was. */
const CALM = 20;

type Servers = readonly (string | SnapshotEndpoints)[];

/** Processes with writers and readers, and a client that writes here, to see when updates are acknowledged. */
export class Crowd implements AsyncDisposable {
  readonly #processes: readonly Program[];
  readonly #client = new SnapshotClient({
    subtree: SUBTREE,
    timeoutMs: 60_000,
    retryMs: 500,
    backoff: { maxMs: 400 },
  });
  readonly #failovers: number[] = [];
  /** When updates were acknowledged, since the last fault. */
  readonly #times: number[] = [];
  #isOver = false;
  #acknowledged = 0;
  #waiting: (() => void)[] = [];
  #writing: Promise<void> | undefined;

  private constructor(servers: Servers) {
    this.#processes = Array.from({ length: PROCESSES }, (_, index) => {
      const names = Array.from({ length: WRITERS }, (_, writer) => `${index}-${writer}`).join(",");
      const args = [JSON.stringify(servers), names, `${READERS}`];
      return new Program({ file: "test/chaos/pubsub-snapshot-process.ts", args, ipc: true });
    });
    for (const server of servers) this.#client.connect(server);
  }

  static async start(servers: Servers): Promise<Crowd> {
    const crowd = new Crowd(servers);
    await Promise.all([crowd.#client.ready(), ...crowd.#processes.map((program) => program.start())]);
    crowd.#writing = crowd.#write();
    await crowd.isCalm();
    return crowd;
  }

  /** Resolves when so many updates more are acknowledged. */
  async isCalm(updates = CALM): Promise<void> {
    const goal = this.#acknowledged + updates;
    while (this.#acknowledged < goal) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Waits for calm; notes how long after the fault the longest time without an acknowledged update was over. */
  async recovers(faultAt: number): Promise<void> {
    await this.isCalm();
    const times = [faultAt, ...this.#times.filter((at) => at > faultAt)];
    const pauses = times.slice(1).map((at, index) => at - (times[index] as number));
    const end = times[pauses.indexOf(Math.max(...pauses)) + 1] as number;
    this.#failovers.push(end - faultAt);
    this.#times.length = 0;
  }

  /** No acknowledged update is lost, none is in the map twice or out of order, and all have the same map. */
  async isAccountedFor(what: string): Promise<void> {
    this.#isOver = true;
    await this.#writing;
    const written = await this.#ask<Written>("stop");
    await this.#client.set(END, "1");
    const read = await this.#ask<Read>("judge");
    expect(written.flatMap(({ failures }) => failures)).toEqual([]);
    expect(read.flatMap(({ wrong }) => wrong)).toEqual([]);
    const increments = sum(written, "increments");
    const expected = new Map(written.flatMap(({ entries }) => entries))
      .set(`${SUBTREE}here`, `${this.#acknowledged}`)
      .set(COUNTER, `${increments}`)
      .set(END, "1");
    const maps = read.flatMap(({ maps }) => maps);
    expect(maps).toHaveLength(PROCESSES * READERS);
    for (const map of maps) expect(new Map(map)).toEqual(expected);
    const acknowledged = this.#acknowledged + sum(written, "acknowledged");
    expect(increments).toBeGreaterThan(0);
    const updates = `${acknowledged} updates, ${sum(written, "retried")} sent again, ${increments} increments`;
    console.log(
      `${what}: ${updates}; ${sum(read, "joins")} joins, ${sum(read, "gaps")} gaps${this.#recovered()}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all([this.#client.close(), ...this.#processes.map((program) => program.kill())]);
  }

  async #write(): Promise<void> {
    while (!this.#isOver) {
      await this.#client.set(`${SUBTREE}here`, `${this.#acknowledged + 1}`);
      this.#acknowledged += 1;
      this.#times.push(monotonicMs());
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  async #ask<Answer>(order: Order): Promise<Answer[]> {
    const answers = this.#processes.map(async (program) => {
      const answer = once(program, "message");
      program.send(order as unknown as object);
      return ((await answer) as [Answer])[0];
    });
    return await Promise.all(answers);
  }

  #recovered(): string {
    if (this.#failovers.length === 0) return "";
    const times = this.#failovers.map((ms) => ms.toFixed(0)).join(", ");
    return `; from the fault to the next acknowledged set: ${times} ms`;
  }
}

function sum<Name extends string>(parts: readonly Record<Name, number>[], name: Name): number {
  return parts.reduce((total, part) => total + part[name], 0);
}
