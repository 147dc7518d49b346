import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { monotonicMs } from "../../../test/harness/monotonic.js";
import { TcpProxy } from "../../../test/harness/tcp-proxy.js";
import type { PostgresStore } from "../src/postgres.js";
import { hasPostgres, TestDatabase } from "./postgres-server.js";
import {
  administer,
  bytes,
  claim,
  claimWhenDue,
  eventually,
  hex,
  LONG_MS,
  request,
  Stores,
} from "./postgres-support.js";

const LEASE_MS = 300;

describe.skipIf(!hasPostgres())("several servers on one database", { timeout: 60_000 }, () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await TestDatabase.start();
  }, 60_000);
  afterAll(() => database[Symbol.asyncDispose]());
  afterEach(() => {
    vi.useRealTimers();
  });

  const addMany = (store: PostgresStore, count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, () => store.add(request())));

  /**
   * Ends the connections of those stores that listen and have said nothing yet, and says how many there were. The
   * database knows a connection by what was last done over it.
   */
  const endListening = async (schema: string): Promise<number> => {
    const [ended] = await administer<{ count: string }>(
      database,
      `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND query LIKE '%LISTEN ${schema}_work%'`,
    );
    return Number(ended?.count);
  };

  it("claim 1,000 requests at the same time, none of them twice", async () => {
    await using stores = new Stores(database);
    const all = await Promise.all([stores.open(), stores.open(), stores.open()]);
    await addMany(all[0] as PostgresStore, 1000);
    const claimAll = async (store: PostgresStore): Promise<string[]> => {
      const ids: string[] = [];
      for (;;) {
        // Several at once from each server, as for several services.
        const rounds = await Promise.all([7, 11, 13].map((limit) => claim(store, limit, LONG_MS)));
        const claims = rounds.flat();
        if (claims.length === 0) return ids;
        ids.push(...claims.map(({ id }) => hex(id)));
      }
    };
    const claimed = await Promise.all(all.map(claimAll));
    expect(claimed.flat()).toHaveLength(1000);
    expect(new Set(claimed.flat()).size).toBe(1000);
    for (const ids of claimed) expect(ids.length).toBeGreaterThan(0);
  });

  it("take over from one that is cut off in the middle, and nobody has a request while another's lease stands", async () => {
    await using stores = new Stores(database);
    await using proxy = await TcpProxy.to(database.server.port);
    const through = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
    const [first, second] = [await stores.open(), await stores.open()];
    const doomed = await stores.open({ connectionString: through, connectTimeoutMs: 1000 });
    await addMany(first, 1000);

    const leases = new Map<string, number>();
    const early: string[] = [];
    let completed = 0;
    const work = async (store: PostgresStore, isCutOff: () => boolean): Promise<void> => {
      while (!isCutOff()) {
        const askedAt = monotonicMs();
        const claims = await claimWhenDue(store, 20, LEASE_MS);
        if (claims.length === 0) return;
        for (const { id } of claims) {
          // By the database's clock the lease began after we had asked, and the next after this one had ended.
          if (monotonicMs() < (leases.get(hex(id)) ?? 0)) early.push(hex(id));
          leases.set(hex(id), askedAt + LEASE_MS);
        }
        // The one that is cut off holds on to what it has.
        if (store === doomed) continue;
        const stored = await Promise.all(
          claims.map((lease) => store.complete(lease, [bytes("reply")], LONG_MS)),
        );
        completed += stored.filter(Boolean).length;
      }
    };
    let isCut = false;
    const cutting = claim(doomed, 50, LEASE_MS).then(async () => {
      isCut = true;
      await proxy.close();
    });
    const failed = work(doomed, () => isCut).catch(() => undefined);
    await Promise.all([cutting, failed, work(first, () => false), work(second, () => false)]);

    expect(early).toEqual([]);
    expect(completed).toBe(1000);
    expect(await first.counts()).toEqual({ pending: 0, done: 1000, dead: 0 });
  });

  it("give out what one that died had before what has waited meanwhile", async () => {
    await using stores = new Stores(database);
    const [dying, living] = [await stores.open(), await stores.open()];
    const [older, younger] = [request(), request()];
    await dying.add(older);
    await claim(dying, 1, LEASE_MS);
    await living.add(younger);
    const hasEnded = `SELECT due_at < now() AS ended FROM ${stores.schema}.requests WHERE token IS NOT NULL`;
    await eventually(() => administer(database, hasEnded)).toEqual([{ ended: true }]);
    const claimed = [...(await claim(living, 1, LONG_MS)), ...(await claim(living, 1, LONG_MS))];
    expect(claimed.map(({ id }) => hex(id))).toEqual([older, younger].map(({ id }) => hex(id)));
  });

  it("end leases by the database's clock, though theirs is off by hours", async () => {
    await using stores = new Stores(database);
    const [slow, fast] = [await stores.open(), await stores.open()];
    await slow.add(request());
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 5 * 3_600_000 });
    const [lease] = await claim(slow, 1, LONG_MS);
    expect(lease).toBeDefined();
    vi.setSystemTime(Date.now() + 10 * 3_600_000);
    expect(await claim(fast, 1, LONG_MS)).toEqual([]);
    expect(await fast.sweep(10)).toBe(0);
    expect(await slow.renew(lease === undefined ? [] : [lease], LEASE_MS)).toEqual([]);
    vi.setSystemTime(Date.now() - 10 * 3_600_000);
    expect((await claimWhenDue(fast, 1, LONG_MS)).map(({ id }) => hex(id))).toEqual([
      hex(lease?.id as Uint8Array),
    ]);
  });

  describe("tell each other of work", () => {
    const hearing = (store: PostgresStore): { heard: string[]; next(): Promise<string> } => {
      const heard: string[] = [];
      const waiting: ((service: string) => void)[] = [];
      store.onWork((service) => {
        const text = Buffer.from(service).toString("latin1");
        heard.push(text);
        for (const resolve of waiting.splice(0)) resolve(text);
      });
      return { heard, next: () => new Promise((resolve) => waiting.push(resolve)) };
    };

    it("when they take a request in, whatever the bytes of its service, and hear nothing of their own", async () => {
      await using stores = new Stores(database);
      const [first, second] = [await stores.open(), await stores.open()];
      const [byFirst, bySecond] = [hearing(first), hearing(second)];
      const service = Buffer.from(Array.from({ length: 255 }, (_, index) => 255 - index));
      let next = bySecond.next();
      await first.add(request({ service }));
      expect(await next).toBe(service.toString("latin1"));
      next = byFirst.next();
      await second.add(request({ service: bytes("theirs") }));
      // What is said later is heard later: its own would have been heard by now.
      expect(await next).toBe("theirs");
      expect(byFirst.heard).toEqual(["theirs"]);
      expect(bySecond.heard).toEqual([service.toString("latin1")]);
    });

    it("when they give one back, requeue one, or close with leases", async () => {
      await using stores = new Stores(database);
      const [first, second] = [await stores.open(), await stores.open()];
      await first.add(request());
      const bySecond = hearing(second);
      const [lease] = await claim(first, 1, LONG_MS);
      let next = bySecond.next();
      await first.release(lease as NonNullable<typeof lease>, 0);
      expect(await next).toBe("echo");

      const [again] = await claim(first, 1, LONG_MS);
      await first.bury(again as NonNullable<typeof again>, "failure");
      next = bySecond.next();
      await first.requeue(again?.id as Uint8Array);
      expect(await next).toBe("echo");

      await claim(first, 1, LONG_MS);
      next = bySecond.next();
      await first.close();
      expect(await next).toBe("echo");
      expect(await claim(second, 1, LONG_MS)).toHaveLength(1);
    });

    it("again when the connection that listens was lost", async () => {
      await using stores = new Stores(database);
      const [first, second] = [await stores.open(), await stores.open()];
      const bySecond = hearing(second);
      expect(await endListening(stores.schema)).toBe(2);
      while (bySecond.heard.length === 0) await first.add(request());
      expect(bySecond.heard[0]).toBe("echo");
    });

    it("and pass over what others say on their channel", async () => {
      await using stores = new Stores(database);
      const [first, second] = [await stores.open(), await stores.open()];
      const bySecond = hearing(second);
      const words = ["", "zz", "abc", "ab".repeat(256)].map(
        (word) => `SELECT pg_notify('${stores.schema}_work', '${word}')`,
      );
      await administer(database, ...words);
      const next = bySecond.next();
      await first.add(request());
      await next;
      expect(bySecond.heard).toEqual(["echo"]);
    });
  });

  describe("tell each other of what they remove", () => {
    const removals = (store: PostgresStore): Set<string> => {
      const heard = new Set<string>();
      store.onRemoved((id) => heard.add(hex(id)));
      return heard;
    };

    it("in words that are not too long, however much it is at once", async () => {
      await using stores = new Stores(database);
      const [first, second] = [await stores.open(), await stores.open()];
      const [byFirst, bySecond] = [removals(first), removals(second)];
      const requests = Array.from({ length: 2000 }, () => request());
      await Promise.all(requests.map((each) => first.add(each)));
      await claim(second, 2000, LONG_MS);
      await Promise.all(requests.map(({ id }) => first.remove(id, 0)));
      const ids = new Set(requests.map(({ id }) => hex(id)));
      await eventually(() => bySecond).toEqual(ids);
      expect(byFirst.size).toBe(0);
    });

    it("also when they are closed at once", async () => {
      await using stores = new Stores(database);
      const [first, second] = [await stores.open(), await stores.open()];
      const bySecond = removals(second);
      const taken = request();
      await first.add(taken);
      await first.remove(taken.id, 0);
      await first.close();
      await eventually(() => bySecond).toEqual(new Set([hex(taken.id)]));
    });

    it("and pass over what others say on their channel", async () => {
      await using stores = new Stores(database);
      const [first, second] = [await stores.open(), await stores.open()];
      const bySecond = removals(second);
      const words = ["", "zz", "ab".repeat(15), "ab".repeat(17), "AB".repeat(16), "ab".repeat(16 * 241)].map(
        (word) => `SELECT pg_notify('${stores.schema}_gone', '${word}')`,
      );
      await administer(database, ...words);
      const { id } = request();
      await first.remove(id, 0);
      // What is said later is heard later: the others would have been heard by now.
      await eventually(() => bySecond).toEqual(new Set([hex(id)]));
    });

    it("not while the connection that listens is lost: then the renewal of its lease tells who works on one", async () => {
      await using stores = new Stores(database);
      const [first, second] = [await stores.open(), await stores.open()];
      const bySecond = removals(second);
      const taken = request();
      const hasHeardOfWork = new Promise<void>((resolve) => second.onWork(() => resolve()));
      await first.add(taken);
      await hasHeardOfWork;
      const leases = await claim(second, 1, LONG_MS);
      // The first has said that there is work.
      expect(await endListening(stores.schema)).toBe(1);
      await first.remove(taken.id, 0);
      expect(await second.renew(leases, LONG_MS)).toEqual(leases);
      while (bySecond.size === 0) await first.remove(taken.id, 0);
    });
  });
});
