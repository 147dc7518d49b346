import assert from "node:assert/strict";
import { bytes, type CaseDefinition, hex, LONG_MS, plain, request, SHORT_MS } from "./compliance-support.js";
import type { TitanicStore } from "./store.js";

async function isKnownAs(store: TitanicStore, key: string | Uint8Array, id: Uint8Array): Promise<void> {
  const added = await store.add(request({ key }));
  assert.equal(added.type, "known");
  assert.deepEqual(plain((added as { id: Uint8Array }).id), plain(id));
}

/** Requests that are known by a key. */
export const keyCases: readonly CaseDefinition[] = [
  {
    name: "takes a request in once by its key, whatever has become of it",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store, { key: "key" });
      await isKnownAs(store, "key", id);
      const lease = await bench.claimOne(store);
      await isKnownAs(store, "key", id);
      await store.complete(lease, [bytes("reply")], LONG_MS);
      await isKnownAs(store, "key", id);
      assert.deepEqual(await store.counts(), { pending: 0, done: 1, dead: 0 });
    },
  },
  {
    name: "knows the key of a dead letter",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.addDead(store, "failure", { key: "key" });
      await isKnownAs(store, "key", id);
      assert.deepEqual(await store.counts(), { pending: 0, done: 0, dead: 1 });
    },
  },
  {
    name: "says conflict if the key belongs to another service or another body",
    async run(bench) {
      const store = await bench.open();
      const body = [bytes("ab"), bytes("c")];
      const id = await bench.add(store, { key: "key", body });
      const others = [
        { body, service: "ech" },
        { body: [bytes("a"), bytes("bc")] },
        { body: [bytes("abc")] },
        { body: [bytes("ab"), bytes("c"), bytes("")] },
        { body: [bytes("ab"), bytes("d")] },
        { body: [] },
      ];
      for (const other of others) {
        assert.deepEqual(await store.add(request({ key: "key", ...other })), { type: "conflict" });
      }
      const again = await store.add(request({ key: "key", body }));
      assert.deepEqual([again.type, hex((again as { id: Uint8Array }).id)], ["known", hex(id)]);
      assert.deepEqual(await store.counts(), { pending: 1, done: 0, dead: 0 });
    },
  },
  {
    name: "takes any bytes as keys, of 1 to 255 bytes",
    async run(bench) {
      const store = await bench.open();
      const longest = Uint8Array.from({ length: 255 }, (_, index) => 255 - index);
      const keys = [
        Uint8Array.of(0),
        Uint8Array.of(0, 0),
        Uint8Array.of(255),
        longest,
        longest.slice(0, 254),
      ];
      const ids = [];
      for (const key of keys) ids.push(await bench.add(store, { key }));
      for (const [index, key] of keys.entries()) await isKnownAs(store, key, ids[index] as Uint8Array);
    },
  },
  {
    name: "requests without a key are never the same",
    async run(bench) {
      const store = await bench.open();
      await bench.add(store);
      await bench.add(store);
      assert.equal((await store.counts()).pending, 2);
    },
  },
  {
    name: "knows a key after its request was removed, and whether it is the same request",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.addDone(store, [bytes("reply")], { key: "key" });
      assert.equal(await store.remove(id, LONG_MS), true);
      await isKnownAs(store, "key", id);
      assert.deepEqual(await store.add(request({ key: "key", service: "other" })), { type: "conflict" });
      assert.equal(await store.find(id), undefined);
      assert.deepEqual(await store.counts(), { pending: 0, done: 0, dead: 0 });
    },
  },
  {
    name: "forgets a key at once if its request is removed with a retention of 0",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store, { key: "key" });
      await store.remove(id, 0);
      const again = await bench.add(store, { key: "key", service: "other" });
      assert.notDeepEqual(plain(again), plain(id));
    },
  },
  {
    name: "takes a key anew when it has been kept long enough, swept or not",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store, { key: "key" });
      await store.remove(id, SHORT_MS);
      await bench.until(
        "the key is free",
        async () => (await store.add(request({ key: "key" }))).type === "added",
      );
      assert.equal((await store.counts()).pending, 1);
      assert.equal(await store.sweep(10), 0, "the old life of the key must not end its new one");
      assert.equal((await store.add(request({ key: "key" }))).type, "known");
    },
  },
  {
    name: "sweeps keys that have been kept long enough",
    async run(bench) {
      const store = await bench.open();
      for (const key of ["a", "b"]) await store.remove(await bench.add(store, { key }), SHORT_MS);
      const kept = await bench.add(store, { key: "c" });
      await store.remove(kept, LONG_MS);
      let swept = 0;
      await bench.until("both keys are swept", async () => {
        swept += await store.sweep(1);
        return swept === 2;
      });
      assert.equal(await store.sweep(10), 0);
      await isKnownAs(store, "c", kept);
      await bench.add(store, { key: "a", service: "other" });
    },
  },
  {
    name: "keeps no more than maxKeys keys, those of removed requests among them",
    needs: "maxKeys",
    async run(bench) {
      const store = await bench.open({ maxKeys: 2 });
      const first = await bench.add(store, { key: "a" });
      await bench.add(store, { key: "b" });
      await store.remove(first, LONG_MS);
      assert.deepEqual(await store.add(request({ key: "c" })), { type: "full", option: "maxKeys", limit: 2 });
      await isKnownAs(store, "a", first);
      await bench.add(store);
    },
  },
];
