import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "vitest";
import { LmdbStore } from "../src/lmdb.js";
import { StoreError } from "../src/store-errors.js";
import { StoreProcess } from "./lmdb-child.js";
import { newFolder } from "./lmdb-harness.js";

// Real processes, and locks that are void after seconds.
const TIMEOUT_MS = 40_000;
const ROOT = process.getuid?.() === 0;

/** Runs a program of the system. */
const run = (program: string, ...args: readonly string[]): void => void execFileSync(program, args);

let folder: string;
let children: StoreProcess[];

beforeEach(() => {
  folder = newFolder();
  children = [];
});

afterEach(async () => {
  for (const child of children) await child.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function start(path = folder): Promise<StoreProcess> {
  const child = new StoreProcess(path);
  children.push(child);
  assert.equal(await child.hear(), "open");
  return child;
}

async function idsIn(store: LmdbStore): Promise<string[]> {
  const infos = await store.list({ limit: 1_000_000 });
  return infos.map(({ id }) => Buffer.from(id).toString("hex"));
}

/** Everything that the process was promised is here. */
async function hasAll(path: string, { promised }: StoreProcess): Promise<void> {
  const store = new LmdbStore(path, { lockWaitMs: 30_000 });
  await store.open();
  const ids = new Set(await idsIn(store));
  const lost = promised.filter((id) => !ids.has(id));
  assert.deepEqual(lost, []);
  assert.equal((await store.counts()).pending, ids.size);
  await store.close();
}

/** Fills up what has room, makes room, and goes on: nothing that was promised is lost. */
async function fillsAndGoesOn(path: string, makeRoom: () => void, child: StoreProcess): Promise<void> {
  child.tell("add");
  assert.match(await child.hear(), /^failed ERR_STORE_FULL .*no room/);
  assert.equal(await child.hear(), "stopped");
  const before = child.promised.length;
  child.tell("add");
  assert.match(await child.hear(), /ERR_STORE_FULL/);
  assert.equal(await child.hear(), "stopped");
  makeRoom();
  child.tell("add");
  await child.promises(before + 500);
  child.tell("close");
  const last = [await child.hear(), await child.hear()];
  assert.deepEqual(last.sort(), ["closed", "stopped"]);
  await child.kill();
  await hasAll(path, child);
}

describe("LmdbStore in processes", { timeout: TIMEOUT_MS }, () => {
  it("has all that it promised when its process is killed amid thousands of adds, and can be opened again", async () => {
    const child = await start();
    child.tell("add");
    await child.promises(3000);
    await child.kill();
    assert.ok(child.promised.length >= 3000);
    await hasAll(folder, child);
  });

  it("is refused to a second process, which learns when the first gave a sign of life", async () => {
    await start();
    const second = new LmdbStore(folder, { lockWaitMs: 0 });
    await assert.rejects(second.open(), (error) => {
      assert.ok(error instanceof StoreError);
      assert.equal(error.code, "ERR_STORE_IN_USE");
      assert.ok(error.retryable);
      assert.match(error.message, /in use by another process, which gave a sign of life \d+\.\d s ago/);
      return true;
    });
  });

  it("writes nothing any more once another process has taken over from one that stood still", async () => {
    const child = await start();
    child.tell("add one");
    assert.equal(await child.hear(), "stopped");
    child.signal("SIGSTOP");
    child.tell("add one");
    const store = new LmdbStore(folder, { lockWaitMs: 60_000 });
    await store.open();
    const before = new Set(await idsIn(store));
    child.signal("SIGCONT");
    assert.match(await child.hear(), /ERR_STORE_IN_USE/);
    assert.equal(await child.hear(), "stopped");
    child.tell("add one");
    assert.match(await child.hear(), /ERR_STORE_IN_USE/);
    await child.kill();
    const { type } = await store.add({
      id: new Uint8Array(16),
      service: Buffer.from("a"),
      body: [],
      key: undefined,
    });
    assert.equal(type, "added");
    const after = await idsIn(store);
    assert.deepEqual(
      after.filter((id) => !before.has(id)),
      [Buffer.alloc(16).toString("hex")],
    );
    for (const id of child.promised) assert.ok(before.has(id), "a request that was promised is lost");
    await store.close();
  });

  it.runIf(process.platform === "linux")(
    "says that there is no room when its file may not grow, and goes on when it may",
    async () => {
      const child = await start();
      const limit = (bytes: string): void => {
        run("prlimit", "--pid", String(child.pid), `--fsize=${bytes}:unlimited`);
      };
      limit(String(4 * 1024 * 1024));
      await fillsAndGoesOn(folder, () => limit("unlimited"), child);
    },
  );

  it.runIf(process.platform === "linux" && ROOT)(
    "does so on a disk that is full, too (as root)",
    async () => {
      const disk = join(folder, "disk");
      mkdirSync(disk);
      run("mount", "-t", "tmpfs", "-o", "size=6m", "none", disk);
      try {
        const child = await start(join(disk, "store"));
        const grow = (): void => run("mount", "-o", "remount,size=64m", disk);
        await fillsAndGoesOn(join(disk, "store"), grow, child);
        assert.ok(
          readdirSync(join(disk, "store")).every((name) => statSync(join(disk, "store", name)).size < 64e6),
        );
      } finally {
        for (const child of children) await child.kill();
        run("umount", disk);
      }
    },
  );
});
