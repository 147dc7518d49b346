import { expect, test } from "vitest";
import { type LogMode, type RunResult, Simulation, sweep } from "../src/index.js";
import { binder, connecter, oneMs } from "./support.js";

const everything = {
  crash: { everyMs: [500, 2000], forMs: [50, 500] },
  pause: { everyMs: [500, 2000], forMs: [50, 500] },
  slow: { everyMs: [500, 2000], forMs: [50, 500], serviceMs: [1, 20] },
  cut: { everyMs: [500, 2000] },
  partition: { everyMs: [500, 2000], forMs: [50, 500], oneWay: 0.5 },
  delay: { everyMs: [500, 2000], forMs: [50, 500], extraMs: [1, 100] },
} as const;

/** Three clients that talk to an echo server, under all kinds of faults. */
function world(
  seed: number,
  log: LogMode = "full",
  extraDraws = 0,
): { simulation: Simulation; result: RunResult } {
  const simulation = new Simulation({ seed, log });
  const server = binder(simulation, "server", { type: "router" }, (frames) => {
    server.app?.socket.send(frames);
  });
  const clients = ["a", "b", "c"].map((name) => connecter(simulation, name, "server", { type: "dealer" }));
  let number = 0;
  simulation.every(20, () => {
    for (let drawn = 0; drawn < extraDraws; drawn++) simulation.stream("extra")();
    const client = clients[Math.floor(simulation.random() * clients.length)];
    client?.call((recorder) => recorder.sendText(`message ${number++}`));
  });
  const result = simulation.run({ safetyMs: 10_000, faults: everything, livenessMs: 1000 });
  return { simulation, result };
}

test("the same seed gives the same log, byte for byte", () => {
  const first = world(42).simulation.log.join("\n");
  expect(first.length).toBeGreaterThan(20_000);
  expect(world(42).simulation.log.join("\n")).toBe(first);
});

test("different seeds give different logs", () => {
  const digests = new Set(Array.from({ length: 50 }, (_, seed) => world(seed).result.digest));
  expect(digests.size).toBe(50);
});

test("the digest does not depend on how much of the log is kept, and differs when a line does", () => {
  expect(world(7, "tail").result.digest).toBe(world(7, "full").result.digest);
  const noted = new Simulation();
  const other = new Simulation();
  noted.note("one", 1);
  other.note("one", 2);
  expect(noted.digest).toMatch(/^[0-9a-f]{8}$/);
  expect(noted.digest).not.toBe(other.digest);
});

test("the tail is the end of the full log", () => {
  const full = world(3, "full").simulation.log;
  const tail = world(3, "tail").simulation.log;
  expect(tail).toHaveLength(200);
  expect(tail).toEqual(full.slice(-200));
});

test("draws from another stream, and another rate of one kind of fault, disturb nothing", () => {
  expect(world(5, "tail", 3).result.digest).toBe(world(5, "tail", 0).result.digest);
  const crashes = (pauseEveryMs: number) => {
    const simulation = new Simulation({ seed: 9 });
    for (const name of ["a", "b", "c"]) simulation.node(name, () => {});
    const pause = { everyMs: pauseEveryMs, forMs: 10 };
    const { faults } = simulation.run({ faults: { crash: everything.crash, pause } });
    return faults.filter(({ kind }) => kind === "crash");
  };
  expect(crashes(100)).toEqual(crashes(700));
  expect(crashes(100).length).toBeGreaterThan(20);
});

test("a node's randomness depends on the seed, its name and its life", () => {
  const draws = (seed: number): number[] => {
    const found: number[] = [];
    const simulation = new Simulation({ seed });
    const nodes = ["a", "b"].map((name) => simulation.node(name, ({ random }) => found.push(random())));
    simulation.runFor(1);
    nodes[0]?.crash();
    nodes[0]?.start();
    simulation.runFor(1);
    return found;
  };
  expect(draws(1)).toEqual(draws(1));
  expect(new Set([...draws(1), ...draws(2)]).size).toBe(6);
});

test("the log reads as a story", () => {
  const simulation = new Simulation({ log: "full", network: oneMs });
  binder(simulation, "server", { type: "router" });
  const client = connecter(simulation, "client", "server", { type: "dealer", routingId: "c1" });
  simulation.at(5, () => client.call((recorder) => recorder.socket.send([new Uint8Array([0, 255])])));
  simulation.inject({ at: 6.5, kind: "crash", node: "server", forMs: 2 });
  simulation.at(8, () => simulation.note("half", 0.5));
  simulation.runFor(10);
  expect(simulation.log).toEqual([
    "0.000 server boots 0",
    "0.000 client boots 0",
    "2.000 client is up tcp://server:5555",
    "3.000 server is up tcp://server:5555",
    "5.000 client sends [00ff]",
    '6.000 server gets ["c1" 00ff]',
    "6.500 world fault crash server for 2 ms",
    "6.500 server crashes",
    "7.500 client is down tcp://server:5555",
    "8.000 world says half 0.5",
    "8.500 server boots 1",
  ]);
});

test("long frames are cut in the log, and their length is told", () => {
  const simulation = new Simulation({ log: "full" });
  const node = connecter(simulation, "n", "nowhere", { type: "dealer" });
  simulation.runFor(1);
  node.app?.sendText("x".repeat(30), "");
  expect(simulation.log.at(-1)).toBe(`1.000 n sends ["${"x".repeat(24)}"…(30) ""]`);
});

test("a sweep runs all seeds and adds up", async () => {
  const seen: string[] = [];
  const result = await sweep({
    seeds: 20,
    from: 5,
    checkReplay: true,
    scenario({ seed, log }) {
      seen.push(`${seed} ${log}`);
      return world(seed, log).result;
    },
  });
  expect(seen).toHaveLength(40);
  expect([seen[0], seen.at(-1)]).toEqual(["5 tail", "24 tail"]);
  expect(result.seeds).toBe(20);
  expect(result.events).toBeGreaterThan(20_000);
  expect(result.faults).toBeGreaterThan(400);
});

test("a sweep runs the first seed that fails again with its whole log, and throws that error", async () => {
  const seen: string[] = [];
  const run = () =>
    sweep({
      seeds: 10,
      scenario({ seed, log }) {
        seen.push(`${seed} ${log}`);
        if (seed === 3) throw new Error(`failed with log ${log}`);
        return new Simulation({ seed, log }).run({ safetyMs: 1 });
      },
    });
  await expect(run()).rejects.toThrow("failed with log full");
  expect(seen).toEqual(["1 tail", "2 tail", "3 tail", "3 full"]);
});

test("a sweep finds scenarios that do not repeat themselves", async () => {
  let outside = 0;
  const scenario = ({ seed, log }: { seed: number; log: LogMode }): RunResult => {
    const simulation = new Simulation({ seed, log });
    simulation.note("outside", outside++);
    return simulation.run({ safetyMs: 1 });
  };
  await expect(sweep({ scenario, checkReplay: true })).rejects.toThrow(/seed 1 is not repeatable/);
  const once = (): RunResult => {
    if (outside++ >= 0) outside = Number.NEGATIVE_INFINITY;
    else return new Simulation().run({ safetyMs: 1 });
    throw new Error("only once");
  };
  outside = 0;
  await expect(sweep({ scenario: once })).rejects.toThrow(/failed, then passed/);
});
