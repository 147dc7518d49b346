import assert from "node:assert/strict";
import {
  type Bench,
  bytes,
  type CaseDefinition,
  freshId,
  hex,
  LONG_MS,
  plain,
  ROOM,
  request,
  sameFrames,
} from "./compliance-support.js";
import type { Found, TitanicStore } from "./store.js";

const EVERY_BYTE = Uint8Array.from({ length: 255 }, (_, index) => index);

async function keepsBody(bench: Bench, body: Uint8Array[]): Promise<void> {
  const store = await bench.open();
  const id = await bench.add(store, { body });
  const claim = await bench.claimOne(store);
  sameFrames(claim.body, body);
  sameFrames((await store.show(id))?.body, body);
  assert.equal(await store.complete(claim, body, LONG_MS), true);
  const found = (await store.find(id)) as Found & { state: "done" };
  assert.equal(found.state, "done");
  sameFrames(found.reply, body);
  sameFrames((await store.show(id))?.reply, body);
}

async function isGone(store: TitanicStore, id: Uint8Array): Promise<void> {
  assert.equal(await store.find(id), undefined);
  assert.equal(await store.show(id), undefined);
  assert.equal(await store.remove(id, 0), false);
  assert.equal(await store.requeue(id), false);
}

/** Taking in, finding and removing. */
export const requestCases: readonly CaseDefinition[] = [
  {
    name: "finds a request that it has taken in, and no other",
    async run(bench) {
      const store = await bench.open();
      const id = await bench.add(store);
      assert.deepEqual(await store.find(id), { state: "pending" });
      await isGone(store, freshId());
      assert.deepEqual(await store.counts(), { pending: 1, done: 0, dead: 0 });
    },
  },
  { name: "keeps a body of one empty frame", run: (bench) => keepsBody(bench, [new Uint8Array(0)]) },
  {
    name: "keeps empty frames before, between and after others",
    run: (bench) => keepsBody(bench, [bytes(""), bytes("a"), bytes(""), EVERY_BYTE, bytes("")]),
  },
  {
    name: "keeps 1,000 frames",
    run: (bench) =>
      keepsBody(
        bench,
        Array.from({ length: 1000 }, (_, index) => bytes("x".repeat(index % 7))),
      ),
  },
  {
    name: "keeps 8 MB",
    run: (bench) =>
      keepsBody(bench, [Uint8Array.from({ length: 8 * 1024 * 1024 }, (_, index) => (index * 7) % 251)]),
  },
  { name: "keeps a body without frames", run: (bench) => keepsBody(bench, []) },
  {
    name: "does not keep hold of the caller's bytes",
    async run(bench) {
      const store = await bench.open();
      const body = bytes("as it was");
      const taken = request({ service: "echo", key: "key", body: [body] });
      const kept = { id: taken.id.slice(), body: body.slice() };
      assert.deepEqual(await store.add(taken), { type: "added" });
      for (const part of [taken.id, taken.service, taken.key as Uint8Array, body]) part.fill(0);
      const claim = await bench.claimOne(store);
      assert.deepEqual(plain(claim.id), plain(kept.id));
      sameFrames(claim.body, [kept.body]);
    },
  },
  {
    name: "gives bytes out that the caller may keep",
    async run(bench) {
      const store = await bench.open();
      await bench.add(store, { body: [bytes("first")] });
      await bench.add(store, { body: [bytes("second")] });
      const first = await bench.claimOne(store);
      const second = await bench.claimOne(store);
      sameFrames(first.body, [bytes("first")]);
      sameFrames(second.body, [bytes("second")]);
      assert.notDeepEqual(plain(first.id), plain(second.id));
    },
  },
  {
    name: "takes any bytes as names of services, of 1 to 255 bytes",
    async run(bench) {
      const store = await bench.open();
      const names = [
        Uint8Array.of(0),
        Uint8Array.of(255),
        Uint8Array.of(0, 0),
        bytes("a"),
        bytes("ab"),
        EVERY_BYTE,
      ];
      const ids: string[] = [];
      for (const service of names) ids.push(hex(await bench.add(store, { service })));
      assert.deepEqual((await store.services()).map(hex).sort(), names.map(hex).sort());
      for (const [index, service] of names.entries()) {
        const { claims, moreInMs } = await store.claim(service, 10, LONG_MS, ROOM);
        assert.deepEqual(
          claims.map(({ id }) => hex(id)),
          [ids[index]],
        );
        assert.ok(moreInMs !== undefined && moreInMs > 0);
      }
    },
  },
  ...(["pending", "claimed", "done", "dead"] as const).map(
    (state): CaseDefinition => ({
      name: `forgets a request that is ${state}, its reply with it`,
      async run(bench) {
        const store = await bench.open();
        const id = await bench.add(store);
        const lease = state === "pending" ? undefined : await bench.claimOne(store);
        if (lease !== undefined && state === "done") await store.complete(lease, [bytes("reply")], LONG_MS);
        if (lease !== undefined && state === "dead") await store.bury(lease, "failure");
        assert.equal(await store.remove(id, 0), true);
        await isGone(store, id);
        assert.deepEqual(await store.counts(), { pending: 0, done: 0, dead: 0 });
        assert.deepEqual(await store.services(), []);
        assert.deepEqual(await store.list({ limit: 10 }), []);
        assert.deepEqual(await bench.claim(store), { claims: [], moreInMs: undefined });
      },
    }),
  ),
  {
    name: "tells whoever worked on a request that was removed when the outcome is stored",
    async run(bench) {
      const store = await bench.open();
      for (let index = 0; index < 3; index++) await bench.add(store);
      const { claims } = await bench.claim(store, 3);
      for (const { id } of claims) assert.equal(await store.remove(id, 0), true);
      const [first, second, third] = claims as [(typeof claims)[0], (typeof claims)[0], (typeof claims)[0]];
      assert.equal(await store.complete(first, [bytes("reply")], LONG_MS), false);
      assert.equal(await store.release(second, 0, "failure"), false);
      assert.equal(await store.bury(third, "failure"), false);
      for (const { id } of claims) await isGone(store, id);
      assert.deepEqual(await store.counts(), { pending: 0, done: 0, dead: 0 });
    },
  },
  {
    name: "takes no more than maxRequests in, whatever their states, until one is removed",
    needs: "maxRequests",
    async run(bench) {
      const store = await bench.open({ maxRequests: 3 });
      const done = await bench.addDone(store, [bytes("reply")]);
      await bench.addDead(store, "failure");
      await bench.add(store);
      const full = { type: "full", option: "maxRequests", limit: 3 };
      assert.deepEqual(await store.add(request()), full);
      assert.deepEqual(await store.add(request({ key: "key" })), full);
      assert.deepEqual(await store.counts(), { pending: 1, done: 1, dead: 1 });
      await store.remove(done, 0);
      await bench.add(store, { key: "key" });
    },
  },
  {
    name: "takes no more than maxRequests in when they come all at once",
    needs: "maxRequests",
    async run(bench) {
      const store = await bench.open({ maxRequests: 10 });
      const results = await Promise.all(Array.from({ length: 30 }, () => store.add(request())));
      assert.equal(results.filter(({ type }) => type === "added").length, 10);
      assert.equal(results.filter(({ type }) => type === "full").length, 20);
      assert.equal((await store.counts()).pending, 10);
    },
  },
];
