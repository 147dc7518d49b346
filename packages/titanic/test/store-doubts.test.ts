import { describe, expect, it } from "vitest";
import type { LedgerPort } from "../src/ledger-port.js";
import type { Claims, Lease } from "../src/store.js";
import { StoreError } from "../src/store-errors.js";
import { CrashDisk } from "./crash-disk.js";
import { ServerDriver } from "./server-driver.js";

const SERVICE = Uint8Array.of(101);
const REQUEST = { id: new Uint8Array(16), service: SERVICE, body: [Uint8Array.of(1)], key: undefined };

const fail = (what: unknown): never => {
  throw new Error(`unexpected: ${what}`);
};

/** A ledger with one request that is pending, on a disk that syncs when it is told to. */
class Desk {
  now = 1000;
  readonly disk = new CrashDisk({ now: () => this.now });
  readonly port: LedgerPort;

  constructor() {
    this.port = this.disk.open(() => {}, fail);
    this.disk.sync();
    this.port.add(REQUEST, () => {}, fail);
    this.disk.sync();
  }

  claim(leaseMs: number): Claims {
    let outcome: Claims | undefined;
    const claimed = (claims: Claims): void => {
      outcome = claims;
    };
    this.port.claim(SERVICE, 10, leaseMs, 1e6, claimed, fail);
    return outcome as Claims;
  }

  renew(lease: Lease, leaseMs: number): readonly Lease[] {
    let lost: readonly Lease[] | undefined;
    const renewed = (leases: readonly Lease[]): void => {
      lost = leases;
    };
    this.port.renew([lease], leaseMs, renewed, fail);
    return lost as readonly Lease[];
  }
}

describe("a ledger", () => {
  it("lets a lease last that was renewed while its reply was being stored, if that fails", () => {
    const desk = new Desk();
    const lease = desk.claim(100).claims[0] as Lease;
    const failures: unknown[] = [];
    desk.port.complete(lease, [Uint8Array.of(2)], 1e6, fail, (error) => failures.push(error));
    desk.now += 50;
    expect(desk.renew(lease, 100)).toEqual([]);
    desk.disk.fail(new StoreError("ERR_STORE_FULL", "the disk is full"));
    expect(failures).toHaveLength(1);
    desk.now += 99;
    expect(desk.claim(100)).toEqual({ claims: [], moreInMs: 1 });
    desk.now += 1;
    expect(desk.claim(100).claims).toHaveLength(1);
  });

  it("ends the lease of who claims a request while it is being removed", () => {
    const desk = new Desk();
    desk.port.remove(REQUEST.id, 0, () => {}, fail);
    const lease = desk.claim(100).claims[0] as Lease;
    desk.disk.sync();
    expect(desk.renew(lease, 100)).toEqual([lease]);
    const stood: boolean[] = [];
    desk.port.release(lease, 10, "failed", (still) => stood.push(still), fail);
    expect(stood).toEqual([false]);
  });
});

describe("a server whose store did what it said it could not do", () => {
  it("counts a failure once, and tries the request again", () => {
    const driver = new ServerDriver({ lookMs: 50, maxAttempts: 3 })
      .begun()
      .offer("echo")
      .submit("echo")
      .clear();
    driver.failStore("release").fail("echo", "ERR_HANDLER_FAILED").failStore();
    Object.assign(driver.store.at(1) as object, { failures: 1, token: 0, leaseUntil: 0 });
    driver.until(60);
    expect(driver.running).toEqual(["echo x"]);
    driver.until(1000);
    expect(driver.running).toEqual(["echo x"]);
    expect(driver.store.at(1)?.failures).toBe(1);
    driver.fail("echo", "ERR_HANDLER_FAILED");
    expect(driver.store.at(1)).toMatchObject({ failures: 2, state: "pending" });
  });

  it("takes no notice of what is heard late of it", () => {
    const driver = new ServerDriver({ lookMs: 50 }).begun().offer("echo").submit("echo").clear();
    driver.hold("release").fail("echo", "ERR_HANDLER_FAILED");
    Object.assign(driver.store.at(1) as object, { dueAt: 0 });
    driver.until(60);
    expect(driver.running).toEqual(["echo x"]);
    driver.let("release");
    expect(driver.running).toEqual(["echo x"]);
    driver.reply("echo");
    expect(driver.store.at(1)).toMatchObject({ state: "done" });
    expect(driver.machine.load.inFlight).toBe(0);
  });

  it("takes no notice of a failure that is heard late of it, either", () => {
    const driver = new ServerDriver({ lookMs: 50 }).begun().offer("echo").submit("echo").clear();
    driver.failStore("release").hold("release").fail("echo", "ERR_HANDLER_FAILED").failStore();
    Object.assign(driver.store.at(1) as object, { failures: 1, token: 0, leaseUntil: 0 });
    driver.until(60).let("release");
    expect(driver.running).toEqual(["echo x"]);
    driver.hold().until(1000).reply("echo");
    expect(driver.store.at(1)).toMatchObject({ state: "done", failures: 1 });
    expect(driver.machine.load.inFlight).toBe(0);
  });
});
