import assert from "node:assert/strict";
import { bytes, type CaseDefinition, LONG_MS, plain, ROOM, request } from "./compliance-support.js";
import type { TitanicStore } from "./store.js";
import { StoreError } from "./store-errors.js";

const isClosed = (error: unknown): boolean =>
  error instanceof StoreError && error.code === "ERR_STORE_CLOSED";

async function rejectsAll(store: TitanicStore): Promise<void> {
  const { id } = request();
  const lease = { id, token: 1 };
  const calls: readonly (() => Promise<unknown>)[] = [
    () => store.add(request()),
    () => store.find(id),
    () => store.remove(id, 0),
    () => store.claim(bytes("echo"), 1, LONG_MS, ROOM),
    () => store.renew([lease], LONG_MS),
    () => store.complete(lease, [bytes("reply")], LONG_MS),
    () => store.release(lease, 0),
    () => store.bury(lease, "failure"),
    () => store.services(),
    () => store.counts(),
    () => store.list({ limit: 1 }),
    () => store.show(id),
    () => store.requeue(id),
    () => store.sweep(1),
  ];
  for (const call of calls) await assert.rejects(call(), isClosed, `${call} did not reject ERR_STORE_CLOSED`);
}

/** Opening and closing. */
export const lifeCases: readonly CaseDefinition[] = [
  {
    name: "is empty at first",
    async run(bench) {
      const store = await bench.open();
      assert.deepEqual(await store.counts(), { pending: 0, done: 0, dead: 0 });
      assert.deepEqual(await store.services(), []);
      assert.deepEqual(await store.list({ limit: 10 }), []);
      assert.deepEqual(await bench.claim(store), { claims: [], moreInMs: undefined });
      assert.equal(await store.sweep(10), 0);
    },
  },
  {
    name: "rejects everything with ERR_STORE_CLOSED once it is closed, and closes twice without harm",
    async run(bench) {
      const store = await bench.open();
      await store.close();
      await rejectsAll(store);
      await store.close();
    },
  },
  {
    name: "finishes what has begun before it closes",
    async run(bench) {
      const store = await bench.open();
      const requests = Array.from({ length: 50 }, () => request());
      const added = requests.map((one) => store.add(one));
      await store.close();
      for (const result of await Promise.all(added)) assert.deepEqual(result, { type: "added" });
    },
  },
  {
    name: "gives claims up when it closes",
    needs: "shared",
    async run(bench) {
      const [first, second] = [await bench.open(), await bench.open()];
      const id = await bench.add(first);
      await bench.claimOne(first);
      assert.deepEqual((await bench.claim(second)).claims, []);
      await first.close();
      const claim = await bench.claimOne(second);
      assert.deepEqual(plain(claim.id), plain(id));
    },
  },
  {
    name: "closing one store leaves the others and their claims as they are",
    needs: "shared",
    async run(bench) {
      const [first, second] = [await bench.open(), await bench.open()];
      const id = await bench.add(first);
      const lease = await bench.claimOne(second);
      await first.close();
      assert.deepEqual(await second.renew([lease], LONG_MS), []);
      assert.deepEqual(await second.find(id), { state: "pending" });
      assert.equal(await second.complete(lease, [bytes("reply")], LONG_MS), true);
    },
  },
];
