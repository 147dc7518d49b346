import assert from "node:assert/strict";
import { describe, it } from "vitest";
import type { LedgerPort } from "../src/ledger-port.js";
import type { Claims, Lease } from "../src/store.js";
import { CrashDisk, crashChecksum } from "./crash-disk.js";
import { auditLedger } from "./ledger-audit.js";

const SERVICE = Uint8Array.of(101);
const HOUR_MS = 3_600_000;

/** What a caller of the store was told of one request, and what it has asked for without being told yet. */
interface Story {
  readonly id: Uint8Array;
  readonly key: Uint8Array | undefined;
  readonly body: Uint8Array;
  readonly reply: Uint8Array;
  readonly asked: Set<Step>;
  readonly told: Set<Step>;
  next: number;
  lease: Lease | undefined;
}

type Step = "add" | "claim" | "release" | "claim again" | "complete" | "find" | "close";
const STEPS: readonly Step[] = ["add", "claim", "release", "claim again", "complete", "find", "close"];

function story(index: number): Story {
  const bytes = (first: number): Uint8Array => Uint8Array.of(first, index);
  return {
    id: Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? index + 1 : 7)),
    key: index % 2 === 0 ? bytes(1) : undefined,
    ...{ body: bytes(2), reply: bytes(3), asked: new Set(), told: new Set(), next: 0, lease: undefined },
  };
}

const fail = (error: unknown): void => {
  throw error;
};

/** Several requests on their way from receipt to close, in an order that a seed decides, and a crash after some moves. */
class Voyage {
  readonly disk = new CrashDisk({ now: () => this.#now });
  readonly stories = Array.from({ length: 4 }, (_, index) => story(index));
  #now = 1000;
  #seed: number;
  #port: LedgerPort;

  constructor(seed: number) {
    this.#seed = seed;
    this.#port = this.#open();
  }

  #open(): LedgerPort {
    let isOpen = false;
    const port = this.disk.open(() => {
      isOpen = true;
    }, fail);
    this.disk.sync();
    assert.ok(isOpen);
    return port;
  }

  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * below);
  }

  get isOver(): boolean {
    return this.stories.every(({ told }) => told.has("close"));
  }

  /** One thing happens: a commit ends, or a request takes its next step. */
  move(): void {
    this.#now += this.#random(3);
    const ready = this.stories.filter(({ next, told }) => next === told.size && next < STEPS.length);
    const choice = this.#random(ready.length + (this.disk.isSyncing ? 2 : 0));
    const chosen = ready[choice];
    if (chosen === undefined) this.disk.sync();
    else this.#advance(chosen);
  }

  #advance(one: Story): void {
    const step = STEPS[one.next++] as Step;
    one.asked.add(step);
    const tell = (outcome: unknown): void => {
      assert.notEqual(outcome, false);
      if (step === "release") one.lease = undefined;
      one.told.add(step);
    };
    const { id, key, body, reply } = one;
    switch (step) {
      case "add":
        return this.#port.add({ id, service: SERVICE, body: [body], key }, tell, fail);
      case "claim":
      case "claim again":
        return this.#claim(one, tell);
      case "release":
        return this.#port.release(one.lease as Lease, 0, "failure", tell, fail);
      case "complete":
        return this.#port.complete(one.lease as Lease, [reply], HOUR_MS, tell, fail);
      case "find":
        return this.#port.find(id, tell, fail);
      case "close":
        return this.#port.remove(id, HOUR_MS, tell, fail);
    }
  }

  /** Claims all that there is, and hands it to whom it is for, as a dispatcher does. */
  #claim(one: Story, tell: (outcome: unknown) => void): void {
    const hand = ({ claims }: Claims): void => {
      for (const claim of claims) {
        const owner = this.stories.find(({ id }) => String(id) === String(claim.id)) as Story;
        assert.equal(owner.lease, undefined, "it is given out twice");
        owner.lease = claim;
      }
    };
    this.#port.claim(SERVICE, 100, HOUR_MS, 1e6, hand, fail);
    assert.ok(one.lease, "a request that is pending and not leased is not given out");
    tell(true);
  }

  crashAndCheck(survives: boolean): void {
    this.disk.crash(survives);
    this.#port = this.#open();
    auditLedger(this.disk.entries(), crashChecksum);
    for (const one of this.stories) this.#check(one);
    this.#checkKeys();
    this.#checkClaimable();
  }

  #check({ id, reply, asked, told }: Story): void {
    const state = this.#stateOf(id);
    if (told.has("close")) assert.equal(state, undefined, "a closed request is here");
    else if (told.has("add") && !asked.has("close"))
      assert.notEqual(state, undefined, "an accepted request is lost");
    if (!asked.has("add")) assert.equal(state, undefined);
    if (told.has("complete") && !asked.has("close")) assert.equal(state, `done ${reply}`, "a reply is lost");
    if (!asked.has("complete")) assert.notEqual(state, `done ${reply}`);
    if (told.has("release") && !asked.has("complete")) assert.equal(this.#failuresOf(id), 1);
  }

  #stateOf(id: Uint8Array): string | undefined {
    let state: string | undefined;
    this.#port.find(
      id,
      (found) => {
        state = found?.state === "done" ? `done ${found.reply}` : found?.state;
      },
      fail,
    );
    return state;
  }

  #failuresOf(id: Uint8Array): number | undefined {
    let failures: number | undefined;
    this.#port.show(
      id,
      (details) => {
        failures = details?.failures;
      },
      fail,
    );
    return failures;
  }

  /** Whoever was told that a request was taken in gets its id again for its key, also when it is closed by now. */
  #checkKeys(): void {
    for (const { id, key, body, told } of this.stories) {
      if (key === undefined || !told.has("add")) continue;
      let known: unknown;
      const again = { id: Uint8Array.from({ length: 16 }, () => 99), service: SERVICE, body: [body], key };
      this.#port.add(
        again,
        (added) => {
          known = added;
        },
        fail,
      );
      assert.deepEqual(known, { type: "known", id });
    }
  }

  /** All that is pending can be claimed at once, and nothing else. */
  #checkClaimable(): void {
    const pending = this.stories
      .filter(({ id }) => this.#stateOf(id) === "pending")
      .map(({ id }) => String(id));
    let claimed: string[] = [];
    this.#port.claim(
      SERVICE,
      100,
      HOUR_MS,
      1e6,
      ({ claims }) => {
        claimed = claims.map(({ id }) => String(id));
      },
      fail,
    );
    assert.deepEqual(claimed.sort(), pending.sort());
  }
}

/** @returns how many moves there are, from the first receipt to the last close */
function movesOf(seed: number): number {
  const voyage = new Voyage(seed);
  let moves = 0;
  for (; !voyage.isOver; moves++) {
    assert.ok(moves < 1000, "it does not come to an end");
    voyage.move();
  }
  return moves;
}

describe("a crash", () => {
  for (let seed = 1; seed <= 25; seed++) {
    it(`at any point between receipt and close of four requests breaks no promise (order ${seed})`, () => {
      const moves = movesOf(seed);
      assert.ok(moves > 4 * STEPS.length);
      for (let point = 0; point <= moves; point++) {
        for (const survives of [false, true]) {
          const voyage = new Voyage(seed);
          for (let move = 0; move < point; move++) voyage.move();
          voyage.crashAndCheck(survives);
        }
      }
    });
  }

  it("during opening leaves a disk that can be opened", () => {
    for (const survives of [false, true]) {
      const disk = new CrashDisk({ now: () => 1 });
      disk.open(() => assert.fail("it is not synced"), fail);
      disk.crash(survives);
      let isOpen = false;
      disk.open(() => {
        isOpen = true;
      }, fail);
      disk.sync();
      assert.ok(isOpen);
      auditLedger(disk.entries(), crashChecksum);
    }
  });
});
