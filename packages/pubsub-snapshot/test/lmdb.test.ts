import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, it } from "vitest";
import { LmdbStore } from "../src/lmdb.js";
import type { StoredEntry, StoredMap } from "../src/store.js";
import { entryOf, mapOf, plain, REPLACED_SIZE, uuidOf } from "./lmdb-maps.js";

const lmdb = createRequire(import.meta.url)("lmdb") as { open(options: object): ForeignDatabase };

interface ForeignDatabase {
  getKeysCount(options: object): number;
  put(key: string, value: unknown): Promise<boolean>;
  openDB(name: string, options: object): ForeignDatabase;
  close(): Promise<void>;
}

let folder: string;
let file: string;
let stores: LmdbStore[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "snapshot-"));
  file = join(folder, "map.lmdb");
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
});

async function open(options = {}, path = folder): Promise<{ store: LmdbStore; map: StoredMap }> {
  const store = new LmdbStore(path, options);
  stores.push(store);
  return { store, map: await store.open() };
}

/** What is there when it is opened again. */
async function contents(options = {}): Promise<ReturnType<typeof plain>> {
  return plain((await open(options)).map);
}

/** How many entries there are in each of the two tables, the smaller number first. All stores must be closed. */
async function tableSizes(path = file): Promise<number[]> {
  const root = lmdb.open({ path, noSubdir: true });
  const tables = [0, 1].map((index) => root.openDB(`entries-${index}`, { keyEncoding: "binary" }));
  const sizes = tables.map((table) => table.getKeysCount({ start: Buffer.of(0) }));
  await root.close();
  return sizes.toSorted((a, b) => a - b);
}

function known(from: number, to: number): StoredEntry[] {
  return Array.from({ length: to - from + 1 }, (_, index) =>
    entryOf("key", from + index, { uuid: uuidOf(from + index) }),
  );
}

describe("LmdbStore", () => {
  it("is empty in a new folder, which it makes, and those above it", async () => {
    const path = join(folder, "a", "b");
    const { map } = await open({}, path);
    assert.deepEqual(plain(map), { sequence: 0, entries: new Map(), known: [] });
    assert.ok(statSync(join(path, "map.lmdb")).size > 0);
  });

  it("has everything of an entry, byte for byte, when it is opened again", async () => {
    const { store } = await open();
    const entries = [
      entryOf(Buffer.of(0), 1),
      entryOf(Buffer.of(0, 0), 2, { expiresAt: 1_700_000_000_000.5 }),
      entryOf(Buffer.alloc(255, 255), 3, { uuid: uuidOf(3) }),
      entryOf(Buffer.from([...Array(255).keys()]), 4, { properties: Buffer.from("a=\0\nb=ü\n") }),
      entryOf("large", 2 ** 53 - 1, { value: Buffer.alloc(300_000, 5), expiresAt: 0 }),
      entryOf("KTHXBAI", 6, { uuid: Buffer.of(1), value: Buffer.of(0) }),
    ];
    await store.commit(entries);
    const { map } = await open();
    const bytes = (entry: StoredEntry): object => ({
      ...entry,
      key: Buffer.from(entry.key),
      uuid: Buffer.from(entry.uuid),
      properties: Buffer.from(entry.properties),
      value: Buffer.from(entry.value),
    });
    const byKey = (a: StoredEntry, b: StoredEntry): number => Buffer.compare(a.key, b.key);
    assert.deepEqual(Array.from(map.entries).toSorted(byKey).map(bytes), entries.toSorted(byKey).map(bytes));
    assert.equal(Array.from(map.entries).length, entries.length, "it can be gone through again");
    assert.equal(map.sequence, 6);
    assert.deepEqual(Array.from(map.known), [{ sequence: 3, uuid: uuidOf(3) }]);
  });

  it("takes values of 64 MiB", async () => {
    const { store } = await open();
    const value = Buffer.alloc(64 * 1024 * 1024, "large ");
    await store.commit([entryOf("large", 1, { value })]);
    const [found] = (await open()).map.entries;
    assert.ok(value.equals(found?.value as Buffer));
  });

  it("does updates in their order, also within a commit and when many commits are on their way", async () => {
    const { store } = await open();
    await store.commit([
      entryOf("a", 1),
      entryOf("b", 2),
      entryOf("b", 3, { value: Buffer.alloc(0) }),
      entryOf("c", 4, { value: Buffer.alloc(0) }),
      entryOf("c", 5),
    ]);
    const commits = Array.from({ length: 200 }, (_, index) => store.commit([entryOf("d", 6 + index)]));
    await Promise.all([...commits, store.commit([entryOf("a", 206, { value: Buffer.alloc(0) })])]);
    await store.commit([]);
    const entries = new Map([
      ["c", "value 5"],
      ["d", "value 205"],
    ]);
    assert.deepEqual(await contents(), { sequence: 206, entries, known: [] });
  });

  it("keeps nothing of a commit with a key that is none", async () => {
    const { store } = await open();
    for (const key of [Buffer.alloc(0), Buffer.alloc(256)])
      await assert.rejects(
        store.commit([entryOf("a", 1), entryOf(key, 2)]),
        /a key must have from 1 to 255 bytes/,
      );
    assert.deepEqual(await contents(), { sequence: 0, entries: new Map(), known: [] });
  });

  it("knows the last UUIDs, the oldest first, and forgets those before them", async () => {
    const { store } = await open({ maxKnown: 10 });
    await store.commit(known(1, 8));
    await Promise.all(known(9, 30).map((update) => store.commit([update])));
    const last = (from: number, to: number): number[] => known(from, to).map(({ sequence }) => sequence);
    assert.deepEqual((await contents({ maxKnown: 10 })).known, last(21, 30));
    assert.deepEqual((await contents({ maxKnown: 3 })).known, last(28, 30));
    const again = await open({ maxKnown: 10 });
    for (const update of known(31, 50)) await again.store.commit([update]);
    const inFile = (await contents()).known;
    assert.deepEqual(inFile, last(40, 50), "it has removed all but those that the last commit has added");
  });

  it("replaces the map, again and again, and goes on from it", async () => {
    const { store } = await open({ maxKnown: 5 });
    await store.commit([entryOf("before", 7, { uuid: uuidOf(7) })]);
    for (const number of [20, 10, 15]) await store.replace(mapOf(number, 10));
    await store.replace({ ...mapOf(100, REPLACED_SIZE), known: known(90, 100) });
    for (const update of known(101, 103)) await store.commit([update]);
    assert.deepEqual(await contents(), {
      sequence: 103,
      entries: plain(mapOf(100, REPLACED_SIZE)).entries.set("key", "value 103"),
      known: [98, 99, 100, 101, 102, 103],
    });
  });

  it("takes no room for a map that was replaced", async () => {
    const { store } = await open();
    for (const number of [1, 2, 3]) await store.replace(mapOf(number, 10));
    await store.close();
    assert.deepEqual(await tableSizes(), [0, 10]);
  });

  it("does commits and replacements in the order in which they were asked for", async () => {
    const { store } = await open();
    await Promise.all([
      store.commit([entryOf("a", 1), entryOf("key 0", 1)]),
      store.replace(mapOf(2, 3)),
      store.commit([entryOf("b", 3), entryOf("key 0", 3)]),
      store.replace(mapOf(4, 2)),
      store.commit([entryOf("c", 5)]),
      store.close(),
    ]);
    const { entries } = plain(mapOf(4, 2));
    assert.deepEqual(await contents(), { sequence: 5, entries: entries.set("c", "value 5"), known: [4] });
  });

  it("keeps the old map when the new one has a key that is none", async () => {
    const { store } = await open();
    await store.commit([entryOf("a", 1)]);
    const { entries, ...rest } = mapOf(2, REPLACED_SIZE);
    // Keys are written in the order of their hashes: this one comes late.
    const keys = Array.from({ length: 50 }, (_, byte) => Buffer.alloc(256, byte));
    const key = keys.reduce((a, b) => (crc32(a) > crc32(b) ? a : b));
    const wrong = [...entries, entryOf(key, 2)];
    await assert.rejects(store.replace({ ...rest, entries: wrong }), /a key must have/);
    await store.commit([entryOf("b", 2)]);
    const left = new Map([
      ["a", "value 1"],
      ["b", "value 2"],
    ]);
    await store.close();
    assert.deepEqual(await tableSizes(), [0, 2], "it takes no room for what it had of the new one");
    assert.deepEqual(await contents(), { sequence: 2, entries: left, known: [] });
  });

  it("belongs to the one that opened it last: the other one writes nothing any more", async () => {
    const { store: first } = await open();
    await first.commit([entryOf("a", 1)]);
    const { store: second, map } = await open();
    assert.equal(map.sequence, 1);
    await assert.rejects(first.commit([entryOf("b", 2)]), /was taken over by another server/);
    await assert.rejects(first.replace(mapOf(3, 10)), /was taken over by another server/);
    await second.commit([entryOf("c", 2)]);
    const { entries } = await contents();
    assert.deepEqual([...entries.keys()].toSorted(), ["a", "c"]);
  });

  it("finishes what has begun when it is closed, and refuses all else", async () => {
    const { store } = await open();
    const begun = [
      store.commit([entryOf("a", 1)]),
      store.replace(mapOf(2, 1)),
      store.commit([entryOf("b", 3)]),
    ];
    await store.close();
    await assert.rejects(store.commit([entryOf("c", 4)]), /is not open/);
    await assert.rejects(store.replace(mapOf(5, 1)), /is not open/);
    await store.close();
    await Promise.all(begun);
    assert.deepEqual([...(await contents()).entries.keys()].toSorted(), ["b", "key 0"]);
  });

  it("is opened once: two servers that are given the same one would write to one map", async () => {
    const { store } = await open();
    await assert.rejects(store.open(), /is open already/);
    await store.commit([entryOf("a", 1)]);
    await store.close();
    const opening = store.open();
    await assert.rejects(store.open(), /is open already/);
    assert.deepEqual([...plain(await opening).entries.keys()], ["a"]);
    await store.close();
  });

  it("that could not be opened can be opened again", async () => {
    const store = new LmdbStore(folder);
    mkdirSync(file);
    await assert.rejects(store.open(), /cannot open/);
    rmSync(file, { recursive: true });
    assert.equal((await store.open()).sequence, 0);
    await store.close();
  });

  it("that is closed while it is being opened is closed afterwards", async () => {
    const store = new LmdbStore(folder);
    const opening = store.open();
    await Promise.all([store.close(), store.close()]);
    await opening;
    await assert.rejects(store.commit([entryOf("a", 1)]), /is not open/);
    assert.equal((await store.open()).sequence, 0);
    await store.close();
  });

  it("refuses wrong arguments", () => {
    assert.throws(() => new LmdbStore(""), /the folder must be a path/);
    assert.throws(() => new LmdbStore(folder, { maxKnown: 0 }), /LmdbStore: option "maxKnown"/);
    assert.throws(() => new LmdbStore(folder, { mapSize: 1 } as object), /there is no option "mapSize"/);
  });
});

describe("LmdbStore with a file that is not what it should be", () => {
  it("rejects while its folder is elsewhere, and goes on when it is back", async () => {
    const path = join(folder, "store");
    const { store } = await open({}, path);
    renameSync(path, join(folder, "elsewhere"));
    await assert.rejects(store.commit([entryOf("a", 1)]), (error: Error) => {
      assert.match(error.message, /cannot write to .*map\.lmdb: the file is gone, or it is another one/);
      return error.cause instanceof Error;
    });
    const { store: other } = await open({}, path);
    await assert.rejects(store.replace(mapOf(1, 1)), /it is another one/);
    await other.close();
    rmSync(path, { recursive: true });
    renameSync(join(folder, "elsewhere"), path);
    await store.commit([entryOf("b", 1)]);
    assert.deepEqual([...plain((await open({}, path)).map).entries.keys()], ["b"]);
  });

  describe("when its folder goes away amid replacing the map, and comes back", () => {
    let path: string;
    let store: LmdbStore;

    beforeEach(async () => {
      path = join(folder, "store");
      ({ store } = await open({}, path));
      await store.commit([entryOf("a", 1)]);
      const { size } = statSync(join(path, "map.lmdb"));
      const replaced = assert.rejects(store.replace(mapOf(2, REPLACED_SIZE)), /the file is gone/);
      while (statSync(join(path, "map.lmdb")).size === size) await setImmediate();
      renameSync(path, join(folder, "elsewhere"));
      await replaced;
      renameSync(join(folder, "elsewhere"), path);
    });

    it("has the old map, and takes nothing of what was written into the next one", async () => {
      await store.commit([entryOf("b", 2)]);
      assert.deepEqual([...plain((await open({}, path)).map).entries.keys()].toSorted(), ["a", "b"]);
      const again = await open({}, path);
      await again.store.replace(mapOf(3, 10));
      assert.deepEqual(plain((await open({}, path)).map), plain(mapOf(3, 10)));
    });

    it("takes nothing of it into the next one without being opened again, either", async () => {
      await store.replace(mapOf(3, 10));
      assert.deepEqual(plain((await open({}, path)).map), plain(mapOf(3, 10)));
    });

    it("makes room when it is opened again", async () => {
      await store.close();
      const [, size] = await tableSizes(join(path, "map.lmdb"));
      assert.ok((size as number) > 1, "something was written");
      await (await open({}, path)).store.close();
      assert.deepEqual(await tableSizes(join(path, "map.lmdb")), [0, 1]);
    });
  });

  it("is not opened over a file that is not one of LMDB, nor in place of its folder", async () => {
    writeFileSync(file, "this is not the map that you are looking for\n".repeat(1000));
    await assert.rejects(open(), /cannot open .*map\.lmdb: it is no file of LMDB/);
    await assert.rejects(open({}, file), /cannot open .*EEXIST/);
  });

  it("is not opened over another program's database", async () => {
    const foreign = lmdb.open({ path: file, noSubdir: true });
    await foreign.put("theirs", "value");
    await foreign.close();
    await assert.rejects(open(), /it belongs to another program/);
  });

  it("is not opened over a map in a later format", async () => {
    await (await open()).store.close();
    const foreign = lmdb.open({ path: file, noSubdir: true });
    const options = { encoding: "json", useVersions: true };
    await foreign.openDB("seaworthy-pubsub-snapshot", options).put("head", { version: 2 });
    await foreign.close();
    await assert.rejects(open(), /its format is version 2/);
  });

  it("is not opened over a file that was cut off", async () => {
    const { store } = await open();
    await store.commit(
      Array.from({ length: 60 }, (_, n) => entryOf(`k${n}`, n, { value: Buffer.alloc(9000, n) })),
    );
    await store.close();
    const { size } = statSync(file);
    for (const length of [size >> 1, 8192, 5000]) {
      truncateSync(file, length);
      await assert.rejects(open(), /LmdbStore: cannot (open|read|write to) .*map\.lmdb: /);
    }
  });

  it("is not opened when an entry was changed", async () => {
    const { store } = await open();
    await store.commit([entryOf("key", 1, { value: Buffer.from("find me") })]);
    await store.close();
    const content = readFileSync(file);
    const at = content.indexOf("find me");
    assert.ok(at > 0);
    content.write("f", at + 3);
    writeFileSync(file, content);
    await assert.rejects(open(), /cannot read .*: the entry of the key 0x6b6579 is damaged/);
  });

  it("takes a folder that is there and empty", async () => {
    const path = join(folder, "empty");
    mkdirSync(path);
    assert.equal((await open({}, path)).map.sequence, 0);
  });
});
