/**
 * How long a failover of Binary Star takes: the time from the SIGKILL of the active server to the first reply of the other one, for a
 * client of ours that has 100 requests in flight all the time, and for a plain REQ client in the guide's manner, which learns
 * of it by its timeout alone.
 *
 *     npm run bench:binary-star -- [--json]
 *
 * The target is 2 heartbeats, after which the peer is dead and which clients wait as well, and one client retry: the time of one
 * attempt (`timeoutMs`), which is one heartbeat here, as it is in the guide. Exits with 1 when the worst of our client's failovers
 * took longer, or a request failed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BinaryStarClient } from "@seaworthy/binary-star";
import { Request } from "zeromq";
import { MeasuredPair } from "./binary-star-pair.js";
import { median, printTable, whole } from "./figures.js";
import { endProcesses, failWithProcesses } from "./processes.js";

const HEARTBEATS_MS = [1000, 100] as const;
const LIVENESS = 2;
const KILLS = 20;
const KILLS_FOR_REQ = 5;
const IN_FLIGHT = 100;
/** Replies between two failovers, so that each begins under load. */
const CALM = 10 * IN_FLIGHT;

/** Somebody who asks all the time, and is told by each reply which server it is from. */
interface Asker {
  /** Resolves when the next reply from this role has come, and so many after it. */
  hears(role: string, replies?: number): Promise<void>;
  /** Resolves to the number of requests that failed. */
  end(): Promise<number>;
}

class Ear {
  #role = "";
  #left = 0;
  #resolve: (() => void) | undefined;

  hears(role: string, replies = 1): Promise<void> {
    this.#role = role;
    this.#left = replies;
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  note(role: string): void {
    if (role !== this.#role) return;
    this.#left -= 1;
    if (this.#left === 0) this.#resolve?.();
  }
}

function askWithOurs(endpoints: readonly string[], heartbeatMs: number): Asker {
  // With attempts that are so short, as many as a busy machine may take.
  const client = new BinaryStarClient({ heartbeatMs, timeoutMs: heartbeatMs, attempts: 100 });
  for (const endpoint of endpoints) client.connect(endpoint);
  const ear = new Ear();
  let isOver = false;
  let failed = 0;
  const ask = async (): Promise<void> => {
    while (!isOver) {
      await client.request("whose turn?").then(
        ([role]) => ear.note(String(role)),
        () => {
          failed += 1;
        },
      );
    }
  };
  const asking = Promise.all(Array.from({ length: IN_FLIGHT }, ask));
  return {
    hears: (role, replies) => ear.hears(role, replies),
    async end() {
      isOver = true;
      await asking;
      await client.close();
      return failed;
    },
  };
}

/** One request at a time; without a reply in time the socket is closed, and the other server asked after the settle delay. */
function askWithReq(endpoints: readonly string[], heartbeatMs: number): Asker {
  const ear = new Ear();
  let isOver = false;
  let turn = 0;
  const open = (): Request => {
    const request = new Request({ linger: 0, receiveTimeout: heartbeatMs });
    request.connect(endpoints[turn] as string);
    return request;
  };
  const ask = async (): Promise<void> => {
    let request = open();
    while (!isOver) {
      await request.send("whose turn?");
      const reply = await request.receive().catch(() => undefined);
      if (reply !== undefined) {
        ear.note(String(reply[0]));
        continue;
      }
      request.close();
      turn = (turn + 1) % endpoints.length;
      await sleep(LIVENESS * heartbeatMs);
      request = open();
    }
    request.close();
  };
  const asking = ask();
  return {
    hears: (role, replies) => ear.hears(role, replies),
    async end() {
      isOver = true;
      await asking;
      return 0;
    },
  };
}

/** The times of so many failovers, in ms, there and back in turn. */
async function failovers(
  pair: MeasuredPair,
  asker: Asker,
  kills: number,
  heartbeatMs: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    await asker.hears(pair.active.role, CALM);
    // Any time from one heartbeat to the next is as good as another.
    await sleep(Math.random() * heartbeatMs);
    const takesOver = asker.hears(pair.passive.role);
    const killedAt = process.hrtime.bigint();
    await pair.kill();
    await takesOver;
    times.push(Number(process.hrtime.bigint() - killedAt) / 1e6);
    await pair.restart();
  }
  return times;
}

interface Failover {
  readonly client: "ours" | "REQ";
  readonly heartbeatMs: number;
  readonly kills: number;
  readonly medianMs: number;
  readonly worstMs: number;
  readonly failed: number;
  /** Missing where it is measured for comparison alone. */
  readonly targetMs?: number;
}

async function measureOne(client: Failover["client"], heartbeatMs: number): Promise<Failover> {
  const pair = await MeasuredPair.start(heartbeatMs);
  const isOurs = client === "ours";
  const asker = (isOurs ? askWithOurs : askWithReq)(pair.endpoints, heartbeatMs);
  const kills = isOurs ? KILLS : KILLS_FOR_REQ;
  const times = await failovers(pair, asker, kills, heartbeatMs);
  const failed = await asker.end();
  await pair.end();
  const figures = { medianMs: median(times), worstMs: Math.max(...times), failed };
  const target = isOurs ? { targetMs: (LIVENESS + 1) * heartbeatMs } : {};
  return { client, heartbeatMs, kills, ...figures, ...target };
}

async function measure(): Promise<Failover[]> {
  const results: Failover[] = [];
  for (const heartbeatMs of HEARTBEATS_MS) {
    for (const client of ["ours", "REQ"] as const) results.push(await measureOne(client, heartbeatMs));
  }
  return results;
}

function print(results: readonly Failover[]): void {
  const widths = [44, 8, 10, 10, 8, 10];
  printTable(
    [["from SIGKILL to the next reply, ms", "kills", "median", "worst", "failed", "target"]],
    widths,
  );
  const rows = results.map(({ client, heartbeatMs, kills, medianMs, worstMs, failed, targetMs }) => [
    `${client === "ours" ? `our client, ${IN_FLIGHT} in flight` : "a REQ client"}, heartbeat ${heartbeatMs} ms`,
    String(kills),
    whole(medianMs),
    whole(worstMs),
    String(failed),
    targetMs === undefined ? "" : `<= ${targetMs}`,
  ]);
  printTable(rows, widths);
}

let results: Failover[];
try {
  results = await Promise.race([failWithProcesses(), measure()]);
} finally {
  endProcesses();
}
const isMet = results.every(
  ({ worstMs, failed, targetMs = Number.POSITIVE_INFINITY }) => failed === 0 && worstMs <= targetMs,
);
if (process.argv.includes("--json")) console.log(JSON.stringify({ results, isMet }, undefined, 2));
else {
  print(results);
  console.log(isMet ? "targets met" : "a target is missed");
}
process.exitCode = isMet ? 0 : 1;
