import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { chaosMs } from "../harness/crew.js";
import { monotonicMs } from "../harness/monotonic.js";
import { freePorts } from "../harness/ports.js";
import { DEATH_MS, ServerExample, SnapshotPairExample } from "../harness/pubsub-snapshot.js";
import { TcpProxy } from "../harness/tcp-proxy.js";
import { Crowd } from "./pubsub-snapshot-crowd.js";

/** The faults, and what it takes to start, to end, and to say so. */
const LIMIT_MS = chaosMs(0) + 90_000;
/** Whatever became of the two, they were never active in the same epoch, nor either of them twice in one. */
function servedApart({ epochs }: SnapshotPairExample): void {
  expect(new Set(epochs).size).toBe(epochs.length);
}

/** Does a round of faults, as often as there is time for, and so many times at least. */
async function rounds(atLeast: number, round: () => Promise<void>): Promise<void> {
  const until = monotonicMs() + chaosMs(0);
  for (let done = 0; done < atLeast || monotonicMs() < until; done++) await round();
}

it(
  "outlives the active one, killed and started again, and again: nothing acknowledged is lost, and all maps are equal",
  async () => {
    await using pair = await SnapshotPairExample.start();
    await using crowd = await Crowd.start(pair.endpoints);
    await rounds(4, async () => {
      const [victim, heir] = await pair.isWhole();
      const killedAt = monotonicMs();
      await victim.program.kill();
      await heir.becomesActive();
      await crowd.recovers(killedAt);
      await victim.program.start();
      await pair.isWhole();
      await crowd.isCalm();
    });
    await crowd.isAccountedFor("active one killed");
    servedApart(pair);
  },
  LIMIT_MS,
);

it(
  "has one that was frozen step down, and take over what the other has",
  async () => {
    await using pair = await SnapshotPairExample.start();
    await using crowd = await Crowd.start(pair.endpoints);
    await rounds(2, async () => {
      const [victim, heir] = await pair.isWhole();
      const frozenAt = monotonicMs();
      victim.program.pause();
      await sleep(3 * DEATH_MS); // the fault
      await heir.becomesActive();
      await crowd.recovers(frozenAt);
      victim.program.resume();
      await pair.isWhole();
      await crowd.isCalm();
    });
    await crowd.isAccountedFor("active one frozen");
    servedApart(pair);
  },
  LIMIT_MS,
);

it(
  "loses nothing when the connections of its clients are cut, in the middle of whatever it is",
  async () => {
    const server = new ServerExample(await freePorts(), []);
    await using _program = server.program;
    await server.program.start();
    const { port } = server;
    await using snapshots = await TcpProxy.to(port);
    await using updates = await TcpProxy.to(port + 1);
    await using collector = await TcpProxy.to(port + 2);
    const [snapshot, publisher, collected] = [snapshots, updates, collector].map(
      (proxy) => `tcp://127.0.0.1:${proxy.port}`,
    ) as [string, string, string];
    await using crowd = await Crowd.start([{ snapshot, publisher, collector: collected }]);
    await rounds(2, async () => {
      for (const cut of [[snapshots], [updates], [snapshots, updates]]) {
        const cutAt = monotonicMs();
        for (const proxy of cut) proxy.cut();
        await crowd.recovers(cutAt);
      }
    });
    await crowd.isAccountedFor("connections cut");
  },
  LIMIT_MS,
);

it(
  "a lone server that keeps its map is killed: the map and its sequence go on",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "pubsub-snapshot-"));
    const server = new ServerExample(await freePorts(), ["--data", folder]);
    await using _program = server.program;
    await server.program.start();
    await using crowd = await Crowd.start([server.endpoint]);
    await rounds(3, async () => {
      const killedAt = monotonicMs();
      await server.program.kill();
      await server.program.start();
      await crowd.recovers(killedAt);
    });
    await crowd.isAccountedFor("lone server killed");
    await server.program.kill();
    await rm(folder, { recursive: true });
  },
  LIMIT_MS,
);
