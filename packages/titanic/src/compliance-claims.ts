import assert from "node:assert/strict";
import {
  bytes,
  type CaseDefinition,
  freshId,
  hex,
  LONG_MS,
  plain,
  request,
  SHORT_MS,
  sameFrames,
} from "./compliance-support.js";
import type { Claims } from "./store.js";

const idsOf = ({ claims }: Claims): string[] => claims.map(({ id }) => hex(id));

/** Claiming: what is given out, in which order, and when there is more. */
export const claimCases: readonly CaseDefinition[] = [
  {
    name: "gives requests out with id, body and failures",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store, { body: [bytes("a"), bytes("b")] });
      const claim = await bench.claimOne(store);
      assert.deepEqual(plain(claim.id), plain(id));
      sameFrames(claim.body, [bytes("a"), bytes("b")]);
      assert.equal(claim.failures, 0);
      assert.ok(Number.isSafeInteger(claim.token));
    },
  },
  {
    name: "gives the oldest out first, over many claims",
    async run(bench) {
      const store = await bench.open();
      const added: string[] = [];
      for (let index = 0; index < 50; index++) added.push(hex(await bench.add(store)));
      const claimed: string[] = [];
      for (const limit of [1, 7, 2, 40]) claimed.push(...idsOf(await bench.claim(store, limit)));
      assert.deepEqual(claimed, added);
    },
  },
  {
    name: "keeps services apart",
    async run(bench) {
      const store = await bench.open();
      const a = await bench.add(store, { service: "a" });
      const b = await bench.add(store, { service: "b" });
      assert.deepEqual(await bench.claim(store, 10, LONG_MS, "c"), { claims: [], moreInMs: undefined });
      assert.deepEqual(idsOf(await bench.claim(store, 10, LONG_MS, "b")), [hex(b)]);
      assert.deepEqual(idsOf(await bench.claim(store, 10, LONG_MS, "a")), [hex(a)]);
    },
  },
  {
    name: "gives no more out than the limit, and says that there may be more at once",
    async run(bench) {
      const store = await bench.open();
      for (let index = 0; index < 5; index++) await bench.add(store);
      const first = await bench.claim(store, 3);
      assert.equal(first.claims.length, 3);
      assert.equal(first.moreInMs, 0);
      const rest = await bench.claim(store, 3);
      assert.equal(rest.claims.length, 2);
      assert.ok(rest.moreInMs !== undefined && rest.moreInMs > 0 && rest.moreInMs <= LONG_MS);
    },
  },
  {
    name: "gives no more out than maxBytes of bodies, but one in any case",
    async run(bench) {
      const store = await bench.open();
      const ids: string[] = [];
      for (const size of [1000, 400, 400, 400]) {
        ids.push(hex(await bench.add(store, { body: [new Uint8Array(size / 2), new Uint8Array(size / 2)] })));
      }
      const claim = (maxBytes: number): Promise<Claims> => store.claim(bytes("echo"), 10, LONG_MS, maxBytes);
      const large = await claim(900);
      assert.deepEqual([idsOf(large), large.moreInMs], [ids.slice(0, 1), 0]);
      const two = await claim(1000);
      assert.deepEqual([idsOf(two), two.moreInMs], [ids.slice(1, 3), 0]);
      assert.deepEqual(idsOf(await claim(0)), ids.slice(3));
    },
  },
  {
    name: "gives nobody what somebody has a lease of",
    async run(bench) {
      const store = await bench.open();
      await bench.add(store);
      await bench.claimOne(store);
      for (let again = 0; again < 3; again++) {
        const { claims, moreInMs } = await bench.claim(store, 10);
        assert.deepEqual(claims, []);
        assert.ok(moreInMs !== undefined && moreInMs > 0 && moreInMs <= LONG_MS);
      }
    },
  },
  {
    name: "gives out what is behind many leased requests",
    async run(bench) {
      const store = await bench.open();
      await Promise.all(Array.from({ length: 500 }, () => store.add(request())));
      assert.equal((await bench.claim(store, 500)).claims.length, 500);
      const id = await bench.add(store);
      assert.deepEqual(idsOf(await bench.claim(store, 10)), [hex(id)]);
    },
  },
  {
    name: "gives a request out again when its lease has ended, under another token",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      const first = await bench.claimOne(store, SHORT_MS);
      const second = await bench.claimWhenDue(store);
      assert.deepEqual(plain(second.id), plain(id));
      assert.notEqual(second.token, first.token);
      assert.equal(second.failures, 0, "a lease that ended is no failure of the request");
    },
  },
  {
    name: "gives a token out once only",
    async run(bench) {
      const store = await bench.open();
      await bench.add(store);
      const tokens = new Set<number>();
      for (let index = 0; index < 20; index++) {
        const claim = await bench.claimOne(store);
        tokens.add(claim.token);
        await store.release(claim, 0);
      }
      assert.equal(tokens.size, 20);
    },
  },
  {
    name: "gives a request that was given back without a delay out before younger ones",
    async run(bench) {
      const store = await bench.open();
      const oldest = await bench.add(store);
      const younger = await bench.add(store);
      await store.release(await bench.claimOne(store), 0);
      assert.deepEqual(idsOf(await bench.claim(store, 2)), [hex(oldest), hex(younger)]);
    },
  },
  {
    name: "gives a request that was given back out after its delay, and tells how long that takes",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      await store.release(await bench.claimOne(store), SHORT_MS, "failure");
      const { claims, moreInMs } = await bench.claim(store);
      // On a machine that stood still for so long, it is due by now.
      if (claims.length === 0) {
        assert.ok(moreInMs !== undefined && moreInMs > 0 && moreInMs <= SHORT_MS);
        assert.deepEqual(plain((await bench.claimWhenDue(store)).id), plain(id));
      }
    },
  },
  {
    name: "keeps a delay that is long, and gives others out meanwhile",
    async run(bench) {
      const store = await bench.open();
      await bench.add(store);
      await store.release(await bench.claimOne(store), LONG_MS, "failure");
      const { claims, moreInMs } = await bench.claim(store);
      assert.deepEqual(claims, []);
      assert.ok(moreInMs !== undefined && moreInMs > LONG_MS / 2 && moreInMs <= LONG_MS);
      const id = await bench.add(store);
      assert.deepEqual(idsOf(await bench.claim(store, 10)), [hex(id)]);
    },
  },
  {
    name: "tells of the first of several times when there is more",
    async run(bench) {
      const store = await bench.open();
      await bench.add(store);
      await bench.add(store);
      await store.release(await bench.claimOne(store), LONG_MS, "failure");
      await bench.claimOne(store, LONG_MS / 4);
      const { moreInMs } = await bench.claim(store);
      assert.ok(moreInMs !== undefined && moreInMs > 0 && moreInMs <= LONG_MS / 4);
    },
  },
  {
    name: "tells that nothing will come for a service whose requests are done or dead",
    async run(bench) {
      const store = await bench.open();
      await bench.addDone(store, [bytes("reply")]);
      await bench.addDead(store, "failure");
      assert.deepEqual(await bench.claim(store), { claims: [], moreInMs: undefined });
    },
  },
  {
    name: "gives out what is added while the service has leases that end",
    async run(bench) {
      const store = await bench.open();
      const ids = new Set<string>();
      for (let index = 0; index < 5; index++) ids.add(hex(await bench.add(store)));
      await bench.claim(store, 5, SHORT_MS);
      for (let index = 0; index < 5; index++) ids.add(hex(await bench.add(store)));
      const claimed = new Set<string>();
      while (claimed.size < 10) claimed.add(hex((await bench.claimWhenDue(store)).id));
      assert.deepEqual([...claimed].sort(), [...ids].sort());
    },
  },
  {
    name: "two stores are never given the same request",
    needs: "shared",
    async run(bench) {
      const stores = [await bench.open(), await bench.open(), await bench.open()];
      await Promise.all(
        Array.from({ length: 90 }, (_, index) => (stores[index % 3] as (typeof stores)[0]).add(request())),
      );
      const claimed: string[] = [];
      while (claimed.length < 90) {
        const rounds = await Promise.all(stores.map((store) => bench.claim(store, 4)));
        const found = rounds.flatMap(idsOf);
        assert.ok(found.length > 0, "nothing is given out, and something is left");
        claimed.push(...found);
      }
      assert.equal(new Set(claimed).size, 90);
      for (const store of stores) assert.deepEqual((await bench.claim(store, 4)).claims, []);
    },
  },
  {
    name: "tells the other stores of work that one has taken in or requeued",
    needs: "shared",
    async run(bench) {
      const [first, second] = [await bench.open(), await bench.open()];
      const heard: string[] = [];
      second.onWork((service) => heard.push(hex(service)));
      const id = await bench.add(first, { service: "a" });
      await bench.until("the other store hears of it", async () => heard.includes(hex(bytes("a"))));
      await bench.add(first, { service: "b" });
      await bench.until("the other store hears of b, too", async () => heard.includes(hex(bytes("b"))));
      const claim = await bench.claimOne(second, LONG_MS, "a");
      assert.deepEqual(plain(claim.id), plain(id));
      await second.bury(claim, "failure");
      heard.length = 0;
      await first.requeue(id);
      await bench.until("the other store hears of it again", async () => heard.includes(hex(bytes("a"))));
    },
  },
  {
    name: "tells the other stores of what one has removed, whatever its state, also when it was not there",
    needs: "shared",
    async run(bench) {
      const [first, second, third] = [await bench.open(), await bench.open(), await bench.open()];
      const heard = [first, second, third].map((store) => {
        const ids: string[] = [];
        store.onRemoved((id) => ids.push(hex(id)));
        return ids;
      });
      const done = await bench.addDone(second, [bytes("reply")]);
      const dead = await bench.addDead(second, "failure");
      const waiting = await bench.add(first);
      const claimed = await bench.add(first);
      await bench.claim(second, 2);
      const crowd = await Promise.all(Array.from({ length: 500 }, () => bench.add(first)));
      const gone = freshId();
      const ids = [done, dead, waiting, claimed, ...crowd, gone];
      const removed = await Promise.all(ids.map((id) => first.remove(id, 0)));
      assert.deepEqual(
        removed,
        ids.map((id) => id !== gone),
      );
      // A store may say so more than once, and in any order.
      const all = [...new Set(ids.map(hex))].sort();
      for (const theirs of heard.slice(1))
        await bench.until("the other stores hear of all", async () => new Set(theirs).size === all.length);
      for (const theirs of heard.slice(1)) assert.deepEqual([...new Set(theirs)].sort(), all);
      assert.deepEqual(heard[0], []);
    },
  },
];
