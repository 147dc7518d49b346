import assert from "node:assert/strict";
import {
  bytes,
  type CaseDefinition,
  hex,
  LONG_MS,
  plain,
  request,
  sameFrames,
} from "./compliance-support.js";

/** What is left after the power was lost, or the process killed. */
export const durabilityCases: readonly CaseDefinition[] = [
  {
    name: "has everything that it promised after a crash",
    needs: "durable",
    async run(bench) {
      const store = await bench.open();
      const done = await bench.addDone(store, [bytes("a"), bytes("")], { key: "done" });
      const dead = await bench.addDead(store, "failure");
      const removed = await bench.add(store, { key: "removed" });
      await store.remove(removed, LONG_MS);
      const pending = await bench.add(store, { body: [bytes("body")] });
      await store.release(await bench.claimOne(store), 0, "failure");

      const after = await bench.crashAndOpen();
      assert.deepEqual(await after.counts(), { pending: 1, done: 1, dead: 1 });
      sameFrames((await after.show(done))?.reply, [bytes("a"), bytes("")]);
      assert.deepEqual(await after.find(dead), { state: "dead", failure: "failure" });
      assert.equal(await after.find(removed), undefined);
      for (const [key, id] of [["done", done] as const, ["removed", removed] as const]) {
        const known = await after.add(request({ key }));
        assert.deepEqual([known.type, known.type === "known" && hex(known.id)], ["known", hex(id)]);
      }
      const claim = await bench.claimOne(after);
      assert.deepEqual([hex(claim.id), claim.failures], [hex(pending), 1]);
      sameFrames(claim.body, [bytes("body")]);
    },
  },
  {
    name: "has all of many requests that it said it had taken in when it crashed amid more",
    needs: "durable",
    async run(bench) {
      const store = await bench.open();
      const promised: Uint8Array[] = [];
      const adds = Array.from({ length: 400 }, async () => {
        const one = request();
        const added = await store.add(one).catch(() => undefined);
        if (added?.type === "added") promised.push(one.id);
      });
      await Promise.race(adds);
      const after = await bench.crashAndOpen();
      assert.ok(promised.length > 0);
      for (const id of [...promised]) assert.deepEqual(await after.find(id), { state: "pending" });
      await Promise.all(adds);
    },
  },
  {
    name: "gives out again after a crash what was leased before, in the old order, under other tokens",
    needs: "durable",
    async run(bench) {
      const store = await bench.open();
      const ids: string[] = [];
      for (let index = 0; index < 5; index++) ids.push(hex(await bench.add(store)));
      const before = (await bench.claim(store, 5, 1)).claims;
      const after = await bench.crashAndOpen();
      const claimed = [];
      while (claimed.length < 5) claimed.push(await bench.claimWhenDue(after));
      assert.deepEqual(
        claimed.map(({ id }) => hex(id)),
        ids,
      );
      const tokens = new Set([...before, ...claimed].map(({ id, token }) => `${hex(id)} ${token}`));
      assert.equal(tokens.size, 10);
    },
  },
  {
    name: "believes a reply after a crash whose request was claimed before",
    needs: "durable",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const lease = await bench.claimOne(store);
      const after = await bench.crashAndOpen();
      assert.equal(await after.complete(lease, [bytes("reply")], LONG_MS), true);
      assert.equal((await after.find(id))?.state, "done");
    },
  },
  {
    name: "numbers go on after a crash: younger requests come behind older ones",
    needs: "durable",
    async run(bench) {
      const store = await bench.open();
      const older = await bench.add(store);
      const after = await bench.crashAndOpen();
      const younger = await bench.add(after);
      assert.deepEqual(
        (await after.list({ limit: 9 })).map(({ id }) => plain(id)),
        [plain(older), plain(younger)],
      );
    },
  },
  {
    name: "is as it was after it was closed and opened again",
    needs: "durable",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.addDone(store, [bytes("reply")]);
      const waiting = await bench.add(store, { service: "other" });
      await bench.claimOne(store, LONG_MS, "other");
      await store.close();
      const again = await bench.open();
      sameFrames((await again.show(id))?.reply, [bytes("reply")]);
      assert.deepEqual(plain((await bench.claimOne(again, LONG_MS, "other")).id), plain(waiting));
      assert.deepEqual(await again.counts(), { pending: 1, done: 1, dead: 0 });
    },
  },
];
