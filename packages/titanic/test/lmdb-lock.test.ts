import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { afterEach, beforeEach, describe, it } from "vitest";
import { LmdbStore } from "../src/lmdb.js";
import type { Claim } from "../src/store.js";
import { StoreError, type StoreErrorCode } from "../src/store-errors.js";
import { StoreProcess } from "./lmdb-child.js";
import { LONG_MS, newFolder, request, SERVICE, says, UNKNOWN } from "./lmdb-harness.js";

let base: string;
let folder: string;
let elsewhere: string;
let store: LmdbStore;
let child: StoreProcess | undefined;
beforeEach(async () => {
  base = newFolder();
  folder = join(base, "store");
  elsewhere = join(base, "elsewhere");
  store = new LmdbStore(folder, { lockWaitMs: 0 });
  await store.open();
});
afterEach(async () => {
  await child?.kill();
  child = undefined;
  await store.close();
  rmSync(base, { recursive: true });
});

const lockIn = (path: string): string => join(path, "in-use.lock");

async function add(number: number): Promise<void> {
  assert.deepEqual(await store.add(request(number)), { type: "added" });
}

const claimAll = async (): Promise<readonly Claim[]> =>
  (await store.claim(SERVICE, 100, LONG_MS, 1e9)).claims;

const numbersIn = async (of: LmdbStore): Promise<(number | undefined)[]> =>
  (await of.list({ limit: 100 })).map(({ id }) => id[0]);

/** Waits until a question to the store is answered, or refused in this way. Nothing else may be said of it until then. */
async function until(
  code: StoreErrorCode | "works",
  ...meanwhile: (StoreErrorCode | "works")[]
): Promise<string> {
  for (;;) {
    const error: unknown = await store.find(UNKNOWN).catch((why: unknown) => why);
    assert.ok(error === undefined || error instanceof StoreError, String(error));
    const outcome = error?.code ?? "works";
    if (outcome === code) return error?.message ?? "";
    assert.ok(meanwhile.includes(outcome as StoreErrorCode), String(error));
    await setImmediate();
  }
}

// Windows renames no folder in which files are open.
describe.runIf(process.platform !== "win32")("an LmdbStore that cannot keep its lock", () => {
  it("says why while its folder is away, and goes on when that is back: all that was taken in, and claimed, is as it was", async () => {
    await add(1);
    const [claim] = (await claimAll()) as [Claim];
    await add(2);
    renameSync(folder, elsewhere);
    const why = await until("ERR_STORE_UNAVAILABLE", "works");
    assert.match(why, /lost the lock of .*store: ENOENT/);
    await assert.rejects(store.add(request(3)), says("ERR_STORE_UNAVAILABLE", /lock|is gone/));
    renameSync(elsewhere, folder);
    await until("works", "ERR_STORE_UNAVAILABLE");
    const others = await claimAll();
    assert.deepEqual(
      others.map(({ id }) => id[0]),
      [2],
    );
    assert.equal(await store.complete(claim, [Buffer.from("reply")], LONG_MS), true);
    await add(4);
    await store.close();
    await store.open();
    assert.deepEqual(await numbersIn(store), [1, 2, 4]);
    assert.deepEqual(await store.counts(), { pending: 2, done: 1, dead: 0 });
  });

  it("says why when no sign of life could be given for seconds, and goes on when one can be", async () => {
    await add(1);
    renameSync(folder, elsewhere);
    writeFileSync(folder, "no folder");
    assert.match(await until("ERR_STORE_UNAVAILABLE", "works"), /lost the lock of .*store: ENOTDIR/);
    rmSync(folder);
    renameSync(elsewhere, folder);
    await until("works", "ERR_STORE_UNAVAILABLE");
    await add(2);
    assert.deepEqual(await numbersIn(store), [1, 2]);
  });

  it("takes it again if somebody has removed it, and nobody else can have it then", async () => {
    await add(1);
    rmdirSync(lockIn(folder));
    await until("ERR_STORE_UNAVAILABLE", "works");
    await until("works", "ERR_STORE_UNAVAILABLE");
    const other = new LmdbStore(folder, { lockWaitMs: 0 });
    await assert.rejects(other.open(), says("ERR_STORE_IN_USE", /in use by another process/));
    await add(2);
    assert.deepEqual(await numbersIn(store), [1, 2]);
  });

  it("takes none in another folder that has come in its place", async () => {
    await add(1);
    renameSync(folder, elsewhere);
    mkdirSync(folder);
    await until("ERR_STORE_UNAVAILABLE", "works");
    while (!/requests\.lmdb is gone/.test(await until("ERR_STORE_UNAVAILABLE"))) await setImmediate();
    const other = new LmdbStore(folder, { lockWaitMs: 0 });
    await other.open();
    assert.deepEqual(await numbersIn(other), []);
    await other.close();
    rmSync(folder, { recursive: true });
    rmdirSync(lockIn(elsewhere));
    renameSync(elsewhere, folder);
    await until("works", "ERR_STORE_UNAVAILABLE");
    assert.deepEqual(await numbersIn(store), [1]);
  });

  it("can be closed meanwhile, and opened again", async () => {
    await add(1);
    renameSync(folder, elsewhere);
    await until("ERR_STORE_UNAVAILABLE", "works");
    await store.close();
    await assert.rejects(store.counts(), says("ERR_STORE_CLOSED", /./));
    renameSync(elsewhere, folder);
    rmdirSync(lockIn(folder));
    await store.open();
    assert.deepEqual(await numbersIn(store), [1]);
  });

  it("leaves the folder to another process that has taken it over meanwhile, also when that is gone again", async () => {
    await add(1);
    renameSync(folder, elsewhere);
    await until("ERR_STORE_UNAVAILABLE", "works");
    // As if its last sign of life were long ago.
    utimesSync(lockIn(elsewhere), 0, 0);
    child = new StoreProcess(elsewhere);
    assert.equal(await child.hear(), "open");
    child.tell("add one");
    assert.equal(await child.hear(), "stopped");
    await until("ERR_STORE_IN_USE", "ERR_STORE_UNAVAILABLE");
    child.tell("close");
    assert.equal(await child.hear(), "closed");
    renameSync(elsewhere, folder);
    await assert.rejects(store.add(request(2)), says("ERR_STORE_IN_USE", /has taken the store over/));
    const next = new LmdbStore(folder, { lockWaitMs: 0 });
    await next.open();
    assert.deepEqual(
      (await next.list({ limit: 100 })).map(({ id }) => Buffer.from(id).toString("hex")),
      ["01".repeat(16), ...child.promised],
    );
    await next.close();
  });

  it("says that another process has the folder if that keeps the lock, and goes on if it has changed nothing", async () => {
    await add(1);
    rmdirSync(lockIn(folder));
    const release = await lockfile.lock(folder, { lockfilePath: lockIn(folder), update: 1000 });
    await until("ERR_STORE_UNAVAILABLE", "works");
    assert.match(
      await until("ERR_STORE_IN_USE", "ERR_STORE_UNAVAILABLE"),
      /in use by another process, which gave a sign of life \d\.\d s ago/,
    );
    await release();
    await until("works", "ERR_STORE_IN_USE", "ERR_STORE_UNAVAILABLE");
    await add(2);
    assert.deepEqual(await numbersIn(store), [1, 2]);
  });
});
