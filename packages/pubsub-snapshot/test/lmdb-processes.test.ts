import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, describe, it } from "vitest";
import { compiledProgram, removePrograms } from "../../../test/harness/compiled.js";
import { LmdbStore } from "../src/lmdb.js";
import { mapOf, plain, REPLACED_SIZE } from "./lmdb-maps.js";

const SCRIPT = fileURLToPath(new URL("lmdb-process.ts", import.meta.url));

/** A process that has a store open. */
class StoreProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #news = new EventEmitter();
  readonly lines: string[] = [];
  /** Numbers of what it was told that is kept. */
  readonly kept: number[] = [];
  /** When it has ended, and all that it said is here. */
  readonly ended: Promise<unknown>;
  #hasEnded = false;

  constructor(...args: readonly string[]) {
    this.#child = spawn(process.execPath, [compiledProgram(SCRIPT), ...args]);
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (line.startsWith("kept ")) this.kept.push(Number(line.slice(5)));
      else this.lines.push(line);
      this.#news.emit("line");
    });
    this.ended = once(this.#child, "close").then(() => {
      this.#hasEnded = true;
      this.#news.emit("line");
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async until(check: () => boolean): Promise<void> {
    while (!check()) {
      if (this.#hasEnded) throw new Error(`the process has ended; it said: ${this.lines.join(" | ")}`);
      await once(this.#news, "line");
    }
  }

  /** Has it commit until that fails. */
  commit(): void {
    this.#child.stdin.write("commit\n");
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

let folder: string;
let children: StoreProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "snapshot-"));
  children = [];
});

afterEach(async () => {
  for (const child of children) await child.kill();
  rmSync(folder, { recursive: true, force: true });
});

afterAll(removePrograms);

function start(...args: readonly string[]): StoreProcess {
  const child = new StoreProcess(folder, ...args);
  children.push(child);
  return child;
}

async function contents(): Promise<ReturnType<typeof plain>> {
  const store = new LmdbStore(folder);
  try {
    return plain(await store.open());
  } finally {
    await store.close();
  }
}

/** All that was kept is there, and nothing by halves. */
async function hasAll({ kept }: StoreProcess): Promise<void> {
  const { sequence, entries, known } = await contents();
  const numbers = new Set(known);
  const isHere = (pair: number): boolean =>
    entries.has(`first of ${pair}`) &&
    entries.has(`second of ${pair}`) &&
    numbers.has(pair - 1) &&
    numbers.has(pair);
  assert.deepEqual(
    kept.filter((pair) => pair > sequence || !isHere(pair)),
    [],
  );
  const pairs = Array.from(entries.keys(), (key) => Number(/\d+$/.exec(key)?.[0]));
  assert.ok(pairs.every(isHere), "half of a commit is there");
  assert.equal(sequence, Math.max(...pairs));
}

describe("LmdbStore in processes", () => {
  it("has all that it kept when its process is killed amid commits", async () => {
    const child = start();
    child.commit();
    await child.until(() => child.kept.length >= 500);
    await child.kill();
    await hasAll(child);
  });

  it("has all that another process kept until it took over from that, amid commits, and nothing that came later", async () => {
    const child = start();
    child.commit();
    await child.until(() => child.kept.length >= 200);
    const store = new LmdbStore(folder);
    const before = plain(await store.open());
    await child.until(() => child.lines.includes("stopped"));
    assert.match(child.lines.at(-2) as string, /^failed LmdbStore: .* was taken over by another server/);
    await store.close();
    assert.deepEqual(await contents(), before);
    await hasAll(child);
  });

  it("has the old map or the new one, and all of it, wherever in the middle of replacing it its process is killed", async () => {
    const store = new LmdbStore(folder);
    await store.open();
    await store.replace(mapOf(1, REPLACED_SIZE));
    await store.close();
    let interrupted = 0;
    let sequence = 1;
    for (let turns = 4; ; turns *= 3) {
      const child = start("replace", String(turns));
      await child.ended;
      const isReplaced = child.lines.includes("replaced");
      const found = await contents();
      if (isReplaced) assert.equal(found.sequence, sequence + 1);
      else interrupted += 1;
      assert.ok(found.sequence === sequence || found.sequence === sequence + 1);
      sequence = found.sequence;
      assert.deepEqual(found, plain(mapOf(sequence, REPLACED_SIZE)));
      if (isReplaced) break;
    }
    assert.ok(interrupted > 1);
  });

  it.runIf(process.platform === "linux")(
    "says that there is no room when its file may not grow, and goes on when it may",
    async () => {
      const child = start();
      const limit = (bytes: string): void =>
        void execFileSync("prlimit", ["--pid", String(child.pid), `--fsize=${bytes}:unlimited`]);
      const stopped = (times: number) => (): boolean =>
        child.lines.filter((line) => line === "stopped").length === times;
      await child.until(() => child.lines.includes("open"));
      limit(String(1024 * 1024));
      for (const times of [1, 2]) {
        child.commit();
        await child.until(stopped(times));
        assert.match(child.lines.at(-2) as string, /^failed LmdbStore: cannot write to .*no room/);
      }
      const before = child.kept.length;
      limit("unlimited");
      child.commit();
      await child.until(() => child.kept.length > before + 200);
      await child.kill();
      await hasAll(child);
    },
  );
});
