import assert from "node:assert/strict";
import { bytes, type CaseDefinition, freshId, hex, LONG_MS, plain, SHORT_MS } from "./compliance-support.js";
import type { Lease } from "./store.js";

const idsOf = (leases: readonly Lease[]): string[] => leases.map(({ id }) => hex(id)).sort();

/** Leases: renewing them, and what they are worth when they have ended. */
export const leaseCases: readonly CaseDefinition[] = [
  {
    name: "makes leases last longer",
    async run(bench) {
      const store = await bench.open();
      await bench.add(store);
      await bench.add(store);
      const renewed = await bench.claimOne(store, SHORT_MS);
      const other = await bench.claimOne(store, SHORT_MS);
      const lost = await store.renew([renewed], LONG_MS);
      // Leases of this length may end on their own on a slow machine; they are lost only once another has claimed.
      assert.deepEqual(lost, []);
      assert.deepEqual(plain((await bench.claimWhenDue(store)).id), plain(other.id));
      const { claims, moreInMs } = await bench.claim(store, 10);
      assert.deepEqual(claims, []);
      assert.ok(moreInMs !== undefined && moreInMs > LONG_MS / 2);
    },
  },
  {
    name: "makes leases last shorter, counted from now",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const lease = await bench.claimOne(store, LONG_MS);
      assert.deepEqual(await store.renew([lease], SHORT_MS), []);
      assert.deepEqual(plain((await bench.claimWhenDue(store)).id), plain(id));
    },
  },
  {
    name: "renews none of no leases",
    async run(bench) {
      const store = await bench.open();
      assert.deepEqual(await store.renew([], LONG_MS), []);
    },
  },
  {
    name: "names the leases that are lost, and renews the others",
    async run(bench) {
      const store = await bench.open();
      for (let index = 0; index < 2; index++) await bench.add(store);
      const overtaken = await bench.claimOne(store, SHORT_MS);
      const standing = await bench.claimOne(store, LONG_MS);
      assert.deepEqual(plain((await bench.claimWhenDue(store)).id), plain(overtaken.id));
      await bench.add(store);
      const removed = await bench.claimOne(store);
      await store.remove(removed.id, 0);
      const unknown = { id: freshId(), token: 1 };
      const lost = await store.renew([overtaken, standing, removed, unknown], LONG_MS);
      assert.deepEqual(idsOf(lost), idsOf([overtaken, removed, unknown]));
    },
  },
  {
    name: "does not renew for one who has another's token",
    async run(bench) {
      const store = await bench.open();
      await bench.add(store);
      const { id, token } = await bench.claimOne(store);
      assert.deepEqual(idsOf(await store.renew([{ id, token: token + 1 }], LONG_MS)), [hex(id)]);
      assert.deepEqual(await store.renew([{ id, token }], LONG_MS), []);
    },
  },
  {
    name: "believes the first reply, though its lease was lost to another",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const slow = await bench.claimOne(store, SHORT_MS);
      const second = await bench.claimWhenDue(store);
      assert.equal(await store.complete(slow, [bytes("slow")], LONG_MS), true);
      assert.equal(await store.complete(second, [bytes("second")], LONG_MS), false);
      const found = await store.find(id);
      assert.deepEqual(found?.state === "done" && found.reply.map(plain), [plain(bytes("slow"))]);
      assert.equal(await store.release(second, 0, "failure"), false);
      assert.equal(await store.bury(second, "failure"), false);
      assert.deepEqual(await bench.claim(store), { claims: [], moreInMs: undefined });
      assert.deepEqual(await store.counts(), { pending: 0, done: 1, dead: 0 });
    },
  },
  {
    name: "believes a reply whose lease has ended and that nobody else has claimed",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const lease = await bench.claimOne(store, SHORT_MS);
      await bench.pass(SHORT_MS);
      assert.equal(await store.complete(lease, [bytes("reply")], LONG_MS), true);
      assert.equal((await store.find(id))?.state, "done");
    },
  },
  {
    name: "believes a reply to a request that was given back and waits",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const lease = await bench.claimOne(store);
      await store.release(lease, LONG_MS, "lost sight of its worker");
      assert.equal(await store.complete(lease, [bytes("reply")], LONG_MS), true);
      assert.equal((await store.find(id))?.state, "done");
      assert.deepEqual(await bench.claim(store), { claims: [], moreInMs: undefined });
    },
  },
  {
    name: "neither gives back nor buries for one who has lost the lease",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const slow = await bench.claimOne(store, SHORT_MS);
      const second = await bench.claimWhenDue(store);
      assert.equal(await store.release(slow, 0, "failure"), false);
      assert.equal(await store.bury(slow, "failure"), false);
      const info = await store.show(id);
      assert.deepEqual([info?.state, info?.failures, info?.failure], ["pending", 0, undefined]);
      assert.deepEqual((await bench.claim(store)).claims, []);
      assert.deepEqual(await store.renew([second], LONG_MS), []);
    },
  },
];
