import { setTimeout as sleep } from "node:timers/promises";
import { startExample } from "./example.js";
import { monotonicMs } from "./monotonic.js";
import type { Program } from "./program.js";

/** Time from one fault to the next, in ms. It is the schedule of the faults, and waits for nothing. */
const BEAT_MS = 500;
/** How many beats a worker is frozen, in turn. */
const FREEZES = [1, 2, 3, 4] as const;

/** What may happen to a worker. */
type WorkerFault = "killed" | "frozen";

/** Worker processes of one pattern, all examples. */
export class Fleet implements AsyncDisposable {
  readonly workers: readonly Program[];
  /** How often each fault happened. */
  readonly suffered: Record<WorkerFault, number> = { killed: 0, frozen: 0 };
  readonly #ailing = new Map<Program, Promise<unknown>>();
  readonly #frozen = new Map<Program, number>();

  private constructor(workers: readonly Program[]) {
    this.workers = workers;
  }

  /** Starts as many examples with the same arguments, and waits until all are ready. */
  static async start(count: number, name: string, ...args: readonly string[]): Promise<Fleet> {
    return await Fleet.startEach(
      Array.from({ length: count }, () => args),
      name,
    );
  }

  /** Starts an example for each of the argument lists, and waits until all are ready. */
  static async startEach(lists: readonly (readonly string[])[], name: string): Promise<Fleet> {
    return new Fleet(await Promise.all(lists.map((args) => startExample(name, ...args))));
  }

  /**
   * Each half second for so long, one of the workers that are well has one of the faults: it is killed and
   * started again, or frozen for half a second to two seconds. In the end all are well again.
   */
  async suffer(forMs: number, ...faults: readonly [WorkerFault, ...WorkerFault[]]): Promise<void> {
    const until = monotonicMs() + forMs;
    let turn = 0;
    for (let beat = 0; monotonicMs() < until; beat++) {
      this.#thaw(beat);
      // Each worker has each fault in its turn.
      const fault = faults[(beat + Math.floor(beat / this.workers.length)) % faults.length] as WorkerFault;
      for (let looks = 0; looks < this.workers.length; looks++) {
        const victim = this.workers[turn++ % this.workers.length] as Program;
        if (this.#ailing.has(victim) || this.#frozen.has(victim)) continue;
        this.#strike(victim, fault, beat);
        break;
      }
      await sleep(BEAT_MS);
    }
    this.#thaw(Number.POSITIVE_INFINITY);
    await Promise.all(this.#ailing.values());
  }

  /** Ends all of them by SIGTERM; resolves to how many requests each has run since its last start. */
  async end(): Promise<number[]> {
    const exits = await Promise.all(this.workers.map((worker) => worker.end("SIGTERM")));
    if (exits.some(({ code }) => code !== 0)) throw new Error(`workers ended with ${JSON.stringify(exits)}`);
    return this.workers.map((worker) => requestsOf(worker));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#ailing.values());
    await Promise.all(this.workers.map((worker) => worker.kill()));
  }

  #strike(victim: Program, fault: WorkerFault, beat: number): void {
    this.suffered[fault] += 1;
    if (fault === "frozen") {
      victim.pause();
      this.#frozen.set(victim, beat + (FREEZES[this.suffered.frozen % FREEZES.length] as number));
      return;
    }
    const restart = victim.kill().then(() => victim.start());
    this.#ailing.set(victim, restart);
    // A start that fails stays among the ailing, and fails the test in the end.
    restart.then(() => this.#ailing.delete(victim)).catch(() => undefined);
  }

  #thaw(beat: number): void {
    for (const [worker, until] of this.#frozen) {
      if (until > beat) continue;
      worker.resume();
      this.#frozen.delete(worker);
    }
  }
}

/** The number in an example's last words. */
export function requestsOf(program: Program): number {
  const found = /^stopped after (\d+) requests$/.exec(program.lines.at(-1) ?? "");
  if (found === null) throw new Error(`no last words: ${program.lines.at(-1)}\n${program.stderr}`);
  return Number(found[1]);
}
