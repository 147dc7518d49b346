import { setTimeout as sleep } from "node:timers/promises";
import { BinaryStarClient } from "@seaworthy/binary-star";
import { expect, it } from "vitest";
import { BinaryStarCrew, DEATH_MS, type NodeExample, PairExample } from "../harness/binary-star.js";
import { chaosMs } from "../harness/crew.js";
import { monotonicMs } from "../harness/monotonic.js";

/** The faults, and what it takes to start, to end, and to say so. */
const LIMIT_MS = chaosMs(0) + 90_000;
/** How often in one round the active one is struck: there and back. */
const TURNS = 2;

function crewOf({ endpoints }: PairExample, timeoutMs = 500): BinaryStarCrew {
  return new BinaryStarCrew({
    endpoints,
    inFlight: 300,
    clients: 3,
    timeoutMs,
    attempts: 12,
    chaosMs: chaosMs(0),
  });
}

/** Whatever became of the two, they were never active in the same epoch, nor either of them twice in one. */
function servedApart(pair: PairExample): void {
  expect(new Set(pair.epochs).size).toBe(pair.epochs.length);
  for (const { epochs } of [pair.primary, pair.backup])
    expect(epochs).toEqual(epochs.toSorted((one, next) => one - next));
}

/** Everything that was asked has been answered. */
async function nothingFailed(crew: BinaryStarCrew, what: string): Promise<void> {
  await crew.isAccountedFor(what);
  expect(crew.load.failures).toEqual({});
}

/** Both ways round. */
function turnsOf({ primary, backup }: PairExample): [first: NodeExample, second: NodeExample][] {
  return [
    [primary, backup],
    [backup, primary],
  ];
}

it(
  "outlives the active one, killed and started again, and then the other",
  async () => {
    await using pair = await PairExample.start();
    await using crew = crewOf(pair);
    await crew.survives(async () => {
      for (let turn = 0; turn < TURNS; turn++) {
        const [victim, heir] = await pair.isWhole();
        const takesOver = heir.is("active");
        const beganAt = monotonicMs();
        await victim.program.kill();
        await takesOver;
        await crew.recovers(beganAt);
        await victim.program.start();
        await victim.is("passive");
        await crew.isCalm();
      }
    });
    await nothingFailed(crew, "active one killed");
    servedApart(pair);
  },
  LIMIT_MS,
);

it(
  "has one that was frozen step down by what it reads, and run nothing of what waited for it",
  async () => {
    await using pair = await PairExample.start();
    await using crew = crewOf(pair);
    await crew.survives(async () => {
      for (let turn = 0; turn < TURNS; turn++) {
        const [victim, heir] = await pair.isWhole();
        // It knows no other server, and asks once: what it asks while the server is frozen waits there.
        await using witness = new BinaryStarClient({ timeoutMs: 60_000, attempts: 1 });
        witness.connect(victim.endpoint);
        expect(String(await witness.request("before"))).toBe("before");

        const takesOver = heir.is("active");
        const stepsDown = victim.is("passive");
        const makesWay = victim.says("two were active: make way");
        const beganAt = monotonicMs();
        victim.program.pause();
        const late = witness.request("while frozen").then(String, (error) => error.code);
        await sleep(3 * DEATH_MS); // the fault
        await takesOver;
        await crew.recovers(beganAt);
        victim.program.resume();
        await makesWay;
        await stepsDown;
        expect(await late).toBe("ERR_NOT_ACTIVE");
        expect(heir.state).toBe("active");
        await crew.isCalm();
      }
    });
    await nothingFailed(crew, "active one frozen");
    servedApart(pair);
  },
  LIMIT_MS,
);

it(
  "does not move, and loses nothing, while the two cannot hear each other",
  async () => {
    await using pair = await PairExample.start();
    await using crew = crewOf(pair, 5000);
    const { primary, backup } = pair;
    await crew.survives(async () => {
      await pair.part();
      await Promise.all([primary.hears("silent"), backup.hears("silent")]);
      // Clients that come now reach both, and ask the primary first.
      await using late = new BinaryStarClient({ timeoutMs: 5000 });
      for (const endpoint of pair.endpoints) late.connect(endpoint);
      expect(String(await late.request("meanwhile"))).toBe("meanwhile");
      await crew.isCalm();
      await pair.join();
      await Promise.all([primary.hears("passive"), backup.hears("active")]);
      await crew.isCalm();
    });
    await nothingFailed(crew, "link between the two cut");
    expect({ moves: crew.moves, epochs: pair.epochs }).toEqual({ moves: 0, epochs: [1] });
    expect([primary.state, backup.state]).toEqual(["active", "passive"]);
  },
  LIMIT_MS,
);

it(
  "outlives both, killed and started in either order",
  async () => {
    await using pair = await PairExample.start();
    await using crew = crewOf(pair);
    await crew.survives(async () => {
      for (const [first, second] of turnsOf(pair)) {
        await Promise.all([first.program.kill(), second.program.kill()]);
        const beganAt = monotonicMs();
        await first.program.start();
        // Alone, a primary serves when it is asked and its peer has had its time to be heard; a backup turns clients away.
        if (first === pair.primary) await first.is("active");
        else await crew.isRefusedBy(first.endpoint);
        expect(first.state).toBe(first === pair.primary ? "active" : "backup");
        await second.program.start();
        await Promise.all([pair.primary.is("active"), pair.backup.is("passive")]);
        await crew.recovers(beganAt);
      }
    });
    await crew.isAccountedFor("both killed");
    servedApart(pair);
  },
  LIMIT_MS,
);
