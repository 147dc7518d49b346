import assert from "node:assert/strict";
import {
  bytes,
  type CaseDefinition,
  freshId,
  hex,
  LONG_MS,
  plain,
  SHORT_MS,
  sameFrames,
} from "./compliance-support.js";
import type { Found } from "./store.js";

/** What becomes of a request: answered, given back, buried, requeued, swept. */
export const outcomeCases: readonly CaseDefinition[] = [
  {
    name: "stores a reply",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const lease = await bench.claimOne(store);
      assert.equal(await store.complete(lease, [bytes("a"), bytes("")], LONG_MS), true);
      const found = (await store.find(id)) as Found & { state: "done" };
      assert.equal(found.state, "done");
      sameFrames(found.reply, [bytes("a"), bytes("")]);
      assert.deepEqual(await store.counts(), { pending: 0, done: 1, dead: 0 });
      assert.deepEqual(await store.services(), []);
    },
  },
  {
    name: "keeps the first of several replies",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const lease = await bench.claimOne(store);
      const results = await Promise.all(
        ["first", "second", "third"].map((text) => store.complete(lease, [bytes(text)], LONG_MS)),
      );
      assert.deepEqual(results, [true, false, false]);
      assert.equal(await store.complete(lease, [bytes("fourth")], LONG_MS), false);
      sameFrames(((await store.find(id)) as Found & { state: "done" }).reply, [bytes("first")]);
      assert.deepEqual(await store.counts(), { pending: 0, done: 1, dead: 0 });
    },
  },
  {
    name: "stores no reply for a dead letter, and none for a request that it does not know",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const lease = await bench.claimOne(store);
      await store.bury(lease, "failure");
      assert.equal(await store.complete(lease, [bytes("reply")], LONG_MS), false);
      assert.deepEqual(await store.find(id), { state: "dead", failure: "failure" });
      assert.equal(await store.complete({ id: freshId(), token: 1 }, [bytes("reply")], LONG_MS), false);
    },
  },
  {
    name: "gives a request back, with the failure counted or not",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      assert.equal(await store.release(await bench.claimOne(store), 0), true);
      assert.deepEqual([(await store.show(id))?.failures, (await store.show(id))?.failure], [0, undefined]);
      assert.equal(await store.release(await bench.claimOne(store), 0, "first: \u{1F6A2} \0 sank"), true);
      const claim = await bench.claimOne(store);
      assert.equal(claim.failures, 1);
      assert.equal(await store.release(claim, 0, ""), true);
      assert.deepEqual([(await store.show(id))?.failures, (await store.show(id))?.failure], [2, ""]);
      assert.equal((await bench.claimOne(store)).failures, 2);
      assert.deepEqual(await store.counts(), { pending: 1, done: 0, dead: 0 });
    },
  },
  {
    name: "keeps the last failure of a request that is given back without one",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      await store.release(await bench.claimOne(store), 0, "failure");
      await store.release(await bench.claimOne(store), 0);
      assert.deepEqual([(await store.show(id))?.failures, (await store.show(id))?.failure], [1, "failure"]);
    },
  },
  {
    name: "ends a lease that is given back: it can be given back once",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const lease = await bench.claimOne(store);
      const results = await Promise.all([
        store.release(lease, 0, "failure"),
        store.release(lease, 0, "failure"),
      ]);
      assert.deepEqual(results, [true, false]);
      assert.equal(await store.release(lease, 0, "failure"), false);
      assert.equal(await store.bury(lease, "failure"), false);
      assert.deepEqual([(await store.show(id))?.failures, (await store.show(id))?.state], [1, "pending"]);
    },
  },
  {
    name: "tells until when a request waits that was given back",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const before = await store.show(id);
      await store.release(await bench.claimOne(store), LONG_MS, "failure");
      const after = await store.show(id);
      assert.ok(before !== undefined && after !== undefined);
      assert.ok(after.at >= before.at + LONG_MS, "waits for the delay from the time of the release on");
      assert.equal(after.acceptedAt, before.acceptedAt);
    },
  },
  {
    name: "buries a request: not claimed again, found as dead",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      assert.equal(await store.bury(await bench.claimOne(store), "no worker \u{1F6A2} wants it"), true);
      assert.deepEqual(await store.find(id), { state: "dead", failure: "no worker \u{1F6A2} wants it" });
      assert.deepEqual(await bench.claim(store), { claims: [], moreInMs: undefined });
      assert.deepEqual(await store.counts(), { pending: 0, done: 0, dead: 1 });
      assert.deepEqual(await store.services(), []);
    },
  },
  {
    name: "counts the attempt that a request was buried after",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      await store.release(await bench.claimOne(store), 0, "first");
      await store.bury(await bench.claimOne(store), "second");
      const info = await store.show(id);
      assert.deepEqual([info?.failures, info?.failure], [2, "second"]);
    },
  },
  {
    name: "makes a dead letter pending again, its attempts forgotten",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.addDead(store, "failure", { body: [bytes("body")], key: "key" });
      assert.equal(await store.requeue(id), true);
      assert.deepEqual(await store.find(id), { state: "pending" });
      const info = await store.show(id);
      assert.deepEqual([info?.failures, info?.failure], [0, undefined]);
      assert.deepEqual(await store.counts(), { pending: 1, done: 0, dead: 0 });
      assert.deepEqual((await store.services()).map(hex), [hex(bytes("echo"))]);
      const claim = await bench.claimOne(store);
      assert.deepEqual([hex(claim.id), claim.failures], [hex(id), 0]);
      sameFrames(claim.body, [bytes("body")]);
      assert.equal(await store.complete(claim, [bytes("reply")], LONG_MS), true);
      assert.equal((await store.find(id))?.state, "done");
    },
  },
  {
    name: "requeues dead letters only, and each once",
    async run(bench) {
      const store = await bench.open();
      const pending = await bench.add(store, { service: "other" });
      const done = await bench.addDone(store, [bytes("reply")]);
      const dead = await bench.addDead(store, "failure");
      assert.deepEqual(await Promise.all([store.requeue(dead), store.requeue(dead)]), [true, false]);
      for (const id of [pending, done, freshId()]) assert.equal(await store.requeue(id), false);
      assert.deepEqual(await store.counts(), { pending: 2, done: 1, dead: 0 });
    },
  },
  {
    name: "sweeps replies that have been kept long enough, and no others",
    async run(bench) {
      const store = await bench.open();
      const expired = [];
      for (let index = 0; index < 3; index++) {
        expired.push(await bench.addDone(store, [bytes("reply")], { retentionMs: SHORT_MS }));
      }
      const kept = await bench.addDone(store, [bytes("reply")]);
      const dead = await bench.addDead(store, "failure");
      const pending = await bench.add(store);
      let swept = 0;
      await bench.until("all three are swept", async () => {
        const count = await store.sweep(2);
        assert.ok(count <= 2, "it forgets no more than the limit");
        swept += count;
        return swept === 3;
      });
      for (const id of expired) assert.equal(await store.find(id), undefined);
      assert.deepEqual([(await store.find(kept))?.state, (await store.find(dead))?.state], ["done", "dead"]);
      assert.equal((await store.find(pending))?.state, "pending");
      assert.deepEqual(await store.counts(), { pending: 1, done: 1, dead: 1 });
      assert.equal(await store.sweep(10), 0);
    },
  },
  {
    name: "does not sweep what has taken the place of something that was removed",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.addDone(store, [bytes("reply")], { retentionMs: SHORT_MS });
      await store.remove(id, 0);
      const again = await bench.addDone(store, [bytes("reply")], { id, retentionMs: LONG_MS });
      await bench.pass(SHORT_MS);
      assert.equal(await store.sweep(10), 0);
      assert.equal((await store.find(again))?.state, "done");
      assert.deepEqual(plain(id), plain(again));
    },
  },
];
