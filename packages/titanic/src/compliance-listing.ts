import assert from "node:assert/strict";
import {
  type Bench,
  bytes,
  type CaseDefinition,
  freshId,
  hex,
  LONG_MS,
  plain,
  sameFrames,
} from "./compliance-support.js";
import type { RequestInfo, StoreQuery, TitanicStore } from "./store.js";

const idsOf = (infos: readonly RequestInfo[]): string[] => infos.map(({ id }) => hex(id));

/** Two of each state, of two services in turn, the oldest first. */
async function assorted(bench: Bench, store: TitanicStore): Promise<string[]> {
  const ids: string[] = [];
  for (let round = 0; round < 2; round++) {
    const service = round === 0 ? "a" : "b";
    ids.push(hex(await bench.addDone(store, [bytes("reply")], { service })));
    ids.push(hex(await bench.addDead(store, "failure", { service })));
    ids.push(hex(await bench.add(store, { service })));
  }
  return ids;
}

async function lists(
  store: TitanicStore,
  query: StoreQuery,
  expected: readonly (string | undefined)[],
): Promise<void> {
  assert.deepEqual(idsOf(await store.list(query)), expected);
}

/** Looking into a store. */
export const listingCases: readonly CaseDefinition[] = [
  {
    name: "lists what there is, the oldest first, up to the limit",
    async run(bench) {
      const store = await bench.open();
      const ids = await assorted(bench, store);
      await lists(store, { limit: 100 }, ids);
      await lists(store, { limit: 2 }, ids.slice(0, 2));
    },
  },
  {
    name: "lists page by page",
    async run(bench) {
      const store = await bench.open();
      const ids: string[] = [];
      for (let index = 0; index < 25; index++) ids.push(hex(await bench.add(store)));
      const listed: string[] = [];
      let after: Uint8Array | undefined;
      for (;;) {
        const page = await store.list({ limit: 10, after });
        listed.push(...idsOf(page));
        after = page.at(-1)?.id;
        if (after === undefined) break;
      }
      assert.deepEqual(listed, ids);
    },
  },
  {
    name: "lists from the start if what it is to begin behind is gone",
    async run(bench) {
      const store = await bench.open();
      const ids = await assorted(bench, store);
      const [first] = await store.list({ limit: 1 });
      await store.remove(first?.id as Uint8Array, 0);
      await lists(store, { limit: 2, after: first?.id }, ids.slice(1, 3));
      await lists(store, { limit: 2, after: freshId() }, ids.slice(1, 3));
    },
  },
  {
    name: "lists by state, by service, and by both, page by page, too",
    async run(bench) {
      const store = await bench.open();
      const [doneA, deadA, pendingA, doneB, deadB, pendingB] = await assorted(bench, store);
      const [a, b] = [bytes("a"), bytes("b")];
      await lists(store, { state: "done", limit: 9 }, [doneA, doneB]);
      await lists(store, { state: "dead", limit: 9 }, [deadA, deadB]);
      await lists(store, { state: "pending", limit: 9 }, [pendingA, pendingB]);
      await lists(store, { service: a, limit: 9 }, [doneA, deadA, pendingA]);
      await lists(store, { service: b, state: "dead", limit: 9 }, [deadB]);
      await lists(store, { service: bytes("c"), limit: 9 }, []);
      const [first] = await store.list({ state: "dead", limit: 1 });
      await lists(store, { state: "dead", limit: 1, after: first?.id }, [deadB]);
      await lists(store, { service: b, limit: 9, after: first?.id }, [doneB, deadB, pendingB]);
    },
  },
  {
    name: "tells what is known of a request that waits",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store, { service: "a", key: "key", body: [bytes("x"), bytes("")] });
      const [info] = await store.list({ limit: 1 });
      assert.ok(info !== undefined);
      assert.deepEqual([hex(info.id), hex(info.service), info.state], [hex(id), hex(bytes("a")), "pending"]);
      assert.deepEqual(plain(info.key as Uint8Array), plain(bytes("key")));
      assert.deepEqual([info.failures, info.failure], [0, undefined]);
      assert.ok(info.acceptedAt > 0 && info.at >= info.acceptedAt);
      const details = await store.show(id);
      assert.ok(details !== undefined);
      sameFrames(details.body, [bytes("x"), bytes("")]);
      assert.equal(details.reply, undefined);
      assert.deepEqual([details.acceptedAt, details.at], [info.acceptedAt, info.at]);
    },
  },
  {
    name: "tells what is known of requests that are done and dead",
    async run(bench) {
      const store = await bench.open();
      const done = await store.show(await bench.addDone(store, [bytes("reply")], { body: [bytes("body")] }));
      assert.ok(done !== undefined);
      assert.deepEqual(
        [done.state, done.key, done.failures, done.failure],
        ["done", undefined, 0, undefined],
      );
      assert.ok(done.at >= done.acceptedAt);
      sameFrames(done.body, [bytes("body")]);
      sameFrames(done.reply, [bytes("reply")]);
      const dead = await store.show(await bench.addDead(store, "failure", { body: [bytes("letter")] }));
      assert.ok(dead !== undefined);
      assert.deepEqual([dead.state, dead.failures, dead.failure], ["dead", 1, "failure"]);
      assert.ok(dead.at >= dead.acceptedAt);
      sameFrames(dead.body, [bytes("letter")]);
      assert.equal(dead.reply, undefined);
      assert.equal(await store.show(freshId()), undefined);
    },
  },
  {
    name: "names the services that have pending requests, each once, and no others",
    async run(bench) {
      const store = await bench.open();
      for (const service of ["a", "b", "bb", "c"]) await bench.add(store, { service });
      await bench.add(store, { service: "b" });
      const lease = await bench.claimOne(store, LONG_MS, "a");
      const names = async (): Promise<string[]> => (await store.services()).map(hex).sort();
      const all = ["a", "b", "bb", "c"].map((name) => hex(bytes(name))).sort();
      assert.deepEqual(await names(), all, "what is claimed is pending still");
      await store.complete(lease, [bytes("reply")], LONG_MS);
      await store.bury(await bench.claimOne(store, LONG_MS, "c"), "failure");
      assert.deepEqual(await names(), ["b", "bb"].map((name) => hex(bytes(name))).sort());
    },
  },
];
