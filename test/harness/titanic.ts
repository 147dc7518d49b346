import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LmdbStore } from "@seaworthy/titanic/lmdb";
import { example } from "./example.js";
import type { Program } from "./program.js";

/** The example server of Titanic in a process of its own, with its requests in a temporary folder. */
export class TitanicExample implements AsyncDisposable {
  readonly program: Program;
  readonly folder: string;

  private constructor(program: Program, folder: string) {
    this.program = program;
    this.folder = folder;
  }

  /** One that is to serve through a broker, not started yet. */
  static async make(endpoint: string, ...args: readonly string[]): Promise<TitanicExample> {
    const folder = await mkdtemp(join(tmpdir(), "titanic-"));
    const flags = ["--connect", endpoint, "--data", folder];
    return new TitanicExample(example("titanic/server", ...flags, ...args), folder);
  }

  /** Starts one behind a broker, and waits until that knows its services. */
  static async start(endpoint: string, ...args: readonly string[]): Promise<TitanicExample> {
    const server = await TitanicExample.make(endpoint, ...args);
    await server.program.start();
    return server;
  }

  /** How many requests its store has, once it has ended. */
  async leaves(): Promise<{ pending: number; done: number; dead: number }> {
    const store = new LmdbStore(this.folder);
    await store.open();
    try {
      return await store.counts();
    } finally {
      await store.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.kill();
    await rm(this.folder, { recursive: true });
  }
}

/** Nothing is left in a store: every request that was taken in is closed. */
export const EMPTY = { pending: 0, done: 0, dead: 0 } as const;

/** The numbers of the requests of which an example client has said so, over all its runs. */
export function numbersOf(client: Program, what: "accepted" | "reply" | "closed" | "failed"): Set<number> {
  const said = client.lines.flatMap((line) => new RegExp(`^${what} (\\d+)`).exec(line)?.[1] ?? []);
  return new Set(said.map(Number));
}
