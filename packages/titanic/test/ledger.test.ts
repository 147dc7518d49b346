import assert from "node:assert/strict";
import { frameKey } from "@seaworthy/core";
import { beforeEach, describe, it } from "vitest";
import { Ledger } from "../src/ledger.js";
import { quickDigest } from "../src/ledger-digest.js";
import { COUNTERS, FORMAT, numberKey, placeKey, queueKey } from "../src/ledger-layout.js";
import { MemoryGround } from "../src/ledger-memory.js";
import { LedgerPort } from "../src/ledger-port.js";
import type { Added, Claims, Found, Lease, RequestInfo } from "../src/store.js";
import { StoreError, type StoreErrorCode } from "../src/store-errors.js";
import { CrashDisk, crashChecksum } from "./crash-disk.js";
import { auditLedger } from "./ledger-audit.js";

const SERVICE = Uint8Array.of(101);
const HOUR_MS = 3_600_000;
const FULL = new StoreError("ERR_STORE_FULL", "there is no room");

let now: number;
let wall: number;
let disk: CrashDisk;
let port: LedgerPort;

const unexpected = (error: unknown): void => {
  throw error;
};

function open(): LedgerPort {
  const opened = disk.open(() => {}, unexpected);
  disk.sync();
  return opened;
}

beforeEach(() => {
  now = 1000;
  wall = 1_000_000;
  disk = new CrashDisk({ now: () => now, wall: () => wall });
  port = open();
});

function pass(ms: number): void {
  now += ms;
  wall += ms;
}

/** A call that has begun: what came of it, if anything. */
interface Call<T> {
  outcome?: T;
  error?: unknown;
}

function begin<T>(ask: (done: (outcome: T) => void, failed: (error: unknown) => void) => void): Call<T> {
  const call: Call<T> = {};
  ask(
    (outcome) => {
      call.outcome = outcome;
    },
    (error) => {
      call.error = error;
    },
  );
  return call;
}

function finish<T>(ask: (done: (outcome: T) => void, failed: (error: unknown) => void) => void): T {
  const call = begin(ask);
  const isWaiting = !("outcome" in call) && !("error" in call);
  if (isWaiting && disk.isSyncing) disk.sync();
  if (call.error !== undefined) throw call.error;
  assert.ok("outcome" in call, "it did not answer");
  return call.outcome as T;
}

const idOf = (index: number): Uint8Array => new Uint8Array(16).fill(index);
const keyOf = (index: number): Uint8Array => Uint8Array.of(7, index);
const indexesOf = (list: readonly { id: Uint8Array }[]): number[] => list.map(({ id }) => id[0] as number);

const requestOf = (index: number) => ({
  id: idOf(index),
  service: SERVICE,
  body: [Uint8Array.of(index)],
  key: keyOf(index),
});
const beginAdd = (index: number): Call<Added> =>
  begin((done, failed) => port.add(requestOf(index), done, failed));
const add = (index: number): Added => finish((done, failed) => port.add(requestOf(index), done, failed));
const find = (index: number): Found | undefined =>
  finish((done, failed) => port.find(idOf(index), done, failed));
const remove = (index: number, keyMs = 0): boolean =>
  finish((done, failed) => port.remove(idOf(index), keyMs, done, failed));
const sweep = (): number => finish((done, failed) => port.sweep(100, done, failed));
const list = (): readonly RequestInfo[] => finish((done, failed) => port.list({ limit: 1000 }, done, failed));

function claim(limit = 100, leaseMs = HOUR_MS): Claims {
  return finish((done, failed) => port.claim(SERVICE, limit, leaseMs, 1e9, done, failed));
}

function claimOne(leaseMs = HOUR_MS): Lease {
  const { claims } = claim(1, leaseMs);
  assert.equal(claims.length, 1);
  return claims[0] as Lease;
}

const complete = (lease: Lease, retentionMs = HOUR_MS): boolean =>
  finish((done, failed) => port.complete(lease, [Uint8Array.of(9)], retentionMs, done, failed));
const release = (lease: Lease, delayMs: number, failure?: string): boolean =>
  finish((done, failed) => port.release(lease, delayMs, failure, done, failed));
const isLost = (lease: Lease): boolean =>
  finish<readonly Lease[]>((done, failed) => port.renew([lease], HOUR_MS, done, failed)).length > 0;

function hasCode(code: StoreErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof StoreError && error.code === code;
}

/** The place of a request that was never given back. */
const placeOf = (index: number): string => placeKey(1_000_000, numberKey(index));
const metaOf = (index: number): string => `M${numberKey(index)}`;

function flip(key: string): void {
  const entry = disk.entries().find((one) => one.key === key);
  assert.ok(entry !== undefined, "there is nothing under this key");
  disk.damage(
    key,
    entry.value.map((byte, at) => (at === 20 || at === entry.value.length - 1 ? byte ^ 1 : byte)),
  );
}

describe("commits of a ledger", () => {
  it("are shared by all that comes while one is under way, and tell nobody before they are synced", () => {
    const first = beginAdd(1);
    const [second, third] = [beginAdd(2), beginAdd(3)];
    assert.deepEqual([first, second, third], [{}, {}, {}]);
    disk.sync();
    assert.deepEqual([first.outcome, second, third], [{ type: "added" }, {}, {}]);
    assert.ok(disk.isSyncing);
    disk.sync();
    assert.deepEqual([second.outcome, third.outcome], [{ type: "added" }, { type: "added" }]);
    assert.ok(!disk.isSyncing);
  });

  it("show nothing of what they change before they are synced", () => {
    beginAdd(1);
    assert.equal(find(1), undefined);
    assert.deepEqual([claim().claims, list()], [[], []]);
    disk.sync();
    assert.deepEqual(find(1), { state: "pending" });
  });

  it("that fail reject all that shared them and change nothing, and the next works", () => {
    const calls = [beginAdd(1)];
    disk.fail(FULL);
    assert.equal(calls[0]?.error, FULL);
    assert.equal(find(1), undefined);
    calls.push(beginAdd(2), beginAdd(3), beginAdd(4));
    disk.sync();
    disk.fail(FULL);
    assert.deepEqual(
      calls.map(({ error }) => error),
      [FULL, undefined, FULL, FULL],
    );
    assert.deepEqual(
      finish((done, failed) => port.counts(done, failed)),
      { pending: 1, done: 0, dead: 0 },
    );
    for (const index of [1, 3, 4]) assert.deepEqual(add(index), { type: "added" });
    auditLedger(disk.entries(), crashChecksum);
  });

  it("that fail leave leases as they were", () => {
    for (const index of [1, 2, 3, 4]) add(index);
    const leases = claim().claims;
    const [first, second, third, fourth] = [...leases] as Lease[] as [Lease, Lease, Lease, Lease];
    const blocker = beginAdd(5);
    const calls = [
      begin<boolean>((done, failed) => port.complete(first, [], HOUR_MS, done, failed)),
      begin<boolean>((done, failed) => port.release(second, 0, "failure", done, failed)),
      begin<boolean>((done, failed) => port.bury(third, "failure", done, failed)),
      begin<boolean>((done, failed) => port.remove(fourth.id, 0, done, failed)),
    ];
    disk.sync();
    assert.deepEqual(blocker.outcome, { type: "added" });
    assert.deepEqual(indexesOf(claim().claims), [5]);
    disk.fail(FULL);
    assert.ok(calls.every(({ error }) => error === FULL));
    assert.deepEqual(claim().claims, []);
    assert.deepEqual(leases.map(isLost), [false, false, false, false]);
    assert.equal(complete(first), true);
    assert.equal(release(second, 0), true);
    assert.deepEqual(indexesOf(claim().claims), [2]);
  });

  it("that fail give back a request whose lease ended meanwhile", () => {
    add(1);
    const lease = claimOne(10);
    const call = begin<boolean>((done, failed) => port.complete(lease, [], HOUR_MS, done, failed));
    pass(20);
    assert.deepEqual(claim().claims, [], "what is being answered is given to nobody");
    disk.fail(FULL);
    assert.equal(call.error, FULL);
    assert.deepEqual(indexesOf(claim().claims), [1]);
    assert.ok(isLost(lease));
  });

  it("that fail leave a renewal in force that came meanwhile", () => {
    add(1);
    const lease = claimOne(10);
    const call = begin<boolean>((done, failed) => port.complete(lease, [], HOUR_MS, done, failed));
    pass(20);
    assert.deepEqual(claim().claims, []);
    assert.equal(isLost(lease), false);
    disk.fail(FULL);
    assert.equal(call.error, FULL);
    assert.deepEqual(claim(), { claims: [], moreInMs: HOUR_MS });
    assert.equal(complete(lease), true);
  });

  it("take only what can be done: a change that fails by itself leaves the others", () => {
    add(1);
    flip(metaOf(1));
    const blocker = beginAdd(2);
    const calls = [begin((done, failed) => port.remove(idOf(1), 0, done, failed)), beginAdd(3)];
    disk.sync();
    assert.ok(hasCode("ERR_STORE_CORRUPT")(calls[0]?.error));
    disk.sync();
    assert.deepEqual([blocker.outcome, calls[1]?.outcome], [{ type: "added" }, { type: "added" }]);
  });

  it("count each of several changes of one request once", () => {
    for (const index of [1, 2, 3]) add(index);
    const [first, second, third] = [...claim().claims] as Lease[] as [Lease, Lease, Lease];
    complete(third, 5);
    pass(10);
    beginAdd(4);
    const calls = [
      begin<boolean>((done, failed) => port.release(first, 0, undefined, done, failed)),
      begin<boolean>((done, failed) => port.remove(first.id, 0, done, failed)),
      begin<boolean>((done, failed) => port.complete(second, [], 1, done, failed)),
      begin<boolean>((done, failed) => port.bury(second, "failure", done, failed)),
      begin<number>((done, failed) => port.sweep(9, done, failed)),
      begin<number>((done, failed) => port.sweep(9, done, failed)),
    ];
    disk.sync();
    disk.sync();
    assert.deepEqual(
      calls.map(({ outcome }) => outcome),
      [true, true, true, false, 1, 0],
    );
    auditLedger(disk.entries(), crashChecksum);
    assert.deepEqual(indexesOf(claim().claims), [4]);
  });

  it("need no disk for a request that is given back without a failure", () => {
    add(1);
    const lease = claimOne();
    const call = begin<boolean>((done, failed) => port.release(lease, 0, undefined, done, failed));
    assert.ok(!disk.isSyncing);
    assert.equal(call.outcome, true);
    assert.deepEqual(indexesOf(claim().claims), [1]);
  });

  it("are waited for when a port closes, whose claims are then given up", () => {
    add(1);
    claimOne();
    const call = beginAdd(2);
    let isClosed = false;
    port.close(() => {
      isClosed = true;
    });
    assert.ok(!isClosed);
    disk.sync();
    assert.deepEqual([call.outcome, isClosed], [{ type: "added" }, true]);
    assert.deepEqual(indexesOf(claim().claims), [1, 2]);
  });
});

describe("claims of a ledger", () => {
  it("find what is committed late and comes before what was given out", () => {
    add(1);
    release(claimOne(), 5, "failure");
    pass(4);
    beginAdd(2);
    pass(2);
    assert.deepEqual(indexesOf(claim().claims), [1]);
    disk.sync();
    assert.deepEqual(indexesOf(claim().claims), [2]);
    assert.deepEqual(claim().claims, []);
  });

  it("find all that is committed late, in whatever order it came together", () => {
    for (const index of [1, 2]) add(index);
    const [first, second] = [...claim().claims] as Lease[] as [Lease, Lease];
    finish<boolean>((done, failed) => port.bury(first, "failure", done, failed));
    release(second, 5, "failure");
    pass(4);
    const blocker = begin<boolean>((done, failed) => port.remove(idOf(9), 0, done, failed));
    beginAdd(3);
    const late = [beginAdd(4), begin<boolean>((done, failed) => port.requeue(first.id, done, failed))];
    disk.sync();
    pass(2);
    assert.deepEqual([blocker.outcome, indexesOf(claim().claims)], [false, [3, 2]]);
    disk.sync();
    assert.deepEqual(
      late.map(({ outcome }) => outcome),
      [{ type: "added" }, true],
    );
    assert.deepEqual(indexesOf(claim().claims).sort(), [1, 4]);
  });

  it("go past all that is leased when they have to begin further in front", () => {
    for (let index = 1; index <= 30; index++) add(index);
    for (const lease of claim().claims) release(lease, 5, "failure");
    pass(4);
    beginAdd(50);
    pass(2);
    assert.equal(claim(29).claims.length, 29);
    disk.sync();
    assert.deepEqual(indexesOf(claim(1).claims), [50]);
    assert.deepEqual(indexesOf(claim(1).claims), [30]);
    assert.deepEqual(claim(1).claims, []);
  });

  it("do not mind that what had come back is gone", () => {
    for (const index of [1, 2, 3]) add(index);
    const [first, second] = [...claim(3, HOUR_MS).claims] as Lease[] as [Lease, Lease];
    release(first, 0);
    release(second, 0);
    remove(1);
    assert.deepEqual(indexesOf(claim().claims), [2]);
  });

  it("give out what has come back in the order in which it was taken in", () => {
    for (const index of [1, 2, 3, 4]) add(index);
    const leases = claim().claims;
    for (const at of [2, 0, 3, 1]) release(leases[at] as Lease, 0);
    assert.deepEqual(indexesOf(claim(2).claims), [1, 2]);
    assert.deepEqual(indexesOf(claim().claims), [3, 4]);
  });

  it("leave what does not fit where it is, whether it has come back or is new", () => {
    for (const index of [1, 2, 3, 4]) add(index);
    const fits = (): Claims => finish((done, failed) => port.claim(SERVICE, 9, HOUR_MS, 1, done, failed));
    assert.deepEqual(indexesOf(fits().claims), [1]);
    for (const lease of claim(2).claims) release(lease, 0);
    assert.deepEqual(
      [2, 3, 4].map(() => indexesOf(fits().claims)),
      [[2], [3], [4]],
    );
  });

  it("go over many leased requests once only, and find those behind them", () => {
    for (let index = 1; index <= 40; index++) add(index);
    for (let index = 1; index <= 40; index++) assert.deepEqual(indexesOf(claim(1).claims), [index]);
    assert.equal(claim(1).moreInMs, HOUR_MS);
  });

  it("renew what has ended and nobody else has claimed, also when nothing else is left of its queue", () => {
    add(1);
    const lease = claimOne(10);
    const call = begin<boolean>((done, failed) => port.bury(lease, "failure", done, failed));
    pass(20);
    assert.equal(claim().moreInMs, undefined);
    disk.fail(FULL);
    assert.equal(call.error, FULL);
    assert.equal(isLost(lease), false);
    assert.deepEqual(claim(), { claims: [], moreInMs: HOUR_MS });
    pass(HOUR_MS);
    assert.deepEqual(indexesOf(claim().claims), [1]);
  });
});

describe("the time of a ledger", () => {
  it("does not run backwards when the clock is set back, and goes on at the usual pace", () => {
    add(1);
    release(claimOne(), 10, "failure");
    wall -= 24 * HOUR_MS;
    add(2);
    assert.deepEqual(indexesOf(claim().claims), [2]);
    now += 10;
    wall += 10;
    assert.deepEqual(indexesOf(claim().claims), [1]);
  });

  it("does not run backwards over a restart", () => {
    add(1);
    disk.crash(false);
    wall -= 24 * HOUR_MS;
    port = open();
    add(2);
    assert.deepEqual(indexesOf(claim().claims), [1, 2]);
    const [first, second] = list();
    assert.ok((second as RequestInfo).acceptedAt >= (first as RequestInfo).acceptedAt);
  });
});

describe("a ledger whose disk has failed", () => {
  const aside = (index: number): RegExp => {
    const found = find(index);
    assert.ok(found?.state === "dead");
    assert.match(found.failure, /^cannot be read: /);
    return /./;
  };

  it("is not opened over something else, or over a later version of itself", () => {
    disk.crash(false);
    disk.damage(FORMAT, new TextEncoder().encode("seaworthy-titanic 2"));
    assert.throws(open, hasCode("ERR_STORE_FOREIGN"));
    disk.damage(FORMAT, new TextEncoder().encode("something else"));
    assert.throws(open, hasCode("ERR_STORE_FOREIGN"));
    disk.damage(FORMAT, undefined);
    assert.throws(open, hasCode("ERR_STORE_FOREIGN"));
  });

  it("is not opened without its counters", () => {
    disk.crash(false);
    flip(COUNTERS);
    assert.throws(open, hasCode("ERR_STORE_CORRUPT"));
    disk.damage(COUNTERS, undefined);
    assert.throws(open, hasCode("ERR_STORE_CORRUPT"));
  });

  for (const [what, key] of [
    ["is damaged", metaOf(2)],
    ["has lost its body", `B${numberKey(2)}`],
  ] as const) {
    it(`puts aside a request that ${what}, when it is its turn`, () => {
      for (const index of [1, 2, 3]) add(index);
      if (key.startsWith("B")) disk.damage(key, undefined);
      else flip(key);
      assert.deepEqual(indexesOf(claim().claims), [1, 3]);
      assert.deepEqual(claim().claims, [], "nobody is given it while it is put aside");
      disk.sync();
      aside(2);
      assert.deepEqual(
        finish((done, failed) => port.counts(done, failed)),
        { pending: 2, done: 0, dead: 1 },
      );
      assert.equal(claim().moreInMs, HOUR_MS);
    });
  }

  it("puts aside a request that is another than its queue says", () => {
    for (const index of [1, 2]) add(index);
    const queue = queueKey(SERVICE);
    const changed = placeKey(1_000_000 - 1, numberKey(1));
    disk.damage(queue + placeOf(1), undefined);
    disk.damage(queue + changed, idOf(1));
    assert.deepEqual(indexesOf(claim().claims), [2]);
    disk.sync();
    aside(1);
  });

  it("drops a place in a queue whose request is not pending", () => {
    add(1);
    complete(claimOne());
    disk.crash(false);
    disk.damage(queueKey(SERVICE) + placeOf(1), idOf(1));
    port = open();
    assert.deepEqual(claim().claims, []);
    disk.sync();
    assert.deepEqual(claim(), { claims: [], moreInMs: undefined });
    assert.equal(find(1)?.state, "done");
    auditLedger(disk.entries(), crashChecksum);
  });

  it("tries again to put a request aside if that could not be written", () => {
    for (const index of [1, 2]) add(index);
    flip(metaOf(1));
    assert.deepEqual(indexesOf(claim().claims), [2]);
    disk.fail(FULL);
    assert.deepEqual(claim().claims, []);
    disk.sync();
    aside(1);
  });

  it("puts nothing aside that was removed meanwhile", () => {
    add(1);
    const body = `B${numberKey(1)}`;
    disk.damage(body, undefined);
    const blocker = beginAdd(2);
    const removed = begin<boolean>((done, failed) => port.remove(idOf(1), 0, done, failed));
    begin<Claims>((done, failed) => port.claim(SERVICE, 1, HOUR_MS, 1, done, failed));
    disk.sync();
    disk.sync();
    assert.deepEqual([blocker.outcome, removed.outcome, find(1)], [{ type: "added" }, true, undefined]);
    auditLedger(disk.entries(), crashChecksum);
  });

  it("says so when a request is asked for, and lists the others", () => {
    for (const index of [1, 2, 3]) add(index);
    flip(metaOf(2));
    assert.throws(() => find(2), hasCode("ERR_STORE_CORRUPT"));
    assert.deepEqual(indexesOf(list()), [1, 3]);
    disk.damage(`I${frameKey(idOf(1))}`, new TextEncoder().encode(numberKey(3)));
    assert.throws(() => find(1), hasCode("ERR_STORE_CORRUPT"));
  });

  it("says so when a request is another than it should be", () => {
    for (const index of [1, 2]) add(index);
    disk.damage(metaOf(2), disk.entries().find(({ key }) => key === metaOf(1))?.value);
    assert.throws(() => find(2), hasCode("ERR_STORE_CORRUPT"));
  });

  it("takes nothing for damaged that it failed to read for another reason", () => {
    const ground = new MemoryGround();
    const surroundings = { now: () => now, wall: () => wall, digest: quickDigest, checksum: crashChecksum };
    const limits = { maxRequests: 9, maxKeys: 9 };
    const ledger = new Ledger(ground, limits, { ...surroundings, defer: (task) => task() });
    ledger.open(() => {}, unexpected);
    port = new LedgerPort(ledger);
    add(1);
    const get = ground.get.bind(ground);
    ground.get = (key) => {
      if (key === metaOf(1)) throw new StoreError("ERR_STORE_UNAVAILABLE", "there is nothing to read from");
      return get(key);
    };
    assert.throws(claim, hasCode("ERR_STORE_UNAVAILABLE"));
    assert.throws(list, hasCode("ERR_STORE_UNAVAILABLE"));
    ground.get = get;
    assert.deepEqual(indexesOf(claim().claims), [1]);
  });

  it("does not take a request in whose key cannot be read", () => {
    add(1);
    flip(`K${frameKey(keyOf(1))}`);
    assert.throws(() => add(1), hasCode("ERR_STORE_CORRUPT"));
  });

  it("sweeps a reply in its time of which nothing can be read", () => {
    add(1);
    complete(claimOne(), 5);
    flip(metaOf(1));
    pass(10);
    assert.equal(sweep(), 1);
    assert.equal(find(1), undefined);
    assert.deepEqual(
      finish((done, failed) => port.counts(done, failed)),
      { pending: 0, done: 0, dead: 0 },
    );
  });

  it("removes a request whose key is gone", () => {
    add(1);
    disk.damage(`K${frameKey(keyOf(1))}`, undefined);
    assert.equal(remove(1, HOUR_MS), true);
    assert.equal(find(1), undefined);
  });
});

describe("keys of a ledger", () => {
  it("are known until their time is over, and no longer", () => {
    add(1);
    remove(1, 10);
    pass(9);
    assert.deepEqual(add(1), { type: "known", id: idOf(1) });
    pass(1);
    assert.deepEqual(add(1), { type: "added" });
    assert.equal(sweep(), 0);
    auditLedger(disk.entries(), crashChecksum);
  });

  it("and replies are swept when their time is over, and not before", () => {
    for (const index of [1, 2]) add(index);
    complete(claimOne(), 10);
    remove(2, 10);
    pass(9);
    assert.equal(sweep(), 0);
    pass(1);
    assert.equal(sweep(), 2);
    assert.deepEqual([find(1), find(2)], [undefined, undefined]);
    auditLedger(disk.entries(), crashChecksum);
  });
});

describe("lists of a ledger", () => {
  function fill(count: number): void {
    for (let index = 0; index < count; index++) {
      const id = new Uint8Array(16);
      new DataView(id.buffer).setUint32(0, index);
      finish((done, failed) => port.add({ id, service: SERVICE, body: [], key: undefined }, done, failed));
    }
  }

  it("go on over many requests, in steps", () => {
    fill(1200);
    assert.equal(list().length, 1000);
    const all = finish<readonly RequestInfo[]>((done, failed) => port.list({ limit: 5000 }, done, failed));
    assert.equal(all.length, 1200);
    const none = finish<readonly RequestInfo[]>((done, failed) =>
      port.list({ state: "dead", limit: 9 }, done, failed),
    );
    assert.deepEqual(none, []);
  });

  it("begin at the start if what they are to begin behind is gone", () => {
    for (const index of [1, 2]) add(index);
    const behind = (index: number): readonly RequestInfo[] =>
      finish((done, failed) => port.list({ limit: 9, after: idOf(index) }, done, failed));
    assert.deepEqual([indexesOf(behind(1)), indexesOf(behind(7))], [[2], [1, 2]]);
  });
});

describe("a ground in memory", () => {
  it("keeps keys in order, however many come and go", () => {
    const ground = new MemoryGround();
    const keys = Array.from({ length: 2000 }, (_, index) => numberKey((index * 7919) % 2000));
    ground.apply(new Map(keys.map((key) => [key, new TextEncoder().encode(key)])));
    assert.deepEqual(
      ground.range("", "\xff", 5000).map(({ key }) => key),
      [...keys].sort(),
    );
    assert.deepEqual(
      ground.range(numberKey(10), numberKey(13), 9).map(({ key }) => key),
      [10, 11, 12].map(numberKey),
    );
    ground.apply(new Map(keys.slice(0, 1990).map((key) => [key, undefined])));
    ground.apply(new Map([["none", undefined]]));
    assert.deepEqual(
      ground.range("", "\xff", 5000).map(({ key }) => key),
      keys.slice(1990).sort(),
    );
    ground.apply(new Map(keys.map((key) => [key, undefined])));
    assert.deepEqual(ground.range("", "\xff", 5), []);
  });
});
