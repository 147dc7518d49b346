import { setTimeout as sleep } from "node:timers/promises";
import { MajordomoBroker, MajordomoWorker } from "@seaworthy/majordomo";
import { TitanicClient } from "@seaworthy/titanic";
import { PostgresStore } from "@seaworthy/titanic/postgres";
import { expect, it } from "vitest";
import { example } from "../harness/example.js";
import { requestsOf } from "../harness/fleet.js";
import { Load } from "../harness/load.js";
import { monotonicMs } from "../harness/monotonic.js";
import { hasPostgres, PostgresServer } from "../harness/postgres.js";
import type { Program } from "../harness/program.js";
import { EMPTY } from "../harness/titanic.js";

const SERVERS = ["first", "second", "third"] as const;
type ServerName = (typeof SERVERS)[number];

const IN_FLIGHT = 40;
const LEASE_MS = 3000;
/** What a request takes to be worked on, in ms. */
const WORK_MS = 20;
/** Requests that the server which is killed works on for longer than its lease. */
const HELD = 10;
/** How far the database's clock and ours may come apart during a lease, in ms. */
const CLOCK_MS = 10;
const BOUND_MS = 90_000;

/** One time that a request was worked on. */
interface Run {
  /** Whose request it was. */
  readonly server: ServerName;
  readonly beganAt: number;
  endedAt: number | undefined;
  /** Whoever had it run is dead. */
  isOrphaned: boolean;
}

/** The work, and a log of it: which request was worked on for which server, and when. */
class Work {
  /** By the request's body. */
  readonly runs = new Map<string, Run[]>();
  /** Requests that were begun while they were worked on. */
  readonly overlaps: string[] = [];
  /** Requests that are held. */
  readonly held: string[] = [];
  #holds: ServerName | undefined;
  #letGo: () => void = () => {};
  #go: Promise<void> = Promise.resolve();
  #changed: () => void = () => {};

  async do(server: ServerName, request: string): Promise<string> {
    const runs = this.runs.get(request) ?? [];
    this.runs.set(request, runs);
    if (runs.some(({ endedAt, isOrphaned }) => endedAt === undefined && !isOrphaned))
      this.overlaps.push(`${request}: ${server}`);
    const run: Run = { server, beganAt: monotonicMs(), endedAt: undefined, isOrphaned: false };
    runs.push(run);
    if (this.#holds === server && this.held.length < HELD) {
      this.held.push(request);
      this.#changed();
      await this.#go;
    } else {
      this.#changed();
      await sleep(WORK_MS); // the work
    }
    run.endedAt = monotonicMs();
    return request;
  }

  /** From now on the next {@link HELD} requests of a server are not finished; resolves when there are so many. */
  async hold(server: ServerName): Promise<void> {
    this.#holds = server;
    this.#go = new Promise((resolve) => {
      this.#letGo = resolve;
    });
    await this.until(() => this.held.length === HELD);
  }

  /** Nobody waits for what is held any more. It goes on: others may begin it when the lease is over. */
  orphan(): void {
    for (const request of this.held) for (const run of this.runs.get(request) ?? []) run.isOrphaned = true;
  }

  /** Finishes what is held. */
  letGo(): void {
    this.#holds = undefined;
    this.#letGo();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

/** A server with a broker of its own, from which its worker knows whose requests it gets, and a client. */
class Ship implements AsyncDisposable {
  readonly name: ServerName;
  readonly program: Program;
  readonly client = new TitanicClient({ attempts: 40 });
  readonly #broker: MajordomoBroker;
  readonly #worker: MajordomoWorker;

  private constructor(
    name: ServerName,
    program: Program,
    broker: MajordomoBroker,
    endpoint: string,
    work: Work,
  ) {
    this.name = name;
    this.program = program;
    this.#broker = broker;
    this.#worker = new MajordomoWorker("echo");
    this.#worker.connect(endpoint);
    void this.#worker.serve(({ body: [request] }) => work.do(name, String(request)), { concurrency: 1000 });
    this.client.connect(endpoint);
  }

  static async launch(name: ServerName, url: string, work: Work): Promise<Ship> {
    const broker = new MajordomoBroker();
    const endpoint = await broker.bind("tcp://127.0.0.1:*");
    const flags = ["--connect", endpoint, "--postgres", url, "--lease", String(LEASE_MS)];
    const program = example("titanic/server", ...flags);
    await program.start();
    return new Ship(name, program, broker, endpoint, work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.kill();
    await Promise.all([this.client.close(), this.#worker.close()]);
    await this.#broker.close();
  }
}

async function countsIn(url: string): Promise<object> {
  const store = new PostgresStore({ connectionString: url });
  await store.open();
  try {
    return await store.counts();
  } finally {
    await store.close();
  }
}

/** When the leases end that stand now, by the requests' bodies; from now on they may only be made longer. */
async function leasesIn(url: string): Promise<Map<string, number>> {
  const store = new PostgresStore({ connectionString: url });
  await store.open();
  try {
    const ends = new Map<string, number>();
    // In this order: if the process stands still in between, they seem to end earlier, and not later.
    const now = monotonicMs();
    const zero = Date.now() - now;
    for (const { id, at } of await store.list({ state: "pending", limit: 10 * IN_FLIGHT })) {
      const details = await store.show(id);
      if (details !== undefined) ends.set(String(details.body[0]), at - zero);
    }
    return ends;
  } finally {
    await store.close();
  }
}

it.skipIf(!hasPostgres())(
  "three servers over one database lose nothing, and run nothing twice at a time, when one is killed and it restarts",
  async () => {
    await using postgres = await PostgresServer.start();
    const work = new Work();
    // All at once: each finds an empty database.
    const ships = await Promise.all(SERVERS.map((name) => Ship.launch(name, postgres.url(), work)));
    await using first = ships[0] as Ship;
    await using second = ships[1] as Ship;
    await using third = ships[2] as Ship;
    const told: string[] = [];

    let afloat = [first, second, third];
    let turn = 0;
    const request = async (body: string): Promise<string> => {
      const { client } = afloat[turn++ % afloat.length] as Ship;
      return String((await client.call("echo", body))[0]);
    };
    const load = new Load({ request, inFlight: IN_FLIGHT, boundMs: BOUND_MS });
    load.start();
    await load.answers(5 * IN_FLIGHT);

    // One server's requests take longer than its lease: it renews that, and nobody else begins them.
    await work.hold("first");
    await sleep(1.3 * LEASE_MS); // the work
    for (const held of work.held) expect(work.runs.get(held)).toHaveLength(1);

    // Then it is killed: others do, when the lease has ended, and not before.
    afloat = [second, third];
    const leases = await leasesIn(postgres.url());
    const killedAt = monotonicMs();
    expect([...leases.keys()]).toEqual(expect.arrayContaining(work.held));
    work.orphan();
    await first.program.kill();
    await work.until(() => work.held.every((held) => (work.runs.get(held)?.length ?? 0) > 1));
    told.push(`server killed: others began its work after ${(monotonicMs() - killedAt).toFixed(0)} ms`);
    for (const held of work.held) {
      const [, again, ...more] = work.runs.get(held) as Run[];
      expect(again?.server).not.toBe("first");
      expect(again?.beganAt).toBeGreaterThan((leases.get(held) as number) - CLOCK_MS);
      expect(more).toEqual([]);
    }
    work.letGo();
    await first.program.start();
    afloat = [first, second, third];
    await load.answers(2 * IN_FLIGHT);

    for (const how of ["stop", "kill"] as const) {
      const goneAt = monotonicMs();
      await postgres[how]();
      await postgres.start();
      const backAt = monotonicMs();
      const answeredAt = await load.firstAnswerAfter(backAt);
      const [downMs, recoveryMs] = [backAt - goneAt, answeredAt - backAt].map((ms) => ms.toFixed(0));
      told.push(`database ${how}: back after ${downMs} ms, next answer ${recoveryMs} ms later`);
      await load.answers(5 * IN_FLIGHT);
    }

    await load.stop();
    expect(load.counters).toMatchObject({ failed: 0, lost: 0, mismatched: 0, inFlight: 0 });
    expect(load.failures).toEqual({});
    expect(work.overlaps).toEqual([]);
    expect(new Set(work.runs.keys()).size).toBe(load.counters.sent);
    for (const { program } of ships) {
      expect(await program.end("SIGTERM")).toEqual({ code: 0, signal: null });
      expect(requestsOf(program)).toBeGreaterThan(0);
    }
    expect(await countsIn(postgres.url())).toEqual(EMPTY);
    const again = [...work.runs.values()].filter(({ length }) => length > 1).length;
    const ended = `${load.counters.sent} requests, ${again} run again, slowest ${load.slowestMs.toFixed(0)} ms`;
    console.log([`three Titanics: ${ended}`, ...told].join("\n  "));
  },
  180_000,
);
