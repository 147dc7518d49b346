import assert from "node:assert/strict";
import { bytes, type CaseDefinition, hex, LONG_MS, request, sameFrames } from "./compliance-support.js";
import type { Claim, Found } from "./store.js";

/** Much at once. */
export const concurrencyCases: readonly CaseDefinition[] = [
  {
    name: "takes 1,000 requests in at once, half of them with one of 50 keys",
    async run(bench) {
      const store = await bench.open();
      const requests = Array.from({ length: 1000 }, (_, index) =>
        request(index % 2 === 0 ? {} : { key: `key ${index % 50}` }),
      );
      const results = await Promise.all(requests.map((one) => store.add(one)));
      const owners = new Map<string, string>();
      for (const [index, { id, key }] of requests.entries()) {
        if (results[index]?.type !== "added") continue;
        if (key !== undefined) {
          assert.ok(!owners.has(hex(key)), "a key was taken in twice");
          owners.set(hex(key), hex(id));
        }
        assert.deepEqual(await store.find(id), { state: "pending" });
      }
      for (const [index, { id, key }] of requests.entries()) {
        const result = results[index];
        if (result?.type === "added") continue;
        assert.ok(result?.type === "known" && key !== undefined);
        assert.equal(hex(result.id), owners.get(hex(key)));
        assert.equal(await store.find(id), undefined);
      }
      assert.equal(owners.size, 25);
      assert.equal((await store.counts()).pending, 525);
    },
  },
  {
    name: "gives each of 300 requests out once to claims that come all at once",
    async run(bench) {
      const store = await bench.open();
      await Promise.all(Array.from({ length: 300 }, () => store.add(request())));
      const rounds = await Promise.all(Array.from({ length: 40 }, () => bench.claim(store, 10)));
      const ids = rounds.flatMap(({ claims }) => claims.map(({ id }) => hex(id)));
      assert.equal(ids.length, new Set(ids).size);
      const rest = await bench.claim(store, 400);
      assert.equal(ids.length + rest.claims.length, 300);
    },
  },
  {
    name: "answers, gives back, buries and removes at once, each as if alone",
    async run(bench) {
      const store = await bench.open();
      const bodies = new Map<string, Uint8Array>();
      const takeIn = async (index: number): Promise<void> => {
        const body = bytes(`body ${index}`);
        bodies.set(hex(await bench.add(store, { body: [body] })), body);
      };
      await Promise.all(Array.from({ length: 200 }, (_, index) => takeIn(index)));
      const { claims } = await bench.claim(store, 200);
      const outcomes = claims.map((claim, index) => {
        if (index % 4 === 0) return store.complete(claim, [bytes("re: "), ...claim.body], LONG_MS);
        if (index % 4 === 1) return store.release(claim, LONG_MS, "failure");
        return index % 4 === 2 ? store.bury(claim, "failure") : store.remove(claim.id, 0);
      });
      assert.deepEqual(
        await Promise.all(outcomes),
        Array.from(outcomes, () => true),
      );
      assert.deepEqual(await store.counts(), { pending: 50, done: 50, dead: 50 });
      for (const [index, claim] of claims.entries()) {
        const found = await store.find(claim.id);
        assert.equal(found?.state, ["done", "pending", "dead", undefined][index % 4]);
        if (index % 4 !== 0) continue;
        sameFrames((found as Found & { state: "done" }).reply, [
          bytes("re: "),
          bodies.get(hex(claim.id)) as Uint8Array,
        ]);
      }
    },
  },
  {
    name: "lets no outcomes of one claim stand that rule each other out",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const claim: Claim = await bench.claimOne(store);
      const [replied, buried, returned, removed] = await Promise.all([
        store.complete(claim, [bytes("reply")], LONG_MS),
        store.bury(claim, "failure"),
        store.release(claim, 0, "failure"),
        store.remove(id, 0),
      ]);
      assert.equal(removed, true);
      // A reply is believed after a release, too, since the request has run: the one does not rule out the other.
      assert.ok(!(buried && (replied || returned)));
      assert.equal(await store.find(id), undefined);
      assert.deepEqual(await store.counts(), { pending: 0, done: 0, dead: 0 });
      assert.deepEqual(await bench.claim(store), { claims: [], moreInMs: undefined });
    },
  },
  {
    name: "takes a key in once over several stores",
    needs: "shared",
    async run(bench) {
      const stores = [await bench.open(), await bench.open(), await bench.open()];
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          (stores[index % 3] as (typeof stores)[0]).add(request({ key: `key ${index % 5}` })),
        ),
      );
      assert.equal(results.filter(({ type }) => type === "added").length, 5);
      assert.equal(results.filter(({ type }) => type === "known").length, 55);
    },
  },
];
