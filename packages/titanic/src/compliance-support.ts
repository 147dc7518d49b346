import assert from "node:assert/strict";
import type { Frames } from "@seaworthy/core";
import type { Claim, Claims, NewRequest, TitanicStore } from "./store.js";

/** What the suite needs to know of a store, written by whoever tests one. */
export interface StoreHarness {
  /** Whether several stores may be open over one ground at the same time, as for several servers. */
  readonly shared: boolean;
  /** Whether the grounds can {@link StoreGround.crash}. */
  readonly durable: boolean;
  /** Which limits {@link StoreGround.open} takes. */
  readonly limits: readonly (keyof ComplianceLimits)[];
  /** A new ground with nothing in it. */
  create(): Promise<StoreGround>;
}

/** Limits that the suite sets, by the names of the options of the stores that come with the package. */
export interface ComplianceLimits {
  readonly maxRequests?: number;
  readonly maxKeys?: number;
}

/** What stores stand on: a folder, a database, a piece of memory. */
export interface StoreGround {
  /** A store over what is here, already opened. */
  open(limits?: ComplianceLimits): Promise<TitanicStore>;
  /** Ends all that is open as a loss of power would. What was promised is here when a store is opened again. */
  crash?(): Promise<void>;
  /** For stores with a clock of their own: moves it. Without it, the suite waits for the time that the store names. */
  pass?(ms: number): Promise<void>;
  /** Closes what is still open, and clears away. */
  discard(): Promise<void>;
}

/** One test of the suite. */
export interface StoreCase {
  readonly name: string;
  /** Rejects with an `AssertionError` if the store does not do what its interface says. */
  run(): Promise<void>;
}

/** A test before it is bound to a store. */
export interface CaseDefinition {
  readonly name: string;
  /** Left out for stores that are not so. */
  readonly needs?: "shared" | "durable" | keyof ComplianceLimits;
  run(bench: Bench): Promise<void>;
}

/** Long enough that no lease or retention ends while a test runs, in ms. */
export const LONG_MS = 600_000;
/** Short enough to wait for its end, in ms. */
export const SHORT_MS = 40;
/** Room for the bodies of all that a test claims, in bytes. */
export const ROOM: number = 64 * 1024 * 1024;
/** When a test gives up waiting, in ms: a store that is slow still passes, one that hangs does not. */
const PATIENCE_MS = 20_000;

const encoder = new TextEncoder();

export const bytes = (text: string): Uint8Array => encoder.encode(text);

/** The bytes as a plain array of numbers: stores may give back any kind of `Uint8Array`. */
export const plain = (frame: Uint8Array): number[] => Array.from(frame);

export const hex = (frame: Uint8Array): string =>
  Array.from(frame, (byte) => byte.toString(16).padStart(2, "0")).join("");

export function sameFrames(actual: Frames | undefined, expected: Frames): void {
  assert.ok(actual !== undefined, "there are no frames");
  assert.equal(actual.length, expected.length, "another number of frames");
  for (const [index, frame] of expected.entries()) {
    const other = actual[index] as Uint8Array;
    const { buffer, byteOffset, byteLength } = other;
    const same = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).equals(frame);
    assert.ok(same, `frame ${index} is another one`);
  }
}

let lastId = 0;

/** An id as servers make them, though not a random one: 16 bytes that no other request of this process has. */
export function freshId(): Uint8Array {
  const id = new Uint8Array(16);
  crypto.getRandomValues(id);
  new DataView(id.buffer).setUint32(12, ++lastId);
  return id;
}

export interface RequestParts {
  readonly id?: Uint8Array;
  readonly service?: string | Uint8Array;
  readonly body?: Frames;
  readonly key?: string | Uint8Array;
}

const asBytes = (value: string | Uint8Array): Uint8Array =>
  typeof value === "string" ? bytes(value) : value;

export function request({
  id,
  service = "echo",
  body = [bytes("hello")],
  key,
}: RequestParts = {}): NewRequest {
  return {
    id: id ?? freshId(),
    service: asBytes(service),
    body,
    key: key === undefined ? undefined : asBytes(key),
  };
}

/** A ground and what a test does with stores over it again and again. */
export class Bench {
  readonly ground: StoreGround;

  constructor(ground: StoreGround) {
    this.ground = ground;
  }

  open(limits?: ComplianceLimits): Promise<TitanicStore> {
    return this.ground.open(limits);
  }

  /** Ends all stores without a warning, and opens one again. */
  async crashAndOpen(): Promise<TitanicStore> {
    assert.ok(this.ground.crash, "the harness says durable, but its grounds cannot crash");
    await this.ground.crash();
    return this.ground.open();
  }

  /** Takes in a request, which must succeed, and gives its id. */
  async add(store: TitanicStore, parts?: RequestParts): Promise<Uint8Array> {
    const taken = request(parts);
    assert.deepEqual(await store.add(taken), { type: "added" });
    return taken.id;
  }

  /** Claims for `echo`, or another service. */
  claim(store: TitanicStore, limit = 1, leaseMs: number = LONG_MS, service = "echo"): Promise<Claims> {
    return store.claim(bytes(service), limit, leaseMs, ROOM);
  }

  /** Claims the one request that must be claimable. */
  async claimOne(store: TitanicStore, leaseMs: number = LONG_MS, service = "echo"): Promise<Claim> {
    const { claims } = await this.claim(store, 1, leaseMs, service);
    assert.equal(claims.length, 1, "there is nothing to claim");
    return claims[0] as Claim;
  }

  /** Claims one request as soon as the store has one, asking again whenever it says that there may be one. */
  async claimWhenDue(store: TitanicStore, leaseMs: number = LONG_MS, service = "echo"): Promise<Claim> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (;;) {
      const { claims, moreInMs } = await this.claim(store, 1, leaseMs, service);
      if (claims[0] !== undefined) return claims[0];
      assert.ok(moreInMs !== undefined, "the store says that nothing will come, but something must");
      assert.ok(performance.now() < giveUpAt, "nothing came to be claimed");
      await this.pass(moreInMs);
    }
  }

  /** Takes in a request and makes it a dead letter. */
  async addDead(store: TitanicStore, failure: string, parts?: RequestParts): Promise<Uint8Array> {
    const id = await this.add(store, parts);
    const { service = "echo" } = parts ?? {};
    const { claims } = await store.claim(asBytes(service), 1, LONG_MS, ROOM);
    assert.equal(await store.bury(claims[0] as Claim, failure), true);
    assert.deepEqual(plain((claims[0] as Claim).id), plain(id));
    return id;
  }

  /** Takes in a request and answers it. */
  async addDone(
    store: TitanicStore,
    reply: Frames,
    parts?: RequestParts & { retentionMs?: number },
  ): Promise<Uint8Array> {
    const id = await this.add(store, parts);
    const { service = "echo", retentionMs = LONG_MS } = parts ?? {};
    const { claims } = await store.claim(asBytes(service), 1, LONG_MS, ROOM);
    assert.deepEqual(plain((claims[0] as Claim).id), plain(id));
    assert.equal(await store.complete(claims[0] as Claim, reply, retentionMs), true);
    return id;
  }

  /** Waits until a check passes, letting a little time pass before each look. */
  async until(what: string, check: () => Promise<boolean>): Promise<void> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (!(await check())) {
      assert.ok(performance.now() < giveUpAt, `did not happen: ${what}`);
      await this.pass(SHORT_MS / 4);
    }
  }

  async pass(ms: number): Promise<void> {
    if (this.ground.pass !== undefined) return this.ground.pass(ms);
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, Math.ceil(ms))));
  }
}

/** Binds a test to a store: each run has a ground of its own. */
export function bind(definition: CaseDefinition, harness: StoreHarness): StoreCase {
  return {
    name: definition.name,
    async run() {
      const ground = await harness.create();
      try {
        await definition.run(new Bench(ground));
      } finally {
        await ground.discard();
      }
    },
  };
}
