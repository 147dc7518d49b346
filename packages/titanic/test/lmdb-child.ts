import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { compiledProgram, removePrograms } from "../../../test/harness/compiled.js";

afterAll(removePrograms);

const SCRIPT = fileURLToPath(new URL("lmdb-process.ts", import.meta.url));

/** A process that has a store open. */
export class StoreProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<unknown>;
  readonly #news = new EventEmitter();
  /** Ids of the requests that it was promised, in hexadecimal. */
  readonly promised: string[] = [];
  /** All else that it has said. */
  readonly #said: string[] = [];
  /** How many lines of that were waited for. */
  #heard = 0;

  constructor(folder: string) {
    this.#child = spawn(process.execPath, [compiledProgram(SCRIPT), folder]);
    this.#exited = once(this.#child, "exit").then(() => this.#news.emit("line"));
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (line.startsWith("added ")) this.promised.push(line.slice(6));
      else this.#said.push(line);
      this.#news.emit("line");
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The next thing that it says, behind what was heard before. */
  async hear(): Promise<string> {
    await this.#until(() => this.#said.length > this.#heard);
    return this.#said[this.#heard++] as string;
  }

  /** Resolves when it has been promised so many requests. */
  promises(count: number): Promise<void> {
    return this.#until(() => this.promised.length >= count);
  }

  tell(command: "add" | "add one" | "close"): void {
    this.#child.stdin.write(`${command}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it at once, and waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.#hasEnded) this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async #until(check: () => boolean): Promise<void> {
    while (!check()) {
      if (this.#hasEnded) throw new Error(`the process has ended; it said: ${this.#said.join(" | ")}`);
      await once(this.#news, "line");
    }
  }
}
