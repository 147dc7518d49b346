import { describe, expect, it } from "vitest";
import { HandClock } from "../../core/test/support/fake-sockets.js";
import type { Arbiter, Bid, Lease } from "../src/arbiter.js";
import { type EpochStore, Epochs } from "../src/epochs.js";
import type { BinaryStarInput } from "../src/star-messages.js";

interface Asked<T> {
  readonly what: string;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: unknown) => void;
}

/** An arbiter that is asked, and answers when the test says so. */
class HandArbiter implements Arbiter {
  readonly asked: Asked<Lease | undefined>[] = [];
  readonly released: number[] = [];
  readonly bids: Bid[] = [];
  releasing: Promise<void> = Promise.resolve();

  acquire(bid: Bid): Promise<Lease | undefined> {
    this.bids.push(bid);
    return this.#ask(`acquire ${bid.role} ${bid.minEpoch}`);
  }

  renew(lease: Lease): Promise<Lease | undefined> {
    return this.#ask(`renew ${lease.epoch}`);
  }

  release(lease: Lease): Promise<void> {
    this.released.push(lease.epoch);
    return this.releasing;
  }

  async answer(lease: Lease | undefined): Promise<void> {
    this.asked.shift()?.resolve(lease);
    await turn();
  }

  async fail(error: unknown): Promise<void> {
    this.asked.shift()?.reject(error);
    await turn();
  }

  #ask(what: string): Promise<Lease | undefined> {
    return new Promise((resolve, reject) => this.asked.push({ what, resolve, reject }));
  }
}

/** A store that writes when the test says so. */
class HandStore implements EpochStore {
  readonly saving: { epoch: number; done: () => void; fail: (error: unknown) => void }[] = [];

  save(epoch: number): Promise<void> {
    return new Promise((done, fail) => this.saving.push({ epoch, done, fail }));
  }

  async finish(error?: Error): Promise<number> {
    const saving = this.saving.shift();
    if (saving === undefined) throw new Error("nothing is being saved");
    if (error === undefined) saving.done();
    else saving.fail(error);
    await turn();
    return saving.epoch;
  }
}

/** All promises that are settled have been heard. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const lease = (epoch: number, durationMs = 100): Lease => ({ epoch, durationMs });

function make(arbiter?: Arbiter, store?: EpochStore, saved = 0) {
  const fed: BinaryStarInput[] = [];
  const epochs = new Epochs("backup", arbiter, store, saved, (input) => fed.push(input));
  return {
    fed,
    epochs,
    claim: (claim: number, epoch: number) => epochs.perform({ type: "claim", claim, epoch }),
    release: (claim: number) => epochs.perform({ type: "release", claim }),
    renew: (claim: number) => epochs.perform({ type: "renew", claim }),
    remember: (epoch: number) => epochs.perform({ type: "remember", epoch }),
  };
}

describe("with an arbiter", () => {
  it("a claim is a bid, and a lease grants it", async () => {
    const arbiter = new HandArbiter();
    const { fed, claim } = make(arbiter);
    claim(1, 4);
    expect(arbiter.asked.map(({ what }) => what)).toEqual(["acquire backup 4"]);
    await arbiter.answer(lease(6));
    expect(fed).toEqual([{ type: "granted", claim: 1, epoch: 6, leaseMs: 100 }]);
  });

  it("is denied while another holds the lease, and where the arbiter cannot be asked", async () => {
    const arbiter = new HandArbiter();
    const { fed, claim } = make(arbiter);
    claim(1, 4);
    await arbiter.answer(undefined);
    claim(2, 4);
    await arbiter.fail(new Error("not reached"));
    expect(fed).toEqual([
      { type: "denied", claim: 1, reason: "another holds the lease" },
      { type: "denied", claim: 2, reason: "not reached" },
    ]);
  });

  it("an arbiter that throws is one that cannot be asked, or told", async () => {
    const broken = (): never => {
      throw new Error("broken");
    };
    const { fed, claim, release } = make({ acquire: broken, renew: broken, release: broken });
    claim(1, 2);
    expect(fed).toEqual([{ type: "denied", claim: 1, reason: "broken" }]);
    release(1);
    const later = make({ acquire: async () => lease(2), renew: broken, release: broken });
    later.claim(1, 2);
    await turn();
    later.renew(1);
    later.release(1);
    expect(later.fed.at(-1)).toEqual({ type: "renewal-failed", claim: 1, reason: "broken" });
  });

  it.each([
    [{ epoch: 1.5, durationMs: 100 }, "the arbiter's lease has the epoch 1.5 and lasts 100 ms"],
    [{ epoch: Number.NaN, durationMs: 100 }, "the arbiter's lease has the epoch NaN and lasts 100 ms"],
    [{ epoch: 2 ** 53, durationMs: 100 }, `the arbiter's lease has the epoch ${2 ** 53} and lasts 100 ms`],
    [{ epoch: 2, durationMs: Number.NaN }, "the arbiter's lease has the epoch 2 and lasts NaN ms"],
    [{ epoch: 2, durationMs: 0 }, "the arbiter's lease has the epoch 2 and lasts 0 ms"],
  ])("what is no lease grants nothing and renews nothing: %j", async (wrong, reason) => {
    const arbiter = new HandArbiter();
    const { fed, claim, renew } = make(arbiter);
    claim(1, 2);
    await arbiter.answer(wrong);
    claim(2, 2);
    await arbiter.answer(lease(2));
    renew(2);
    await arbiter.answer(wrong);
    expect(fed[0]).toEqual({ type: "denied", claim: 1, reason });
    expect(fed[2]).toEqual({ type: "renewal-failed", claim: 2, reason });
  });

  it("an arbiter may say null for no lease", async () => {
    const arbiter = new HandArbiter();
    const { fed, claim, renew } = make(arbiter);
    claim(1, 2);
    await arbiter.answer(null as never);
    claim(2, 2);
    await arbiter.answer(lease(2));
    renew(2);
    await arbiter.answer(null as never);
    expect(fed[0]).toEqual({ type: "denied", claim: 1, reason: "another holds the lease" });
    expect(fed[2]).toEqual({ type: "lease-lost", claim: 2 });
  });

  it.each([undefined, null, lease(2)])("one that returns no promise cannot be asked: %j", (answer) => {
    const bare = (): never => answer as never;
    const { fed, claim, release } = make({ acquire: bare, renew: bare, release: bare });
    claim(1, 2);
    expect(fed).toEqual([{ type: "denied", claim: 1, reason: "what was asked returned no promise" }]);
    release(1);
  });

  it("nor be told that a lease is over, which ends all the same", async () => {
    const { epochs, claim, release } = make({
      acquire: async () => lease(2),
      renew: async () => lease(2),
      release: () => undefined as never,
    });
    claim(1, 2);
    await turn();
    release(1);
    await epochs.settle(new HandClock(), 1000);
  });

  it("a lease is renewed, lost, or could not be renewed", async () => {
    const arbiter = new HandArbiter();
    const { fed, claim, renew } = make(arbiter);
    claim(1, 2);
    await arbiter.answer(lease(2));
    renew(1);
    await arbiter.answer(lease(2, 500));
    renew(1);
    await arbiter.fail(new Error("not reached"));
    renew(1);
    await arbiter.answer(undefined);
    expect(fed.slice(1)).toEqual([
      { type: "renewed", claim: 1, leaseMs: 500 },
      { type: "renewal-failed", claim: 1, reason: "not reached" },
      { type: "lease-lost", claim: 1 },
    ]);
  });

  it("nothing is renewed for a claim that has no lease", () => {
    const arbiter = new HandArbiter();
    const { claim, renew } = make(arbiter);
    renew(7);
    claim(1, 2);
    renew(1);
    expect(arbiter.asked.map(({ what }) => what)).toEqual(["acquire backup 2"]);
  });

  it("a lease is released, once", async () => {
    const arbiter = new HandArbiter();
    const { claim, release } = make(arbiter);
    claim(1, 2);
    await arbiter.answer(lease(2));
    release(1);
    release(1);
    expect(arbiter.released).toEqual([2]);
    expect(arbiter.bids[0]?.signal.aborted).toBe(true);
  });

  it("a lease that comes when nobody waits for it any more is released", async () => {
    const arbiter = new HandArbiter();
    const { fed, claim, release } = make(arbiter);
    claim(1, 2);
    release(1);
    expect(arbiter.bids[0]?.signal.aborted).toBe(true);
    await arbiter.answer(lease(2));
    expect(arbiter.released).toEqual([2]);
    expect(fed).toEqual([]);
  });

  it("none that comes then is none to release", async () => {
    const arbiter = new HandArbiter();
    const { claim, release } = make(arbiter);
    claim(1, 2);
    release(1);
    await arbiter.answer(undefined);
    expect(arbiter.released).toEqual([]);
  });

  it("a lease that is renewed after it was released is released again", async () => {
    const arbiter = new HandArbiter();
    const { fed, claim, renew, release } = make(arbiter);
    claim(1, 2);
    await arbiter.answer(lease(2));
    renew(1);
    release(1);
    await arbiter.answer(lease(2));
    expect(arbiter.released).toEqual([2, 2]);
    expect(fed).toHaveLength(1);
  });
});

describe("with a store", () => {
  it("an epoch is written down before it is granted", async () => {
    const store = new HandStore();
    const { fed, claim } = make(undefined, store);
    claim(1, 4);
    await turn();
    expect(fed).toEqual([]);
    expect(await store.finish()).toBe(4);
    expect(fed).toEqual([{ type: "granted", claim: 1, epoch: 4, leaseMs: undefined }]);
  });

  it("an epoch that cannot be written down is not granted, and its lease is given back", async () => {
    const store = new HandStore();
    const arbiter = new HandArbiter();
    const { fed, claim, release } = make(arbiter, store);
    claim(1, 4);
    await arbiter.answer(lease(4));
    await store.finish(new Error("no space"));
    expect(fed).toEqual([{ type: "denied", claim: 1, reason: "no space" }]);
    release(1);
    expect(arbiter.released).toEqual([4]);
  });

  it.each([
    [1, "the epoch granted is 1, which is below 12"],
    [2 ** 52 + 1, `the epoch granted is ${2 ** 52 + 1}, beyond 2^52`],
  ])("an epoch that does not do is not written down: %i", async (epoch, reason) => {
    const store = new HandStore();
    const arbiter = new HandArbiter();
    const { fed, claim, release } = make(arbiter, store);
    claim(1, 12);
    await arbiter.answer(lease(epoch));
    expect(store.saving).toEqual([]);
    expect(fed).toEqual([{ type: "denied", claim: 1, reason }]);
    release(1);
    expect(arbiter.released).toEqual([epoch]);
  });

  it("what it held at the beginning is not written over by less, nor again", async () => {
    const store = new HandStore();
    const { fed, claim, remember } = make(undefined, store, 9);
    remember(8);
    claim(1, 4);
    remember(9);
    expect(store.saving).toEqual([]);
    expect(fed).toEqual([{ type: "granted", claim: 1, epoch: 4, leaseMs: undefined }]);
    remember(10);
    expect(await store.finish()).toBe(10);
  });

  it("one after the other, and none that is not above the one before", async () => {
    const store = new HandStore();
    const { fed, claim, remember } = make(undefined, store);
    remember(3);
    remember(2);
    remember(5);
    claim(1, 6);
    expect(store.saving).toHaveLength(1);
    expect(await store.finish()).toBe(3);
    expect(await store.finish(new Error("no space"))).toBe(5);
    expect(await store.finish()).toBe(6);
    expect(fed).toEqual([
      { type: "not-remembered", epoch: 5, reason: "no space" },
      { type: "granted", claim: 1, epoch: 6, leaseMs: undefined },
    ]);
    remember(6);
    expect(store.saving).toEqual([]);
  });
});

describe("what is to be written down because of what was", () => {
  it("waits its turn, too", async () => {
    const store = new HandStore();
    const epochs: Epochs = new Epochs("backup", undefined, store, 0, (input) => {
      if (input.type !== "granted") return;
      epochs.perform({ type: "remember", epoch: 5 });
      epochs.perform({ type: "remember", epoch: 7 });
    });
    epochs.perform({ type: "claim", claim: 1, epoch: 4 });
    expect(await store.finish()).toBe(4);
    expect(store.saving).toHaveLength(1);
    expect([await store.finish(), await store.finish()]).toEqual([5, 7]);
  });
});

describe("with neither", () => {
  it("what is claimed is granted, and there is nothing to keep, to renew or to give back", () => {
    const { fed, claim, renew, release, remember } = make();
    claim(1, 4);
    remember(9);
    renew(1);
    release(1);
    expect(fed).toEqual([{ type: "granted", claim: 1, epoch: 4, leaseMs: undefined }]);
  });
});

describe("settling", () => {
  it("waits for what is being released and written", async () => {
    const store = new HandStore();
    const arbiter = new HandArbiter();
    const { epochs, claim, release, remember } = make(arbiter, store);
    let released = (): void => {};
    arbiter.releasing = new Promise((resolve) => {
      released = resolve;
    });
    claim(1, 2);
    await arbiter.answer(lease(2));
    await store.finish();
    release(1);
    remember(3);
    let isSettled = false;
    const settled = epochs.settle(new HandClock(), 1000).then(() => {
      isSettled = true;
    });
    released();
    await turn();
    expect(isSettled).toBe(false);
    await store.finish();
    await settled;
  });

  it("but not longer than it may", async () => {
    const arbiter = new HandArbiter();
    arbiter.releasing = new Promise(() => {});
    const clock = new HandClock();
    const { epochs, claim, release } = make(arbiter);
    claim(1, 2);
    await arbiter.answer(lease(2));
    release(1);
    const settled = epochs.settle(clock, 1000);
    clock.until(1000);
    await settled;
  });

  it("at once if there is nothing", async () => {
    await make(new HandArbiter()).epochs.settle(new HandClock(), 1000);
  });
});
