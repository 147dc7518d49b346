import { expect } from "vitest";
import type { Exit, Program } from "./program.js";

/** How one run of a program ended. */
interface End {
  readonly code: number | null;
  /** The last line that it printed. */
  readonly lastWords: string | undefined;
}

/** How a run of an example ends that crashes under `--chaos`: the line is its last word, and tells why. */
export const CRASH: unknown = { code: 1, lastWords: expect.stringMatching(/^crash at request \d+$/) };

/** Starts a program again whenever it ends, from now on until this is disposed of; tells how each run ended. */
export class Restarted implements Disposable {
  readonly ends: End[] = [];
  readonly #program: Program;

  constructor(program: Program) {
    this.#program = program;
    program.on("exit", this.#restart);
  }

  [Symbol.dispose](): void {
    this.#program.off("exit", this.#restart);
  }

  readonly #restart = ({ code }: Exit): void => {
    this.ends.push({ code, lastWords: this.#program.lines.at(-1) });
    this.#program.spawn();
  };
}
