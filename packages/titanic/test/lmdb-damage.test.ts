import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import lockfile from "proper-lockfile";
import { afterEach, beforeEach, describe, it } from "vitest";
import { FORMAT } from "../src/ledger-layout.js";
import { LmdbStore } from "../src/lmdb.js";
import { LmdbGround } from "../src/lmdb-ground.js";
import type { Claim } from "../src/store.js";
import { LONG_MS, newFolder, SERVICE, says } from "./lmdb-harness.js";

const lmdb = createRequire(import.meta.url)("lmdb") as { open(options: object): ForeignDatabase };

interface ForeignDatabase {
  put(key: string, value: string): Promise<boolean>;
  close(): Promise<void>;
}

let folder: string;
let file: string;
let stores: LmdbStore[];

beforeEach(() => {
  folder = newFolder();
  file = join(folder, "requests.lmdb");
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
});

async function open(path = folder): Promise<LmdbStore> {
  const store = new LmdbStore(path, { lockWaitMs: 0 });
  stores.push(store);
  await store.open();
  return store;
}

function idOf(index: number): Buffer {
  return Buffer.alloc(16, index + 1);
}

/** Takes requests in, each with a body that can be found in the file. */
async function fill(store: LmdbStore, count: number, size = 40): Promise<void> {
  const requests = Array.from({ length: count }, (_, index) => ({
    id: idOf(index),
    service: SERVICE,
    body: [Buffer.alloc(size, `body ${index};`)],
    key: Buffer.from(`key ${index};`),
  }));
  for (const request of requests) assert.equal((await store.add(request)).type, "added");
}

/** Flips a bit in every place where these bytes are in the file. */
function damage(bytes: Buffer, offset: number): void {
  const content = readFileSync(file);
  let count = 0;
  for (let at = content.indexOf(bytes); at !== -1; at = content.indexOf(bytes, at + 1)) {
    content.writeUInt8(content.readUInt8(at + offset) ^ 1, at + offset);
    count += 1;
  }
  assert.ok(count > 0, "the bytes are not in the file");
  writeFileSync(file, content);
}

async function claim(store: LmdbStore, limit: number): Promise<readonly Claim[]> {
  return (await store.claim(SERVICE, limit, LONG_MS, 1e9)).claims;
}

/** Waits until what the store has set about on its own is done: this comes behind it. */
async function settle(store: LmdbStore): Promise<void> {
  await store.sweep(1);
}

const indexesOf = (claims: readonly { id: Uint8Array }[]): number[] =>
  claims.map(({ id }) => (id[0] as number) - 1);

describe("LmdbStore with a file that is not what it should be", () => {
  it("is not opened over a file that is not one of LMDB", async () => {
    writeFileSync(file, "these are not the requests that you are looking for\n".repeat(1000));
    await assert.rejects(open(), says("ERR_STORE_FOREIGN", /is no file of LMDB/));
  });

  it("is not opened over another program's database", async () => {
    const foreign = lmdb.open({ path: file, noSubdir: true });
    await foreign.put("theirs", "value");
    await foreign.close();
    await assert.rejects(open(), says("ERR_STORE_FOREIGN", /belongs to another program/));
  });

  it("is not opened over a store of a later version", async () => {
    await (await open()).close();
    const ground = await LmdbGround.open({ path: file, isShort: false }, { lost() {}, broken() {} });
    await new Promise((resolve) =>
      ground.commit(new Map([[FORMAT, Buffer.from("seaworthy-titanic 2")]]), resolve),
    );
    await ground.close();
    await assert.rejects(open(), says("ERR_STORE_FOREIGN", /version 2.* knows version 1/));
  });

  it("is not opened over a file in place of its folder", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    await assert.rejects(open(path), says("ERR_STORE_UNAVAILABLE", /cannot use/));
  });

  it("makes the folder, and those above it", async () => {
    const path = join(folder, "a", "b");
    const store = await open(path);
    await fill(store, 1);
    assert.ok(statSync(join(path, "requests.lmdb")).size > 0);
  });

  it("is not opened over a file that was emptied or that is gone", async () => {
    await (await open()).close();
    truncateSync(file, 0);
    await assert.rejects(open(), says("ERR_STORE_CORRUPT", /gone or empty/));
    rmSync(file);
    await assert.rejects(open(), says("ERR_STORE_CORRUPT", /gone or empty/));
  });

  it("is not opened over a file that was cut off", async () => {
    const store = await open();
    await fill(store, 60, 9000);
    await store.close();
    const { size } = statSync(file);
    for (const length of [size >> 1, 8192, 5000]) {
      truncateSync(file, length);
      await assert.rejects(open(), says("ERR_STORE_CORRUPT", /./));
    }
  });

  it("takes nothing in when its file is gone or replaced while it runs, and goes on when it is back", async () => {
    const store = await open();
    await fill(store, 1);
    const elsewhere = join(folder, "elsewhere");
    renameSync(file, elsewhere);
    const gone = says("ERR_STORE_UNAVAILABLE", /requests\.lmdb is gone, or it is another file/);
    await assert.rejects(store.remove(idOf(0), 0), gone);
    copyFileSync(elsewhere, file);
    await assert.rejects(store.remove(idOf(0), 0), gone);
    renameSync(elsewhere, file);
    assert.equal(await store.remove(idOf(0), 0), true);
    await store.close();
    assert.deepEqual(await (await open()).counts(), { pending: 0, done: 0, dead: 0 });
  });

  it("leaves a file as it is that another has, though that be shorter than LMDB says", async () => {
    const store = await open();
    await fill(store, 60, 9000);
    await store.close();
    const release = await lockfile.lock(folder, { lockfilePath: join(folder, "in-use.lock") });
    // So it is while its owner has it: what LMDB counts and what it has written are not the same at each moment.
    const length = statSync(file).size >> 1;
    truncateSync(file, length);
    await assert.rejects(open(), says("ERR_STORE_IN_USE", /in use by another process/));
    assert.equal(statSync(file).size, length);
    await release();
  });

  it("takes a folder with other things in it, and leaves them as they are", async () => {
    writeFileSync(join(folder, "README.txt"), "What is here is mine.\n");
    await fill(await open(), 1);
    assert.equal(readFileSync(join(folder, "README.txt"), "utf8"), "What is here is mine.\n");
  });

  it("takes a folder that is there and empty", async () => {
    const path = join(folder, "empty");
    mkdirSync(path);
    assert.deepEqual(await (await open(path)).counts(), { pending: 0, done: 0, dead: 0 });
  });

  it("puts a request aside whose body was changed, as a dead letter, and goes on with the others", async () => {
    const store = await open();
    await fill(store, 5);
    await store.close();
    damage(Buffer.from("body 2;body 2;"), 3);
    const again = await open();
    assert.deepEqual(indexesOf(await claim(again, 10)), [0, 1, 3, 4]);
    assert.deepEqual(await claim(again, 10), []);
    await settle(again);
    const found = await again.find(idOf(2));
    assert.ok(found?.state === "dead" && /^cannot be read: the body of a request/.test(found.failure));
    assert.deepEqual(await again.counts(), { pending: 4, done: 0, dead: 1 });
    await assert.rejects(again.show(idOf(2)), says("ERR_STORE_CORRUPT", /the body of a request/));
    assert.equal(await again.remove(idOf(2), 0), true);
    assert.deepEqual(await again.counts(), { pending: 4, done: 0, dead: 0 });
  });

  it("says of a request that was changed that it cannot be read, and puts it aside when it is its turn", async () => {
    const store = await open();
    await fill(store, 3);
    await store.close();
    damage(Buffer.from("echokey 1;"), 6);
    const again = await open();
    await assert.rejects(again.find(idOf(1)), says("ERR_STORE_CORRUPT", /cannot be read/));
    assert.deepEqual(indexesOf(await again.list({ limit: 10 })), [0, 2]);
    assert.deepEqual(indexesOf(await claim(again, 10)), [0, 2]);
    await settle(again);
    assert.deepEqual(await again.counts(), { pending: 2, done: 0, dead: 1 });
    assert.equal((await again.find(idOf(1)))?.state, "dead");
  });

  it("says of a reply that was changed that it cannot be read, and sweeps it in its time", async () => {
    const store = await open();
    await fill(store, 2);
    for (const lease of await claim(store, 2))
      await store.complete(lease, [Buffer.from(`reply ${lease.id[0]}`)], 1);
    await store.close();
    damage(Buffer.from("reply 1"), 0);
    const again = await open();
    await assert.rejects(again.find(idOf(0)), says("ERR_STORE_CORRUPT", /a reply/));
    assert.equal((await again.find(idOf(1)))?.state, "done");
    while ((await again.counts()).done > 0) await again.sweep(10);
    assert.equal(await again.find(idOf(0)), undefined);
  });

  it("writes nothing for one that another has taken over from, though it knows nothing of it", async () => {
    let lost = 0;
    const data = { path: file, isShort: false };
    const owner = (count: number) => ({
      lost: () => {
        lost += count;
      },
      broken: assert.fail,
    });
    const first = await LmdbGround.open(data, owner(1));
    const second = await LmdbGround.open(data, owner(100));
    const error = await new Promise((resolve) => first.commit(new Map([["a", Buffer.from("1")]]), resolve));
    assert.ok(says("ERR_STORE_IN_USE", /taken the store over/)(error));
    assert.equal(lost, 1);
    assert.equal(
      await new Promise((resolve) => second.commit(new Map([["b", Buffer.from("2")]]), resolve)),
      undefined,
    );
    assert.deepEqual([second.get("a"), String(second.get("b"))], [undefined, "2"]);
    await first.close();
    await second.close();
  });

  it("refuses wrong arguments", () => {
    assert.throws(() => new LmdbStore(""), /the folder must be a path/);
    assert.throws(() => new LmdbStore(folder, { maxRequests: 0 }), RangeError);
    assert.throws(() => new LmdbStore(folder, { lockWaitMs: -1 }), RangeError);
  });
});
