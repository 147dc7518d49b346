import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "vitest";
import type { LedgerPort } from "../src/ledger-port.js";
import type { Claims, Lease } from "../src/store.js";
import { CrashDisk, crashChecksum } from "./crash-disk.js";
import { auditLedger } from "./ledger-audit.js";
import { LedgerModel } from "./ledger-model.js";

const LIMITS = { maxRequests: 8, maxKeys: 4 };
const ROOM = 1e6;

const small = (max: number): fc.Arbitrary<number> => fc.nat({ max });
/** Durations, in ms: some of them never end in a test. */
const duration = fc.constantFrom(1, 5, 20, 1e6);
const delay = fc.constantFrom(0, 0, 3, 10);

const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("add"), service: small(1), key: small(7), body: small(2) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("again"), request: small(9) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("claim"), service: small(1), limit: small(4), ms: duration }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("renew"), lease: small(9), ms: duration }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("complete"), lease: small(9), ms: duration }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("release"),
      lease: small(9),
      ms: delay,
      isCounted: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("bury"), lease: small(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("remove"), request: small(9), ms: fc.constantFrom(0, 5, 1e6) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("requeue"), request: small(9) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("sweep") }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("pass"), ms: small(25) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("restart") }) },
);

type Operation = { type: string } & Partial<
  Record<"service" | "key" | "body" | "request" | "lease" | "limit" | "ms", number> & { isCounted: boolean }
>;

/** A ledger and the model side by side. */
class Pair {
  readonly #model = new LedgerModel(LIMITS.maxRequests, LIMITS.maxKeys);
  readonly #disk: CrashDisk;
  #port: LedgerPort;
  readonly #ids: Uint8Array[] = [Uint8Array.from({ length: 16 }, () => 200)];
  readonly #leases: Lease[] = [{ id: this.#ids[0] as Uint8Array, token: 1 }];

  constructor() {
    const sync = (): void => {
      if (this.#disk.isSyncing) this.#disk.sync();
    };
    this.#disk = new CrashDisk({ now: () => 1000 + this.#model.now, limits: LIMITS });
    this.#port = this.#open();
    this.#sync = sync;
  }

  readonly #sync: () => void;

  #open(): LedgerPort {
    const port = this.#disk.open(
      () => {},
      (error) => assert.fail(String(error)),
    );
    this.#disk.sync();
    return port;
  }

  /** What the ledger says, when its commit is done. */
  #ask<T>(call: (port: LedgerPort, done: (outcome: T) => void, failed: (error: unknown) => void) => void): T {
    let outcome: { value: T } | undefined;
    call(
      this.#port,
      (value) => {
        outcome = { value };
      },
      (error) => {
        throw error;
      },
    );
    this.#sync();
    assert.ok(outcome !== undefined, "it did not answer");
    return outcome.value;
  }

  run(operation: Operation): void {
    this.#run(operation);
    this.#compare();
  }

  #run({
    type,
    service = 0,
    key = 0,
    body = 0,
    request = 0,
    lease = 0,
    limit = 0,
    ms = 0,
    isCounted,
  }: Operation): void {
    const model = this.#model;
    const id = this.#ids[request % this.#ids.length] as Uint8Array;
    const held = this.#leases[lease % this.#leases.length] as Lease;
    const failure = isCounted === true ? `failure at ${model.now}` : undefined;
    const reply = [Uint8Array.of(model.now & 255)];
    switch (type) {
      case "add":
        return this.#add(service, key, body);
      case "again":
        return this.#addAgain(id);
      case "claim":
        return this.#claim(Uint8Array.of(service), limit, ms);
      case "renew": {
        const lost = this.#ask<readonly Lease[]>((port, done, failed) =>
          port.renew([held], ms, done, failed),
        );
        return assert.equal(lost.length === 0, model.renew(held.id, held.token, ms));
      }
      case "complete": {
        const stored = this.#ask<boolean>((port, done, failed) =>
          port.complete(held, reply, ms, done, failed),
        );
        return assert.equal(stored, model.complete(held.id, reply, ms));
      }
      case "release": {
        const stood = this.#ask<boolean>((port, done, failed) =>
          port.release(held, ms, failure, done, failed),
        );
        return assert.equal(stood, model.release(held.id, held.token, ms, failure));
      }
      case "bury": {
        const stood = this.#ask<boolean>((port, done, failed) => port.bury(held, "buried", done, failed));
        return assert.equal(stood, model.bury(held.id, held.token, "buried"));
      }
      case "remove": {
        const was = this.#ask<boolean>((port, done, failed) => port.remove(id, ms, done, failed));
        return assert.equal(was, model.remove(id, ms));
      }
      case "requeue": {
        const was = this.#ask<boolean>((port, done, failed) => port.requeue(id, done, failed));
        return assert.equal(was, model.requeue(id));
      }
      case "sweep": {
        const swept = this.#ask<number>((port, done, failed) => port.sweep(100, done, failed));
        return assert.equal(swept, model.sweep());
      }
      case "pass":
        model.now += ms;
        return;
      default:
        this.#disk.crash(false);
        this.#port = this.#open();
        model.restart();
    }
  }

  #add(service: number, key: number, body: number): void {
    const id = Uint8Array.from({ length: 16 }, (_, at) => (at === 3 ? this.#ids.length : at));
    const request = {
      ...{
        id,
        service: Uint8Array.of(service),
        body: Array.from({ length: body }, () => Uint8Array.of(body)),
      },
      key: key < 5 ? Uint8Array.of(key) : undefined,
    };
    const added = this.#ask((port, done, failed) => port.add(request, done, failed));
    assert.deepEqual(added, this.#model.add(request));
    this.#ids.push(id);
  }

  #addAgain(id: Uint8Array): void {
    const before = this.#model.requests.get(String(id))?.request;
    if (before === undefined) return;
    const added = this.#ask((port, done, failed) => port.add(before, done, failed));
    assert.deepEqual(added, this.#model.add(before));
  }

  #claim(service: Uint8Array, limit: number, ms: number): void {
    const model = this.#model;
    const claimable = model.claimable(service);
    const { claims, moreInMs } = this.#ask<Claims>((port, done, failed) =>
      port.claim(service, limit, ms, ROOM, done, failed),
    );
    assert.equal(claims.length, Math.min(limit, claimable.size));
    for (const { id, token, body, failures } of claims) {
      assert.ok(claimable.delete(String(id)), "it was not to be claimed");
      const one = model.claimed(id, token, ms);
      assert.deepEqual([body.map(String), failures], [one.request.body.map(String), one.failures]);
      this.#leases.push({ id, token });
    }
    if (claims.length < limit) assert.equal(moreInMs, model.moreInMs(service));
    else assert.equal(moreInMs, 0);
  }

  #compare(): void {
    const { counters } = auditLedger(this.#disk.entries(), crashChecksum);
    const all = [...this.#model.requests.values()];
    const count = (state: string): number => all.filter((one) => one.state === state).length;
    assert.deepEqual(
      [counters.pending, counters.done, counters.dead, counters.keys],
      [count("pending"), count("done"), count("dead"), this.#model.keys.size],
    );
    const infos = this.#ask<readonly { id: Uint8Array; failures: number }[]>((port, done, failed) =>
      port.list({ limit: 100 }, done, failed),
    );
    assert.deepEqual(
      infos.map(({ id, failures }) => `${id} ${failures}`),
      all.sort((a, b) => a.order - b.order).map(({ request, failures }) => `${request.id} ${failures}`),
    );
    for (const id of this.#ids) {
      assert.deepEqual(
        this.#ask((port, done, failed) => port.find(id, done, failed)),
        this.#model.find(id),
      );
    }
    const services = this.#ask<readonly Uint8Array[]>((port, done, failed) => port.services(done, failed));
    const pending = all
      .filter(({ state }) => state === "pending")
      .map(({ request }) => String(request.service));
    assert.deepEqual(services.map(String), [...new Set(pending)].sort());
  }
}

it("does what a plain model does, whatever it is asked for, and its indexes agree after each change", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const pair = new Pair();
      for (const one of operations) pair.run(one);
    }),
    { numRuns: 300 },
  );
});
